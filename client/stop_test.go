package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client/engine"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// rowStore is a Store in memory of what Run needs while nothing is shown.
type rowStore struct {
	Store
	rows []profile.Row
}

func (s *rowStore) Load(context.Context) ([]profile.Row, error) { return s.rows, nil }

func (s *rowStore) Commit(_ context.Context, b *profile.Batch) error {
	s.rows = append(s.rows, b.Put...)
	return nil
}

func (s *rowStore) Tidy(context.Context, time.Time) error { return nil }

// deadNetwork is one in which no gateway can be reached.
type deadNetwork struct{}

func (deadNetwork) Dial(context.Context, link.Endpoint) (link.Conn, error) {
	return nil, errors.New("no network")
}

// TestStopUnderLoad: Run returns although the links have more to tell than the inbox
// takes when the loop ends.
func TestStopUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &rowStore{}
		if err := Create(t.Context(), s, "Alice", time.Now()); err != nil {
			t.Fatal(err)
		}
		c := New(Config{Store: s, Dialer: deadNetwork{}, Direct: func() home.Direct { return home.Always }})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		if err := c.Ready(ctx); err != nil {
			t.Fatal(err)
		}
		busy := make(chan struct{})
		c.inbox <- input{step: func(*engine.Engine) { <-busy }} // a slow disk
		node := key.NewPrivate[key.Node]().Public()
		to := home.Target{Endpoint: link.Endpoint{Host: "gateway.example.org", Port: 443, Node: node[:]}}
		for i := range 3 * queueSize {
			c.pool.Send(home.Request{To: to, Token: uint64(i) + 1, Payload: &wire.Submit{Envelope: []byte{1}}})
		}
		time.Sleep(time.Hour)
		if len(c.inbox) != cap(c.inbox) {
			t.Fatalf("%d of %d places of the inbox are taken", len(c.inbox), cap(c.inbox))
		}
		stop()
		close(busy)
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("Run does not end")
		}
	})
}
