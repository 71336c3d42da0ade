package gateway_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway"
	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/link/memlink"
	"zeroms/protocol/wire"
	database "zeroms/store/mailbox"
)

var network = key.Network{'t', 'e', 's', 't'}

// logged collects the log of a gateway.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// world is a gateway with its real mailbox and database on a memory network.
type world struct {
	t    testing.TB
	net  *memlink.Network
	node key.NodePrivate
	gw   *gateway.Gateway
	box  *mailbox.Mailbox
	log  *logged
	stop context.CancelFunc
	ran  chan error // Run's error

	remote *atomic.Pointer[netip.Addr] // the address of links that come now
}

// addressed is a link from an address.
type addressed struct {
	link.Conn
	remote netip.Addr
}

func (a addressed) Remote() netip.Addr { return a.remote }

func (a addressed) Borrow(ctx context.Context) ([]byte, error) { return link.Borrow(ctx, a.Conn) }

// from lets links come from an address from now on; empty: from none.
func (w *world) from(address string) {
	w.t.Helper()
	var remote netip.Addr
	if address != "" {
		remote = netip.MustParseAddr(address)
	}
	w.remote.Store(&remote)
}

// serve is the listening side's handler.
func (w *world) serve(ctx context.Context, c link.Conn) {
	w.gw.ServeConn(ctx, addressed{c, *w.remote.Load()})
}

// options change what start makes.
type options struct {
	gateway gateway.Config
	mailbox mailbox.Config
}

// in runs a test of a gateway inside a bubble. The commits take 10 ms, so that
// what waits for one can be seen waiting.
func in(t *testing.T, change func(*options), test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := start(t, change)
		defer func() {
			w.stop()
			if err := <-w.ran; err != nil {
				t.Errorf("Run: %v", err)
			}
		}()
		test(t, w)
	})
}

// pass lets a bubble's time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait() // what was due at that moment is done
}

func start(t testing.TB, change func(*options)) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &world{
		t: t, net: memlink.New(memlink.Config{}), node: key.NewPrivate[key.Node](),
		log: &logged{}, stop: cancel, ran: make(chan error, 1), remote: &atomic.Pointer[netip.Addr]{},
	}
	w.remote.Store(&netip.Addr{})
	db, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "mailbox.db"))
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(w.log, nil))
	o := &options{
		mailbox: mailbox.Config{
			Node: w.node, Network: network, Limits: gateway.DefaultLimits(), Store: db, Log: logger,
			Timing: mailbox.Timing{Gather: 10 * time.Millisecond},
		},
		gateway: gateway.Config{Node: w.node, Network: network, Limits: gateway.DefaultLimits(), Log: logger},
	}
	if change != nil {
		change(o)
	}
	if w.box, err = mailbox.New(o.mailbox); err != nil {
		t.Fatal(err)
	}
	o.gateway.Mailbox = w.box
	if w.gw, err = gateway.New(o.gateway); err != nil {
		t.Fatal(err)
	}
	l := w.net.Listen("gw", w.node.Public())
	var all sync.WaitGroup
	var ran error
	all.Go(func() { ran = w.gw.Run(ctx) })
	all.Go(func() { l.Serve(ctx, func(c link.Conn) { w.serve(ctx, c) }) })
	go func() {
		all.Wait()
		db.Close()
		w.ran <- ran
	}()
	<-w.box.Ready()
	return w
}

// peer is a scripted client.
type peer struct {
	w      *world
	t      testing.TB
	conn   link.Conn
	node   key.NodePublic
	hellos [2][32]byte // hashes of both hello frames
	server wire.ServerHello
	id     uint64
	frames []wire.Frame  // received and not yet looked at
	at     wire.Position // newest row that was pushed
	r      [32]byte      // rolling head there
}

// connect opens a link without a hello.
func (w *world) connect(host string) *peer {
	w.t.Helper()
	node := w.node.Public()
	c, err := w.net.Dialer(host).Dial(w.t.Context(), link.Endpoint{Host: "gw", Node: node[:]})
	if err != nil {
		w.t.Fatal(err)
	}
	return &peer{w: w, t: w.t, conn: c, node: node}
}

// guest opens a link and exchanges the hellos.
func (w *world) guest(host string) *peer {
	w.t.Helper()
	p := w.connect(host)
	p.hello(func(*wire.ClientHello) {})
	p.expect(0, &p.server)
	return p
}

// hello sends a client hello after a change to it.
func (p *peer) hello(change func(*wire.ClientHello)) {
	p.t.Helper()
	h := &wire.ClientHello{MinVersion: 1, MaxVersion: 1, Network: network, Node: p.node[:]}
	rand.Read(h.Random[:])
	change(h)
	frame := wire.AppendFrame(nil, 0, h)
	p.hellos[0] = sha256.Sum256(frame)
	p.raw(frame)
}

func (p *peer) raw(message []byte) {
	p.t.Helper()
	if err := p.conn.Send(p.t.Context(), message); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

// ask sends one request and returns its id.
func (p *peer) ask(request wire.Payload) uint64 {
	p.t.Helper()
	p.id++
	p.raw(wire.AppendFrame(nil, p.id, request))
	return p.id
}

// next is the next frame.
func (p *peer) next() (wire.Frame, error) {
	if len(p.frames) == 0 {
		message, err := p.conn.Recv(p.t.Context())
		if err != nil {
			return wire.Frame{}, err
		}
		if p.frames, err = wire.Frames(message); err != nil {
			return wire.Frame{}, err
		}
		if p.frames[0].Type == wire.TypeServerHello {
			p.hellos[1] = sha256.Sum256(wire.Marshal(p.frames[0]))
		}
	}
	f := p.frames[0]
	p.frames = p.frames[1:]
	if f.Type == wire.TypePush {
		push := decode[wire.Push](p.t, f)
		p.at, p.r = push.Position, wire.NextHead(p.r, push.Row())
	}
	return f, nil
}

// expect reads the next frame, which must be of this id and type.
func (p *peer) expect(id uint64, payload wire.Payload) {
	p.t.Helper()
	f, err := p.next()
	if err != nil {
		p.t.Fatalf("waiting for type %d: %v", payload.Type(), err)
	}
	if f.Type == wire.TypeError && payload.Type() != wire.TypeError {
		var failure wire.Failure
		f.Decode(&failure)
		p.t.Fatalf("waiting for type %d: frame %d is %v", payload.Type(), f.ID, failure.Err())
	}
	if f.ID != id {
		p.t.Fatalf("frame of type %d has id %d, want %d", f.Type, f.ID, id)
	}
	if err := f.Decode(payload); err != nil {
		p.t.Fatalf("type %d: %v", f.Type, err)
	}
}

// fails expects a failure.
func (p *peer) fails(id uint64, want error) {
	p.t.Helper()
	var failure wire.Failure
	p.expect(id, &failure)
	if !errors.Is(failure.Err(), want) {
		p.t.Fatalf("request %d: %v, want %v", id, failure.Err(), want)
	}
}

// ends expects a failure without request and the end of the link.
func (p *peer) ends(want error) {
	p.t.Helper()
	p.fails(0, want)
	p.closed()
}

// closed expects the end of the link.
func (p *peer) closed() {
	p.t.Helper()
	if f, err := p.next(); !errors.Is(err, wire.ErrLinkClosed) {
		p.t.Fatalf("the link goes on: frame type %d, %v", f.Type, err)
	}
}

// alive checks that the link still answers.
func (p *peer) alive() {
	p.t.Helper()
	p.fails(p.ask(&wire.ProfileGet{Name: key.NewPrivate[key.Profile]().Public()}), wire.ErrNoProfile)
}

// person is an account with one device.
type person struct {
	mk     key.MailboxPrivate
	lk     key.LoginPrivate
	cursor key.CursorID
}

func newPerson() *person {
	p := &person{mk: key.NewPrivate[key.Mailbox](), lk: key.NewPrivate[key.Login]()}
	rand.Read(p.cursor[:])
	return p
}

func (h *person) enrolment(op uint8) wire.Object {
	return wire.Sign(h.mk, key.ContextEnrol, wire.Enrolment{
		Op: op, Account: h.mk.Public(), Login: h.lk.Public(), Cursor: h.cursor, Time: wire.Millis(time.Now()),
	})
}

func (h *person) register() *wire.Register {
	return &wire.Register{Object: h.enrolment(wire.OpEnrol), Invite: []byte{}}
}

// login signs a login for this very link.
func (p *peer) login(h *person) *wire.Login {
	x := wire.LoginTranscript(p.node, p.conn.Binding(), p.hellos[0], p.hellos[1])
	return &wire.Login{Key: h.lk.Public(), Sig: h.lk.Sign(key.ContextLogin, x)}
}

// member opens a link and logs in, registering first. It reads up to the signed
// head.
func (w *world) member(host string, h *person) (*peer, *wire.Welcome) {
	w.t.Helper()
	p := w.guest(host)
	p.expect(p.ask(h.register()), &wire.OK{})
	return p, p.enter(h)
}

// enter logs in.
func (p *peer) enter(h *person) *wire.Welcome {
	p.t.Helper()
	var welcome wire.Welcome
	p.expect(p.ask(p.login(h)), &welcome)
	p.at, p.r = welcome.Cursor, welcome.R
	return &welcome
}

// collect reads frames until it has a commit that answers id, and returns the
// pushes in between.
func (p *peer) collect(id uint64) (pushes []wire.Push, commit *wire.Commit) {
	p.t.Helper()
	for {
		f, err := p.next()
		if err != nil {
			p.t.Fatal(err)
		}
		switch f.Type {
		case wire.TypePush:
			pushes = append(pushes, decode[wire.Push](p.t, f))
		case wire.TypeCommit:
			c := decode[wire.Commit](p.t, f)
			for _, item := range c.Items {
				if item.ID == id {
					return pushes, &c
				}
			}
		default:
			p.t.Fatalf("frame of type %d", f.Type)
		}
	}
}

// pushed reads frames until n envelopes were pushed, and returns the last push.
func (p *peer) pushed(n int) (last wire.Push) {
	p.t.Helper()
	for n > 0 {
		f, err := p.next()
		if err != nil {
			p.t.Fatal(err)
		}
		if f.Type != wire.TypePush {
			continue
		}
		if last = decode[wire.Push](p.t, f); last.Kind == wire.RowEnvelope {
			n--
		}
	}
	return last
}

func decode[P any, PP interface {
	*P
	wire.Payload
}](t testing.TB, f wire.Frame) P {
	t.Helper()
	var p P
	if err := f.Decode(PP(&p)); err != nil {
		t.Fatal(err)
	}
	return p
}

// ack acknowledges what was pushed.
func (p *peer) ack(h *person) {
	p.t.Helper()
	x := wire.AckTranscript(key.AccountTagOf(h.mk.Public()), h.cursor, p.at, p.r)
	p.raw(wire.AppendFrame(nil, 0, &wire.Ack{Upto: p.at, R: p.r, Sig: h.lk.Sign(key.ContextMailboxAck, x)}))
}

// failure skips frames up to a failure.
func (p *peer) failure() (id uint64, err error) {
	p.t.Helper()
	for {
		f, err := p.next()
		if err != nil {
			p.t.Fatal(err)
		}
		if f.Type == wire.TypeError {
			failure := decode[wire.Failure](p.t, f)
			return f.ID, failure.Err()
		}
	}
}

// endsLater is ends for links on which other frames may come before.
func (p *peer) endsLater(want error) {
	p.t.Helper()
	if id, err := p.failure(); id != 0 || !errors.Is(err, want) {
		p.t.Fatalf("failure of request %d: %v, want %v", id, err, want)
	}
	p.closed()
}

// dropOf is a drop with its capability.
type dropOf struct {
	id         key.DropID
	capability key.Capability
}

// newDrop registers a drop for a logged-in peer.
func (p *peer) newDrop(h *person) dropOf {
	p.t.Helper()
	var d dropOf
	d.id, d.capability = key.NewDropSecret().Drop(p.node)
	put := &wire.DropPut{Object: wire.Sign(h.lk, key.ContextMailbox, wire.DropObject{
		Op: wire.OpDropPut, Account: key.AccountTagOf(h.mk.Public()), Drop: d.id,
		CapabilityHash: d.capability.Hash(), Time: wire.Millis(time.Now()),
	})}
	copy(put.Capability[:], d.capability.Bytes())
	id := p.ask(put)
	for {
		f, err := p.next()
		if err != nil {
			p.t.Fatal(err)
		}
		if f.ID == id && f.Type == wire.TypeOK {
			return d
		}
		if f.Type == wire.TypeError {
			failure := decode[wire.Failure](p.t, f)
			p.t.Fatal(failure.Err())
		}
	}
}

// submit makes a submission of a fresh envelope of this size.
func (d dropOf) submit(size int) *wire.Submit {
	env := make([]byte, size)
	rand.Read(env)
	env[0] = 0x01
	return &wire.Submit{Drop: d.id, MAC: d.capability.Authenticate(d.id, sha256.Sum256(env)), Envelope: env}
}
