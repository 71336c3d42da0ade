package notice

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/godbus/dbus/v5"

	"zeroms/client"
	"zeroms/ui"
)

func TestWithoutASession(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
	ctx, cancel := context.WithCancel(t.Context())
	n, ended := New(), make(chan struct{})
	go func() { n.Run(ctx); close(ended) }()
	for range 2 {
		if err := n.Show(ctx, ui.Note{Title: "Alice", Body: "Hello"}); err == nil {
			t.Error("shown by nobody")
		}
	}
	cancel()
	<-ended
	if err := n.Show(ctx, ui.Note{}); !errors.Is(err, errEnded) {
		t.Error(err)
	}
}

func TestHear(t *testing.T) {
	n := New()
	var chosen []client.ContactID
	for id := range client.ContactID(3) {
		n.shown = append(n.shown, shown{uint32(id), ui.Note{Contact: id, Chosen: func() { chosen = append(chosen, id) }}})
	}
	for _, s := range []*dbus.Signal{
		{Name: name + ".ActionInvoked", Body: []any{uint32(1), "default"}},
		{Name: name + ".ActionInvoked", Body: []any{uint32(7), "default"}}, // somebody else's
		{Name: name + ".NotificationClosed", Body: []any{uint32(1), uint32(2)}},
		{Name: name + ".ActionInvoked", Body: []any{uint32(1), "default"}}, // gone
		{Name: name + ".ActionInvoked", Body: []any{"2", "default"}},
		{Name: name + ".ActionInvoked", Body: []any{uint32(2)}},
		{Name: name + ".ActivationToken", Body: []any{uint32(2), "token"}},
	} {
		n.hear(s)
	}
	if len(chosen) != 1 || chosen[0] != 1 || len(n.shown) != 2 {
		t.Errorf("chosen %v, %d are left", chosen, len(n.shown))
	}
}
