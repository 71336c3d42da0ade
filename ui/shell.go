package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"zeroms/client"
	"zeroms/ui/chat"
	"zeroms/ui/model"
	"zeroms/ui/page"
	"zeroms/ui/people"
	"zeroms/ui/places"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// shell is the window with an open profile: the list, a page, and what stands beside
// it.
type shell struct {
	app    *App
	panes  *panes
	chats  *model.Chats
	list   *chat.List
	page   page.Page // nil: none
	coming page.Page // stands in page's place once it is ready; nil: none
	beside page.Page // message details; nil: none
	at     page.Place
	detail page.Place   // what beside is about
	before []page.Place // the way here
	empty  fyne.CanvasObject
}

// maxBefore bounds the way back.
const maxBefore = 32

func newShell(a *App) *shell {
	s := &shell{app: a}
	zoom := theme.Zoom()
	s.panes = newPanes(zoom, func(bool, bool) { s.fit() })
	s.chats = model.NewChats(a.host.Deps())
	s.empty = s.noPage()
	s.chats.OnError = a.host.Say.Fail
	a.shell = s // the list asks for the model
	s.list = chat.NewList(a.host)
	s.list.OnMenu = a.showMenu
	s.chats.Listen(a.count)
	if a.notices != nil {
		a.notices.begin(s.chats)
	}
	s.show()
	return s
}

// noPage stands where no conversation is chosen. Where there is none to choose the list
// says what to do.
func (s *shell) noPage() fyne.CanvasObject {
	hint := w.NewText(s.app.host.Words.Say("shell.choose"), w.Secondary)
	hint.Hide()
	s.chats.Listen(func() {
		if s.chats.Len() > 0 && !hint.Visible() {
			hint.Show()
		}
	})
	return container.NewCenter(hint)
}

// build makes the page of a place.
func (s *shell) build(at page.Place) page.Page {
	h := s.app.host
	switch at.Kind {
	case page.Chat:
		return chat.NewTalk(h, at.Contact)
	case page.Contact:
		return people.NewContact(h, at.Contact)
	case page.Card:
		return people.NewCard(h)
	case page.Add:
		return people.NewAdd(h, at.Text)
	case page.Requests:
		return people.NewRequests(h)
	case page.Gateways:
		return places.NewGateways(h, at.Text)
	case page.Settings:
		return places.NewSettings(h, at.Text)
	case page.Details:
		return chat.NewDetails(h, at.Message)
	}
	return nil
}

// open shows a place; the one before is where back leads.
func (s *shell) open(at page.Place) {
	if at.Kind == page.Details && s.at.Kind == page.Chat {
		s.openBeside(at)
		return
	}
	if at == s.at && s.page != nil {
		s.focus()
		return
	}
	switch {
	case at.Kind == page.Chat:
		s.before = nil // a conversation leads back to the list
	case s.at.Kind != page.Nothing && s.at.Kind != at.Kind:
		s.before = append(s.before, s.at)
		if len(s.before) > maxBefore {
			s.before = slices.Delete(s.before, 0, 1)
		}
	}
	s.set(at)
}

// set shows a place without keeping the way.
func (s *shell) set(at page.Place) {
	s.closeComing()
	s.at = at
	s.at.Text = "" // the page takes it once
	s.chats.Aim(s.talked())
	next := s.build(at)
	r, ok := next.(page.Readier)
	if !ok {
		s.present(next)
		return
	}
	s.coming = next
	r.Ready(func() {
		if s.coming == next {
			s.coming = nil
			s.present(next)
		}
	})
}

// present shows a page in place of the one before.
func (s *shell) present(next page.Page) {
	s.closeBeside()
	if s.page != nil {
		s.page.Close()
	}
	s.page = next
	s.chats.Select(s.talked())
	s.show()
	s.setActive(s.app.active)
	s.focus()
}

// talked is the conversation whose page is open or about to be; 0: none.
func (s *shell) talked() client.ContactID {
	if s.at.Kind == page.Chat {
		return s.at.Contact
	}
	return 0
}

func (s *shell) closeComing() {
	if s.coming != nil {
		s.coming.Close()
		s.coming = nil
	}
}

func (s *shell) openBeside(at page.Place) {
	s.closeBeside()
	s.beside, s.detail = s.build(at), at
	s.show()
}

func (s *shell) closeBeside() {
	if s.beside != nil {
		s.beside.Close()
		s.beside = nil
	}
}

// back leads to the page before, at last to the list.
func (s *shell) back() {
	switch {
	case s.beside != nil:
		s.closeBeside()
		s.show()
	case len(s.before) > 0:
		at := s.before[len(s.before)-1]
		s.before = s.before[:len(s.before)-1]
		s.set(at)
	case s.at.Kind != page.Nothing:
		s.set(page.Place{})
	}
}

// fit is told that there is room for more or for fewer panes.
func (s *shell) fit() { s.show() }

// show puts into the panes what there is room for.
func (s *shell) show() {
	if s.list == nil {
		return
	}
	narrow, wide := s.panes.narrow, s.panes.wide
	if s.page != nil {
		s.page.Narrow(narrow)
	}
	if s.beside != nil {
		s.beside.Narrow(!wide)
	}
	s.list.Narrow(narrow)
	body := s.empty
	if s.page != nil {
		body = s.page.Object()
	}
	switch {
	case s.beside != nil && wide:
		s.panes.set(s.list.Object(), body, s.beside.Object())
	case s.beside != nil && narrow:
		s.panes.set(nil, s.beside.Object(), nil)
	case s.beside != nil:
		s.panes.set(s.list.Object(), s.beside.Object(), nil)
	case narrow && s.page != nil:
		s.panes.set(nil, body, nil)
	case narrow:
		s.panes.set(s.list.Object(), nil, nil)
	default:
		s.panes.set(s.list.Object(), body, nil)
	}
}

func (s *shell) focus() {
	if f, ok := s.page.(page.Focuser); ok {
		f.Focus()
	}
}

func (s *shell) setActive(active bool) {
	for _, p := range []page.Page{s.page, s.beside} {
		if a, ok := p.(page.Activer); ok {
			a.SetActive(active)
		}
	}
}

// talking is the conversation that the user looks at; 0: none.
func (s *shell) talking() client.ContactID {
	if s.at.Kind == page.Chat && (s.beside == nil || s.panes.wide) {
		return s.at.Contact
	}
	return 0
}

func (s *shell) close() {
	s.closeBeside()
	s.closeComing()
	if s.page != nil {
		s.page.Close()
		s.page = nil
	}
	s.list.Close()
	s.chats.Close()
}

// navigator is the way of pages to others.
type navigator struct{ app *App }

// Open is page.Navigator's.
func (n navigator) Open(at page.Place) {
	if n.app.shell != nil {
		n.app.layers.clear()
		n.app.shell.open(at)
	}
}

// Back is page.Navigator's.
func (n navigator) Back() {
	if n.app.shell != nil {
		n.app.shell.back()
	}
}

// Chats is page.Navigator's.
func (n navigator) Chats() *model.Chats { return n.app.shell.chats }

// Lock is page.Navigator's.
func (n navigator) Lock() { n.app.lock() }

// Restyle is page.Navigator's.
func (n navigator) Restyle(look model.Look) { n.app.restyle(look) }

// Look is page.Navigator's.
func (n navigator) Look() model.Look { return n.app.look }
