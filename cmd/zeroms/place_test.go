package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"zeroms/cmd/zeroms/desk"
	"zeroms/cmd/zeroms/instance"
	"zeroms/ui/model"
)

// TestAWindowThatHangs: a further start says who has the window, and has it when that one
// ends.
func TestAWindowThatHangs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	hangs, err := instance.Claim(dir) // nobody serves it
	if err != nil {
		t.Fatal(err)
	}
	d, err := desk.New(desk.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := options{profile: dir}.runPlace(ctx)
	g := &gate{Desk: d, place: p}
	_, err = g.State(ctx)
	var held model.Held
	if !errors.As(err, &held) || !held.Silent() || desk.Name(err) != "locked" {
		t.Fatalf("%v", err)
	}
	if name, pid := held.Holder(); name != "ZeroMS" || pid != os.Getpid() {
		t.Errorf("%s, process %d", name, pid)
	}
	if err := hangs.Close(); err != nil {
		t.Fatal(err)
	}
	<-p.settled
	if p.err != nil || p.own == nil {
		t.Fatal(p.err)
	}
	if state, err := g.State(ctx); err != nil || state != model.DoorEmpty {
		t.Errorf("then the door is %v, %v", state, err)
	}
	served := make(chan error, 1)
	go func() {
		served <- p.serve(ctx, func() { t.Error("the window closes") }, instance.Handler{Open: func(string) {}})
	}()
	if own, err := instance.Await(t.Context(), dir, ""); own != nil || err != nil {
		t.Errorf("it does not serve: %v", err)
	}
	cancel()
	if err := errors.Join(<-served, p.own.Close()); err != nil {
		t.Error(err)
	}
}

// TestAWindowThatGoesOn: it takes the link, and the window that waited closes.
func TestAWindowThatGoesOn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	hangs, err := instance.Claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	p := options{profile: dir, link: "zeroms:ABC"}.runPlace(ctx)
	left, served := make(chan struct{}), make(chan error, 2)
	go func() { served <- p.serve(ctx, func() { close(left) }, instance.Handler{}) }()
	opened := make(chan string, 1)
	go func() {
		served <- hangs.Serve(ctx, instance.Handler{Open: func(text string) { opened <- text }})
	}()
	<-left
	if text := <-opened; text != "zeroms:ABC" || p.own != nil || p.err != nil {
		t.Errorf("it opened %q; %v", text, p.err)
	}
	cancel()
	if err := errors.Join(<-served, <-served, hangs.Close()); err != nil {
		t.Error(err)
	}
	waits := options{profile: filepath.Join(t.TempDir(), "q")}
	if hangs, err = instance.Claim(waits.profile); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	p = waits.runPlace(ctx)
	cancel()
	<-p.settled
	if p.own != nil || p.err != nil {
		t.Errorf("who closed the window that waited is told %v", p.err)
	}
	if err := errors.Join(p.serve(ctx, func() {}, instance.Handler{}), hangs.Close()); err != nil {
		t.Error(err)
	}
}
