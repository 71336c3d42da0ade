package tray

import (
	"context"
	"testing"

	"zeroms/ui"
)

// TestShowDoesNotWait: nobody runs, and everybody may show.
func TestShowDoesNotWait(t *testing.T) {
	icon := New()
	for range 3 {
		icon.Show([]byte("icon"), [ui.TrayLines]ui.TrayLine{{Text: "Show"}})
	}
	if string(icon.icon) != "icon" || icon.lines[0].Text != "Show" || len(icon.changed) != 1 {
		t.Errorf("%q, %+v", icon.icon, icon.lines)
	}
}

func TestRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { New().Run(ctx); close(ended) }()
	cancel()
	<-ended
}
