package account_test

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"zeroms/client/account"
	"zeroms/client/home"
	"zeroms/protocol/wire"
)

func pushed(g *gate, rows []wire.Push) home.Pushed {
	return home.Pushed{Gateway: g.node.Public(), Rows: slices.Clone(rows)}
}

// restored is a gateway that was put back to a copy and began a new life.
func restored(g, copied *gate, life uint32) *gate {
	copied.b = g.b
	copied.life = life
	return copied
}

func TestAGatewayRestoredFromABackup(t *testing.T) {
	b, g := up(t, 5)
	copied := g.backup()
	g.take(6)
	g.push()
	g.head(len(g.rows))
	b.answerAll()
	b.turn()
	old := g.rows[len(g.rows)-1].Position
	g.disconnect()
	g = restored(g, copied, 2000)
	g.connect()
	b.noticed()
	g.live(2000)
	g.take(1)
	b.asks = nil
	g.push()
	b.noticed(account.LogLost{})
	h := g.home()
	if !h.Up || g.cursor != len(g.rows) || !strings.Contains(h.Problem, "restoration from a backup") {
		t.Fatalf("up %v, acknowledged %d of %d: %q", h.Up, g.cursor, len(g.rows), h.Problem)
	}
	if len(requests[*wire.DoorPut](b)) != 1 || len(requests[*wire.ProfilePut](b)) != 1 || len(requests[*wire.HeadGet](b)) != 1 {
		t.Errorf("asked for %+v", b.asks)
	}
	b.answerAll()
	// It is told once; a head of the new life proves it.
	g.take(1)
	g.push()
	b.noticed()
	g.head(len(g.rows))
	if len(b.notices) != 1 {
		t.Fatalf("notices %+v", b.notices)
	}
	fault, ok := b.notices[0].(account.Fault)
	if !ok || fault.Kind != account.FaultRollback || fault.Rows != nil || fault.Node != g.node.Public() ||
		!bytes.Contains(fault.Heads[0], old[:]) || !bytes.Contains(fault.Heads[1], g.rows[len(g.rows)-1].Position[:]) {
		t.Fatalf("notice %+v", b.notices[0])
	}
	b.notices = nil
	g.take(9)
	g.push()
	g.head(len(g.rows))
	b.start()
	g.connect()
	g.push()
	g.head(len(g.rows))
	b.noticed()
	if !g.home().Up || g.cursor != len(g.rows) || !strings.Contains(g.home().Problem, "backup") {
		t.Errorf("after a restart: up %v, acknowledged %d of %d: %q", g.home().Up, g.cursor, len(g.rows), g.home().Problem)
	}
}

// TestARollbackProvenByRows: the first head of the new life stands above the
// lost one.
func TestARollbackProvenByRows(t *testing.T) {
	b, g := up(t, 5)
	copied := g.backup()
	g.take(6)
	g.push()
	g.head(len(g.rows))
	lost := len(g.rows)
	b.answerAll()
	g.disconnect()
	g = restored(g, copied, 2000)
	g.connect()
	g.live(2000)
	g.take(40)
	b.notices = nil
	g.signed(g.rows[len(g.rows)-1].Position, g.r(len(g.rows))) // ahead of the rows
	g.push()
	var fault account.Fault
	for _, n := range b.notices {
		if f, ok := n.(account.Fault); ok {
			fault = f
		}
	}
	if len(b.notices) != 2 || fault.Rows == nil {
		t.Fatalf("notices %+v", b.notices)
	}
	r, rows := fault.Rows.R, fault.Rows.Rows
	if fault.Rows.Before.Index() >= uint64(lost) || rows[wire.PositionSize] != wire.RowStart {
		t.Errorf("the rows begin behind %v with kind %d", fault.Rows.Before, rows[wire.PositionSize])
	}
	last := sha256.Sum256(append(wire.Uint64(fault.Rows.Before.Index()), r[:]...))
	if !bytes.Equal(rows[33:65], last[:]) {
		t.Error("the first row does not name its predecessor")
	}
	for ; len(rows) > 0; rows = rows[wire.RowSize:] {
		r = wire.NextHead(r, rows[:wire.RowSize])
	}
	if r != g.r(len(g.rows)) {
		t.Error("the rows don't lead to the second head")
	}
	b.notices = nil
	g.take(3)
	g.push()
	g.head(len(g.rows))
	b.noticed()
}

func TestACutLogIsNoticedByItsHead(t *testing.T) {
	b, g := up(t, 5)
	copied := g.backup()
	g.take(6)
	g.push()
	g.head(len(g.rows))
	b.answerAll()
	g.disconnect()
	g = restored(g, copied, 2000)
	g.connect()
	g.head(len(g.rows)) // nothing was written in the new life yet
	b.noticed(account.LogLost{})
	g.live(2000)
	g.push()
	g.head(len(g.rows))
	b.noticed(account.Fault{})
	if !g.home().Up || g.cursor != len(g.rows) {
		t.Errorf("up %v, acknowledged %d of %d", g.home().Up, g.cursor, len(g.rows))
	}
}

// TestAGatewayThatForgotTheAccount: the device enrolled anew in an empty log.
func TestAGatewayThatForgotTheAccount(t *testing.T) {
	b, g := up(t, 5)
	g.disconnect()
	g.rows, g.heads, g.cursor, g.sig = nil, nil, 0, nil
	g.live(2000)
	g.cursor = 1
	g.connect()
	b.noticed(account.LogLost{})
	g.take(2)
	g.push()
	if b.account.Stopped() || !g.home().Up || g.cursor != 3 {
		t.Errorf("stopped %v, up %v, acknowledged %d", b.account.Stopped(), g.home().Up, g.cursor)
	}
	b.notices = nil
	g.head(3)
	b.noticed(account.Fault{})
}

// TestACrashIsNoLoss: rows that were pushed and never became durable are gone
// with the gateway's life; nothing was signed about them.
func TestACrashIsNoLoss(t *testing.T) {
	b, g := up(t, 5)
	copied := g.backup()
	g.take(6)
	g.push() // and acknowledged, but the acknowledgement is lost too
	g.disconnect()
	g = restored(g, copied, 2000)
	g.connect()
	g.head(len(g.rows))
	g.live(2000)
	g.take(3)
	g.push()
	g.head(len(g.rows))
	b.noticed()
	if h := g.home(); !h.Up || g.cursor != len(g.rows) || h.Problem != "" || b.account.Stopped() {
		t.Errorf("up %v, acknowledged %d of %d: %q", h.Up, g.cursor, len(g.rows), h.Problem)
	}
}

func TestTwoHeadsForOnePosition(t *testing.T) {
	b, g := up(t, 5)
	n := len(g.rows)
	g.signed(g.rows[n-1].Position, [32]byte{1})
	if len(b.notices) != 1 {
		t.Fatalf("notices %+v", b.notices)
	}
	fault := b.notices[0].(account.Fault)
	if fault.Kind != account.FaultFork || !bytes.Equal(fault.Heads[0], proofOf(g.rows[n-1].Position, g.r(n))) ||
		!bytes.Equal(fault.Heads[1], proofOf(g.rows[n-1].Position, [32]byte{1})) {
		t.Errorf("fault %+v", fault)
	}
	if h := g.home(); h.Up || b.restarted != 1 || !strings.Contains(h.Problem, "signed another mailbox") {
		t.Errorf("up %v: %q", h.Up, h.Problem)
	}
}

func TestHeadsAreHeldAgainstRows(t *testing.T) {
	cases := map[string]func(g *gate){
		"of an earlier row": func(g *gate) {
			g.take(5)
			g.push()
			g.signed(g.rows[len(g.rows)-3].Position, [32]byte{1})
		},
		"of the newest row": func(g *gate) {
			g.take(5)
			g.push()
			g.signed(g.rows[len(g.rows)-1].Position, [32]byte{1})
		},
		"of a row to come": func(g *gate) {
			g.take(5)
			g.signed(g.rows[len(g.rows)-2].Position, [32]byte{1})
			g.push()
		},
		"of a row to come in another life": func(g *gate) {
			g.take(5)
			n := len(g.rows) - 1
			g.signed(wire.At(3000, uint64(n)), g.r(n))
			g.push()
		},
		"rows in place of signed ones": func(g *gate) {
			g.disconnect()
			g.connectWith(wire.Welcome{Tag: g.tag()})
			g.rows, g.heads = nil, nil
			g.live(1000)
			for range 8 {
				g.add(wire.Push{Kind: wire.RowEnvelope, Hash: sha256.Sum256([]byte("x")), Payload: []byte("x")})
			}
			g.push()
		},
	}
	for name, play := range cases {
		t.Run(name, func(t *testing.T) {
			b, g := up(t, 5)
			play(g)
			if h := g.home(); h.Up || b.restarted != 1 || !strings.Contains(h.Problem, "signed another mailbox") {
				t.Errorf("up %v: %q", h.Up, h.Problem)
			}
			for _, n := range b.notices {
				t.Errorf("notice %+v without proof", n)
			}
		})
	}
}

func TestRowsThatDoNotFollow(t *testing.T) {
	cases := map[string]func(g *gate) wire.Push{
		"a gap":           func(g *gate) wire.Push { p := g.rows[6]; p.Position = wire.At(g.life, 8); return p },
		"a repetition":    func(g *gate) wire.Push { return g.rows[5] },
		"an earlier life": func(g *gate) wire.Push { p := g.rows[6]; p.Position = wire.At(g.life-1, 7); return p },
		"a later life without its start": func(g *gate) wire.Push {
			p := g.rows[6]
			p.Position = wire.At(g.life+1, 7)
			return p
		},
		"a start within a life": func(g *gate) wire.Push { p := g.rows[6]; p.Kind = wire.RowStart; return p },
		"a start of another log": func(g *gate) wire.Push {
			payload := append(wire.Uint64(6), make([]byte, 32)...)
			return wire.Push{Position: wire.At(g.life+1, 7), Kind: wire.RowStart, Payload: payload, Hash: sha256.Sum256(payload)}
		},
		"another envelope": func(g *gate) wire.Push { p := g.rows[6]; p.Payload = []byte("other"); return p },
	}
	for name, row := range cases {
		b, g := up(t, 5)
		g.take(1)
		g.pushRows(row(g))
		if h := g.home(); h.Up || b.restarted != 1 || h.Position.Index() != 6 || len(b.acks) != 0 {
			t.Errorf("%s: up %v at %d", name, h.Up, h.Position.Index())
		}
	}
}

func TestALossIsToldOnceAConnection(t *testing.T) {
	b, g := up(t, 11)
	for range 3 {
		g.head(6)
		g.head(12)
	}
	b.noticed(account.LogLost{})
	b.answerAll()
	g.disconnect()
	g.connect()
	g.head(6)
	b.noticed(account.LogLost{})
}
