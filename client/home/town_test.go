package home_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"zeroms/client/home"
	"zeroms/client/score"
	"zeroms/protocol/address"
	"zeroms/protocol/channel"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/link/memlink"
	"zeroms/protocol/wire"
)

// town is a Pool among gateways that do what gateways do by themselves, unless a test tells them otherwise.
type town struct {
	*world
	gateways map[string]*townGateway
	ctx      context.Context
	all      sync.WaitGroup
	scores   *score.Table

	mu    sync.Mutex
	dials map[string]int // by host
	// onDial and onEvent see what the Pool does, before it goes on; both may be nil.
	onDial  func(ctx context.Context, host string)
	onEvent func(home.Event)
}

// newTown makes homes called "a", "b", ... that forward, in front of the target "x".
func newTown(t *testing.T, direct home.Direct, homes ...string) *town {
	ctx, cancel := context.WithCancel(context.Background())
	w := &world{
		t: t, net: memlink.New(memlink.Config{Latency: 5 * time.Millisecond}),
		events: make(chan home.Event, 4096), ended: make(chan error, 1), stop: cancel,
	}
	y := &town{world: w, gateways: map[string]*townGateway{}, ctx: ctx, dials: map[string]int{}, scores: score.New()}
	w.pool = home.New(home.Config{
		Dialer: y, Timing: home.Timing{}.Default(), Direct: direct, Events: y.event, Scores: y.scores,
	})
	go func() { w.ended <- w.pool.Run(ctx) }()
	y.raise("x")
	for _, name := range homes {
		y.raise(name)
		y.move(name)
	}
	return y
}

// Dial is the Pool's Dialer.
func (y *town) Dial(ctx context.Context, e link.Endpoint) (link.Conn, error) {
	y.mu.Lock()
	y.dials[e.Host]++
	see := y.onDial
	y.mu.Unlock()
	if see != nil {
		see(ctx, e.Host)
	}
	return y.net.Dialer("client").Dial(ctx, e)
}

// event takes what the Pool reports.
func (y *town) event(e home.Event) {
	y.mu.Lock()
	see := y.onEvent
	y.mu.Unlock()
	if see != nil {
		see(e)
	}
	y.events <- e
}

// watch has what the Pool does seen.
func (y *town) watch(onDial func(context.Context, string), onEvent func(home.Event)) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.onDial, y.onEvent = onDial, onEvent
}

func (y *town) dialled(host string) int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.dials[host]
}

// leave ends everything.
func (y *town) leave() {
	y.t.Helper()
	y.end()
	for _, g := range y.gateways {
		g.fall()
	}
	y.all.Wait()
}

// townGateway is one gateway.
type townGateway struct {
	town *town
	name string
	node key.NodePrivate

	mu         sync.Mutex
	listener   *memlink.Listener
	kems       []key.RelayPrivate // the newest last
	flags      address.Flags
	inFlight   uint32
	channels   map[[wire.ChannelIDSize]byte]*channel.Receiver
	asked      []asked                      // what came out of channels
	taken      map[[32]byte]int             // envelopes put into drops, by hash: how often they came
	direct     []wire.Payload               // what came over guest links, and from homes
	relays     []wire.Relay                 // what came sealed
	forwards   []wire.Forward               // what it was to hand on
	describes  int                          // DescriptorGets
	descriptor func(of *townGateway) []byte // what it says of others; nil: the truth
	// forward replaces what the gateway does with a Forward; onward is what it does usually.
	forward func(f *wire.Forward, onward func(*wire.Forward) wire.Payload) wire.Payload
	// answer replaces the answer to what came out of a channel.
	answer func(in wire.Payload) wire.Payload
	links  []link.Conn
}

type asked struct {
	channel [wire.ChannelIDSize]byte
	first   bool // it came with the encapsulation
	payload wire.Payload
}

func (y *town) raise(name string) *townGateway {
	g := &townGateway{
		town: y, name: name, node: key.NewPrivate[key.Node](), kems: []key.RelayPrivate{key.NewRelayPrivate()},
		flags: address.Forwards | address.Serves, inFlight: 64,
		channels: map[[wire.ChannelIDSize]byte]*channel.Receiver{}, taken: map[[32]byte]int{},
	}
	y.gateways[name] = g
	g.rise()
	return g
}

// rise lets the gateway listen, fall ends it with all its links.
func (g *townGateway) rise() {
	l := g.town.net.Listen(g.name, g.node.Public())
	g.mu.Lock()
	g.listener = l
	g.mu.Unlock()
	g.town.all.Add(1)
	go func() {
		defer g.town.all.Done()
		for {
			conn, err := l.Accept(g.town.ctx)
			if err != nil {
				return
			}
			g.mu.Lock()
			g.links = append(g.links, conn)
			g.mu.Unlock()
			g.town.all.Add(1)
			go func() {
				defer g.town.all.Done()
				g.serve(conn)
				_ = conn.Close()
			}()
		}
	}()
}

func (g *townGateway) fall() {
	g.mu.Lock()
	l, links := g.listener, g.links
	g.listener, g.links = nil, nil
	g.mu.Unlock()
	if l != nil {
		_ = l.Close()
	}
	for _, c := range links {
		_ = c.Close()
	}
}

// do changes the gateway.
func (g *townGateway) do(what func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	what()
}

func (g *townGateway) hash() key.GatewayHash { return key.GatewayHashOf(g.node.Public()) }

func (g *townGateway) target() home.Target {
	node := g.node.Public()
	return home.Target{Endpoint: link.Endpoint{Host: g.name, Port: 443, Node: node[:]}, Network: network()}
}

// describe signs a descriptor; change makes it another one.
func (g *townGateway) describe(change func(*address.Descriptor)) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now().Truncate(time.Millisecond)
	d := &address.Descriptor{
		KEM: g.kems[len(g.kems)-1].Public(), Addrs: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.7:443")}, Transports: wire.TransportWSS,
		Network: network(), Made: now, Expires: now.Add(address.MaxDescriptorLife), Flags: g.flags,
		Limits: wire.Limits{Frame: wire.MaxFrame, Message: wire.MaxMessage, InFlight: g.inFlight, PushWindow: 1 << 20},
	}
	if change != nil {
		change(d)
	}
	b, err := address.SealDescriptor(d, g.node)
	if err != nil {
		g.town.t.Error(err)
	}
	return b
}

// serve is one link.
func (g *townGateway) serve(conn link.Conn) {
	var client, server [32]byte
	logged := false
	for {
		message, err := conn.Recv(g.town.ctx)
		if err != nil {
			return
		}
		frames, err := wire.Frames(message)
		if err != nil {
			g.town.t.Errorf("%s got no frames: %v", g.name, err)
			return
		}
		for _, f := range frames {
			switch f.Type {
			case wire.TypeClientHello:
				client = sha256.Sum256(message)
				out := fr(0, &wire.ServerHello{
					Version: wire.Version, Network: network(), Random: [32]byte{7}, Node: g.node.Public(), Time: wire.Millis(time.Now()),
					Limits:     wire.Limits{Frame: wire.MaxFrame, Message: wire.MaxMessage, InFlight: g.inFlight, PushWindow: 1 << 20},
					Descriptor: g.describe(nil),
				})
				server = sha256.Sum256(out)
				g.send(conn, out)
			case wire.TypeLogin:
				var l wire.Login
				if f.Decode(&l) != nil || !l.Key.Verify(key.ContextLogin, wire.LoginTranscript(g.node.Public(), conn.Binding(), client, server), l.Sig) {
					g.town.t.Errorf("%s: a bad login", g.name)
				}
				logged = true
				g.send(conn, fr(f.ID, &wire.Welcome{Tag: tagOf(g.town.t, g.town.specOf(g.name)), Cursor: wire.At(1, 1)}))
			default:
				g.town.all.Add(1)
				go func() {
					defer g.town.all.Done()
					if out := g.request(f, logged); out != nil {
						g.send(conn, out)
					}
				}()
			}
		}
	}
}

func (g *townGateway) send(conn link.Conn, frames ...[]byte) {
	_ = conn.Send(g.town.ctx, key.Join(frames...))
}

// request answers one frame of a link.
func (g *townGateway) request(f wire.Frame, logged bool) []byte {
	switch f.Type {
	case wire.TypeForward:
		var in wire.Forward
		if err := f.Decode(&in); err != nil || wire.Check(&in) != nil || !logged {
			g.town.t.Errorf("%s: a bad forward: %v, logged in: %v", g.name, err, logged)
			return nil
		}
		g.mu.Lock()
		g.forwards = append(g.forwards, in)
		forward := g.forward
		g.mu.Unlock()
		var p wire.Payload
		if forward != nil {
			p = forward(&in, g.onward)
		} else {
			p = g.onward(&in)
		}
		if p == nil {
			return nil
		}
		return fr(f.ID, p)
	case wire.TypeDescriptorGet:
		var in wire.DescriptorGet
		if err := f.Decode(&in); err != nil || wire.Check(&in) != nil {
			g.town.t.Errorf("%s: a bad question: %v", g.name, err)
			return nil
		}
		g.mu.Lock()
		g.describes++
		say := g.descriptor
		g.mu.Unlock()
		if of := g.town.gateways[in.Host]; of != nil && in.Port == 443 {
			if say == nil {
				say = func(of *townGateway) []byte { return of.describe(nil) }
			}
			if b := say(of); b != nil {
				return fr(f.ID, &wire.Descriptor{Object: b})
			}
		}
		return fr(f.ID, wire.FailureOf(wire.ErrNoRecord))
	}
	p := decoded(g.town.t, f)
	g.do(func() { g.direct = append(g.direct, p) })
	out := g.reply(p)
	if c, ok := out.(*wire.Commit); ok {
		c.Items[0].ID = f.ID
		return fr(0, c)
	}
	return fr(f.ID, out)
}

// decoded is what a request of a client holds.
func decoded(t *testing.T, f wire.Frame) wire.Payload {
	t.Helper()
	for _, p := range []wire.Payload{
		&wire.Submit{}, &wire.ProfileGet{}, &wire.RecordGet{}, &wire.HeadGet{}, &wire.GatewaysGet{}, &wire.DepositPut{}, &wire.DepositsGet{},
	} {
		if p.Type() == f.Type {
			if err := f.Decode(p); err != nil {
				t.Error(err)
			}
			return p
		}
	}
	t.Errorf("a request of type %d", f.Type)
	return &wire.OK{}
}

// reply is what an honest gateway answers.
func (g *townGateway) reply(p wire.Payload) wire.Payload {
	switch p := p.(type) {
	case *wire.Submit:
		g.do(func() { g.taken[sha256.Sum256(p.Envelope)]++ })
		c := committed(g.node, [][]byte{receiptFor(g.node.Public(), p).Append(nil)}, channel.RequestID)
		return c
	case *wire.ProfileGet:
		return &wire.Profile{Blob: make([]byte, 4<<10)}
	case *wire.RecordGet:
		return &wire.Record{Record: make([]byte, wire.RecordSize)}
	case *wire.GatewaysGet:
		return &wire.Gateways{Objects: [][]byte{g.describe(nil)}}
	case *wire.DepositsGet:
		return &wire.Deposits{}
	}
	return &wire.OK{}
}

// onward brings a Forward to its target.
func (g *townGateway) onward(f *wire.Forward) wire.Payload {
	x := g.town.gateways[f.Host]
	if x == nil || x.node.Public() != f.Target || x.down() {
		return wire.FailureOf(wire.ErrUnreachable)
	}
	out := x.relay(&f.Relay)
	if sealed, ok := out.(*wire.Forwarded); ok {
		if err := channel.CheckAnswer(&f.Relay, sealed); err != nil {
			g.town.t.Errorf("the target's answer: %v", err)
		}
	}
	return out
}

func (g *townGateway) down() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.listener == nil
}

// relay opens what came sealed.
func (g *townGateway) relay(r *wire.Relay) wire.Payload {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.relays = append(g.relays, *r)
	at := key.Place{Network: network(), Node: g.node.Public()}
	in, ok := g.channels[r.Channel]
	if !ok {
		var err error
		if in, err = channel.Accept(at, g.kems[len(g.kems)-1], r, time.Now()); err != nil {
			return wire.FailureOf(err)
		}
	}
	q, err := in.Unseal(r)
	if err != nil {
		return wire.FailureOf(err)
	}
	g.channels[r.Channel] = in
	p := decoded(g.town.t, q.Frame)
	g.asked = append(g.asked, asked{r.Channel, len(r.Encapsulation) > 0, p})
	answer := g.answer
	g.mu.Unlock()
	var out wire.Payload
	if answer != nil {
		out = answer(p)
	} else {
		out = g.reply(p)
	}
	g.mu.Lock()
	f, err := in.Seal(q, out)
	if err != nil {
		g.town.t.Errorf("the answer %T: %v", out, err)
		return wire.FailureOf(wire.ErrUnavailable)
	}
	return f
}

// opened returns what came out of channels so far, and guests what came over links.
func (g *townGateway) opened() []asked {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.asked)
}

func (g *townGateway) guests() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.direct)
}

// specs of the homes, so that each keeps its keys.
func (y *town) specOf(name string) home.Spec {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.specs()[name]
}

func (y *town) specs() map[string]home.Spec {
	if y.world.kept == nil {
		y.world.kept = map[string]home.Spec{}
	}
	return y.world.kept
}

// open has the Pool take a gateway as a home, move also waits until it is up.
func (y *town) open(name string) {
	spec := y.specAt(y.gateways[name].target())
	y.mu.Lock()
	y.specs()[name] = spec
	y.mu.Unlock()
	y.pool.Open(spec)
}

func (y *town) move(name string) {
	y.t.Helper()
	y.open(name)
	if c := want[home.Connected](y.world); c.Gateway != y.gateways[name].node.Public() || c.Descriptor == nil || c.Descriptor.Flags != y.gateways[name].flags {
		y.t.Fatalf("connected %+v", c)
	}
}

// put is a submission of one KiB to a drop.
func put(drop, n byte) *wire.Submit {
	e := make([]byte, 1<<10)
	e[0], e[1] = 1, n
	return &wire.Submit{Drop: key.DropID{drop}, MAC: [16]byte{drop}, Envelope: e}
}

// knock is a submission of an init to a door.
func knock(n byte) *wire.Submit {
	e := make([]byte, 4<<10)
	e[0], e[1] = 0x81, n
	return &wire.Submit{Drop: key.DropID{0xd0}, MAC: [16]byte{1}, Envelope: e}
}

// ask sends a request to a gateway and returns its token.
func (y *town) ask(name string, p wire.Payload) uint64 {
	y.last++
	y.pool.Send(home.Request{To: y.gateways[name].target(), Token: y.last, Payload: p})
	return y.last
}

// got returns the next answer, which must be of this request.
func (y *town) got(token uint64) home.Answered {
	y.t.Helper()
	for {
		switch e := y.next().(type) {
		case home.Answered:
			if e.Token != token {
				y.t.Fatalf("the answer to %d came in place of that to %d: %+v", e.Token, token, e)
			}
			return e
		case home.Disconnected, home.Connected:
		default:
			y.t.Fatalf("%T %+v came in place of an answer", e, e)
		}
	}
}

// custody asserts that a submission is in custody of x, and says how it got there.
func (y *town) custody(token uint64, s *wire.Submit) home.Answered {
	y.t.Helper()
	a := y.got(token)
	x := y.gateways["x"].node.Public()
	if a.Err != nil || a.Receipt == nil || !a.Receipt.For(s.Drop, sha256.Sum256(s.Envelope)) || a.Receipt.Node != x || a.Gateway != x {
		y.t.Fatalf("no receipt: %+v", a)
	}
	if _, err := custody.ParseProof(a.Proof); err != nil {
		y.t.Fatal(err)
	}
	return a
}

// by asserts that a submission went through a home.
func (y *town) by(token uint64, s *wire.Submit, name string) {
	y.t.Helper()
	if a := y.custody(token, s); a.Way != home.Forwarded || a.Entry != y.gateways[name].hash() {
		y.t.Fatalf("it went way %d, entry %x; want that through %s", a.Way, a.Entry, name)
	}
}

// directly asserts that a submission went directly.
func (y *town) directly(token uint64, s *wire.Submit) {
	y.t.Helper()
	if a := y.custody(token, s); a.Way != home.Directly || a.Entry != (key.GatewayHash{}) {
		y.t.Fatalf("it went way %d, entry %x", a.Way, a.Entry)
	}
}

// refused asserts that a request ends with an error, and that x was not connected to.
func (y *town) refused(token uint64, err error) {
	y.t.Helper()
	if a := y.got(token); !errors.Is(a.Err, err) || a.Receipt != nil || a.Payload != nil {
		y.t.Fatalf("%+v, want %v", a, err)
	}
	if n := y.dialled("x"); n != 0 {
		y.t.Fatalf("x was connected to %d times", n)
	}
}

// pass lets time go by, that of the bubble in which the town lives.
func pass(d time.Duration) { <-time.After(d) }
