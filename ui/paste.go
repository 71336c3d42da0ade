package ui

import (
	"context"
	"errors"
	"time"

	"fyne.io/fyne/v2"

	w "zeroms/ui/widget"
)

// Errors of Config.PasteText and Config.PasteImage.
var (
	// ErrPasteSilent: the program that has put something on the clipboard does not answer.
	ErrPasteSilent = errors.New("ui: the program that has the clipboard does not answer")
	// ErrPasteLarge: there is more on the clipboard than anything here takes.
	ErrPasteLarge = errors.New("ui: there is too much on the clipboard")
	// ErrPasteAway: the clipboard can't be read in this way here.
	ErrPasteAway = errors.New("ui: the clipboard can't be reached")
)

// How long the program that has the clipboard may take to hand over a text, and a picture,
// which may be large.
const (
	textWait  = 2 * time.Second
	imageWait = 10 * time.Second
)

// textSoon is how long the screen's goroutine waits for a text: most are there in some
// milliseconds, and what is typed right after a paste belongs behind it. It is a frame.
const textSoon = 20 * time.Millisecond

// look is a look into the clipboard, away from the screen's goroutine: who has put
// something there is another program, which is asked for it each time and may take as long
// as it likes. Who asks while a look lasts waits for what comes of it.
type look[T any] struct {
	app     *App
	soon    time.Duration // for which the screen's goroutine waits
	wait    time.Duration // after which the user is told
	read    func(context.Context) (T, error)
	beside  func() T // what there is if it can't be read
	waiting []waiter[T]
	turn    int // which look it is; what comes of an older one is dropped
}

type waiter[T any] struct {
	into fyne.CanvasObject // what it is for; nil: no one object
	then func(T)
}

// readClipboard makes what reads the clipboard.
func (a *App) readClipboard() {
	text := func() string { return a.cfg.App.Clipboard().Content() }
	a.texts = &look[string]{app: a, soon: textSoon, wait: textWait, read: a.cfg.PasteText, beside: text}
	a.images = &look[[]byte]{app: a, wait: imageWait, read: a.cfg.PasteImage, beside: func() []byte { return nil }}
	a.layers.object.SetPaster(a)
}

// PasteInto is page.Paster's.
func (a *App) PasteInto(o fyne.CanvasObject, then func(text string) (whole bool)) {
	a.texts.ask(o, func(text string) {
		if a.shows(o) && !then(text) {
			a.host.Say.Notice(a.host.Words.Say("shell.paste.cut"))
		}
	})
}

// shows reports whether a control can be seen, under whatever lies over it.
func (a *App) shows(o fyne.CanvasObject) bool {
	named, ok := o.(w.Named)
	return ok && w.Find(a.layers.object, named.ID()) == o
}

// ask hands on what is on the clipboard. What is asked for once more for the same object,
// before there was an answer, is what an impatient finger did.
func (l *look[T]) ask(into fyne.CanvasObject, then func(T)) {
	if l.read == nil {
		then(l.beside())
		return
	}
	for _, w := range l.waiting {
		if into != nil && w.into == into {
			return
		}
	}
	if l.waiting = append(l.waiting, waiter[T]{into, then}); len(l.waiting) == 1 {
		l.begin()
	}
}

// begin looks, until it takes too long.
func (l *look[T]) begin() {
	l.turn++
	turn := l.turn
	var stop func()
	stop = l.app.host.Every(l.wait, func() {
		stop()
		var nothing T
		l.end(turn, nothing, ErrPasteSilent)
	})
	soon := make(chan func(), 1)
	l.app.host.Async.Slow(func(ctx context.Context) func() {
		ctx, cancel := context.WithTimeout(ctx, l.wait)
		defer cancel()
		got, err := l.read(ctx)
		end := func() {
			stop()
			l.end(turn, got, err)
		}
		soon <- end
		return end // which does nothing the second time
	})
	select {
	case end := <-soon:
		end()
	case <-time.After(l.soon):
	}
}

// end hands on what came of a look.
func (l *look[T]) end(turn int, got T, err error) {
	if turn != l.turn {
		return // too late
	}
	waiting := l.waiting
	l.waiting = nil
	l.turn++
	say := l.app.host.Words
	switch {
	case err == nil:
	case errors.Is(err, ErrPasteLarge):
		l.app.host.Say.Notice(say.Say("shell.paste.large"))
		return
	case errors.Is(err, ErrPasteAway):
		got = l.beside()
	default:
		l.app.host.Say.Notice(say.Say("shell.paste.silent"))
		return
	}
	for _, w := range waiting {
		w.then(got)
	}
}
