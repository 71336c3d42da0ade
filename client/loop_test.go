package client

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client/engine"
	"zeroms/client/home"
	"zeroms/protocol/custody"
	"zeroms/protocol/wire"
)

// steps notes in which order inputs are stepped over.
type steps struct{ taken []string }

func (s *steps) input(name string, h haste) input {
	return input{haste: h, step: func(*engine.Engine) { s.taken = append(s.taken, name) }}
}

func (s *steps) want(t *testing.T, names ...string) {
	t.Helper()
	if !slices.Equal(s.taken, names) {
		t.Fatalf("taken %q, want %q", s.taken, names)
	}
}

// hurried is a client in a rush.
func hurried() *Client {
	c := New(Config{})
	for range rush {
		c.take(nil, input{step: func(*engine.Engine) {}})
	}
	return c
}

// A single message has its custody noted at once.
func TestNothingIsLateWithoutARush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := New(Config{}), new(steps)
		for range rush - 1 {
			c.take(nil, s.input("prompt", prompt))
		}
		s.taken = nil
		c.take(nil, s.input("late 1", late))
		s.want(t, "late 1")
		c.take(nil, s.input("prompt", prompt))
		c.take(nil, s.input("late 2", late))
		s.want(t, "late 1", "prompt")
		c.catchUp(nil)
		time.Sleep(engine.Patience)
		c.take(nil, s.input("late 3", late))
		s.want(t, "late 1", "prompt", "late 2", "late 3")
	})
}

func TestHaste(t *testing.T) {
	for _, c := range []struct {
		ev   home.Event
		want haste
	}{
		{home.Pushed{}, prompt},
		{home.Head{}, late},
		{home.Answered{Receipt: &custody.Receipt{}}, late},
		{home.Answered{Payload: &wire.OK{}}, ordered},
		{home.Answered{Err: errors.New("no")}, ordered},
		{home.Connected{}, ordered},
		{home.Disconnected{}, ordered},
		{home.Greeted{}, ordered},
	} {
		if got := hasteOf(c.ev); got != c.want {
			t.Errorf("%T: %d, want %d", c.ev, got, c.want)
		}
	}
}

// What is late lets others pass, but nothing that its order matters for.
func TestLateInputs(t *testing.T) {
	c, s := hurried(), new(steps)
	c.take(nil, s.input("late 1", late))
	c.take(nil, s.input("prompt", prompt))
	c.take(nil, s.input("late 2", late))
	s.want(t, "prompt")
	c.take(nil, s.input("ordered", ordered))
	s.want(t, "prompt", "late 1", "late 2", "ordered")
	c.catchUp(nil)
	s.want(t, "prompt", "late 1", "late 2", "ordered")
}

func TestLateInputsAreBounded(t *testing.T) {
	c, s := hurried(), new(steps)
	for range maxLate - 1 {
		c.take(nil, s.input("late", late))
	}
	s.want(t)
	c.take(nil, s.input("late", late))
	if len(s.taken) != maxLate || len(c.waiting) != 0 {
		t.Fatalf("%d taken, %d wait", len(s.taken), len(c.waiting))
	}
}

// The patience counts from the first one, whatever comes later.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := hurried(), new(steps)
		e := engine.New(engine.Config{Store: nil, Log: c.cfg.Log})
		if _, ok := c.next(e); ok {
			t.Fatal("a turn without anything to do")
		}
		began := time.Now()
		c.take(e, s.input("late 1", late))
		time.Sleep(engine.Patience / 2)
		c.take(e, s.input("late 2", late))
		if at, ok := c.next(e); !ok || at.Sub(began) != engine.Patience {
			t.Fatalf("the next turn is %v after the first, %v", at.Sub(began), ok)
		}
		c.catchUp(e)
		if _, ok := c.next(e); ok {
			t.Fatal("nothing waits any more")
		}
	})
}
