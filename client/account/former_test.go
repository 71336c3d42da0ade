package account_test

import (
	"errors"
	"testing"

	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// TestLoginsOfReplacedDevicesAreRemoved: with the first connection, and with
// the next if that failed.
func TestLoginsOfReplacedDevicesAreRemoved(t *testing.T) {
	b := newBench(t)
	g := b.gate()
	b.turn()
	at := g.address().Node
	h, err := profile.ParseHome(b.rows[rowKey(profile.TableHome, at[:])])
	if err != nil {
		t.Fatal(err)
	}
	former := profile.Login{Key: key.NewDeviceSecret().Login(at).Public(), Cursor: key.CursorID{7}}
	h.Former = []profile.Login{former}
	b.keep(h.Row())
	b.start()
	for _, fails := range []bool{true, false} {
		g.connect()
		changes := requests[*wire.EnrolmentChange](b)
		if len(changes) != 1 {
			t.Fatalf("%d requests", len(changes))
		}
		var e wire.Enrolment
		mk := b.account.Self.Seed.Mailbox(at).Public()
		if err := wire.Verify(changes[0].Object, mk, key.ContextEnrol, &e); err != nil || e.Op != wire.OpRemove || e.Login != former.Key || e.Cursor != former.Cursor {
			t.Errorf("asked for %+v: %v", e, err)
		}
		for _, r := range b.asks {
			if _, ok := r.Payload.(*wire.EnrolmentChange); ok && fails {
				r.done(home.Answered{Err: errors.New("busy")})
			} else {
				r.done(home.Answered{Payload: &wire.OK{}})
			}
		}
		b.asks = nil
		b.turn()
		left := b.account.Home(at).Former
		if fails != (len(left) == 1) {
			t.Errorf("failed %v: %d logins are left", fails, len(left))
		}
	}
	g.connect()
	if n := len(requests[*wire.EnrolmentChange](b)); n != 0 {
		t.Errorf("%d requests after it is done", n)
	}
}
