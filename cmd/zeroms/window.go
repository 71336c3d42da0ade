package main

import (
	"log/slog"
	"os"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"

	"zeroms/cmd/zeroms/desk"
	"zeroms/ui"
)

// appID is the name of the app for the system: of its notifications and its menu entry.
const appID = "org.zeroms.desktop"

// parts are what a window is made with.
type parts struct {
	door   *desk.Desk
	look   look
	link   string
	opened <-chan string
	trace  *trace // nil: nobody looks
	began  time.Time
	log    *slog.Logger
}

// newWindow makes the window; Run shows it.
func newWindow(p parts) (*ui.App, error) {
	if dir, err := os.UserCacheDir(); err == nil {
		_ = os.MkdirAll(dir, 0o700) // Fyne takes it for granted; who is new to the system has none
	}
	app.SetMetadata(fyne.AppMetadata{
		ID: appID, Name: "ZeroMS", Version: desk.BuildVersion(),
		// ui hands everything to the screen's goroutine; where somebody looks, Fyne checks it.
		Migrations: map[string]bool{"fyneDo": p.trace == nil},
	})
	cfg := ui.Config{
		App: app.NewWithID(appID), Door: p.door, Look: p.look.load(p.log), SaveLook: p.look.save, Link: p.link, Opened: p.opened,
		ErrorName: desk.Name, ErrorArgs: p.door.Args, PasteImage: pasteImage, Version: desk.BuildVersion(), Stopped: p.door.Stopped(), Started: p.began,
	}
	if p.trace != nil {
		cfg.Trace = func(what string, took time.Duration) { p.trace.note(what, took) }
	}
	return ui.New(cfg)
}
