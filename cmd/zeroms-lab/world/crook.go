package world

import (
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"sync"
	"time"

	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Crook makes a gateway dishonest: what stands in front of the real one takes
// envelopes into custody with a valid signature and loses them, holds others
// back so that they overtake each other, and brings others twice. Init
// envelopes pass; so sessions come about and repair has something to work on.
type Crook struct {
	// Lose, Hold and Double are probabilities, 0..1, for each submission.
	Lose, Hold, Double float64
	// Held is how long one is held back at most.
	Held time.Duration
	// Seed fixes which ones.
	Seed uint64
}

// crook is the state of one gateway's dishonesty.
type crook struct {
	Crook
	node key.NodePrivate

	mu     sync.Mutex
	random *rand.Rand // guarded by mu
	lost   int        // guarded by mu
}

func newCrook(c Crook, node key.NodePrivate) *crook {
	return &crook{Crook: c, node: node, random: rand.New(rand.NewPCG(c.Seed, 0x63726f6f6b))}
}

// roll decides on one submission.
func (c *crook) roll() (lose, double bool, held time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lose, double = c.random.Float64() < c.Lose, c.random.Float64() < c.Double
	if c.random.Float64() < c.Hold {
		held = time.Duration(c.random.Int64N(int64(c.Held) + 1))
	}
	if lose {
		c.lost++
	}
	return lose, double, held
}

// Lose sets the share of envelopes that the gateway loses from now on. The world
// has to have been made with a Crook.
func (g *Gateway) Lose(share float64) {
	g.crook.mu.Lock()
	defer g.crook.mu.Unlock()
	g.crook.Crook.Lose = share
}

// Lost is how many envelopes the gateway has lost so far.
func (g *Gateway) Lost() int {
	if g.crook == nil {
		return 0
	}
	g.crook.mu.Lock()
	defer g.crook.mu.Unlock()
	return g.crook.lost
}

// crookedConn is a link to a dishonest gateway, seen from the gateway.
type crookedConn struct {
	link.Conn
	crook *crook

	mu    sync.Mutex
	ready [][]byte      // guarded by mu: held messages whose time has come
	more  chan struct{} // one token when ready grew
	read  chan received // what the link brought
	over  chan struct{} // closed when nothing is read any more
}

type received struct {
	message []byte
	err     error
}

func newCrookedConn(conn link.Conn, c *crook) *crookedConn {
	return &crookedConn{Conn: conn, crook: c, more: make(chan struct{}, 1), read: make(chan received), over: make(chan struct{})}
}

// runRead reads the link so that Recv can wait for it and for held messages.
func (c *crookedConn) runRead(ctx context.Context) {
	defer close(c.over)
	for {
		m, err := c.Conn.Recv(ctx)
		select {
		case c.read <- received{m, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// Recv is what the honest gateway behind gets to see.
func (c *crookedConn) Recv(ctx context.Context) ([]byte, error) {
	for {
		c.mu.Lock()
		if len(c.ready) > 0 {
			m := c.ready[0]
			c.ready = c.ready[1:]
			c.mu.Unlock()
			return m, nil
		}
		c.mu.Unlock()
		select {
		case r := <-c.read:
			if r.err != nil {
				return nil, r.err
			}
			if m := c.pass(ctx, r.message); len(m) > 0 {
				return m, nil
			}
		case <-c.more:
		case <-c.over:
			return nil, wire.ErrLinkClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Cut is what link.Cut asks of a link.
func (c *crookedConn) Cut() { link.Cut(c.Conn) }

// pass decides on every submission of a message and returns what goes on at once.
func (c *crookedConn) pass(ctx context.Context, message []byte) (out []byte) {
	frames, err := wire.Frames(message)
	if err != nil {
		return message
	}
	for _, f := range frames {
		raw := wire.Marshal(f)
		var s wire.Submit
		if f.Type != wire.TypeSubmit || f.Decode(&s) != nil || s.Envelope[0]&0x80 != 0 {
			out = append(out, raw...)
			continue
		}
		lose, double, held := c.crook.roll()
		if lose {
			_ = c.Conn.Send(ctx, wire.AppendFrame(nil, 0, c.crook.receipt(f.ID, &s)))
			continue
		}
		if double {
			raw = append(raw, raw...)
		}
		if held == 0 {
			out = append(out, raw...)
			continue
		}
		time.AfterFunc(held, func() { c.release(raw) })
	}
	return out
}

// release lets a held message go on.
func (c *crookedConn) release(raw []byte) {
	c.mu.Lock()
	c.ready = append(c.ready, raw)
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// receipt is a valid receipt for an envelope that is thrown away.
func (c *crook) receipt(id uint64, s *wire.Submit) *wire.Commit {
	now := time.Now()
	r := custody.Receipt{
		Node: c.node.Public(), DropHash: sha256.Sum256(s.Drop[:]), Start: sha256.Sum256(s.MAC[:]), K: 1,
		EnvelopeHash: sha256.Sum256(s.Envelope), Time: wire.Millis(now), Kept: wire.Millis(now.Add(wire.MaxRetention)),
	}
	r.Head = custody.NextDropHead(r.Start, r.K, r.EnvelopeHash)
	tree := custody.Build([][]byte{r.Append(nil)}, now, c.node)
	return tree.Commit([]wire.CommitItem{{ID: id, Index: 0, Leaf: r.Append(nil)}})
}
