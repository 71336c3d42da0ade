package member

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"zeroms/cmd/zeroms-lab/bench/frames"
	"zeroms/cmd/zeroms-lab/bench/meter"
	"zeroms/cmd/zeroms-lab/bench/socket"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Size is the size of the envelopes, in bytes: the smallest class.
const Size = 1 << 10

// Envelopes differ in their last bytes only: number 8 | time 8. What is hashed
// before is hashed once.
const (
	stampSize = 16
	sameSize  = (Size - stampSize) / sha256.BlockSize * sha256.BlockSize
)

// mostMessage is up to how many bytes submissions share a message.
const mostMessage = 64 << 10

// record is one envelope that was sent.
type record struct {
	hash, d   [32]byte
	sent      time.Duration // since the flow's birth
	custody   bool
	delivered bool
}

// Flow is envelopes from one link to one account.
type Flow struct {
	// static
	from  *Link
	to    *Account
	node  key.NodePublic
	hash  [32]byte // of the drop
	mac   *frames.MAC
	tail  *frames.Hasher
	born  time.Time
	base  uint64 // of the request ids
	room  int    // envelopes that may be on their way
	alone bool   // nobody receives now
	// through brings the envelopes to another gateway; nil: the link's is theirs. What
	// it counts is guarded by mu.
	through *Channel

	mu sync.Mutex
	// guarded by mu
	envelope  []byte
	d0, d     [32]byte
	records   []record
	custody   int
	delivered int
	done      int
	most      int // envelopes in all
	from0     time.Duration
	sampling  bool
	toPush    []time.Duration
	toCustody []time.Duration
}

// FlowConfig is what a flow needs.
type FlowConfig struct {
	From *Link
	To   *Account
	// Room is how many envelopes may be without receipt or delivery; Away: the
	// recipient is not there, only the receipt counts.
	Room int
	Away bool
	// Through brings the envelopes to the recipient's gateway, if From leads to
	// another one. Until its first answer came only one envelope may be sent.
	Through *Channel
}

// NewFlow is a flow of nothing yet.
func NewFlow(c FlowConfig) *Flow {
	node := c.From.gateway.Address.Node
	if c.Through != nil {
		node = c.Through.to.Node
	}
	f := &Flow{
		from: c.From, to: c.To, through: c.Through, node: node, hash: dropHash(c.To.Drop), mac: frames.NewMAC(c.To.Capability, c.To.Drop),
		born: time.Now(), room: c.Room, alone: c.Away, envelope: make([]byte, Size),
	}
	_, _ = rand.Read(f.envelope)
	f.envelope[0] = 1
	f.tail = frames.NewHasher(f.envelope[:sameSize])
	f.d0 = custody.DropStart(c.To.Drop, c.To.Tag, c.To.Start)
	f.d = f.d0
	f.base = c.From.join(f)
	return f
}

// Deliver lets the rows of a link be the flow's.
func (f *Flow) Deliver(to *Link) { to.Envelope, to.After = f.row, f.refill }

// refill sends what there is room for since rows came.
func (f *Flow) refill(now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fill(now)
}

// Send lets up to most envelopes in all go out, as far as there is room. Error:
// the link's.
func (f *Flow) Send(most int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.most = most
	return f.fill(time.Now())
}

// SendNow sends one envelope, however many are on their way. Error: the link's.
func (f *Flow) SendNow() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.from.out.Lock()
	defer f.from.out.Unlock()
	message, err := f.append(f.from.conn.Begin(), time.Now())
	if err != nil {
		return err
	}
	return f.from.conn.Flush(message)
}

// Stop lets nothing more go out.
func (f *Flow) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.most = len(f.records)
}

// fill sends as much as there is room for; mu is held.
func (f *Flow) fill(now time.Time) error {
	n := min(f.room-(len(f.records)-f.done), f.most-len(f.records))
	if n <= 0 {
		return nil
	}
	f.from.out.Lock()
	defer f.from.out.Unlock()
	message := f.from.conn.Begin()
	for ; n > 0; n-- {
		var err error
		if message, err = f.append(message, now); err != nil {
			return err
		}
		if len(message) > mostMessage-2*Size {
			if err := f.from.conn.Flush(message); err != nil {
				return err
			}
			message = f.from.conn.Begin()
		}
	}
	if socket.Empty(message) {
		return nil
	}
	return f.from.conn.Flush(message)
}

// append makes the next envelope and its submission; mu is held.
func (f *Flow) append(message []byte, now time.Time) ([]byte, error) {
	n := uint64(len(f.records))
	f.records = append(f.records, record{sent: now.Sub(f.born)})
	r := &f.records[n]
	f.stamp(n, r)
	f.tail.Sum(&r.hash, f.envelope[sameSize:])
	f.d = custody.NextDropHead(f.d, uint32(n+1), r.hash)
	r.d = f.d
	if f.through != nil {
		return f.through.seal(message, f.base+n, &wire.Submit{Drop: f.to.Drop, MAC: f.mac.Sum(&r.hash), Envelope: f.envelope})
	}
	return frames.AppendSubmit(message, f.base+n, f.to.Drop, f.mac.Sum(&r.hash), f.envelope), nil
}

// stamp makes the envelope number n out of the common one; mu is held.
func (f *Flow) stamp(n uint64, r *record) {
	binary.BigEndian.PutUint64(f.envelope[Size-stampSize:], n)
	binary.BigEndian.PutUint64(f.envelope[Size-8:], uint64(r.sent))
}

// receipts takes receipts, which must be about this flow's envelopes, and sends what
// there is room for then.
func (f *Flow) receipts(now time.Time, items []frames.Item) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.take(now, items); err != nil {
		return err
	}
	return f.fill(now)
}

// take takes receipts; mu is held.
func (f *Flow) take(now time.Time, items []frames.Item) error {
	since := now.Sub(f.born)
	for i := range items {
		item := &items[i]
		n := item.ID - f.base
		if n >= uint64(len(f.records)) {
			return fmt.Errorf("a receipt answers request %d, which was not made", item.ID)
		}
		r := &f.records[n]
		if r.custody || !f.about(item.Leaf, uint32(n+1), r) {
			return fmt.Errorf("the receipt of envelope %d of a drop is not about that envelope", n+1)
		}
		r.custody = true
		f.custody++
		if f.alone || r.delivered {
			f.done++
		}
		if f.sampling && r.sent >= f.from0 {
			f.toCustody = append(f.toCustody, since-r.sent)
		}
	}
	return nil
}

// about compares a receipt leaf (custody.Receipt) with what was sent.
func (f *Flow) about(leaf []byte, k uint32, r *record) bool {
	return len(leaf) == custody.ReceiptSize && leaf[0] == custody.LeafReceipt &&
		[32]byte(leaf[1:]) == f.node && [32]byte(leaf[33:]) == f.hash && [32]byte(leaf[65:]) == f.d0 &&
		binary.BigEndian.Uint32(leaf[97:]) == k && [32]byte(leaf[101:]) == r.hash && [32]byte(leaf[133:]) == r.d
}

// row takes a row of the recipient's log.
func (f *Flow) row(now time.Time, p *wire.Push) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.delivered
	if p.Drop != f.to.Drop || n >= len(f.records) || p.K != uint32(n+1) {
		return fmt.Errorf("envelope %d of a drop came where envelope %d of %d was expected", p.K, n+1, len(f.records))
	}
	r := &f.records[n]
	f.stamp(uint64(n), r)
	if p.Hash != r.hash || p.D != r.d || !bytes.Equal(p.Payload, f.envelope) {
		return fmt.Errorf("envelope %d of a drop came with other bytes than it was sent with", n+1)
	}
	r.delivered = true
	f.delivered++
	if r.custody && !f.alone {
		f.done++
	}
	if f.sampling && r.sent >= f.from0 {
		f.toPush = append(f.toPush, now.Sub(f.born)-r.sent)
	}
	return nil
}

// Sample begins to keep the times of what is sent from now on.
func (f *Flow) Sample() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sampling, f.from0 = true, time.Since(f.born)
}

// To is the account that the flow goes to.
func (f *Flow) To() *Account { return f.to }

// Counts reads them.
func (f *Flow) Counts() meter.Counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return meter.Counts{
		Sent: len(f.records), Custody: f.custody, Delivered: f.delivered, Done: f.done, ToPush: f.toPush, ToCustody: f.toCustody,
	}
}

// Done is how many envelopes are done.
func (f *Flow) Done() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.done
}
