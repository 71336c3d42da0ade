package bench

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"zeroms/cmd/zeroms-lab/bench/member"
	"zeroms/gateway"
	"zeroms/gateway/mailbox"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
	database "zeroms/store/mailbox"
)

// crook is a link of a gateway that changes what goes to a client: frame returns
// what is sent instead of a frame.
type crook struct {
	link.Conn
	frame func(f wire.Frame, raw []byte) []byte
}

// Send changes the frames of a message and sends what is left of it.
func (c crook) Send(ctx context.Context, message []byte) error {
	var out []byte
	for len(message) > 0 {
		f, rest, err := wire.NextFrame(message)
		if err != nil {
			return err
		}
		out = append(out, c.frame(f, message[:len(message)-len(rest)])...)
		message = rest
	}
	if len(out) == 0 {
		return nil
	}
	return c.Conn.Send(ctx, out)
}

// pushed changes pushes of envelopes and lets everything else pass.
func pushed(change func(p *wire.Push) []*wire.Push) func(wire.Frame, []byte) []byte {
	return func(f wire.Frame, raw []byte) []byte {
		var p wire.Push
		if f.Type != wire.TypePush || f.Decode(&p) != nil || p.Kind != wire.RowEnvelope {
			return raw
		}
		var out []byte
		for _, p := range change(&p) {
			out = wire.AppendFrame(out, 0, p)
		}
		return out
	}
}

// committed changes commits.
func committed(change func(c *wire.Commit)) func(wire.Frame, []byte) []byte {
	return func(f wire.Frame, raw []byte) []byte {
		var c wire.Commit
		if f.Type != wire.TypeCommit || f.Decode(&c) != nil {
			return raw
		}
		change(&c)
		return wire.AppendFrame(nil, 0, &c)
	}
}

// serveCrook runs a gateway in this process whose links all are such; an honest
// one if frame is nil.
func serveCrook(t *testing.T, frame func(wire.Frame, []byte) []byte) *target {
	t.Helper()
	store, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "mailbox.db"))
	if err != nil {
		t.Fatal(err)
	}
	node := key.NewPrivate[key.Node]()
	box, err := mailbox.New(mailbox.Config{Node: node, Network: card.NetworkLab, Limits: gateway.DefaultLimits(), Registration: mailbox.Open, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(gateway.Config{Node: node, Network: card.NetworkLab, Limits: gateway.DefaultLimits(), Mailbox: box})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := g.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	running.Go(func() {
		err := link.Serve(ctx, l, link.ServerConfig{Node: node, Plain: true}, func(c link.Conn) {
			if frame != nil {
				c = crook{c, frame}
			}
			g.ServeConn(ctx, c)
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	<-box.Ready()
	at := l.Addr().(*net.TCPAddr)
	address := card.Address{Node: node.Public(), Host: at.IP.String(), Port: uint16(at.Port), Network: card.NetworkLab, Plain: true}
	return &target{gateway: &member.Gateway{Address: address}, pid: os.Getpid()}
}

// rows collects results.
type rows struct {
	jsonSink
	all []*Result
}

func (r *rows) row(one *Result) error {
	r.all = append(r.all, one)
	return nil
}

// runLoad runs live or queue and drain against a gateway in this process.
func runLoad(t *testing.T, at *target, works ...string) ([]*Result, error) {
	t.Helper()
	var out rows
	c := &Config{
		Works: works, Time: 200 * time.Millisecond, Pairs: 2, InFlight: 3, Messages: 100, Accounts: 2, QueueRoom: 8, Dir: t.TempDir(),
		AckRows: 8, AckDelay: 10 * time.Millisecond, out: &out, running: at, patience: 300 * time.Millisecond,
	}
	err := c.works(t.Context(), &zeroms{config: c}, false)
	return out.all, err
}

func TestHonestGateway(t *testing.T) {
	all, err := runLoad(t, serveCrook(t, nil), "live", "queue", "drain")
	if err != nil || len(all) != 3 {
		t.Fatalf("%d rows, %v", len(all), err)
	}
	for _, r := range all {
		if r.Lost != 0 || r.Messages == 0 {
			t.Errorf("%+v", r)
		}
	}
}

// TestLoss: a gateway that gives receipts and keeps envelopes back loses them.
func TestLoss(t *testing.T) {
	all, err := runLoad(t, serveCrook(t, pushed(func(p *wire.Push) []*wire.Push {
		if p.K > 2 {
			return nil
		}
		return []*wire.Push{p}
	})), "live")
	if !errors.Is(err, errLost) || len(all) != 1 {
		t.Fatalf("%d rows, %v", len(all), err)
	}
	// Two pairs: 2 envelopes of each come, 3 more are on their way and have receipts.
	if r := all[0]; r.Lost != 6 {
		t.Errorf("%d lost, want 6: %+v", r.Lost, r)
	}
}

// TestLies: what a gateway sends otherwise than it should ends the work.
func TestLies(t *testing.T) {
	once := func(p *wire.Push) []*wire.Push { return []*wire.Push{p} }
	for _, test := range []struct {
		name  string
		frame func(wire.Frame, []byte) []byte
		want  string
	}{
		{"a row is left out", pushed(func(p *wire.Push) []*wire.Push {
			if p.K == 3 {
				return nil
			}
			return once(p)
		}), "came after row"},
		{"a row comes twice", pushed(func(p *wire.Push) []*wire.Push {
			if p.K == 3 {
				return []*wire.Push{p, p}
			}
			return once(p)
		}), "came after row"},
		{"a payload is changed", pushed(func(p *wire.Push) []*wire.Push {
			if p.K == 3 {
				p.Payload[500] ^= 1
			}
			return once(p)
		}), "other bytes"},
		{"a payload is gone", pushed(func(p *wire.Push) []*wire.Push {
			if p.K == 3 {
				p.Payload = []byte{}
			}
			return once(p)
		}), "other bytes"},
		{"a number is left out", pushed(func(p *wire.Push) []*wire.Push {
			if p.K >= 3 {
				p.K++
			}
			return once(p)
		}), "was expected"},
		{"a receipt is about another envelope", committed(func(c *wire.Commit) {
			for i := range c.Items {
				if leaf := c.Items[i].Leaf; leaf[0] == 1 && c.Items[i].ID > 1<<32 {
					leaf[101] ^= 1
				}
			}
		}), ""},
		{"a receipt comes twice", func(f wire.Frame, raw []byte) []byte {
			if f.Type == wire.TypeCommit {
				return append(append([]byte(nil), raw...), raw...)
			}
			return raw
		}, "is not about that envelope"},
		{"a signature is wrong", committed(func(c *wire.Commit) { c.Sig[5] ^= 1 }), "a commit does not hold"},
	} {
		all, err := runLoad(t, serveCrook(t, test.frame), "live")
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q; %d rows", test.name, err, test.want, len(all))
		}
	}
}

// TestRefusals: a load that a gateway does not take is no figure.
func TestRefusals(t *testing.T) {
	_, err := runLoad(t, serveCrook(t, func(f wire.Frame, raw []byte) []byte {
		if f.Type == wire.TypeCommit && f.Raw != nil {
			var c wire.Commit
			if f.Decode(&c) == nil && c.Items[0].ID >= 1<<32 {
				return wire.AppendFrame(nil, c.Items[0].ID, wire.FailureOf(wire.ErrBusy))
			}
		}
		return raw
	}), "live")
	if err == nil || !strings.Contains(err.Error(), "the gateway refused") {
		t.Errorf("%v", err)
	}
}
