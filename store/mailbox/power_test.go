package mailbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	"zeroms/store"
)

// Sizes of a write-ahead log (sqlite.org/fileformat2.html, section 4.1).
const (
	walHead      = 32
	walFrameHead = 24
)

// step is what was true after one write to the database.
type step struct {
	incarnation uint32
	heads       map[key.AccountTag]mailbox.Mark
	floors      map[key.AccountTag]uint64
	k           uint32
}

// history runs a gateway's writes and notes what is true after each. Nothing
// checkpoints, so all of them stand in the write-ahead log.
type history struct {
	t     *testing.T
	db    *DB
	logs  []*log
	drop  mailbox.Drop
	now   step
	steps []step
}

func newHistory(t *testing.T, db *DB) *history {
	capability, err := key.CapabilityFrom(bytes.Repeat([]byte{5}, 32))
	if err != nil {
		t.Fatal(err)
	}
	h := &history{t: t, db: db, logs: []*log{newLog(t, db), newLog(t, db)}}
	h.drop = mailbox.Drop{ID: key.DropID{1}, Account: h.logs[0].tag, Capability: capability, Start: wire.At(7, 1)}
	h.now = step{heads: map[key.AccountTag]mailbox.Mark{}, floors: map[key.AccountTag]uint64{}}
	return h
}

func (h *history) did(change func(s *step)) {
	change(&h.now)
	s := h.now
	s.heads, s.floors = map[key.AccountTag]mailbox.Mark{}, map[key.AccountTag]uint64{}
	for tag, head := range h.now.heads {
		s.heads[tag] = head
	}
	for tag, floor := range h.now.floors {
		s.floors[tag] = floor
	}
	h.steps = append(h.steps, s)
}

func (h *history) start(now time.Time) {
	n, err := h.db.Start(h.t.Context(), now)
	if err != nil {
		h.t.Fatal(err)
	}
	h.did(func(s *step) { s.incarnation = n })
}

// commit takes envelopes for all accounts and one more for the drop.
func (h *history) commit(sizes ...int) {
	b := &mailbox.Batch{Now: day0}
	for _, l := range h.logs {
		b.Accounts = append(b.Accounts, l.change(day0, sizes...))
	}
	h.drop.K++
	h.drop.Head = [32]byte{byte(h.drop.K)}
	b.Drops = []mailbox.Drop{h.drop}
	if err := h.db.Commit(h.t.Context(), b); err != nil {
		h.t.Fatal(err)
	}
	h.did(func(s *step) {
		s.k = h.drop.K
		for _, l := range h.logs {
			s.heads[l.tag] = l.head
		}
	})
}

// displace lets a payload go, and acknowledges what is before it.
func (h *history) displace(index int) {
	l := h.logs[0]
	commit(h.t, h.db, mailbox.AccountChange{
		Tag: l.tag, Key: l.key, Before: l.head, Head: l.head, Floor: l.rows[index-2].Mark(), Displaced: []uint64{uint64(index)},
	})
	h.did(func(s *step) { s.floors[l.tag] = uint64(index - 1) })
}

// frames lists where frames of a log begin, and how many writes are whole before each.
func frames(t *testing.T, wal []byte) (begin []int, whole []int) {
	size := int(binary.BigEndian.Uint32(wal[8:]))
	if size == 0 || (len(wal)-walHead)%(walFrameHead+size) != 0 {
		t.Fatalf("a log of %d bytes with pages of %d", len(wal), size)
	}
	done := 0
	for at := walHead; at < len(wal); at += walFrameHead + size {
		begin, whole = append(begin, at), append(whole, done)
		if binary.BigEndian.Uint32(wal[at+4:]) != 0 {
			done++ // the last frame of a transaction
		}
	}
	return append(begin, len(wal)), append(whole, done)
}

// TestPowerIsCutAtEveryWrite opens the database from what a power cut may leave:
// the write-ahead log up to every frame, and up to the middle of it, with and
// without rubbish behind. What was acknowledged before is there, nothing is half.
func TestPowerIsCutAtEveryWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mailbox.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.db.TruncateWAL(t.Context()); err != nil { // the schema is in the file
		t.Fatal(err)
	}
	h := newHistory(t, db)
	h.did(func(*step) {})
	h.start(time.Unix(1000, 0))
	for i := range 4 {
		h.commit(1<<10, 100+i, 4<<10)
	}
	h.start(time.Unix(500, 0))
	h.displace(9)
	h.commit(64<<10, 64<<10, 64<<10) // two segments
	h.start(time.Unix(5000, 0))
	base, wal := readFiles(t, path)
	begin, whole := frames(t, wal)
	if n := whole[len(whole)-1]; n != len(h.steps)-1 {
		t.Fatalf("%d transactions in the log, %d steps", n, len(h.steps)-1)
	}
	images := 0
	for i, at := range begin {
		edge := i == 0 || i+1 == len(begin) || whole[i] != whole[i-1] || whole[i] != whole[i+1]
		if !edge && i%4 != 0 {
			continue // in the middle of a large transaction one cut is like another
		}
		cuts := []int{at}
		if i+1 < len(begin) {
			cuts = append(cuts, []int{at + 1, at + walFrameHead, (at + begin[i+1]) / 2, begin[i+1] - 1}[i%4])
		}
		for j, cut := range cuts {
			images++
			image := bytes.Clone(wal[:cut])
			if (i/4+j)%2 == 1 { // what was there before in place of what was not written
				for _, b := range wal[cut:min(cut+2000, len(wal))] {
					image = append(image, ^b)
				}
			}
			h.resume(filepath.Join(dir, "image.db"), base, image, h.steps[whole[i]])
		}
	}
	t.Logf("%d images", images)
}

// TestPowerIsCutDuringACheckpoint leaves some pages of a checkpoint in the file
// and others not: the log is whole, and makes it good.
func TestPowerIsCutDuringACheckpoint(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mailbox.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	h := newHistory(t, db)
	h.start(time.Unix(1000, 0))
	for range 8 {
		h.commit(1<<10, 4<<10)
	}
	h.displace(5)
	before, wal := readFiles(t, path)
	if err := db.db.TruncateWAL(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, _ := readFiles(t, path)
	r := rand.New(rand.NewPCG(1, 2))
	const page = 4096
	for range 16 {
		torn := bytes.Clone(before)
		for at := 0; at < len(after); at += page {
			if r.IntN(2) == 0 {
				continue
			}
			if grow := at + page - len(torn); grow > 0 {
				torn = append(torn, make([]byte, grow)...)
			}
			n := page
			if r.IntN(8) == 0 {
				n = 512 * r.IntN(8) // half a page
			}
			copy(torn[at:at+n], after[at:at+n])
		}
		h.resume(filepath.Join(dir, "image.db"), torn, wal, h.steps[len(h.steps)-1])
	}
}

func readFiles(t *testing.T, path string) (db, wal []byte) {
	t.Helper()
	var err error
	if db, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	if wal, err = os.ReadFile(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	return db, wal
}

func writeFiles(t *testing.T, path string, db, wal []byte) {
	t.Helper()
	for suffix, b := range map[string][]byte{"": db, "-wal": wal} {
		if err := os.WriteFile(path+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// resume opens an image, compares it with what must be there, and goes on.
func (h *history) resume(path string, base, wal []byte, want step) {
	t := h.t
	t.Helper()
	if err := removeDatabase(path); err != nil {
		t.Fatal(err)
	}
	writeFiles(t, path, base, wal)
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatalf("an image does not open: %v", err)
	}
	defer db.Close()
	h.compare(db, want)
	// No position is given twice, whatever the clock says.
	n, err := db.Start(t.Context(), time.Unix(1, 0))
	if err != nil || n <= want.incarnation {
		t.Fatalf("incarnation %d after %d, %v", n, want.incarnation, err)
	}
	b := &mailbox.Batch{Now: day0}
	for _, l := range h.logs {
		again := &log{t: t, db: db, key: l.key, tag: l.tag, head: want.heads[l.tag]}
		b.Accounts = append(b.Accounts, again.change(day0, 1<<10))
	}
	if err := db.Commit(t.Context(), b); err != nil {
		t.Fatalf("it does not go on: %v", err)
	}
}

func (h *history) compare(db *DB, want step) {
	t := h.t
	t.Helper()
	var integrity string
	var incarnation uint32
	err := db.db.Read(t.Context(), func(v *store.View) error {
		if err := v.QueryRow(`PRAGMA integrity_check`).Scan(&integrity); err != nil {
			return err
		}
		return v.QueryRow(`SELECT incarnation FROM meta`).Scan(&incarnation)
	})
	if err != nil || integrity != "ok" || incarnation != want.incarnation {
		t.Fatalf("%s, incarnation %d, want %d, %v", integrity, incarnation, want.incarnation, err)
	}
	if got, err := db.Drop(t.Context(), h.drop.ID); err != nil || (got != nil) != (want.k > 0) || got != nil && got.K != want.k {
		t.Fatalf("drop %+v, want k %d, %v", got, want.k, err)
	}
	for _, l := range h.logs {
		head := want.heads[l.tag]
		acc, err := db.Account(t.Context(), l.tag, day0)
		if err != nil || (acc != nil) != (head.Index() > 0) {
			t.Fatalf("an account with %d rows: %+v, %v", head.Index(), acc, err)
		}
		if acc == nil {
			continue
		}
		if acc.Head != head || acc.Floor.Index() != want.floors[l.tag] {
			t.Fatalf("head %d, floor %d; want %d, %d", acc.Head.Index(), acc.Floor.Index(), head.Index(), want.floors[l.tag])
		}
		rows, err := db.Rows(t.Context(), mailbox.RowRange{Account: l.tag, From: 1, MaxRows: 1 << 20})
		if err != nil || len(rows) != int(head.Index()) {
			t.Fatalf("%d rows, want %d, %v", len(rows), head.Index(), err)
		}
		for i := range rows {
			old := &l.rows[i]
			gone := rows[i].Displaced && want.floors[l.tag] == uint64(i)
			if rows[i].R != old.R || fmt.Sprint(rows[i].Push.Row()) != fmt.Sprint(old.Push.Row()) || !gone && !bytes.Equal(rows[i].Payload, old.Payload) {
				t.Fatalf("row %d is not what was written", i+1)
			}
		}
	}
}
