package home_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"zeroms/client/home"
	"zeroms/client/score"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/link/memlink"
	"zeroms/protocol/wire"
)

// patience is how long a test waits, in the bubble's time, for what must come.
const patience = 10 * time.Minute

// world is a Pool and a network in which the test itself plays the gateways.
type world struct {
	t        *testing.T
	net      *memlink.Network
	node     key.NodePrivate
	listener *memlink.Listener
	pool     *home.Pool
	events   chan home.Event
	stop     context.CancelFunc
	ended    chan error
	last     uint64 // token
	greeted  []home.Greeted
	kept     map[string]home.Spec
	scores   *score.Table
}

// network is that of all tests.
func network() key.Network { return key.Network{'t', 'e', 's', 't'} }

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, net: memlink.New(memlink.Config{Latency: 5 * time.Millisecond}), node: key.NewPrivate[key.Node](),
		events: make(chan home.Event, 4096), ended: make(chan error, 1),
	}
	w.listener = w.net.Listen("gateway", w.node.Public())
	w.run(w.net.Dialer("client"))
	return w
}

func (w *world) run(d home.Dialer) {
	ctx, cancel := context.WithCancel(context.Background())
	w.stop, w.scores = cancel, score.New()
	w.pool = home.New(home.Config{
		Dialer: d, Timing: home.Timing{}.Default(), Events: func(e home.Event) { w.events <- e }, Scores: w.scores,
	})
	go func() { w.ended <- w.pool.Run(ctx) }()
}

// end stops the Pool, which has to leave nothing behind.
func (w *world) end() {
	w.t.Helper()
	w.stop()
	if err := <-w.ended; err != nil {
		w.t.Errorf("Run ended with %v", err)
	}
	if w.listener != nil {
		_ = w.listener.Close()
	}
}

func (w *world) target() home.Target {
	node := w.node.Public()
	return home.Target{Endpoint: link.Endpoint{Host: "gateway", Port: 443, Node: node[:]}, Network: network()}
}

// spec is a home with keys of its own.
func (w *world) spec() home.Spec { return w.specAt(w.target()) }

func (w *world) specAt(to home.Target) home.Spec {
	login, mk := key.NewPrivate[key.Login](), key.NewPrivate[key.Mailbox]()
	enrol := wire.Enrolment{Op: wire.OpEnrol, Account: mk.Public(), Login: login.Public()}
	return home.Spec{
		Target: to, Login: login,
		Register: &wire.Register{Object: wire.Sign(mk, key.ContextEnrol, enrol), Invite: []byte("0123456789abcdef")},
	}
}

func tagOf(t *testing.T, s home.Spec) key.AccountTag {
	t.Helper()
	var e wire.Enrolment
	if err := wire.Unmarshal(s.Register.Object.Body, &e, wire.MaxObject); err != nil {
		t.Fatal(err)
	}
	return key.AccountTagOf(e.Account)
}

// ask sends a request and returns its token.
func (w *world) ask(p wire.Payload) uint64 {
	w.last++
	w.pool.Send(home.Request{To: w.target(), Token: w.last, Payload: p})
	return w.last
}

// next returns the next event but a Greeted, which is noted.
func (w *world) next() home.Event {
	w.t.Helper()
	for {
		select {
		case e := <-w.events:
			if g, ok := e.(home.Greeted); ok {
				w.greeted = append(w.greeted, g)
				continue
			}
			return e
		case <-time.After(patience):
			w.t.Fatal("no event came")
			return nil
		}
	}
}

// quiet asserts that no event but a Greeted comes within d.
func (w *world) quiet(d time.Duration) {
	w.t.Helper()
	over := time.After(d)
	for {
		select {
		case e := <-w.events:
			if g, ok := e.(home.Greeted); ok {
				w.greeted = append(w.greeted, g)
				continue
			}
			w.t.Fatalf("an event came: %T %+v", e, e)
		case <-over:
			return
		}
	}
}

// want returns the next event, which must be of this type.
func want[E home.Event](w *world) (e E) {
	w.t.Helper()
	got := w.next()
	e, ok := got.(E)
	if !ok {
		w.t.Fatalf("%T %+v came in place of %T", got, got, e)
	}
	return e
}

// failed asserts that the token's answer is this error.
func (w *world) failed(token uint64, err error) {
	w.t.Helper()
	a := want[home.Answered](w)
	if a.Token != token || !errors.Is(a.Err, err) || a.Receipt != nil || a.Payload != nil {
		w.t.Fatalf("answer %+v, want token %d with %v", a, token, err)
	}
}

// down asserts that the home went down for this reason and returns the pause.
func (w *world) down(err error) time.Duration {
	w.t.Helper()
	d := want[home.Disconnected](w)
	if !errors.Is(d.Err, err) || d.Gateway != key.GatewayHashOf(w.node.Public()) {
		w.t.Fatalf("disconnected: %v, want %v", d.Err, err)
	}
	return time.Until(d.Retry)
}

// script is one link as the gateway sees it.
type script struct {
	t              *testing.T
	node           key.NodePrivate
	conn           link.Conn
	buf            []byte
	client, server [32]byte
	limits         wire.Limits
	sizes          []int // of the messages received
}

func limits() wire.Limits {
	return wire.Limits{Frame: wire.MaxFrame, Message: wire.MaxMessage, InFlight: 64, PushWindow: 1 << 20}
}

// accept returns the next link.
func (w *world) accept() *script {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := w.listener.Accept(ctx)
	if err != nil {
		w.t.Fatalf("no link came: %v", err)
	}
	return &script{t: w.t, node: w.node, conn: conn, limits: limits()}
}

// frame returns the next frame and its bytes.
func (s *script) frame() (wire.Frame, []byte) {
	s.t.Helper()
	if len(s.buf) == 0 {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		message, err := s.conn.Recv(ctx)
		if err != nil {
			s.t.Fatalf("no frame came: %v", err)
		}
		s.buf, s.sizes = message, append(s.sizes, len(message))
	}
	f, rest, err := wire.NextFrame(s.buf)
	if err != nil {
		s.t.Fatal(err)
	}
	raw := s.buf[:len(s.buf)-len(rest)]
	s.buf = rest
	return f, raw
}

// take returns the id of the next frame, which must be of p's type.
func (s *script) take(p wire.Payload) uint64 {
	s.t.Helper()
	f, _ := s.frame()
	if err := f.Decode(p); err != nil {
		s.t.Fatalf("a frame of type %d came in place of %T: %v", f.Type, p, err)
	}
	return f.ID
}

func fr(id uint64, p wire.Payload) []byte { return wire.AppendFrame(nil, id, p) }

// send sends all the bytes as one message.
func (s *script) send(frames ...[]byte) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.conn.Send(ctx, key.Join(frames...)); err != nil {
		s.t.Fatalf("the client does not take a message: %v", err)
	}
}

// gone asserts that the client ends the link.
func (s *script) gone() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		if _, err := s.conn.Recv(ctx); err != nil {
			if !errors.Is(err, wire.ErrLinkClosed) {
				s.t.Fatalf("the client did not close the link: %v", err)
			}
			return
		}
	}
}

// greeting reads the client's hello and returns the right answer to it.
func (s *script) greeting() *wire.ServerHello {
	s.t.Helper()
	f, raw := s.frame()
	var h wire.ClientHello
	if err := f.Decode(&h); err != nil {
		s.t.Fatal(err)
	}
	if f.ID != 0 || h.MinVersion != wire.Version || h.MaxVersion != wire.Version || h.Network != network() ||
		!link.Pinned(s.node.Public(), h.Node) || h.Random == [32]byte{} {
		s.t.Fatalf("client hello %+v", h)
	}
	s.client = sha256.Sum256(raw)
	return &wire.ServerHello{Version: wire.Version, Network: h.Network, Random: [32]byte{7}, Node: s.node.Public(), Limits: s.limits}
}

// hello does what an honest gateway does first.
func (s *script) hello() *script {
	s.t.Helper()
	out := fr(0, s.greeting())
	s.server = sha256.Sum256(out)
	s.send(out)
	return s
}

// login reads a login and verifies it as a gateway must.
func (s *script) login() (id uint64, who key.LoginPublic) {
	s.t.Helper()
	var l wire.Login
	id = s.take(&l)
	x := wire.LoginTranscript(s.node.Public(), s.conn.Binding(), s.client, s.server)
	if id == 0 || !l.Key.Verify(key.ContextLogin, x, l.Sig) {
		s.t.Fatal("the login is not signed over this link's transcript")
	}
	other := s.conn.Binding()
	other[0]++
	if l.Key.Verify(key.ContextLogin, wire.LoginTranscript(s.node.Public(), other, s.client, s.server), l.Sig) {
		s.t.Fatal("the login is not bound to the link")
	}
	return id, l.Key
}

// up opens the home and takes its login; behind comes after the welcome in the
// same message.
func (w *world) up(spec home.Spec, behind ...[]byte) *script {
	w.t.Helper()
	w.pool.Open(spec)
	return w.relogin(spec, behind...)
}

// relogin is up for a home that is open already.
func (w *world) relogin(spec home.Spec, behind ...[]byte) *script {
	w.t.Helper()
	s := w.accept().hello()
	s.welcome(spec, behind...)
	c := want[home.Connected](w)
	if c.Gateway != w.node.Public() || c.Welcome.Tag != tagOf(w.t, spec) || c.Limits != s.limits || c.Took <= 0 {
		w.t.Fatalf("connected %+v", c)
	}
	return s
}

func (s *script) welcome(spec home.Spec, behind ...[]byte) {
	s.t.Helper()
	id, who := s.login()
	if who != spec.Login.Public() {
		s.t.Fatal("a login with another key")
	}
	s.send(append([][]byte{fr(id, &wire.Welcome{Tag: tagOf(s.t, spec), Cursor: wire.At(1, 1)})}, behind...)...)
}

func push(n uint64) []byte {
	return fr(0, &wire.Push{Position: wire.At(1, n), Kind: wire.RowEnvelope, Payload: []byte{byte(n)}})
}

func envelope(n byte) *wire.Submit {
	return &wire.Submit{Drop: key.DropID{n, 1}, MAC: [16]byte{n}, Envelope: []byte{n, n, n}}
}

// receiptFor is the leaf that an honest gateway makes for a submission.
func receiptFor(node key.NodePublic, s *wire.Submit) *custody.Receipt {
	return &custody.Receipt{
		Node: node, DropHash: sha256.Sum256(s.Drop[:]), Start: [32]byte{1}, K: 1, EnvelopeHash: sha256.Sum256(s.Envelope),
		Head: [32]byte{2}, Time: 5, Kept: 500,
	}
}

// committed is a commit of the leaves by node; each id that is not skipped (^0)
// gets the leaf at its place.
func committed(node key.NodePrivate, leaves [][]byte, ids ...uint64) *wire.Commit {
	var items []wire.CommitItem
	for n, id := range ids {
		if id != ^uint64(0) {
			items = append(items, wire.CommitItem{ID: id, Index: uint32(n)})
		}
	}
	return custody.Build(leaves, time.Unix(1000, 0), node).Commit(items)
}

func headLeaf(tag key.AccountTag, n uint64) []byte {
	h := custody.Head{Account: tag, Position: wire.At(1, n), R: [32]byte{9}}
	return h.Append(nil)
}
