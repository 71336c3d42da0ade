package account_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"zeroms/client/account"
	"zeroms/protocol/wire"
)

func TestAnOlderCopyStops(t *testing.T) {
	b, g := up(t, 5)
	other := b.gate()
	other.connect()
	other.push()
	b.answerAll()
	b.turn()
	old := b.copied()
	g.take(3)
	g.push()
	b.rows = old
	b.start()
	g.b.now = b.now.Add(time.Minute)
	other.connect()
	if !b.account.Confirmed() || b.account.Stopped() {
		t.Fatal("a gateway that knows nothing newer stops the profile")
	}
	other.take(1)
	b.asks = nil
	g.connect()
	b.noticed(account.SetBack{})
	if !b.account.Stopped() || b.closed != 2 || len(b.asks) != 0 {
		t.Fatalf("stopped %v, %d links closed, %d requests", b.account.Stopped(), b.closed, len(b.asks))
	}
	other.push()
	if len(b.acks) > 0 || len(b.received) > 9 {
		t.Error("it goes on with the other gateway")
	}
	for _, h := range b.account.Homes() {
		if h.Up || h.Problem != wire.ErrSetBack.Error() {
			t.Errorf("home up %v: %s", h.Up, h.Problem)
		}
	}
	if _, err := b.account.AddHome(g.address()); !errors.Is(err, wire.ErrSetBack) {
		t.Errorf("a gateway was added: %v", err)
	}
	// It stays stopped.
	b.start()
	if len(b.opened) != 0 || !b.account.Stopped() || len(b.asks) != 0 {
		t.Error("it connects again after a restart")
	}
}

func TestOnlyItsOwnHandStopsAProfile(t *testing.T) {
	cases := map[string]func(b *bench, g *gate) wire.Welcome{
		"no signature": func(_ *bench, g *gate) wire.Welcome { w := ahead(g); w.Sig = nil; return w },
		"noise":        func(_ *bench, g *gate) wire.Welcome { w := ahead(g); w.Sig = make([]byte, 64); return w },
		"that of an earlier place": func(_ *bench, g *gate) wire.Welcome {
			w := ahead(g)
			w.Sig = g.sig
			return w
		},
		"short": func(_ *bench, g *gate) wire.Welcome { w := ahead(g); w.Sig = []byte{1}; return w },
		"another head at the cursor": func(_ *bench, g *gate) wire.Welcome {
			w := g.welcome()
			w.R[0]++
			return w
		},
		"the same without a signature": func(_ *bench, g *gate) wire.Welcome {
			w := g.welcome()
			w.R[0]++
			w.Sig = nil
			return w
		},
		"another head at an earlier row": func(_ *bench, g *gate) wire.Welcome {
			return wire.Welcome{Tag: g.tag(), Cursor: g.rows[2].Position, R: [32]byte{1}}
		},
	}
	for name, lie := range cases {
		t.Run(name, func(t *testing.T) {
			b, g := up(t, 5)
			g.disconnect()
			g.take(4)
			before := g.home().Position
			g.connectWith(lie(b, g))
			if h := g.home(); h.Up || !strings.Contains(h.Problem, "never got") || h.Position != before {
				t.Errorf("up %v at %v: %q", h.Up, h.Position, h.Problem)
			}
			if b.account.Stopped() || b.restarted != 1 || len(b.acks) != 0 {
				t.Errorf("stopped %v, %d links started over, %d acknowledgements", b.account.Stopped(), b.restarted, len(b.acks))
			}
			b.noticed()
			// An honest gateway is believed again.
			g.disconnect()
			g.connect()
			g.push()
			if h := g.home(); !h.Up || h.Problem != "" || h.Position.Index() != 10 || g.cursor != 10 {
				t.Errorf("up %v at %d, acknowledged %d: %q", h.Up, h.Position.Index(), g.cursor, h.Problem)
			}
		})
	}
}

// ahead is a welcome at the newest row.
func ahead(g *gate) wire.Welcome {
	n := len(g.rows)
	return wire.Welcome{Tag: g.tag(), Cursor: g.rows[n-1].Position, R: g.r(n)}
}

// TestWhatWasSignedBeforeIsNoProofOfALaterState: a gateway that shows an older
// cursor and then the newest one again can't stop the profile with it.
func TestWhatWasSignedBeforeIsNoProofOfALaterState(t *testing.T) {
	b, g := up(t, 5)
	g.disconnect()
	g.connectWith(wire.Welcome{Tag: g.tag()}) // from the beginning
	if g.home().Position.Index() != 0 || !g.home().Up {
		t.Fatal("it does not begin anew")
	}
	g.pushRows(g.rows[:2]...)
	g.disconnect()
	w := ahead(g)
	w.Sig = g.sig
	g.connectWith(w)
	if b.account.Stopped() || !g.home().Up || g.home().Position.Index() != 6 {
		t.Fatalf("stopped %v, up %v at %d", b.account.Stopped(), g.home().Up, g.home().Position.Index())
	}
	b.noticed()
}

func TestALongAbsence(t *testing.T) {
	cases := []struct {
		away, retention time.Duration
		taken           bool
	}{
		{65 * day, 30 * day, false}, {66 * day, 30 * day, true}, {300 * day, 30 * day, true},
		{36 * day, day, false}, {37 * day, day, true}, {30 * day, 0, false},
	}
	for _, c := range cases {
		b, g := up(t, 5)
		g.disconnect()
		g.take(4)
		b.now = b.now.Add(c.away)
		g.limits.Retention = uint64(c.retention / time.Second)
		w := ahead(g)
		g.connectWith(w)
		if h := g.home(); h.Up != c.taken || c.taken && h.Position != w.Cursor {
			t.Errorf("after %v with a retention of %v: up %v, %s", c.away, c.retention, h.Up, h.Problem)
		}
		if b.account.Stopped() {
			t.Error("stopped")
		}
		if !c.taken {
			continue
		}
		g.take(1)
		g.push()
		if g.cursor != len(g.rows) {
			t.Errorf("acknowledged %d of %d rows", g.cursor, len(g.rows))
		}
	}
}

// TestARaisedRetentionDoesNotReachBack: what was taken under a lower one may be
// gone by it.
func TestARaisedRetentionDoesNotReachBack(t *testing.T) {
	b, g := up(t, 1)
	g.disconnect()
	g.limits.Retention = uint64(day / time.Second)
	g.connect()
	g.disconnect()
	g.add(wire.Push{Kind: wire.RowEnvelope, Hash: [32]byte{1}}) // its envelope goes a day later
	b.now = b.now.Add(2 * day)
	g.limits.Retention = uint64(30 * day / time.Second)
	g.connect()
	g.push()
	if !g.home().Up || g.cursor != len(g.rows) {
		t.Errorf("up %v, acknowledged %d of %d", g.home().Up, g.cursor, len(g.rows))
	}
}

func TestAHomeThatComesBackIsRemembered(t *testing.T) {
	b, g := up(t, 5)
	empty := b.copied()
	for k, r := range empty {
		if r.Table == 3 || r.Table == 22 {
			delete(empty, k)
		}
	}
	if err := b.account.RemoveHome(g.node.Public()); err != nil {
		t.Fatal(err)
	}
	b.turn()
	b.start()
	if len(b.opened) != 0 || len(b.account.Homes()) != 0 {
		t.Fatal("a removed home is still one")
	}
	if _, err := b.account.AddHome(g.address()); err != nil {
		t.Fatal(err)
	}
	g.take(2)
	g.connect()
	g.push()
	if b.account.Stopped() || !g.home().Up || g.cursor != 8 {
		t.Errorf("stopped %v, up %v, acknowledged %d", b.account.Stopped(), g.home().Up, g.cursor)
	}
	b.start() // it is a home for good
	if len(b.opened) != 1 || g.home() == nil {
		t.Error("it is none after a restart")
	}
	// A copy from before it ever was a home is an older copy.
	b.rows = empty
	b.start()
	if _, err := b.account.AddHome(g.address()); err != nil {
		t.Fatal(err)
	}
	g.connect()
	if !b.account.Stopped() {
		t.Error("a copy from before the first gateway goes on")
	}
}

func TestSignedIsStoredBeforeItLeaves(t *testing.T) {
	b, g := up(t, 3)
	before := g.home().Signed
	g.take(2)
	b.account.Pushed(pushed(g, g.rows[4:]), func(*account.Home, *wire.Push) {})
	b.account.Acknowledge()
	stored, _ := b.account.Collect()
	if len(b.acks) != 1 || !bytes.Equal(b.acks[0].Upto[:], g.rows[5].Position[:]) {
		t.Fatal("no acknowledgement")
	}
	found := false
	for _, r := range stored {
		if r.Table == 3 {
			found = true
		}
	}
	if !found || g.home().Signed == before || g.home().Signed != g.rows[5].Position {
		t.Errorf("the home was stored %v with %v", found, g.home().Signed)
	}
}
