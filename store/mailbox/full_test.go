package mailbox

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	"zeroms/store"
)

// limit sets how many pages the database may have, which is how SQLite can be
// told that the disk is full; 0 takes the limit away.
func limit(t *testing.T, db *DB, more int) {
	t.Helper()
	err := db.db.Write(context.Background(), func(tx *store.Tx) error {
		var pages, limit int
		if err := tx.QueryRow(`PRAGMA page_count`).Scan(&pages); err != nil {
			return err
		}
		query := `PRAGMA max_page_count = 1073741823`
		if more > 0 {
			query = `PRAGMA max_page_count = ` + strconv.Itoa(pages+more)
		}
		return tx.QueryRow(query).Scan(&limit)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFullDiskRefusesAndReads(t *testing.T) {
	db := open(t)
	a := newLog(t, db)
	commit(t, db, a.change(day0, 1<<10, 4<<10))
	limit(t, db, 8)
	for range 3 {
		head, rows := a.head, a.rows
		full := false
		for range 100 {
			head, rows = a.head, a.rows
			err := db.Commit(t.Context(), &mailbox.Batch{Now: day0, Accounts: []mailbox.AccountChange{a.change(day0, 16<<10)}})
			if err != nil {
				if !errors.Is(err, store.ErrFull) {
					t.Fatalf("%v, want %v", err, store.ErrFull)
				}
				full = true
				break
			}
		}
		if !full {
			t.Fatal("the disk is not full")
		}
		a.head, a.rows = head, rows
		a.check(1, 0) // reading goes on, and nothing of the failed commit is there
	}
	limit(t, db, 0)
	commit(t, db, a.change(day0, 16<<10, 64<<10))
	a.check(1, 0)
	limit(t, db, 4)
	a.raise(len(a.rows)) // what is acknowledged makes room on a full disk too
	sweep(t, db, day0)
	if n := a.envelopeBytes(); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
	commit(t, db, a.change(day0, 16<<10))
}

// sink is the far end of a link.
type sink struct {
	mu       sync.Mutex
	answers  map[uint64]wire.Payload
	receipts map[uint64]bool
}

func (s *sink) Answer(id uint64, p wire.Payload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := p.(*wire.Commit); ok {
		for _, item := range c.Items {
			s.receipts[item.ID] = true
		}
		return
	}
	s.answers[id] = p
}

func (s *sink) Wake() {}

func (s *sink) Close(*wire.Error) {}

func (s *sink) failed(t *testing.T, id uint64, want *wire.Error) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.answers[id].(*wire.Failure); !ok || f.Code != want.Code {
		t.Fatalf("request %d: %v, want %v", id, s.answers[id], want)
	}
}

func (s *sink) received(id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.receipts[id]
}

// A gateway whose disk is full refuses what it can't keep, goes on reading, and
// takes envelopes again by itself once there is room.
func TestAGatewayOutlivesAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		box, err := mailbox.New(mailbox.Config{
			Node: key.NewPrivate[key.Node](), Store: db,
			Limits: wire.Limits{PushWindow: 1 << 20, Retention: 864000, Quota: 1 << 30, Drops: 8, Doors: 2, Devices: 8, Profiles: 2},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- box.Run(ctx) }()
		<-box.Ready()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		p := &sink{answers: map[uint64]wire.Payload{}, receipts: map[uint64]bool{}}
		lk, submit := newAccount(t, box, p)
		submit(10)
		if !p.received(10) {
			t.Fatal("no receipt")
		}
		limit(t, db, 8)
		id := uint64(11)
		for ; ; id++ {
			submit(id)
			if !p.received(id) {
				break
			}
			if id > 1000 {
				t.Fatal("the disk is not full")
			}
		}
		p.failed(t, id, wire.ErrUnavailable)
		<-time.After(time.Minute)
		sess, _, err := box.Attach(lk.Public(), p)
		if err != nil {
			t.Fatalf("a login on a full disk: %v", err)
		}
		rows, err := sess.Pull(1 << 30)
		if err != nil || len(rows) < 3 {
			t.Fatalf("reading on a full disk: %d rows, %v", len(rows), err)
		}
		id++
		submit(id)
		p.failed(t, id, wire.ErrUnavailable)
		limit(t, db, 0)
		<-time.After(time.Minute)
		id++
		submit(id)
		if !p.received(id) {
			t.Errorf("with room again: %v", p.answers[id])
		}
	})
}

// newAccount registers an account with a drop and returns how to submit to it.
func newAccount(t *testing.T, box *mailbox.Mailbox, p *sink) (key.LoginPrivate, func(id uint64)) {
	settle := func() { <-time.After(20 * time.Millisecond); synctest.Wait() }
	mk, lk := key.NewPrivate[key.Mailbox](), key.NewPrivate[key.Login]()
	tag := key.AccountTagOf(mk.Public())
	box.Register(1, &wire.Register{Object: wire.Sign(mk, key.ContextEnrol, wire.Enrolment{
		Op: wire.OpEnrol, Account: mk.Public(), Login: lk.Public(), Cursor: key.CursorID{1}, Time: wire.Millis(time.Now()),
	})}, p)
	settle()
	sess, _, err := box.Attach(lk.Public(), p)
	if err != nil {
		t.Fatal(err)
	}
	drop := key.DropID{9}
	capability, err := key.CapabilityFrom(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	sess.DropPut(2, &wire.DropPut{Object: wire.Sign(lk, key.ContextMailbox, wire.DropObject{
		Op: wire.OpDropPut, Account: tag, Drop: drop, CapabilityHash: capability.Hash(), Time: wire.Millis(time.Now()),
	})})
	settle()
	return lk, func(id uint64) {
		env := make([]byte, 16<<10)
		_, _ = rand.Read(env)
		env[0] = 1
		submit := &wire.Submit{Drop: drop, MAC: capability.Authenticate(drop, sha256.Sum256(env)), Envelope: env}
		box.Submit(p, mailbox.Submission{ID: id, Submit: submit})
		settle()
	}
}
