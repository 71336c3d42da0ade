package mailbox_test

import (
	"testing"
	"testing/synctest"
	"time"

	"zeroms/protocol/wire"
)

// stuck is a port whose end takes a while: it holds up whoever checks claims, as
// many claims of others do.
type stuck struct {
	*port
	until chan struct{}
}

func (s *stuck) Close(*wire.Error) { <-s.until }

// A device that comes back while what it acknowledged in a hurry is being checked
// gets rows again. Then they must come whole, or it says that the gateway withholds
// them (client/account, problemWithheld), and acknowledging them must open the window.
func TestAWindowOpensAlthoughAClaimIsCheckedLate(t *testing.T) {
	for range 50 { // whose claim is checked first is left to a map
		done := false
		synctest.Test(t, func(t *testing.T) { done = comesBackWhileClaimsAreChecked(t) })
		if done {
			return
		}
	}
	t.Error("the claim was always checked first")
}

func comesBackWhileClaimsAreChecked(t *testing.T) bool {
	const rows = 90 // KiB: more than the window, and not half the quota
	w := newWorld(t, newMemory())
	bob, eve := w.account(), w.account()
	drop, from := bob.drop(), w.port()
	evil := &stuck{w.port(), make(chan struct{})}
	sess, welcome, err := w.box.Attach(eve.lk.Public(), evil)
	if err != nil {
		t.Fatal(err)
	}
	eve.sess, eve.at, eve.r = sess, welcome.Cursor, welcome.R
	bob.pull()
	bob.ack()
	eve.pull()
	for range rows {
		from.submit(drop, message())
	}
	settle()
	for range 12 { // the same again counts: from now on both are too fast
		if err := eve.sess.Ack(eve.ackOf(welcome.Cursor, welcome.R)); err != nil {
			t.Fatal(err)
		}
		if err := bob.sess.Ack(bob.ackOf(bob.at, bob.r)); err != nil {
			t.Fatal(err)
		}
	}
	bad := eve.ackOf(eve.at, eve.r)
	bad.Sig[0] ^= 1
	if err := eve.sess.Ack(bad); err != nil {
		t.Fatal(err)
	}
	before := bob.at
	for len(bob.pull()) > 0 && bob.at.Index() < before.Index()+rows {
		bob.ack()
	}
	bob.ack()
	claimed := bob.at
	wait(110 * time.Millisecond)
	synctest.Wait() // the check stands still at eve's claim
	again := bob.attach()
	if again.Cursor == claimed {
		close(evil.until)
		return false
	}
	bob.pull() // until the window is full
	part := bob.at
	close(evil.until)
	synctest.Wait() // bob's claim is checked now, and his cursor moves
	first := len(bob.got)
	for bob.ack(); len(bob.pull()) > 0; {
		bob.ack()
	}
	for _, row := range bob.got[first:] {
		if row.Kind == wire.RowEnvelope && len(row.Payload) == 0 {
			t.Errorf("row %d comes without its envelope on a link that was welcomed at row %d", row.Position.Index(), again.Cursor.Index())
			break
		}
	}
	if bob.at.Index() < claimed.Index() {
		t.Errorf("welcomed at %d, handed out up to %d and everything acknowledged: the rows end at %d of %d, for ever",
			again.Cursor.Index(), part.Index(), bob.at.Index(), claimed.Index())
	}
	from.submit(drop, message())
	settle()
	if len(bob.pull()) == 0 {
		t.Error("nor does anything come that is submitted from now on")
	}
	return true
}
