package member

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"zeroms/cmd/zeroms-lab/bench/frames"
	"zeroms/protocol/channel"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Channel brings a flow's envelopes to the gateway of its recipient through the one
// that its link leads to (docs/protocol/forward.md).
type Channel struct {
	to     key.Place
	host   string
	port   uint16
	sender *channel.Sender
	count  int // answers
}

// OpenChannel sets a channel up to the gateway at an endpoint, whose KEM key its
// descriptor names. Error: wire.ErrPublicKey.
func OpenChannel(at link.Endpoint, to key.Place, kem *key.RelayPublic) (*Channel, error) {
	s, err := channel.Open(to, kem, time.Now())
	return &Channel{to: to, host: at.Host, port: at.Port, sender: s}, err
}

// seal appends a sealed submission.
func (c *Channel) seal(message []byte, id uint64, s *wire.Submit) ([]byte, error) {
	relay, err := c.sender.Seal(s)
	if err != nil {
		return nil, err
	}
	return wire.AppendFrame(message, id, &wire.Forward{Target: c.to.Node, Host: c.host, Port: c.port, Relay: *relay}), nil
}

// open opens an answer: the item of the commit that it has to hold, whose signature
// seen takes unless it is nil.
func (c *Channel) open(f *wire.Forwarded, seen func([]byte)) (item frames.Item, err error) {
	frame, err := c.sender.Answer(f)
	if err != nil {
		return item, err
	}
	c.sender.Done(f.N)
	if frame.Type != wire.TypeCommit {
		return item, fmt.Errorf("the other gateway refused: %w", decode(frame, &wire.OK{}))
	}
	var commit wire.Commit
	if err := frame.Decode(&commit); err != nil {
		return item, err
	}
	if len(commit.Items) != 1 || commit.Items[0].ID != channel.RequestID {
		return item, errItem
	}
	if c.count%sampled == 0 {
		if err := custody.Verify(&commit, c.to.Node); err != nil {
			return item, fmt.Errorf("a commit does not hold: %w", err)
		}
	}
	c.count++
	if seen != nil {
		seen(commit.Sig)
	}
	return frames.Item{Leaf: commit.Items[0].Leaf}, nil
}

var errItem = errors.New("member: a sealed answer does not hold the one receipt of its request")

// forwarded hands a sealed answer to its flow.
func (l *Link) forwarded(now time.Time, f wire.Frame) error {
	flow := f.ID / flowIDs
	if flow == 0 || flow > uint64(len(l.flows)) || l.flows[flow-1].through == nil {
		return l.other(f)
	}
	if o := l.flows[flow-1]; !slices.Contains(l.room, o) {
		l.room = append(l.room, o)
	}
	return l.flows[flow-1].forwarded(now, f)
}

// refill sends what there is room for since sealed answers came: what is due at the
// same moment shares a message, as after a commit.
func (l *Link) refill(now time.Time) error {
	for _, f := range l.room {
		if err := f.refill(now); err != nil {
			return err
		}
	}
	l.room = l.room[:0]
	return nil
}

// forwarded takes the answer to a sealed submission.
func (f *Flow) forwarded(now time.Time, frame wire.Frame) error {
	var answer wire.Forwarded
	if err := frame.Decode(&answer); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	item, err := f.through.open(&answer, f.from.Seen)
	if err != nil {
		return err
	}
	item.ID = frame.ID
	return f.take(now, []frames.Item{item})
}
