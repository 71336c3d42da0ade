// Package page is what the pages of the app and its window know of each other: a
// Page is drawn in a pane of the window, and a Host is the window as a page sees it.
//
// Everything here belongs to the screen's goroutine.
package page

import (
	"time"

	"fyne.io/fyne/v2"

	"zeroms/client"
	"zeroms/ui/model"
	"zeroms/ui/words"
)

// Page is one page of the app.
type Page interface {
	// Object is what is drawn; the same one each time.
	Object() fyne.CanvasObject
	// Narrow tells that there is room for one pane only, so that the page shows a way
	// back in its header. It is called before the page is shown, and with each change.
	Narrow(bool)
	// Close ends the page: it listens to nothing any more.
	Close()
}

// Focuser is a Page that puts the keyboard's focus somewhere when it is shown.
type Focuser interface{ Focus() }

// Dropper is a Page that takes files dropped on the window.
type Dropper interface{ Drop(uris []fyne.URI) }

// Activer is a Page that wants to know when the window gets or loses the focus: only
// what is in an active window counts as read.
type Activer interface{ SetActive(bool) }

// Readier is a Page that reads something before there is much to see: the page before
// stays until then.
type Readier interface {
	// Ready calls then once, when the page can be shown: at once, if it can, and within
	// 100 ms in any case.
	Ready(then func())
}

// Kind is which page.
type Kind uint8

// The pages. Contact is of one person, Chat of one conversation, Details of one message;
// the others need no more.
const (
	Nothing Kind = iota
	Chat
	Contact
	Card
	Add
	Requests
	Gateways
	Settings
	Details
)

// Place names a page and what it is about.
type Place struct {
	Kind    Kind
	Contact client.ContactID
	Message client.MessageID
	// Text is what Add and Gateways begin with: a card or an address that was opened as a
	// link. In Settings it is where they open: "words" at the 24 words.
	Text string
}

// Host is the window as a page sees it.
type Host struct {
	App    fyne.App
	Window fyne.Window
	Words  *words.Words
	Async  model.Async
	Feed   *model.Feed
	// Profile is the open profile; nil on the pages before that.
	Profile *model.Profile
	Nav     Navigator
	Say     Sayer
	Files   Files
	// Now is the clock.
	Now func() time.Time
	// Changed tells the window that the user's settings have changed.
	Changed func()
	// Notify shows a notification of the system.
	Notify func(title, body string)
	// Rejoin gives a profile that was set back a device of its own, if the user wants that.
	Rejoin func()
	// Every calls f each d until stop is called, on the screen's goroutine.
	Every func(d time.Duration, f func()) (stop func())
	// Active reports whether the window has the focus.
	Active func() bool
	// Trace notes how long something took, once what it changed is on the screen;
	// nil: nobody looks. See docs/performance.md for the names.
	Trace func(what string, since time.Time)
	// Hold has the window wait with its next pictures for what comes of an input within a
	// moment, so that it is drawn with them: until release is called, each for a frame at
	// most, and for 50 ms in all. nil: the window draws when it likes.
	Hold func() (release func())
}

// Traced is Trace for a Host that may have none.
func (h *Host) Traced(what string, since time.Time) {
	if h.Trace != nil {
		h.Trace(what, since)
	}
}

// Held is Hold for a Host that may have none.
func (h *Host) Held() (release func()) {
	if h.Hold == nil {
		return func() {}
	}
	return h.Hold()
}

// Navigator moves between pages.
type Navigator interface {
	// Open shows a page. Details opens beside the conversation where there is room.
	Open(Place)
	// Back shows the page before, or the conversation or list that the page belongs to.
	Back()
	// Chats is the model of the conversation list, one for the whole app.
	Chats() *model.Chats
	// Lock hides everything until the passphrase is given.
	Lock()
	// Restyle draws everything anew with another look, which is kept.
	Restyle(model.Look)
	// Look is how the app looks now.
	Look() model.Look
}

// Sayer tells the user something.
type Sayer interface {
	// Notice shows a line for some seconds.
	Notice(text string)
	// Fail shows what went wrong, in the user's language where it is known; nil: nothing.
	Fail(err error)
	// Ask asks before something that can't be taken back; yes is what the button says.
	Ask(q Question)
	// Show lays a box with a title over the window until close is called or the user
	// closes it.
	Show(title string, content fyne.CanvasObject) (close func())
}

// Question is asked by Sayer.Ask.
type Question struct {
	Title, Text string
	Yes         string // what the button says
	Danger      bool   // it destroys something
	Then        func()
}

// Files is files and the clipboard.
type Files interface {
	// Open has the user choose a file; extensions with dot.
	Open(title string, extensions []string, then func(path string))
	// Save has the user choose a name for a new file, beginning with name, and writes it
	// with mode 0600; then is called once it is there.
	Save(title, name string, content []byte, then func(path string))
	// SavePath has the user choose the name only.
	SavePath(title, name string, then func(path string))
	Copy(text string)
	// Paste reads the text of the clipboard; then gets "" if there is none. then is not
	// called if there is no answer, or too much, which the user is told.
	Paste(then func(text string))
	// PasteImage reads the picture in the clipboard as PNG, nil if there is none; like
	// Paste.
	PasteImage(then func(png []byte))
}

// Deps is what view models are made with.
func (h *Host) Deps() model.Deps {
	return model.Deps{Words: h.Words, Async: h.Async, Feed: h.Feed, Profile: h.Profile, Now: h.Now}
}
