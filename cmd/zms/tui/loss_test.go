package tui_test

import (
	"context"
	"crypto/sha256"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zeroms/gateway"
	"zeroms/gateway/mailbox"
	"zeroms/protocol/card"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
	store "zeroms/store/mailbox"
)

// thief is a gateway on a real port that, while it is told to, takes envelopes
// into custody with a valid receipt and throws them away.
type thief struct {
	node  key.NodePrivate
	steal atomic.Bool
	took  atomic.Int32
}

// serveThief runs the gateway and returns its address.
func serveThief(t *testing.T, dir string) (*thief, string) {
	t.Helper()
	th := &thief{node: key.NewPrivate[key.Node]()}
	db, err := store.Open(t.Context(), dir+"/mailbox.db")
	if err != nil {
		t.Fatal(err)
	}
	limits := gateway.DefaultLimits()
	box, err := mailbox.New(mailbox.Config{
		Node: th.node, Network: card.NetworkPublic, Limits: limits, Registration: mailbox.Open, Store: db,
	})
	if err != nil {
		t.Fatal(err)
	}
	gw, err := gateway.New(gateway.Config{Node: th.node, Network: card.NetworkPublic, Limits: limits, Mailbox: box})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = gw.Run(ctx) })
	running.Go(func() {
		_ = link.Serve(ctx, l, link.ServerConfig{Node: th.node, MaxConns: 100, MaxStarting: 10}, func(c link.Conn) {
			gw.ServeConn(ctx, &stolen{c, th})
		})
	})
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		running.Wait()
		_ = db.Close()
	})
	port := l.Addr().(*net.TCPAddr).Port
	address, err := card.Address{Node: th.node.Public(), Host: "127.0.0.1", Port: uint16(port), Network: card.NetworkPublic}.Text()
	if err != nil {
		t.Fatal(err)
	}
	return th, address
}

// stolen is a link of which the gateway does not get to see every envelope.
type stolen struct {
	link.Conn
	thief *thief
}

func (s *stolen) Recv(ctx context.Context) ([]byte, error) {
	for {
		message, err := s.Conn.Recv(ctx)
		if err != nil || !s.thief.steal.Load() {
			return message, err
		}
		frames, err := wire.Frames(message)
		if err != nil {
			return message, nil
		}
		var left []byte
		for _, f := range frames {
			var submit wire.Submit
			if f.Type != wire.TypeSubmit || f.Decode(&submit) != nil {
				left = append(left, wire.Marshal(f)...)
				continue
			}
			s.thief.took.Add(1)
			_ = s.Conn.Send(ctx, wire.AppendFrame(nil, 0, s.thief.receipt(f.ID, &submit)))
		}
		if len(left) > 0 {
			return left, nil
		}
	}
}

// receipt is a valid receipt for an envelope that is thrown away.
func (th *thief) receipt(id uint64, s *wire.Submit) *wire.Commit {
	now := time.Now()
	r := custody.Receipt{
		Node: th.node.Public(), DropHash: sha256.Sum256(s.Drop[:]), Start: sha256.Sum256(s.MAC[:]), K: 1,
		EnvelopeHash: sha256.Sum256(s.Envelope), Time: wire.Millis(now), Kept: wire.Millis(now.Add(wire.MaxRetention)),
	}
	r.Head = custody.NextDropHead(r.Start, r.K, r.EnvelopeHash)
	tree := custody.Build([][]byte{r.Append(nil)}, now, th.node)
	return tree.Commit([]wire.CommitItem{{ID: id, Index: 0, Leaf: r.Append(nil)}})
}

// TestAMissingMessageHasARow: a gateway loses a message, the reader sees that it
// is missing and being asked for, and then that it came. This takes as long as
// messages may be late before they are asked for.
func TestAMissingMessageHasARow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	th, address := serveThief(t, b.dir)
	b.people(address, "anna", "bob")
	b.zms("anna", "send", "bob", "before", "--wait", "custody")
	b.zms("bob", "requests") // fetches it
	b.zms("bob", "accept", "anna")
	b.zms("bob", "send", "anna", "welcome", "--wait", "custody")
	b.zms("anna", "contacts")

	bob := b.chat(80, 24, "bob", "anna")
	bob.sees("▌ before", "● connected")
	th.steal.Store(true)
	b.zms("anna", "send", "bob", "stolen on the way", "--wait", "custody")
	if th.took.Load() == 0 {
		t.Fatal("nothing was stolen")
	}
	th.steal.Store(false)
	b.zms("anna", "send", "bob", "afterwards", "--wait", "custody")
	bob.sees("▌ afterwards")
	bob.sees("! 1 message from anna is missing; asking anna for")
	b.zms("anna", "contacts") // she comes online, is asked and answers
	b.zms("anna", "contacts")
	bob.sees("▌ stolen on the way")
	bob.gone("missing")
	bob.types(ctrlQ)
	bob.restored()
}
