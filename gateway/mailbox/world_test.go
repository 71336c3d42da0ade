package mailbox_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	sqlite "zeroms/store/mailbox"
)

// testLimits are small enough to be reached.
var testLimits = wire.Limits{
	Frame: wire.MaxFrame, Message: wire.MaxMessage, InFlight: 256, PushWindow: 64 << 10,
	Retention: 10 * 24 * 3600, Quota: 256 << 10, Drops: 4, Doors: 2, Devices: 3, Profiles: 1,
}

// world is one gateway's mailbox with the evidence of all it ever signed.
type world struct {
	t        *testing.T
	node     key.NodePrivate
	cfg      mailbox.Config
	box      *mailbox.Mailbox
	stop     func()
	evidence *evidence
}

// newWorld runs a mailbox over a store until the test ends; inside a bubble.
func newWorld(t *testing.T, store mailbox.Store, change ...func(*mailbox.Config)) *world {
	t.Helper()
	w := &world{t: t, node: key.NewPrivate[key.Node](), evidence: newEvidence(t)}
	w.cfg = mailbox.Config{Node: w.node, Limits: testLimits, Store: store}
	for _, f := range change {
		f(&w.cfg)
	}
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

func (w *world) start() {
	w.t.Helper()
	box, err := mailbox.New(w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- box.Run(ctx) }()
	select {
	case <-box.Ready():
	case err := <-done:
		w.t.Fatalf("Run: %v", err)
	}
	w.box = box
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
}

// restart ends the mailbox in order and begins a new one over the same store.
func (w *world) restart() {
	w.stop()
	w.start()
}

// settle lets requests be committed and answered.
func settle() { wait(20 * time.Millisecond) }

func wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// evidence holds what a gateway signed; two different leaves for one place fail the test.
type evidence struct {
	t        *testing.T
	mu       sync.Mutex
	receipts map[string][]byte
	heads    map[string][]byte
}

func newEvidence(t *testing.T) *evidence {
	return &evidence{t: t, receipts: map[string][]byte{}, heads: map[string][]byte{}}
}

func (e *evidence) copy() *evidence {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := newEvidence(e.t)
	for k, v := range e.receipts {
		c.receipts[k] = v
	}
	for k, v := range e.heads {
		c.heads[k] = v
	}
	return c
}

func (e *evidence) note(leaf []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if h, err := custody.ParseHead(leaf); err == nil {
		e.same(e.heads, fmt.Sprintf("%x %x", h.Account, h.Position), leaf)
		return
	}
	r, err := custody.ParseReceipt(leaf)
	if err != nil {
		e.t.Errorf("a leaf of no kind: %v", err)
		return
	}
	place := fmt.Sprintf("%x %x %d", r.DropHash, r.Start, r.K)
	if r.IsDoor() {
		place = fmt.Sprintf("%x %x %d", r.DropHash, r.EnvelopeHash, r.Time) // again after it was displaced
	}
	e.same(e.receipts, place, leaf)
}

func (e *evidence) same(all map[string][]byte, place string, leaf []byte) {
	if old, known := all[place]; known && !bytes.Equal(old, leaf) {
		e.t.Errorf("two different leaves were signed for %s", place)
	}
	all[place] = bytes.Clone(leaf)
}

// port is the client side of a link: it checks every commit.
type port struct {
	w        *world
	mu       sync.Mutex
	answers  map[uint64]wire.Payload
	receipts map[uint64][]byte
	heads    []custody.Head
	headIDs  []uint64
	commits  int
	wakes    int
	closed   *wire.Error
}

func (w *world) port() *port {
	return &port{w: w, answers: map[uint64]wire.Payload{}, receipts: map[uint64][]byte{}}
}

func (p *port) Answer(id uint64, payload wire.Payload) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(wire.AppendFrame(nil, id, payload)); n > wire.MaxFrame {
		p.w.t.Errorf("a frame of %d bytes", n)
	}
	c, ok := payload.(*wire.Commit)
	if !ok {
		p.answers[id] = payload
		return
	}
	p.commits++
	if err := custody.Verify(c, p.w.node.Public()); err != nil {
		p.w.t.Errorf("a commit does not verify: %v", err)
	}
	for _, item := range c.Items {
		p.w.evidence.note(item.Leaf)
		if h, err := custody.ParseHead(item.Leaf); err == nil {
			p.heads = append(p.heads, *h)
			p.headIDs = append(p.headIDs, item.ID)
		} else {
			p.receipts[item.ID] = item.Leaf
		}
	}
}

func (p *port) Wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wakes++
}

func (p *port) Close(reason *wire.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = reason
}

// want checks that a request was answered with OK (nil) or a failure.
func (p *port) want(id uint64, want *wire.Error) {
	p.w.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	got := p.answers[id]
	switch a := got.(type) {
	case *wire.OK:
		if want != nil {
			p.w.t.Errorf("request %d: OK, want %v", id, want)
		}
	case *wire.Failure:
		if want == nil || a.Code != want.Code {
			p.w.t.Errorf("request %d: %v, want %v", id, a.Err(), want)
		}
	default:
		p.w.t.Errorf("request %d: answer %T, want %v", id, got, want)
	}
}

// receipt returns the receipt of a submission.
func (p *port) receipt(id uint64) *custody.Receipt {
	p.w.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	leaf, ok := p.receipts[id]
	if !ok {
		p.w.t.Fatalf("submission %d: no receipt, but %v", id, p.answers[id])
	}
	r, err := custody.ParseReceipt(leaf)
	if err != nil {
		p.w.t.Fatal(err)
	}
	return r
}

// answer is the answer to a request that is no commit.
func (p *port) answer(id uint64) wire.Payload {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answers[id]
}

// answered reports whether a request has an answer or a receipt.
func (p *port) answered(id uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answers[id] != nil || p.receipts[id] != nil
}

// device is one device of an account: it follows the log and checks its chain.
type device struct {
	w      *world
	mk     key.MailboxPrivate
	lk     key.LoginPrivate
	cursor key.CursorID
	port   *port
	sess   *mailbox.Session
	id     uint64
	at     wire.Position
	r      [32]byte
	got    []wire.Push
}

// account makes the keys of an account's first device and registers it.
func (w *world) account() *device {
	w.t.Helper()
	d := w.stranger(key.NewPrivate[key.Mailbox]())
	d.w.box.Register(d.next(), d.registration(nil), d.port)
	settle()
	d.port.want(d.id, nil)
	d.attach()
	return d
}

// stranger is a device that is not enrolled yet.
func (w *world) stranger(mk key.MailboxPrivate) *device {
	d := &device{w: w, mk: mk, lk: key.NewPrivate[key.Login](), port: w.port()}
	_, _ = rand.Read(d.cursor[:])
	return d
}

func (d *device) next() uint64 { d.id++; return d.id }

func (d *device) tag() key.AccountTag { return key.AccountTagOf(d.mk.Public()) }

func (d *device) enrolment(op uint8) wire.Object {
	e := wire.Enrolment{Op: op, Account: d.mk.Public(), Time: wire.Millis(time.Now())}
	if op != wire.OpClose {
		e.Login, e.Cursor = d.lk.Public(), d.cursor
	}
	return wire.Sign(d.mk, key.ContextEnrol, e)
}

func (d *device) registration(invite []byte) *wire.Register {
	return &wire.Register{Object: d.enrolment(wire.OpEnrol), Invite: invite}
}

// attach logs in on a new port and follows from the cursor.
func (d *device) attach() *wire.Welcome {
	d.w.t.Helper()
	d.port = d.w.port()
	sess, welcome, err := d.w.box.Attach(d.lk.Public(), d.port)
	if err != nil {
		d.w.t.Fatalf("Attach: %v", err)
	}
	d.sess, d.at, d.r = sess, welcome.Cursor, welcome.R
	return welcome
}

// pull takes pushes until there are no more and returns the new ones.
func (d *device) pull() []wire.Push {
	d.w.t.Helper()
	first := len(d.got)
	for {
		pushes, err := d.sess.Pull(1 << 20)
		if err != nil {
			d.w.t.Fatalf("Pull: %v", err)
		}
		if len(pushes) == 0 {
			return d.got[first:]
		}
		d.take(pushes)
	}
}

func (d *device) take(pushes []wire.Push) {
	d.w.t.Helper()
	for _, p := range pushes {
		if p.Position.Index() != d.at.Index()+1 || p.Position.Incarnation() < d.at.Incarnation() {
			d.w.t.Fatalf("row %d.%d after %d.%d", p.Position.Incarnation(), p.Position.Index(), d.at.Incarnation(), d.at.Index())
		}
		if len(p.Payload) > 0 && sha256.Sum256(p.Payload) != p.Hash {
			d.w.t.Fatalf("the hash of row %d is not its payload's", p.Position.Index())
		}
		d.at, d.r = p.Position, wire.NextHead(d.r, p.Row())
		d.got = append(d.got, p)
	}
}

// ack acknowledges everything pulled.
func (d *device) ack() {
	d.w.t.Helper()
	if err := d.sess.Ack(d.ackOf(d.at, d.r)); err != nil {
		d.w.t.Fatalf("Ack: %v", err)
	}
}

func (d *device) ackOf(upto wire.Position, r [32]byte) *wire.Ack {
	return &wire.Ack{Upto: upto, R: r, Sig: d.lk.Sign(key.ContextMailboxAck, wire.AckTranscript(d.tag(), d.cursor, upto, r))}
}

// testDrop is a drop with its capability.
type testDrop struct {
	id  key.DropID
	cap key.Capability
}

func (w *world) newDrop() testDrop {
	id, c := key.NewDropSecret().Drop(w.node.Public())
	return testDrop{id, c}
}

func (d *device) dropObject(op uint8, t testDrop) wire.Object {
	o := wire.DropObject{Op: op, Account: d.tag(), Drop: t.id, Time: wire.Millis(time.Now())}
	if op != wire.OpDropDelete {
		o.CapabilityHash = t.cap.Hash()
	}
	return wire.Sign(d.lk, key.ContextMailbox, o)
}

func (d *device) dropPut(t testDrop) uint64 {
	id := d.next()
	d.sess.DropPut(id, &wire.DropPut{Object: d.dropObject(wire.OpDropPut, t), Capability: [32]byte(t.cap.Bytes())})
	return id
}

func (d *device) dropDelete(t testDrop) uint64 {
	id := d.next()
	d.sess.DropDelete(id, &wire.DropDelete{Object: d.dropObject(wire.OpDropDelete, t)})
	return id
}

// drop registers a new drop.
func (d *device) drop() testDrop {
	d.w.t.Helper()
	t := d.w.newDrop()
	id := d.dropPut(t)
	settle()
	d.port.want(id, nil)
	return t
}

// door is a front door with the keys to claim it.
type door struct {
	testDrop
	profile key.ProfilePrivate
	x       [32]byte
}

func (w *world) newDoor() door {
	ik := key.NewSeed().Identity()
	place := key.Place{Node: w.node.Public()}
	secret := key.NewDoorSecret()
	d := door{profile: key.ProfileSigner(ik, key.NewAddressSecret(), place), x: secret.DoorKey(w.node.Public())}
	d.id, d.cap = key.DoorOf(d.profile.Public(), d.x), secret.Capability(w.node.Public())
	return d
}

func (d *device) doorPut(o door, number uint64) uint64 {
	id := d.next()
	d.sess.DoorPut(id, &wire.DoorPut{
		Object: d.dropObject(wire.OpDoorPut, o.testDrop), Capability: [32]byte(o.cap.Bytes()),
		Profile: o.profile.Public(), X: o.x, Number: number,
		Claim: o.profile.Sign(key.ContextDoorClaim, wire.DoorClaim(o.id, d.mk.Public(), number)),
	})
	return id
}

// envelope makes random envelope bytes.
func envelope(size int, first byte) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b)
	b[0] = first
	return b
}

func message() []byte { return envelope(1<<10, 0x01) }

// submit submits an envelope on this port and returns the request's id.
func (p *port) submit(t testDrop, env []byte) uint64 {
	p.mu.Lock()
	id := uint64(len(p.answers)+len(p.receipts)) + 1e6
	for p.answers[id] != nil || p.receipts[id] != nil {
		id++
	}
	p.mu.Unlock()
	return p.submitAs(id, t, env)
}

func (p *port) submitAs(id uint64, t testDrop, env []byte) uint64 {
	submit(p.w.box, id, &wire.Submit{Drop: t.id, MAC: t.cap.Authenticate(t.id, sha256.Sum256(env)), Envelope: env}, p)
	return id
}

// send submits and waits for the receipt.
func (p *port) send(t testDrop, env []byte) *custody.Receipt {
	p.w.t.Helper()
	id := p.submit(t, env)
	settle()
	return p.receipt(id)
}

// refused checks the signed refusal of a submission.
func (p *port) refused(id uint64, code wire.Code) {
	p.w.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.answers[id].(*wire.Refused)
	if !ok {
		p.w.t.Fatalf("submission %d: %v, want a refusal", id, p.answers[id])
	}
	body, err := custody.VerifyRefusal(r.Object, p.w.node.Public())
	if err != nil || body.Code != code {
		p.w.t.Fatalf("refusal %+v, %v; want code %d", body, err, code)
	}
}

// eachStore runs a test inside a bubble over the memory store and over SQLite.
func eachStore(t *testing.T, test func(t *testing.T, store mailbox.Store)) {
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, newMemory()) })
	})
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "mailbox.db")
		synctest.Test(t, func(t *testing.T) {
			db, err := sqlite.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
			test(t, db)
		})
	})
}

var errDisk = errors.New("test: the disk failed")

// submit hands one submission to a mailbox.
func submit(box *mailbox.Mailbox, id uint64, s *wire.Submit, p mailbox.Port) {
	box.Submit(p, mailbox.Submission{ID: id, Submit: s})
}
