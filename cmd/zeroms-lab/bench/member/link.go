package member

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"zeroms/cmd/zeroms-lab/bench/frames"
	"zeroms/cmd/zeroms-lab/bench/socket"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// sampled is of how many commits of a link one is checked whole, tree and
// signature; of the others each receipt is compared with what was sent.
const sampled = 64

// Acking is when a device acknowledges: as soon as so many rows came since its
// last acknowledgement, or so long after the first of them.
type Acking struct {
	Rows  int
	Delay time.Duration
}

// Link is one connection, logged in or not. Step is called by one goroutine.
type Link struct {
	// static after login
	gateway        *Gateway
	conn           *socket.Conn
	client, server [32]byte // SHA-256 of the hello frames
	account        *Account
	// Limits are what the gateway announced, Descriptor is its own, signed.
	Limits     wire.Limits
	Descriptor []byte
	// Acking is how rows are acknowledged; zero: not at all.
	Acking Acking
	// Envelope takes the rows that are envelopes, in order, from Step. After is
	// called behind the rows of a message. Seen takes the signature of each commit.
	Envelope func(now time.Time, p *wire.Push) error
	After    func(now time.Time) error
	Seen     func(sig []byte)

	// owned by Step
	commits int
	commit  frames.Commit
	push    wire.Push
	answers map[uint64]answer
	room    []*Flow // that sealed answers came for

	log sync.Mutex
	// guarded by log
	at      wire.Position
	head    *frames.Head
	flows   []*Flow   // from here
	unacked int       // rows
	since   time.Time // the first of them came
	acks    int       // sent

	out  sync.Mutex
	next uint64 // guarded by out: the id of the last request
}

// answer is an answer that no work handles: one of a request of Ask.
type answer struct {
	payload wire.Payload
	err     error
}

func (l *Link) send(frame []byte) error {
	l.out.Lock()
	defer l.out.Unlock()
	return l.conn.Flush(append(l.conn.Begin(), frame...))
}

// Close ends the link.
func (l *Link) Close() error { return l.conn.Close() }

// Account is the account that is logged in.
func (l *Link) Account() *Account { return l.account }

// Ask sends one request and steps until its answer comes.
func (l *Link) Ask(request, into wire.Payload) error {
	l.out.Lock()
	l.next++
	id := l.next
	l.out.Unlock()
	if l.answers == nil {
		l.answers = make(map[uint64]answer)
	}
	l.answers[id] = answer{payload: into}
	if err := l.send(wire.AppendFrame(nil, id, request)); err != nil {
		return err
	}
	for {
		if a, ok := l.answers[id]; !ok {
			return errAnswer
		} else if a.payload == nil {
			delete(l.answers, id)
			return a.err
		}
		if err := l.Step(); err != nil {
			return err
		}
	}
}

var errAnswer = errors.New("member: an answer was lost")

// Step reads one message and handles its frames.
func (l *Link) Step() error {
	message, err := l.conn.Next()
	if err != nil {
		return err
	}
	now := time.Now()
	l.log.Lock()
	defer l.log.Unlock()
	for len(message) > 0 {
		t, err := frames.Peek(message)
		if err != nil {
			return err
		}
		switch t {
		case wire.TypePush:
			if message, err = frames.Push(message, &l.push); err == nil {
				err = l.row(now, &l.push)
			}
		case wire.TypeCommit:
			if message, err = frames.ReadCommit(message, &l.commit); err == nil {
				err = l.committed(now, &l.commit)
			}
		default:
			var f wire.Frame
			switch f, message, err = wire.NextFrame(message); {
			case err != nil:
			case f.Type == wire.TypeForwarded:
				err = l.forwarded(now, f)
			default:
				err = l.other(f)
			}
		}
		if err != nil {
			return err
		}
	}
	if err := l.refill(now); err != nil {
		return err
	}
	if l.After != nil && l.unacked > 0 {
		if err := l.After(now); err != nil {
			return err
		}
	}
	return l.acknowledge(now, false)
}

// row follows the log; log is held.
func (l *Link) row(now time.Time, p *wire.Push) error {
	at := p.Position
	if l.head == nil || at.Index() != l.at.Index()+1 || at.Incarnation() < l.at.Incarnation() {
		return fmt.Errorf("row %d came after row %d", at.Index(), l.at.Index())
	}
	l.head.Next(p)
	l.at = at
	if l.unacked == 0 {
		l.since = now
	}
	l.unacked++
	switch {
	case p.Kind == wire.RowObject && l.account.Drop != key.DropID{} && p.Drop == l.account.Drop:
		l.account.Start = at
	case p.Kind == wire.RowEnvelope && l.Envelope != nil:
		return l.Envelope(now, p)
	}
	return nil
}

// committed checks one commit in so many whole, and hands its receipts on.
func (l *Link) committed(now time.Time, c *frames.Commit) error {
	if l.commits%sampled == 0 {
		w, err := c.Wire()
		if err != nil {
			return err
		}
		if err := custody.Verify(w, l.gateway.Address.Node); err != nil {
			return fmt.Errorf("a commit does not hold: %w", err)
		}
	}
	l.commits++
	if l.Seen != nil {
		l.Seen(c.Sig)
	}
	receipts := c.Items
	for len(receipts) > 0 && isHead(receipts[len(receipts)-1].Leaf) { // heads stand behind receipts
		if err := l.headed(&receipts[len(receipts)-1]); err != nil {
			return err
		}
		receipts = receipts[:len(receipts)-1]
	}
	for len(receipts) > 0 {
		flow := receipts[0].ID / flowIDs
		n := 1
		for n < len(receipts) && receipts[n].ID/flowIDs == flow {
			n++
		}
		if flow == 0 || flow > uint64(len(l.flows)) {
			return fmt.Errorf("a receipt answers request %d, which was not made", receipts[0].ID)
		}
		if err := l.flows[flow-1].receipts(now, receipts[:n]); err != nil {
			return err
		}
		receipts = receipts[n:]
	}
	return nil
}

// flowIDs is how many request ids each flow of a link has; those below are of
// other requests.
const flowIDs = 1 << 32

// join gives a flow from this link its request ids.
func (l *Link) join(f *Flow) (base uint64) {
	l.log.Lock()
	defer l.log.Unlock()
	l.flows = append(l.flows, f)
	return uint64(len(l.flows)) * flowIDs
}

func isHead(leaf []byte) bool { return len(leaf) > 0 && leaf[0] == custody.LeafHead }

// headed settles a request for the head of the log.
func (l *Link) headed(item *frames.Item) error {
	h, err := custody.ParseHead(item.Leaf)
	switch {
	case err != nil:
		return err
	case h.Account != l.account.Tag:
		return errors.New("a head of another account came")
	case h.Position == l.at && l.head != nil && h.R != l.head.R:
		return fmt.Errorf("the signed head of row %d is not that of the rows that came", l.at.Index())
	}
	l.settle(item.ID, nil)
	return nil
}

func (l *Link) settle(id uint64, err error) bool {
	_, ok := l.answers[id]
	if ok {
		l.answers[id] = answer{err: err}
	}
	return ok
}

// other handles the frames of Ask's requests.
func (l *Link) other(f wire.Frame) error {
	a, ok := l.answers[f.ID]
	if !ok || a.payload == nil {
		if f.Type == wire.TypeError {
			var failure wire.Failure
			if err := f.Decode(&failure); err != nil {
				return err
			}
			return fmt.Errorf("the gateway refused: %w", failure.Err())
		}
		if f.Type == wire.TypeRefused {
			return errors.New("the gateway refused a submission: an account is full")
		}
		return wire.ErrUnexpected
	}
	err := decode(f, a.payload)
	if w, ok := a.payload.(*wire.Welcome); ok && err == nil {
		known := l.account.At != wire.Position{}
		if w.Tag != l.account.Tag || known && (w.Cursor != l.account.At || w.R != l.account.R) {
			return errors.New("the gateway's cursor is not where this device acknowledged last")
		}
		l.at, l.head = w.Cursor, frames.NewHead(w.R)
	}
	l.settle(f.ID, err)
	return nil
}

// acknowledge acknowledges what came, if it is due or must be; log is held.
func (l *Link) acknowledge(now time.Time, must bool) error {
	due := l.Acking.Rows > 0 && l.unacked > 0 && (l.unacked >= l.Acking.Rows || now.Sub(l.since) >= l.Acking.Delay)
	if l.unacked == 0 || !due && !must {
		return nil
	}
	a := l.account
	sig := a.LK.Sign(key.ContextMailboxAck, wire.AckTranscript(a.Tag, a.Cursor, l.at, l.head.R))
	a.At, a.R = l.at, l.head.R
	l.unacked = 0
	l.acks++
	l.out.Lock()
	defer l.out.Unlock()
	return l.conn.Flush(frames.AppendAck(l.conn.Begin(), l.at, l.head.R, sig))
}

// Acked is how many acknowledgements were sent.
func (l *Link) Acked() int {
	l.log.Lock()
	defer l.log.Unlock()
	return l.acks
}

// Due acknowledges what waited for long enough; beside Step.
func (l *Link) Due(now time.Time) error {
	l.log.Lock()
	defer l.log.Unlock()
	return l.acknowledge(now, false)
}

// Finish acknowledges everything that came and waits until that is durable: the
// head that is asked for behind it stands in the same commit or a later one. No
// Step may run.
func (l *Link) Finish() error {
	l.log.Lock()
	err := l.acknowledge(time.Now(), true)
	l.log.Unlock()
	if err != nil {
		return err
	}
	return l.Ask(&wire.HeadGet{}, &wire.Commit{})
}

// dropHash is how receipts name a drop.
func dropHash(d key.DropID) [32]byte { return sha256.Sum256(d[:]) }
