package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"

	"zeroms/cmd/zeroms/desk"
	"zeroms/ui"
	"zeroms/ui/model"
)

// appID is the name of the app for the system: of its notifications and its menu entry.
const appID = "org.zeroms.desktop"

// parts are what a window is made with.
type parts struct {
	door   *desk.Desk
	gate   model.Door // the way to it
	look   look
	link   string
	opened <-chan string
	usable func() // told once that the window can be used
	notify func(context.Context, ui.Note) error
	choose func(context.Context, ui.Choice, func(string, error))
	tray   ui.Tray
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
		App: endQuietly(app.NewWithID(appID)), Door: p.gate, Look: p.look.load(p.log), SaveLook: p.look.save, Link: p.link, Opened: p.opened,
		ErrorName: desk.Name, ErrorArgs: p.door.Args, PasteText: pasteText, PasteImage: pasteImage, Version: desk.BuildVersion(), Stopped: p.door.Stopped(), Started: p.began, Usable: p.usable,
	}
	cfg.Notify, cfg.Choose, cfg.Tray = p.notify, p.choose, p.tray
	cfg.Idle, cfg.Wake = idle()
	if p.trace != nil {
		cfg.Trace = func(what string, took time.Duration) { p.trace.note(what, took) }
	}
	return ui.New(cfg)
}

// endQuietly takes away what Fyne does once the app has stopped: it saves preferences, which
// are saved already, by way of its loop while that is being closed. That ended in a panic
// now and then, or not at all.
func endQuietly(a fyne.App) fyne.App {
	if hooks, ok := a.Lifecycle().(interface{ SetOnStoppedHookExecuted(func()) }); ok {
		hooks.SetOnStoppedHookExecuted(nil)
	}
	return a
}
