package ui

import (
	"context"
	"errors"
	"fmt"
	"image/color"
	"slices"
	"strings"

	"fyne.io/fyne/v2/driver"

	"zeroms/ui/page"
)

// Choice is what the user is asked to choose in the system's chooser.
type Choice struct {
	// Title stands above the chooser, Accept on its button.
	Title, Accept string
	// Folder: a folder is chosen, and not a file.
	Folder bool
	// At is the folder to begin in; "": where the system begins.
	At string
	// Filters are which files are shown, as the user likes, at first by the first one; nil:
	// all.
	Filters []Filter
	// Parent is the window that is chosen for, "x11:" and its number in hexadecimal digits;
	// "": it is not known.
	Parent string
}

// Filter are files of a kind.
type Filter struct {
	Name string
	// Endings are those of their names, with dot; nil: all files.
	Endings []string
}

// Errors of Config.Choose.
var (
	// ErrChooseAway: the system has no chooser, or it fails.
	ErrChooseAway = errors.New("ui: the system has no chooser of files")
	// ErrChooseElsewhere: what was chosen is not on this computer.
	ErrChooseElsewhere = errors.New("ui: the chosen file is not on this computer")
)

// choose has the user choose in the system's chooser, and by other means where there is
// none. A file box is modal: what is below takes no taps, and a tap there ends the choice,
// as everything does that takes away what lies over the pages. What is chosen is dropped
// then, and so it is if another page is shown by now.
func (a *App) choose(c Choice, then func(path string), beside func()) {
	if a.cfg.Choose == nil {
		beside()
		return
	}
	a.unchoose()
	c.Parent = a.handle()
	ctx, cancel := context.WithCancel(context.Background())
	asked := a.front()
	a.choosing = a.layers.push(newShade(color.Transparent, a.unchoose), cancel)
	a.cfg.Choose(ctx, c, func(path string, err error) {
		a.post(func() {
			if ctx.Err() != nil {
				return
			}
			a.unchoose()
			switch {
			case a.front() != asked:
			case errors.Is(err, ErrChooseElsewhere):
				a.host.Say.Notice(a.host.Words.Say("shell.choose.elsewhere"))
			case err != nil:
				beside()
			case path != "":
				then(path)
			}
		})
	})
}

// unchoose ends the choice that is open, if one is.
func (a *App) unchoose() {
	if a.choosing != nil {
		a.choosing()
		a.choosing = nil
	}
}

// front is the page that is shown, nil: none. Another one may stand beside it.
func (a *App) front() page.Page {
	switch {
	case a.alone != nil:
		return a.alone
	case a.shell != nil:
		return a.shell.page
	}
	return nil
}

// handle names the window for other programs; "": it can't be named.
func (a *App) handle() (handle string) {
	window, ok := a.window.(driver.NativeWindow)
	if !ok {
		return ""
	}
	window.RunNative(func(native any) {
		if x, ok := native.(driver.X11WindowContext); ok && x.WindowHandle != 0 {
			handle = fmt.Sprintf("x11:%x", x.WindowHandle)
		}
	})
	return handle
}

// filters show the files with some endings, or else all.
func (f files) filters(endings []string) []Filter {
	if len(endings) == 0 {
		return nil
	}
	say := f.app.host.Words
	pictures, texts := []string{".png", ".jpg", ".jpeg"}, []string{".txt"}
	name := strings.Join(endings, " ")
	other := slices.DeleteFunc(slices.Clone(endings), func(e string) bool { return slices.Contains(pictures, e) })
	switch {
	case len(other) == 0:
		name = say.Say("shell.choose.pictures")
	case slices.Equal(other, texts):
		name = say.Say("shell.choose.texts")
	}
	return []Filter{{name, endings}, {say.Say("shell.choose.all"), nil}}
}
