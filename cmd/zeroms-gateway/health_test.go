package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"zeroms/cmd/zeroms-gateway/folder"
	"zeroms/cmd/zeroms-gateway/network"
)

// newParts is a gateway in this process, opened.
func newParts(t *testing.T) *parts {
	t.Helper()
	p := &parts{
		at:  network.Place{Listen: "127.0.0.1:0", Plain: true, Status: "127.0.0.1:0"},
		log: slog.New(slog.DiscardHandler), since: time.Now(),
	}
	t.Cleanup(p.close)
	fresh := folder.Config{Version: folder.Version, Network: "lab"}
	if err := p.begin(t.Context(), filepath.Join(t.TempDir(), "gw"), fresh, false); err != nil {
		t.Fatal(err)
	}
	if err := p.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// The health of a gateway from its start to its end: with a link that does not go
// away, so that draining can be seen.
func TestHealthFromStartToEnd(t *testing.T) {
	p := newParts(t)
	if err := p.health(t.Context()); !errors.Is(err, errStarting) {
		t.Errorf("before it runs: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	said, saying := io.Pipe()
	go func() {
		ended <- p.run(ctx, saying)
		saying.Close()
	}()
	text := make([]byte, 64<<10)
	for all := ""; !strings.Contains(all, "ready "); {
		n, err := said.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		all += string(text[:n])
	}
	go io.Copy(io.Discard, said)
	if err := p.health(t.Context()); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	if r := p.reading(); r.LinksLimit != 10_000 || r.Database == 0 || r.Draining {
		t.Errorf("%+v", r)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := p.health(t.Context()); !errors.Is(err, errStopping) {
		t.Errorf("at its end: %v", err)
	}
	if !p.reading().Draining {
		t.Error("it does not say that it drains")
	}
}

// Whether commits work is tried at most every ten seconds, and not at all while they
// do.
func TestTrialCommits(t *testing.T) {
	p := newParts(t)
	if err := p.store.writes(t.Context()); err != nil {
		t.Fatal(err)
	}
	once := p.store.last.Load()
	if once == 0 {
		t.Error("nothing was tried")
	}
	for range 100 {
		if err := p.store.writes(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if p.store.last.Load() != once {
		t.Error("it was tried again at once")
	}
	p.store.last.Store(time.Now().Add(-time.Minute).UnixNano())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.store.writes(ctx); err == nil {
		t.Error("no trial after a minute")
	}
}

func TestMemoryBound(t *testing.T) {
	usual := folder.Config{}.Memory()
	few := folder.Config{Limits: folder.Limits{Links: 2000}}.Memory()
	if usual < 1<<30 || usual > 2<<30 || few >= usual/2 {
		t.Errorf("%d MiB, with 2,000 links %d MiB", usual>>20, few>>20)
	}
	for _, links := range []int{20, 100, 10_000, 200_000} {
		if n := filesFor(links); n < uint64(links+links/8) || n > uint64(2*links+200) {
			t.Errorf("%d links need %d files", links, n)
		}
	}
}
