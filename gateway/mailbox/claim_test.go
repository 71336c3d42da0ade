package mailbox_test

import (
	"testing"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/wire"
)

// hurry acknowledges row by row, faster than signatures are checked at once; the
// last acknowledgement is the caller's.
func (d *device) hurry(t *testing.T, last func(*wire.Ack)) {
	t.Helper()
	from := d.w.port()
	drop := d.drop()
	d.pull()
	d.ack()
	for i := range 20 {
		from.submit(drop, message())
		d.pull()
		ack := d.ackOf(d.at, d.r)
		if i == 19 {
			last(ack)
		}
		if err := d.sess.Ack(ack); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHurriedAcknowledgementsOpenTheWindowAndCountALittleLater(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob := w.account()
		drop := bob.drop()
		bob.pull()
		bob.ack()
		from := w.port()
		for range 3 * 64 { // thrice what the window takes, and nothing is checked in between
			from.submit(drop, message())
			bob.pull()
			bob.ack()
		}
		if len(bob.got) < 3*64 {
			t.Fatalf("%d rows came, the window stayed shut", len(bob.got))
		}
		wait(200*time.Millisecond + mailbox.Timing{}.Default().AckFlush)
		at, r := bob.at, bob.r
		w.crash()
		if welcome := bob.attach(); welcome.Cursor != at || welcome.R != r {
			t.Error("the newest acknowledgement was not kept")
		}
	})
}

func TestAHurriedAcknowledgementWithoutSignatureMovesNothing(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob := w.account()
		bob.hurry(t, func(a *wire.Ack) { a.Sig = make([]byte, 64) })
		link, unsigned := bob.port, bob.at
		wait(200*time.Millisecond + mailbox.Timing{}.Default().AckFlush)
		if link.closed == nil || link.closed.Code != wire.CodeSignature {
			t.Errorf("the link ended with %v", link.closed)
		}
		w.crash()
		welcome := bob.attach()
		if welcome.Cursor.Index() >= unsigned.Index() {
			t.Error("an acknowledgement that nobody signed moved the cursor")
		}
		for _, row := range bob.pull() {
			if row.Kind == wire.RowEnvelope && len(row.Payload) == 0 {
				t.Error("a payload went on the word of an acknowledgement that nobody signed")
			}
		}
	})
}

func TestANewLinkAndTheEndKnowWhatWasAcknowledgedInAHurry(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob := w.account()
		bob.hurry(t, func(*wire.Ack) {})
		at := bob.at
		if welcome := bob.attach(); welcome.Cursor != at {
			t.Error("a new link begins before what the last one acknowledged")
		}
		bob.hurry(t, func(*wire.Ack) {})
		at = bob.at
		w.restart()
		if welcome := bob.attach(); welcome.Cursor != at {
			t.Error("the end of the gateway lost an acknowledgement")
		}
	})
}
