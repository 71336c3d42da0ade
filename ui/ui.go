// Package ui is the window of the desktop app: it shows the pages of packages chat,
// people, places and start in panes, moves between them, and joins them to a profile.
//
// Goroutines: the driver's main loop owns everything in the packages of ui; Run adds
// those that do work elsewhere and hand what comes of it back (model.Runner,
// model.Feed, timers), and waits for them.
package ui

import (
	"context"
	"sync"
	"time"

	"fyne.io/fyne/v2"

	"zeroms/client"
	"zeroms/ui/model"
	"zeroms/ui/page"
	"zeroms/ui/screen"
	"zeroms/ui/start"
	"zeroms/ui/theme"
	"zeroms/ui/words"
)

// Config is what an App is made of.
type Config struct {
	App  fyne.App
	Door model.Door
	// Look is how it looks at first; SaveLook keeps another one.
	Look     model.Look
	SaveLook func(model.Look) error
	// Link is what it was started with: a zeroms: link, a card or a gateway address.
	Link string
	// Opened brings such texts from further starts; an empty one only has the window
	// shown.
	Opened <-chan string
	// Stopped brings why an open profile's engine ended.
	Stopped <-chan error
	// ErrorName names errors for their translation; nil: by the protocol's names only.
	ErrorName func(error) string
	// ErrorArgs are the names and values that such a translation has places for; nil: none.
	ErrorArgs func(error) []any
	// PasteText is the text on the clipboard, and PasteImage the picture there as PNG;
	// nothing: there is none. They are called away from the screen's goroutine and return
	// when ctx ends. Errors: ErrPasteSilent, ErrPasteLarge, ErrPasteAway. nil: texts are read
	// from App's clipboard, which may have the screen wait, and there are no pictures.
	PasteText  func(ctx context.Context) (string, error)
	PasteImage func(ctx context.Context) ([]byte, error)
	// Choose has the user choose a file in the chooser of the system, which goes when ctx
	// ends; it returns at once. done is called from any goroutine, unless ctx has ended, with
	// "" if nothing was chosen. Errors: ErrChooseAway, ErrChooseElsewhere. nil: there is no
	// such chooser, and Fyne's is shown.
	Choose func(ctx context.Context, c Choice, done func(path string, err error))
	// Notify shows a notification of the system; it is called away from the screen's
	// goroutine. Error: nobody does. nil: Fyne does, and a click on it leads nowhere.
	Notify func(ctx context.Context, n Note) error
	// Tray is the app's icon among those of the system; nil: there is none.
	Tray Tray
	// Idle waits on the screen's goroutine until the system tells the window something,
	// Wake is called from elsewhere or the time is over, and has the window take it; nil:
	// the window does not rest.
	Idle func(most time.Duration)
	Wake func()
	// Trace is told how long things took until they were on the screen; nil: nobody
	// looks. Started is when the program started.
	Trace   func(what string, took time.Duration)
	Started time.Time
	// Usable is told once that the window can be used; nil: nobody is.
	Usable  func()
	Version string
}

// App is the window with everything in it.
type App struct {
	cfg    Config
	window fyne.Window
	runner *model.Runner
	timers *screen.Timers
	feeds  chan *client.Subscription // of profiles that were opened
	screen *screen.Screen            // nothing is handed to it once the app has ended

	// owned by the screen's goroutine
	host    *page.Host
	look    model.Look
	keys    fyne.ShortcutHandler // of the window
	trace   *painted             // nil: nobody looks
	active  bool
	shell   *shell        // what is shown once a profile is open; nil before
	alone   page.Page     // what is shown instead: welcome, lock, a problem
	pending string        // a link that waits for the profile
	locked  bool          // the profile is open behind the lock
	left    *model.Chats  // of a profile whose engine has ended: what it could not keep
	layers  *layers       // the window's content
	notices *notifier     // notifications of messages; nil before a profile is open
	away    time.Time     // since when the window is in the background
	ticks   []func()      // stop the timers of the open profile
	tray    *tray         // nil: there is none
	kept    *model.Look   // newest look that was handed to be kept
	texts   *look[string] // into the clipboard
	images  *look[[]byte]
	// choosing ends the choice that is open in the system's chooser; nil: none was
	choosing func()
}

// New makes the app and its window. Error: the translations of the language.
func New(cfg Config) (*App, error) {
	a := &App{cfg: cfg, look: cfg.Look, pending: cfg.Link, feeds: make(chan *client.Subscription, 1)}
	a.screen = screen.New(cfg.Idle, cfg.Wake)
	a.runner, a.timers = model.NewRunner(a.post), screen.NewTimers(a.post)
	a.window = cfg.App.NewWindow("ZeroMS")
	a.window.SetIcon(theme.AppIcon())
	a.window.SetPadded(false)
	a.host = &page.Host{
		App: cfg.App, Window: a.window, Async: a.runner, Feed: model.NewFeed(a.post), Now: time.Now, Every: a.timers.Every,
		Active: func() bool { return a.active },
	}
	if cfg.Idle != nil {
		a.host.Hold = a.screen.Hold
	}
	a.host.Nav, a.host.Say, a.host.Files, a.host.Rejoin = navigator{a}, sayer{a}, files{a}, a.rejoin
	a.host.Changed, a.host.Notify = a.setTray, a.sample
	if cfg.Trace != nil {
		a.trace = newPainted(cfg.Trace)
		a.host.Trace = a.trace.note
	}
	a.layers = newLayers(a.trace)
	a.readClipboard()
	if err := a.dress(); err != nil {
		return nil, err
	}
	size := fyne.NewSize(1180, 740)
	if cfg.Look.Width > 0 && cfg.Look.Height > 0 {
		size = fyne.NewSize(cfg.Look.Width, cfg.Look.Height)
	}
	a.window.SetContent(a.layers.object)
	a.window.Resize(size)
	a.window.SetMaster()
	a.shortcuts()
	a.window.SetOnDropped(a.drop)
	a.window.SetCloseIntercept(a.close)
	return a, nil
}

// dress makes what depends on the look.
func (a *App) dress() error {
	w, err := words.New(a.look.Language)
	if err != nil {
		return err
	}
	if a.cfg.ErrorName != nil {
		w.Names(a.cfg.ErrorName)
	}
	if a.cfg.ErrorArgs != nil {
		w.Args(a.cfg.ErrorArgs)
	}
	a.host.Words = w
	theme.Speak(w.Language())
	a.cfg.App.Settings().SetTheme(theme.New(a.look))
	return nil
}

// Run shows the window until it is closed or ctx ends. It must be called on the
// main goroutine.
func (a *App) Run(ctx context.Context) error {
	outside := ctx
	// What works beside the screen ends after it: quit is handed through it.
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var all sync.WaitGroup
	life := a.cfg.App.Lifecycle()
	life.SetOnStarted(func() {
		all.Go(func() { a.runBeside(ctx, outside) })
		if a.cfg.Idle != nil {
			a.pulse().Start()
		}
		a.begin()
	})
	life.SetOnEnteredForeground(func() { a.setActive(true) })
	life.SetOnExitedForeground(func() { a.setActive(false) })
	a.window.Show()
	a.cfg.App.Run()
	stop()
	all.Wait()
	return nil
}

// runBeside runs everything that is not the screen's goroutine.
func (a *App) runBeside(ctx, outside context.Context) {
	var all sync.WaitGroup
	all.Go(func() { a.runner.Run(ctx) })
	all.Go(func() { a.timers.Run(ctx) })
	all.Go(func() { a.loopFeeds(ctx) })
	all.Go(func() { a.loopOutside(ctx, outside) })
	all.Wait()
}

// loopFeeds hands on the events of the profile that is open.
func (a *App) loopFeeds(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-a.feeds:
			a.host.Feed.Run(ctx, s) // its end is told by Stopped
		}
	}
}

// loopOutside hands on what comes from outside of the window, the end of that too.
func (a *App) loopOutside(ctx, outside context.Context) {
	for {
		select {
		case <-outside.Done():
			a.post(a.quit)
			return
		case <-ctx.Done():
			return
		case link := <-a.cfg.Opened:
			a.post(func() { a.opened(link) })
		case err := <-a.cfg.Stopped:
			a.post(func() { a.stopped(err) })
		}
	}
}

// begin looks at what profile there is.
func (a *App) begin() {
	a.host.Async.Slow(func(ctx context.Context) func() {
		state, err := a.cfg.Door.State(ctx)
		if err == nil && state == model.DoorReady {
			p, err := a.cfg.Door.Unlock(ctx, "")
			if err == nil {
				return func() { a.enter(p) }
			}
			return func() { a.refuse(err) }
		}
		return func() { a.greet(state, err) }
	})
}

// greet shows what stands before an open profile.
func (a *App) greet(state model.DoorState, err error) {
	switch {
	case err != nil:
		a.refuse(err)
	case state == model.DoorLocked:
		a.showAlone(start.NewLock(a.host, func(passphrase string, then func(error)) {
			a.host.Async.Slow(func(ctx context.Context) func() {
				p, err := a.cfg.Door.Unlock(ctx, passphrase)
				return func() {
					then(err)
					if err == nil {
						a.enter(p)
					}
				}
			})
		}))
	default:
		var w *start.Welcome
		w = start.NewWelcome(a.host, a.cfg.Door, a.pending, func(p *model.Profile) {
			a.pending = w.Link()
			a.enter(p)
		})
		a.showAlone(w)
	}
	a.usable()
}

// refuse shows why there is no profile to show.
func (a *App) refuse(err error) {
	if !a.await(err) {
		a.showAlone(start.NewProblem(a.host, err, a.begin))
	}
	a.usable()
}

// usable notes that the window can be used, the first time.
func (a *App) usable() {
	if a.cfg.Usable != nil {
		a.cfg.Usable()
		a.cfg.Usable = nil
	}
	if !a.cfg.Started.IsZero() {
		a.host.Traced("start", a.cfg.Started)
		a.cfg.Started = time.Time{}
	}
}

// showAlone shows one page without anything around it.
func (a *App) showAlone(p page.Page) {
	if a.alone != nil && a.alone != p {
		a.alone.Close()
	}
	a.alone = p
	p.Narrow(a.window.Canvas().Size().Width < narrowWidth)
	a.layers.show(p.Object())
	if f, ok := p.(page.Focuser); ok {
		f.Focus()
	}
}

// enter shows an open profile.
func (a *App) enter(p *model.Profile) {
	first := a.host.Profile == nil
	a.host.Profile = p
	if first {
		a.feeds <- p.Talk.Subscribe()
		a.notices = newNotifier(a)
	}
	a.build()
	if a.left != nil {
		a.shell.chats.Restore(a.left.Unkept())
		a.left = nil
	}
	a.setTray()
	a.ticks = append(a.ticks, a.timers.Every(lockLook, a.lockIfAway))
	a.usable()
	if link := a.pending; link != "" {
		a.pending = ""
		a.open(link)
	}
}

// build makes the shell, anew after a change of the look.
func (a *App) build() {
	at := page.Place{}
	if a.shell != nil {
		at = a.shell.at
		a.shell.close()
	}
	a.shell = newShell(a)
	if a.alone != nil {
		a.alone.Close()
		a.alone = nil
	}
	a.layers.show(a.shell.panes.box)
	if at.Kind != page.Nothing {
		a.shell.open(at)
	}
}

// stopped shows that the engine has ended.
func (a *App) stopped(err error) {
	if err == nil {
		err = client.ErrStopped
	}
	a.leave()
	a.clear()
	a.refuse(err)
}

// leave ends what belongs to an open profile.
func (a *App) leave() {
	for _, stop := range a.ticks {
		stop()
	}
	a.ticks = nil
	if a.notices != nil {
		a.notices.close()
		a.notices = nil
	}
	if a.shell != nil {
		a.shell.close()
		a.left = a.shell.chats
		a.shell = nil
	}
	a.locked = false
	a.host.Profile = nil
}

// opened takes what another start of the app brought.
func (a *App) opened(link string) {
	a.window.Show()
	a.window.RequestFocus()
	welcome, first := a.alone.(*start.Welcome)
	switch {
	case link == "":
	case first:
		welcome.Open(link)
	case a.shell == nil || a.locked:
		a.pending = link
	default:
		a.open(link)
	}
}

// open shows what a link is about.
func (a *App) open(link string) { a.shell.open(page.Place{Kind: page.Add, Text: link}) }

func (a *App) setActive(active bool) {
	a.active = active
	a.away = time.Time{}
	if !active {
		a.away = time.Now()
	}
	if a.shell != nil {
		a.shell.setActive(active && !a.locked)
	}
}

// drop hands dropped files to the page that is shown.
func (a *App) drop(_ fyne.Position, uris []fyne.URI) {
	if d, ok := a.front().(page.Dropper); ok {
		d.Drop(uris)
	} else if a.shell != nil && !a.locked {
		a.shell.open(page.Place{Kind: page.Add})
		if d, ok := a.shell.page.(page.Dropper); ok {
			d.Drop(uris)
		}
	}
}

// close is what the window's close button does.
func (a *App) close() {
	a.keepSize()
	if p := a.host.Profile; p != nil && p.Notes.Settings().Tray {
		if a.tray == nil {
			a.setTray()
		}
		a.unchoose()
		a.window.Hide()
		return
	}
	a.quit()
}

// quit ends the app. Drafts are kept by the pages that close.
func (a *App) quit() {
	a.unchoose()
	a.keepSize()
	if a.shell != nil {
		a.shell.close()
		a.shell = nil
	}
	done := func() {
		a.screen.End()
		a.cfg.App.Quit()
	}
	// Behind everything that was asked for, so that it is kept.
	a.host.Async.Do(func(context.Context) func() { return done })
}

// keepSize keeps the window's size for the next start.
func (a *App) keepSize() {
	size := a.window.Canvas().Size()
	if size.Width < 1 || size.Height < 1 {
		return
	}
	a.look.Width, a.look.Height = size.Width, size.Height
	a.keepLook()
}

// keepLook keeps the look as it is now, if it is another one than the last.
func (a *App) keepLook() {
	look := a.look
	if a.cfg.SaveLook == nil || a.kept != nil && *a.kept == look {
		return
	}
	a.kept = &look
	a.host.Async.Do(func(context.Context) func() {
		if err := a.cfg.SaveLook(look); err != nil {
			return func() { a.host.Say.Fail(err) }
		}
		return nil
	})
}

// restyle shows everything in another look.
func (a *App) restyle(look model.Look) {
	look.Width, look.Height = a.look.Width, a.look.Height
	a.look = look
	if err := a.dress(); err != nil {
		a.host.Say.Fail(err)
		return
	}
	a.keepLook()
	a.layers.restyle()
	if r, ok := a.alone.(interface{ Restyle() }); ok {
		r.Restyle()
		a.layers.show(a.alone.Object())
		return
	}
	if a.shell != nil {
		a.build()
		a.setTray()
	}
}
