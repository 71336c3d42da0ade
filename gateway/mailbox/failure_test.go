package mailbox_test

import (
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"os"
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

func TestFailedCommit(t *testing.T) {
	for name, fail := range map[string]func(s *memory, on bool){
		"before": func(s *memory, on bool) { s.set(func() { s.failBefore = on }) },
		"after":  func(s *memory, on bool) { s.set(func() { s.failAfter = on }) }, // durable, but nobody was told
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newMemory()
				w := newWorld(t, store)
				bob, carol := w.account(), w.account()
				drop, other := bob.drop(), carol.drop()
				bob.pull()
				bob.ack()
				p := w.port()
				before := p.send(drop, message())
				settle()
				fail(store, true)
				env := message()
				lost, old := p.submit(drop, env), bob.port
				pushed := len(bob.pull())
				if pushed != 2 {
					t.Fatalf("%d rows pushed", pushed)
				}
				uncommitted := bob.at
				settle()
				p.want(lost, wire.ErrUnavailable)
				if old.closed == nil || old.closed.Code != wire.CodeUnavailable {
					t.Errorf("the link of a touched account ended with %v", old.closed)
				}
				if carol.port.closed != nil {
					t.Error("the link of an untouched account ended")
				}
				if len(carol.pull()) == 0 {
					t.Error("reading stopped")
				}
				if _, err := bob.sess.Pull(1); err == nil {
					t.Error("a session outlived its account")
				}
				down := p.submit(other, message())
				p.want(down, wire.ErrUnavailable)
				bob.attach() // reading what is durable goes on
				fail(store, false)
				wait(time.Minute)
				again := p.send(drop, env)
				if again.K != before.K+1 {
					t.Errorf("k %d after k %d", again.K, before.K)
				}
				p.send(other, message())
				bob.pull()
				if last := bob.at; last.Incarnation() <= uncommitted.Incarnation() && name == "before" {
					t.Error("a position was given again in the same incarnation")
				}
			})
		})
	}
}

// TestEverythingBehindAFailedCommit covers requests that joined while the failing
// commit was on its way.
func TestEverythingBehindAFailedCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		w := newWorld(t, store)
		bob, eve := w.account(), w.account()
		drop := bob.drop()
		door := w.newDoor()
		eve.doorPut(door, wire.Millis(time.Now()))
		settle()
		gate := make(chan struct{})
		store.set(func() { store.gate, store.failBefore = gate, true })
		p := w.port()
		ids := []uint64{p.submitAs(1, drop, message())}
		settle()
		moved := bob.doorPut(door, wire.Millis(time.Now())+1)
		fresh := w.stranger(key.NewPrivate[key.Mailbox]())
		w.box.Register(7, fresh.registration(nil), fresh.port)
		ids = append(ids, p.submitAs(2, drop, message()))
		store.set(func() { store.gate = nil })
		bobPort := bob.port
		close(gate)
		settle()
		for _, id := range ids {
			p.want(id, wire.ErrUnavailable)
		}
		bobPort.want(moved, wire.ErrUnavailable)
		fresh.port.want(7, wire.ErrUnavailable)
		store.set(func() { store.failBefore = false; store.failStart = true })
		wait(time.Hour)
		p.want(p.submitAs(3, drop, message()), wire.ErrUnavailable)
		store.set(func() { store.failStart = false })
		wait(time.Minute)
		if r := p.send(drop, message()); r.K != 1 {
			t.Errorf("%+v", r)
		}
		eve.attach()
		eve.pull()
		p.send(door.testDrop, envelope(4<<10, 0x81))
		if rows := eve.pull(); len(rows) == 0 || rows[len(rows)-1].Kind != wire.RowDoor {
			t.Error("the door moved although the commit failed")
		}
		w.box.Register(8, fresh.registration(nil), fresh.port)
		settle()
		fresh.port.want(8, nil)
	})
}

func TestShutdownCommitsWhatWaits(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store, func(c *mailbox.Config) { c.Timing.Gather = time.Hour })
		mk := key.NewPrivate[key.Mailbox]()
		d := w.stranger(mk)
		w.box.Register(1, d.registration(nil), d.port)
		synctest.Wait()
		if d.port.answered(1) {
			t.Fatal("answered before the commit")
		}
		box := w.box
		w.stop()
		d.port.want(1, nil)
		box.Register(2, d.registration(nil), d.port)
		d.port.want(2, wire.ErrDraining)
		w.start()
		d.attach()
		if len(d.pull()) != 2 {
			t.Error("what was answered at the shutdown is not there")
		}
	})
}

// TestShutdownDuringACommit ends the mailbox while one commit is on its way and
// more waits behind it: both are finished.
func TestShutdownDuringACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		w := newWorld(t, store)
		drop := w.account().drop()
		gate := make(chan struct{})
		store.set(func() { store.gate = gate })
		p := w.port()
		p.submitAs(1, drop, message())
		settle()
		p.submitAs(2, drop, message())
		stopped := make(chan struct{})
		go func() { w.stop(); close(stopped) }()
		synctest.Wait()
		close(gate)
		<-stopped
		if p.receipt(1).K != 1 || p.receipt(2).K != 2 {
			t.Error("not everything was committed at the shutdown")
		}
	})
}

func TestBeforeRun(t *testing.T) {
	cfg := mailbox.Config{Node: key.NewPrivate[key.Node](), Limits: testLimits, Store: newMemory()}
	box, err := mailbox.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, node: cfg.Node, box: box, evidence: newEvidence(t)}
	d := w.stranger(key.NewPrivate[key.Mailbox]())
	box.Register(1, d.registration(nil), d.port)
	d.port.want(1, wire.ErrUnavailable)
	cfg.Store.(*memory).failStart = true
	if err := box.Run(t.Context()); err == nil {
		t.Error("Run without an incarnation")
	}
	for _, change := range []func(*mailbox.Config){
		func(c *mailbox.Config) { c.Node = key.NodePrivate{} },
		func(c *mailbox.Config) { c.Store = nil },
		func(c *mailbox.Config) { c.Limits.Retention = 31 * 24 * 3600 },
		func(c *mailbox.Config) { c.Limits.Retention = 0 },
		func(c *mailbox.Config) { c.Limits.Quota = 0 },
	} {
		bad := cfg
		change(&bad)
		if _, err := mailbox.New(bad); err == nil {
			t.Errorf("New took %+v", bad.Limits)
		}
	}
}

// disk is SQLite that keeps images of its files as a power cut would leave them.
type disk struct {
	*sqlite.DB
	path   string
	rand   *rand.Rand
	images []image
	w      *world
}

// image is what a power cut leaves, with what was released by then.
type image struct {
	db, wal  []byte
	evidence *evidence
}

func (d *disk) Commit(ctx context.Context, b *mailbox.Batch) error {
	db, wal := d.read("")
	released := d.w.evidence.copy()
	err := d.DB.Commit(ctx, b)
	_, after := d.read("")
	// The log is written from front to back: some prefix of what changed is there.
	torn := append([]byte(nil), after...)
	cut := d.rand.IntN(len(after) + 1)
	for i := cut; i < len(torn); i++ {
		if i >= len(wal) {
			torn = torn[:i]
			break
		}
		torn[i] = wal[i]
	}
	d.images = append(d.images, image{db, torn, released})
	db, wal = d.read("")
	d.images = append(d.images, image{db, wal, released}) // durable, not yet told
	return err
}

func (d *disk) read(string) (db, wal []byte) {
	db, _ = os.ReadFile(d.path)
	wal, _ = os.ReadFile(d.path + "-wal")
	return db, wal
}

// TestPowerCuts runs a random script on SQLite, takes the files at each commit,
// whole and torn, and goes on from each image: nothing acknowledged is missing
// and nothing signed is contradicted.
func TestPowerCuts(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(dir, "mailbox.db")
		db, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		store := &disk{DB: db, path: path, rand: rand.New(rand.NewPCG(1, 2))}
		w := &world{t: t, node: key.NewPrivate[key.Node](), evidence: newEvidence(t)}
		store.w = w
		w.cfg = mailbox.Config{Node: w.node, Limits: testLimits, Store: store}
		w.start()
		bob, carol := w.account(), w.account()
		drops := []testDrop{bob.drop(), bob.drop(), carol.drop()}
		sent := script(w, rand.New(rand.NewPCG(3, 4)), []*device{bob, carol}, drops)
		w.stop()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d images", len(store.images))
		for i, img := range store.images {
			if i%3 == 0 || i > len(store.images)-20 {
				continueFrom(t, filepath.Join(dir, "image"), img, resumption{w, []*device{bob, carol}, drops, sent})
			}
		}
	})
}

// script submits, acknowledges, deletes and registers again at random.
func script(w *world, r *rand.Rand, devices []*device, drops []testDrop) map[[32]byte]submitted {
	sent := map[[32]byte]submitted{}
	p := w.port()
	for step := range 120 {
		drop := drops[r.IntN(len(drops))]
		owner := devices[0]
		if drop.id == drops[2].id {
			owner = devices[1]
		}
		switch r.IntN(8) {
		case 0:
			owner.pull()
			owner.ack()
		case 1:
			owner.dropDelete(drop)
			owner.dropPut(drop)
		case 2:
			settle()
		default:
			env := message()
			sent[sha256.Sum256(env)] = submitted{drop, env}
			p.submitAs(uint64(step+1), drop, env)
		}
		if r.IntN(3) == 0 {
			settle()
		}
	}
	settle()
	return sent
}

type submitted struct {
	drop testDrop
	env  []byte
}

// resumption is what a run from an image needs to know of the first run.
type resumption struct {
	w       *world
	devices []*device
	drops   []testDrop
	sent    map[[32]byte]submitted
}

func continueFrom(t *testing.T, path string, img image, was resumption) {
	for suffix, b := range map[string][]byte{"": img.db, "-wal": img.wal} {
		if err := os.WriteFile(path+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	defer func() {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(path + suffix)
		}
	}()
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatalf("an image does not open: %v", err)
	}
	defer db.Close()
	w := &world{t: t, node: was.w.node, evidence: img.evidence.copy(), cfg: was.w.cfg}
	w.cfg.Store = db
	w.start()
	defer w.stop()
	rows := map[[32]byte]bool{}
	for _, old := range was.devices {
		if _, _, err := w.box.Attach(old.lk.Public(), w.port()); err != nil {
			if len(img.evidence.receipts) > 0 {
				t.Fatalf("a device is lost: %v", err)
			}
			continue
		}
		d := &device{w: w, mk: old.mk, lk: old.lk, cursor: old.cursor}
		d.attach()
		for n := 1; n > 0; {
			n = len(d.pull())
			if n > 0 {
				d.ack()
			}
		}
		for _, p := range d.got {
			rows[p.Hash] = true
		}
		for _, p := range old.got { // acknowledged ones lie below the cursor
			rows[p.Hash] = true
		}
	}
	p := w.port()
	released := img.evidence.copy()
	for _, leaf := range released.receipts {
		r, err := custody.ParseReceipt(leaf)
		if err != nil {
			t.Fatal(err)
		}
		if !rows[r.EnvelopeHash] {
			t.Fatal("an acknowledged envelope is lost")
		}
		s := was.sent[r.EnvelopeHash]
		id := p.submit(s.drop, s.env)
		settle()
		if p.receipts[id] == nil {
			continue // the drop was deleted meanwhile
		}
		if *p.receipt(id) != *r {
			t.Fatal("a repeated submission got another receipt after the power cut")
		}
	}
	for _, drop := range was.drops { // the evidence checks what is signed now
		p.submit(drop, message())
	}
	settle()
}

// TestConcurrentUse lets many links work at once; the race detector and the
// devices' own chains judge.
func TestConcurrentUse(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "mailbox.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	w := &world{t: t, node: key.NewPrivate[key.Node](), evidence: newEvidence(t)}
	w.cfg = mailbox.Config{Node: w.node, Limits: testLimits, Store: store}
	w.cfg.Limits.Quota = 1 << 30
	w.start()
	defer w.stop()
	const accounts, each = 4, 100
	var wg sync.WaitGroup
	for range accounts {
		wg.Go(func() {
			d := w.stranger(key.NewPrivate[key.Mailbox]())
			box := newWaiter(d.port)
			w.box.Register(1, d.registration(nil), box)
			box.until(func() bool { return d.port.answered(1) })
			sess, welcome, err := w.box.Attach(d.lk.Public(), box)
			if err != nil {
				t.Error(err)
				return
			}
			d.sess, d.at, d.r = sess, welcome.Cursor, welcome.R
			drop := w.newDrop()
			d.id = 1
			put := d.dropPut(drop)
			box.until(func() bool { return d.port.answered(put) })
			var senders sync.WaitGroup
			for range 2 {
				senders.Go(func() {
					p := w.port()
					from := newWaiter(p)
					for i := range uint64(each) {
						env := message()
						submit(w.box, i+1, &wire.Submit{Drop: drop.id, MAC: drop.cap.Authenticate(drop.id, sha256.Sum256(env)), Envelope: env}, from)
					}
					from.until(func() bool { return p.answered(each) && len(p.receipts) == each })
				})
			}
			box.until(func() bool {
				if len(d.pull()) > 0 {
					d.ack()
				}
				return len(d.got) == 3+2*each
			})
			senders.Wait()
			sess.Detach()
		})
	}
	wg.Wait()
}

// waiter is a port that lets a goroutine wait for whatever happens on it.
type waiter struct {
	*port
	bell chan struct{}
}

func newWaiter(p *port) *waiter { return &waiter{p, make(chan struct{}, 1)} }

func (p *waiter) ring() {
	select {
	case p.bell <- struct{}{}:
	default:
	}
}

func (p *waiter) Answer(id uint64, payload wire.Payload) { p.port.Answer(id, payload); p.ring() }

func (p *waiter) Wake() { p.port.Wake(); p.ring() }

func (p *waiter) until(done func() bool) {
	for !done() {
		<-p.bell
	}
}
