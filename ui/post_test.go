package ui

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/screen"
)

// TestWindowRestsWithoutTheFocus: with it each frame comes at once.
func TestWindowRestsWithoutTheFocus(t *testing.T) {
	r := newRig(t, modeltest.Options{}, model.Look{}).enterWorld()
	rests := 0
	r.screen = screen.New(func(most time.Duration) {
		rests++
		<-time.After(most)
	}, func() {})
	synctest.Test(t, func(t *testing.T) {
		for _, active := range []bool{true, false, true} {
			r.setActive(active)
			rests = 0
			for range 100 {
				r.pulse().Tick(0)
			}
			if rests > 0 == active {
				t.Errorf("with the focus: %v, it rested %d times", active, rests)
			}
		}
	})
}

// driven is an app whose driver runs until it is told to quit.
type driven struct {
	fyne.App
	life hooks
	over chan struct{}
}

func (d *driven) Lifecycle() fyne.Lifecycle { return &d.life }
func (d *driven) Quit()                     { close(d.over) }

func (d *driven) Run() {
	d.life.started()
	<-d.over
}

// hooks is a Lifecycle that only begins.
type hooks struct {
	fyne.Lifecycle
	started func()
}

func (h *hooks) SetOnStarted(f func())         { h.started = f }
func (h *hooks) SetOnEnteredForeground(func()) {}
func (h *hooks) SetOnExitedForeground(func())  {}

// TestEndFromOutsideQuits: when the system ends the app, what was asked for before is done
// and the driver is told to quit.
func TestEndFromOutsideQuits(t *testing.T) {
	app := &driven{App: test.NewTempApp(t), over: make(chan struct{})}
	world := modeltest.New(t, modeltest.Options{})
	world.Fail("State", errors.New("the disk is gone")) // which is told, and nothing else runs
	ctx, end := context.WithCancel(context.Background())
	usable := make(chan struct{})
	var kept []model.Look
	a, err := New(Config{
		App: app, Door: world.NewDoor(), Version: "test", Usable: func() { close(usable) },
		SaveLook: func(l model.Look) error {
			kept = append(kept, l)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer a.window.Close()
	go func() {
		<-usable
		end()
	}()
	if err := a.Run(ctx); err != nil || !a.screen.Ended() || len(kept) != 1 {
		t.Errorf("%v, ended %v, %d looks were kept", err, a.screen.Ended(), len(kept))
	}
}
