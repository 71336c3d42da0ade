package home_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client/home"
	"zeroms/client/score"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/link/memlink"
	"zeroms/protocol/wire"
)

// TestProbe: a gateway is measured by link and hello, and left; one that fails is blamed, and the user who gives up is not.
func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memlink.New(memlink.Config{Latency: 5 * time.Millisecond})
		scores := score.New()
		pool := home.New(home.Config{Dialer: net.Dialer("client"), Events: func(home.Event) {}, Scores: scores})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- pool.Run(ctx) }()
		defer func() { stop(); <-ended }()
		at := func(host string, node key.NodePublic) home.Target {
			return home.Target{Endpoint: link.Endpoint{Host: host, Port: 443, Node: node[:]}, Network: network()}
		}
		node := key.NewPrivate[key.Node]().Public()
		listener := net.Listen("gateway", node)
		defer listener.Close()
		said, left := make(chan *wire.ServerHello, 1), make(chan error, 1)
		go func() {
			for {
				c, err := listener.Accept(ctx)
				if err != nil {
					return
				}
				if _, err := c.Recv(ctx); err != nil {
					left <- err
					continue
				}
				select {
				case h := <-said:
					_ = c.Send(ctx, wire.AppendFrame(nil, 0, h))
				case <-ctx.Done():
				}
				_, err = c.Recv(ctx)
				left <- err
			}
		}()
		said <- &wire.ServerHello{Version: wire.Version, Network: network(), Node: node, Time: wire.Millis(time.Now()), Limits: wire.Limits{Frame: wire.MaxFrame, Message: wire.MaxMessage, Quota: 7}}
		p, err := pool.Probe(t.Context(), at("gateway", node))
		if err != nil || p.Limits.Quota != 7 || p.Took < 10*time.Millisecond || p.Took > 100*time.Millisecond || p.Descriptor != nil {
			t.Fatalf("%+v, %v", p, err)
		}
		if err := <-left; err == nil {
			t.Error("the link goes on")
		}
		hash := key.GatewayHashOf(node)
		if s := scores.Summary(hash, time.Now()); s.Connect != p.Took || s.Unreachable != 0 {
			t.Errorf("%+v", s)
		}

		// It does not answer.
		late, cancel := context.WithTimeout(t.Context(), 6*time.Second)
		if _, err := pool.Probe(late, at("gateway", node)); !errors.Is(err, wire.ErrLinkClosed) {
			t.Error(err)
		}
		cancel()
		if s := scores.Summary(hash, time.Now()); s.Unreachable < 0.9 {
			t.Errorf("%+v", s)
		}
		// Nobody is there, or somebody else.
		other := key.NewPrivate[key.Node]().Public()
		if _, err := pool.Probe(t.Context(), at("nowhere", other)); !errors.Is(err, wire.ErrLinkClosed) {
			t.Error(err)
		}
		if scores.Summary(key.GatewayHashOf(other), time.Now()).Unreachable < 0.9 {
			t.Error("who is not there is not blamed")
		}
		// The user gives up.
		before := scores.Summary(hash, time.Now()).Unreachable
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := pool.Probe(gone, at("gateway", node)); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if s := scores.Summary(hash, time.Now()); s.Unreachable > before {
			t.Errorf("%+v", s)
		}
	})
}
