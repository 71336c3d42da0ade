package account_test

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"zeroms/client/account"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/protocol/card"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

const day = 24 * time.Hour

// asked is a request and where its answer goes.
type asked struct {
	home.Request
	done func(home.Answered)
}

// bench is an Account with a host that performs nothing by itself.
type bench struct {
	t       *testing.T
	now     time.Time
	account *account.Account
	rows    map[string]profile.Row // what is stored

	asks      []asked
	acks      []*wire.Ack
	opened    []home.Spec
	closed    int
	restarted int
	notices   []account.Notice
	safe      *account.Safe
	received  []wire.Position
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), rows: map[string]profile.Row{}}
	self, err := profile.NewSelf("Ann", b.now)
	if err != nil {
		t.Fatal(err)
	}
	b.keep(self.Row())
	b.keep(profile.NewCard(b.now).Row())
	b.start()
	return b
}

func rowKey(t profile.Table, k []byte) string { return fmt.Sprintf("%d/%x", t, k) }

func (b *bench) keep(r profile.Row) { b.rows[rowKey(r.Table, r.Key)] = r }

// copied is the profile as it is stored now.
func (b *bench) copied() map[string]profile.Row {
	out := map[string]profile.Row{}
	for k, r := range b.rows {
		out[k] = r
	}
	return out
}

// start loads the profile from what is stored.
func (b *bench) start() {
	b.t.Helper()
	b.account = account.New(b, slog.New(slog.DiscardHandler))
	b.asks, b.acks, b.opened, b.closed, b.restarted, b.notices = nil, nil, nil, 0, 0, nil
	rows := make([]profile.Row, 0, len(b.rows))
	for _, r := range b.rows {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(x, y profile.Row) int { return int(x.Table) - int(y.Table) })
	for _, r := range rows {
		if ok, err := b.account.Restore(r); err != nil || !ok {
			b.t.Fatalf("table %d: %v", r.Table, err)
		}
	}
	b.account.Start()
	b.account.Sweep()
	b.turn()
}

// turn ends a turn: acknowledgements, then what changed is stored.
func (b *bench) turn() {
	b.t.Helper()
	b.account.Acknowledge()
	put, gone := b.account.Collect()
	for _, r := range put {
		if len(r.Key) > 32 {
			b.t.Fatal("a key of more than 32 bytes")
		}
		b.keep(r)
	}
	for _, ref := range gone {
		delete(b.rows, rowKey(ref.Table, ref.Key))
	}
}

func (b *bench) Now() time.Time { return b.now }
func (b *bench) Ask(r home.Request, done func(home.Answered)) {
	b.asks = append(b.asks, asked{r, done})
}
func (b *bench) After(do func(account.Links)) { do(b) }
func (b *bench) Changed(*account.Home)        {}
func (b *bench) RetrySoon()                   {}
func (b *bench) Report(n account.Notice)      { b.notices = append(b.notices, n) }
func (b *bench) Open(s home.Spec)             { b.opened = append(b.opened, s) }
func (b *bench) Close(home.Target)            { b.closed++ }
func (b *bench) Restart(home.Target)          { b.restarted++ }
func (b *bench) Send(r home.Request)          { b.acks = append(b.acks, r.Payload.(*wire.Ack)) }
func (b *bench) Safe(at key.Place, known [32]byte) *account.Safe {
	if b.safe == nil || b.safe.Print == known {
		return nil
	}
	s := *b.safe
	s.Signer = key.SafeSigner(b.account.Self.Seed, at)
	return &s
}

// answerAll answers every request with OK until none is left.
func (b *bench) answerAll() {
	for len(b.asks) > 0 {
		r := b.asks[0]
		b.asks = b.asks[1:]
		r.done(home.Answered{Payload: &wire.OK{}})
	}
}

// requests are those waiting of one type.
func requests[P wire.Payload](b *bench) (out []P) {
	for _, r := range b.asks {
		if p, ok := r.Payload.(P); ok {
			out = append(out, p)
		}
	}
	return out
}

// noticed asserts which notices came since it was last asked.
func (b *bench) noticed(want ...account.Notice) {
	b.t.Helper()
	if len(b.notices) != len(want) {
		b.t.Fatalf("notices %+v, want %+v", b.notices, want)
	}
	for n := range want {
		if fmt.Sprintf("%T", b.notices[n]) != fmt.Sprintf("%T", want[n]) {
			b.t.Fatalf("notices %+v, want %+v", b.notices, want)
		}
	}
	b.notices = nil
}

// gate is a gateway as far as a device sees it: one log, its cursor and the
// signature that the device left there.
type gate struct {
	b      *bench
	node   key.NodePrivate
	rows   []wire.Push // from index 1 on
	heads  [][32]byte  // the rolling head behind each
	life   uint32      // incarnation
	cursor int
	sig    []byte
	off    time.Duration // its clock less the right one
	limits wire.Limits
}

// true time of the world; benches may have another one.
func (b *bench) gate() *gate {
	b.t.Helper()
	g := &gate{b: b, node: key.NewPrivate[key.Node](), limits: wire.Limits{Retention: uint64(30 * day / time.Second)}}
	g.live(1000)
	if _, err := b.account.AddHome(g.address()); err != nil {
		b.t.Fatal(err)
	}
	return g
}

func (g *gate) address() card.Address {
	return card.Address{Node: g.node.Public(), Host: "gateway.example", Port: 443, Network: key.Network{'t', 'e', 's', 't'}}
}

func (g *gate) home() *account.Home { return g.b.account.Home(g.node.Public()) }

func (g *gate) tag() key.AccountTag {
	return key.AccountTagOf(g.b.account.Self.Seed.Mailbox(g.node.Public()).Public())
}

// live begins an incarnation.
func (g *gate) live(incarnation uint32) {
	g.life = incarnation
	last := key.Join(wire.Uint64(uint64(len(g.rows))), func() []byte { r := g.r(len(g.rows)); return r[:] }())
	g.add(wire.Push{Kind: wire.RowStart, Hash: sha256.Sum256(last), Payload: last})
}

// r is the rolling head behind so many rows.
func (g *gate) r(n int) (r [32]byte) {
	if n > 0 {
		r = g.heads[n-1]
	}
	return r
}

func (g *gate) add(p wire.Push) wire.Push {
	p.Position = wire.At(g.life, uint64(len(g.rows)+1))
	if p.Time == 0 {
		p.Time = wire.Millis(g.b.now.Add(g.off))
	}
	g.heads = append(g.heads, wire.NextHead(g.r(len(g.rows)), p.Row()))
	g.rows = append(g.rows, p)
	return p
}

// take takes n envelopes in.
func (g *gate) take(n int) {
	for range n {
		payload := []byte(fmt.Sprintf("envelope %d of %d", len(g.rows), g.life))
		g.add(wire.Push{Kind: wire.RowEnvelope, Drop: key.DropID{1}, K: 1, Hash: sha256.Sum256(payload), Payload: payload})
	}
}

func (g *gate) welcome() wire.Welcome {
	w := wire.Welcome{Tag: g.tag(), Sig: g.sig, R: g.r(g.cursor)}
	if g.cursor > 0 {
		w.Cursor = g.rows[g.cursor-1].Position
	}
	return w
}

// connect logs the device in with a welcome.
func (g *gate) connectWith(w wire.Welcome) {
	g.b.account.Greeted(home.Greeted{Gateway: g.node.Public(), Clock: g.off})
	g.b.account.Connected(home.Connected{Gateway: g.node.Public(), Welcome: w, Limits: g.limits})
	g.b.turn()
}

func (g *gate) connect() { g.connectWith(g.welcome()) }

// disconnect ends the link.
func (g *gate) disconnect() {
	g.b.account.Disconnected(home.Disconnected{Gateway: key.GatewayHashOf(g.node.Public()), Err: wire.ErrLinkClosed})
}

// push hands out all rows that the device does not have, and takes its
// acknowledgement.
func (g *gate) push() {
	from := int(g.home().Position.Index())
	if from >= len(g.rows) {
		return
	}
	g.pushRows(g.rows[from:]...)
}

func (g *gate) pushRows(rows ...wire.Push) {
	g.b.account.Pushed(home.Pushed{Gateway: g.node.Public(), Rows: slices.Clone(rows)}, func(_ *account.Home, row *wire.Push) {
		g.b.received = append(g.b.received, row.Position)
	})
	g.b.turn()
	g.settle()
}

// settle takes what was acknowledged, if it is this log's.
func (g *gate) settle() {
	for _, ack := range g.b.acks {
		n := int(ack.Upto.Index())
		if n <= len(g.rows) && n >= g.cursor && g.r(n) == ack.R {
			g.cursor, g.sig = n, ack.Sig
		}
	}
	g.b.acks = nil
}

// head signs the first n rows.
func (g *gate) head(n int) { g.signed(g.rows[n-1].Position, g.r(n)) }

func (g *gate) signed(at wire.Position, r [32]byte) {
	g.b.account.HeadSeen(home.Head{
		Gateway: g.node.Public(), Head: custody.Head{Account: g.tag(), Position: at, R: r},
		Time: wire.Millis(g.b.now), Proof: proofOf(at, r),
	})
	g.b.turn()
}

// proofOf stands for the proof of a head: to the account it is opaque.
func proofOf(at wire.Position, r [32]byte) []byte { return key.Join([]byte("proof"), at[:], r[:]) }

// up is a home with n envelopes processed and a head signed over them.
func up(t *testing.T, n int) (*bench, *gate) {
	t.Helper()
	b := newBench(t)
	g := b.gate()
	g.connect()
	g.take(n)
	g.push()
	g.head(len(g.rows))
	b.answerAll()
	b.turn()
	if got := g.home().Position.Index(); got != uint64(n+1) || g.cursor != n+1 {
		t.Fatalf("processed %d, acknowledged %d rows of %d", got, g.cursor, n+1)
	}
	return b, g
}

// backup is a copy of the gateway as it is now.
func (g *gate) backup() *gate {
	c := *g
	c.rows, c.heads = slices.Clone(g.rows), slices.Clone(g.heads)
	return &c
}
