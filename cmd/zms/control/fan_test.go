package control_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"zeroms/cmd/zms/control"
)

// request makes one request over the socket, until ctx ends.
func (o *owner) request(ctx context.Context, r control.Request, emit control.Emit) error {
	c, err := control.Dial(ctx, o.dir)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Do(ctx, r, emit)
}

// TestManyWorkers: more than there are places for requests with an end; those have places of their own.
func TestManyWorkers(t *testing.T) {
	o := newOwner(t, t.TempDir()+"/p")
	ctx, cancel := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	const many = 100
	ready := make(chan bool, many)
	for i := range many {
		workers.Go(func() {
			r := control.Request{Cmd: control.CmdListen, Fan: "work", Worker: "w" + strings.Repeat("x", i/10) + string(rune('0'+i%10))}
			err := o.request(ctx, r, func(row control.Row) error {
				if _, ok := row.(*control.Ready); ok {
					ready <- true
				}
				return nil
			})
			if ctx.Err() == nil {
				t.Errorf("worker %d ended: %v", i, err)
				ready <- false
			}
		})
	}
	for range many {
		<-ready
	}
	fans := func() (out []control.Fan) {
		t.Helper()
		if err := o.request(t.Context(), control.Request{Cmd: control.CmdFanList}, func(row control.Row) error {
			out = append(out, *row.(*control.Fan))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := fans(); len(got) != 1 || got[0].Workers != many || got[0].Name != "work" {
		t.Errorf("%+v", got)
	}
	for what, c := range map[string]struct {
		r    control.Request
		name string
		says string
	}{
		"a second one of a name":    {control.Request{Cmd: control.CmdListen, Fan: "work", Worker: "w0"}, control.NameLocked, "w0 listens already"},
		"no name of a worker":       {control.Request{Cmd: control.CmdListen, Fan: "work"}, control.NameUsage, "worker"},
		"a wrong name of a fan":     {control.Request{Cmd: control.CmdListen, Fan: "a/b", Worker: "w"}, control.NameUsage, "fan"},
		"for one contact":           {control.Request{Cmd: control.CmdListen, Fan: "work", Worker: "w", Contact: "1"}, control.NameUsage, "everybody"},
		"a bot":                     {control.Request{Cmd: control.CmdListen, Fan: "work", Worker: "w", Bot: "b"}, control.NameUsage, "everybody"},
		"too little patience":       {control.Request{Cmd: control.CmdListen, Fan: "work", Worker: "w", Timeout: 1}, control.NameUsage, "1s to 1h"},
		"done of no fan":            {control.Request{Cmd: control.CmdDone, Fan: "other", Message: someID}, control.NameUsage, "no fan other"},
		"done of no message":        {control.Request{Cmd: control.CmdDone, Fan: "work", Message: someID}, "", "no message"},
		"hold of no worker":         {control.Request{Cmd: control.CmdHold, Fan: "work", Worker: "x"}, control.NameUsage, "no worker"},
		"free of no fan":            {control.Request{Cmd: control.CmdFree, Fan: "other", Worker: "w0"}, control.NameUsage, "no worker"},
		"removing one at work":      {control.Request{Cmd: control.CmdFanRemove, Fan: "work"}, control.NameLocked, "has workers"},
		"removing what is not":      {control.Request{Cmd: control.CmdFanRemove, Fan: "other"}, control.NameNoFan, "no fan"},
		"holding, and nothing more": {control.Request{Cmd: control.CmdHold, Fan: "work", Worker: "w0", Leave: true}, "ok", ""},
	} {
		err := o.request(t.Context(), c.r, func(control.Row) error { return nil })
		if c.name == "ok" {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
			continue
		}
		if err == nil || c.name != "" && control.Explain(err).Name != c.name || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	cancel()
	workers.Wait()
	for got := fans(); got[0].Workers > 0; got = fans() { // their ends are noticed one by one
	}
	if err := o.request(t.Context(), control.Request{Cmd: control.CmdFanRemove, Fan: "work"}, func(control.Row) error { return nil }); err != nil {
		t.Error(err)
	}
	if got := fans(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}
