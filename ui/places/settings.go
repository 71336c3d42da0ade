package places

import (
	"strconv"

	"fyne.io/fyne/v2"

	"zeroms/ui/model"
	"zeroms/ui/model/places"
	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
	"zeroms/ui/words"
)

// settingsWidth is how wide the settings get.
const settingsWidth = 600

// Settings is the page of the settings. Each change applies at once and is kept.
type Settings struct {
	sheet
	model    *places.Settings
	sections []*section
	closed   bool

	words   []string // the 24 words, while they are shown
	sought  *section // where the page was opened at; nil: at its top
	press   func()   // does what the button of the words does
	begun   bool     // it was pressed for who was led there
	archive archiveChoice
	report  string // the diagnostics, while they are shown
}

// section is one part of the page, which draws itself anew after a change.
type section struct {
	page    *Settings
	title   string
	content *fyne.Container
	parts   func(*section) []fyne.CanvasObject
}

// NewSettings makes the page; text is places.SeekWords of the model, or empty for its top.
func NewSettings(h *page.Host, text string) *Settings {
	s := &Settings{sheet: newSheet(h, h.Words.Say("places.settings"), settingsWidth), model: places.NewSettings(h.Deps())}
	say := h.Words
	add := func(title string, parts func(*section) []fyne.CanvasObject) {
		s.sections = append(s.sections, &section{page: s, title: title, content: w.NewStack(12), parts: parts})
	}
	add(say.Say("places.set.profile"), s.profile)
	add(say.Say("places.set.look"), s.look)
	add(say.Say("places.set.notify"), s.notify)
	add(say.Say("places.set.write"), s.writing)
	add(say.Say("places.set.privacy"), s.privacy)
	add(say.Say("places.set.pass"), s.passphrase)
	add(say.Say("places.set.backup"), s.backup)
	add(say.Say("places.set.net"), s.network)
	add(say.Say("places.set.diag"), s.diagnostics)
	add(say.Say("places.set.about"), s.about)
	panels := make([]fyne.CanvasObject, 0, len(s.sections))
	for _, x := range s.sections {
		x.draw()
		panels = append(panels, w.NewPanel(x.content))
	}
	s.put(panels...)
	if text == places.SeekWords {
		s.sought = s.sections[words24]
	}
	s.model.Load(func(err error) {
		h.Say.Fail(err)
		if !s.closed {
			s.sections[0].draw()
			s.relay()
			s.reveal()
		}
	})
	return s
}

// words24 is which section has the 24 words.
const words24 = 6

// Focus opens what the page was opened for. The window calls it when it shows the page.
func (s *Settings) Focus() {
	if s.sought == nil || s.begun {
		return
	}
	s.begun = true
	s.reveal()
	s.press()
}

// reveal scrolls to where the page was opened at.
func (s *Settings) reveal() {
	if s.sought == nil {
		return
	}
	for i, x := range s.sections {
		if x == s.sought {
			s.scroll.ScrollToOffset(fyne.NewPos(0, s.list.Position().Y+s.list.Objects[i].Position().Y-theme.Px(narrowMargin)))
		}
	}
}

// Narrow tells whether there is room for one pane only.
func (s *Settings) Narrow(narrow bool) { s.header.SetNarrow(narrow) }

// Close ends the page, and forgets what should not be seen.
func (s *Settings) Close() {
	s.closed = true
	s.words, s.report = nil, ""
}

// draw makes the parts of a section anew.
func (x *section) draw() {
	x.content.Objects = append([]fyne.CanvasObject{w.NewText(x.title, w.Strong)}, x.parts(x)...)
	x.content.Refresh()
}

// again draws a section anew, and lays the page out.
func (x *section) again() {
	if !x.page.closed {
		x.draw()
		x.page.relay()
	}
}

// lockChanged draws anew what goes by whether there is a passphrase.
func (s *Settings) lockChanged() {
	if s.closed {
		return
	}
	for _, x := range s.sections {
		x.draw()
	}
	s.relay()
}

// kept is told how a change went: what is shown follows what is kept.
func (x *section) kept(said string) func(error) {
	return func(err error) {
		if x.page.h.Say.Fail(err); err == nil && said != "" {
			x.page.h.Say.Notice(said)
		}
		x.again()
	}
}

// change changes what the app keeps.
func (x *section) change(how func(*model.Settings)) { x.page.model.Change(how, x.kept("")) }

// profile is the name and the user ID.
func (s *Settings) profile(x *section) []fyne.CanvasObject {
	say := s.h.Words
	wrong := s.trouble()
	name := w.NewField("settings.name", say.Say("places.set.name"))
	name.SetText(s.model.Name)
	save := w.NewButton("settings.name.save", say.Say("places.set.save"), w.Plain, nil)
	save.Disable()
	name.SetOnChanged(func(text string) {
		wrong.Tell("")
		if text == s.model.Name {
			save.Disable()
		} else {
			save.Enable()
		}
	})
	press := func() {
		if problem := places.NameProblem(say, name.Text); problem != "" {
			wrong.Tell(problem)
			return
		}
		s.model.SetName(name.Text, x.kept(say.Say("places.set.saved")))
	}
	save.SetTapped(press)
	name.OnSubmitted = func(string) { press() }
	id := w.NewIconButton("settings.id.copy", "copy", say.Say("places.set.id.copy"), func() {
		s.h.Files.Copy(s.model.User)
		s.h.Say.Notice(say.Say("places.copied"))
	})
	return []fyne.CanvasObject{
		w.NewStack(8, w.NewText(say.Say("places.set.name"), w.Secondary), newTailed(name, save), w.NewParagraph(s.nameText(), w.Small), wrong.Line),
		w.NewStack(2, w.NewText(say.Say("places.set.id"), w.Secondary), newTailed(w.NewParagraph(s.model.Groups, w.Mono), id)),
	}
}

// nameText tells who sees the name, or what they see without one.
func (s *Settings) nameText() string {
	if s.model.Name == "" && s.model.User != "" {
		return s.h.Words.Say("places.set.name.none", "ID", s.model.User[:8])
	}
	return s.h.Words.Say("places.set.name.text")
}

// look is how the app looks.
func (s *Settings) look(*section) []fyne.CanvasObject {
	say, look := s.h.Words, s.h.Nav.Look()
	restyle := func(change func(*model.Look)) {
		next := s.h.Nav.Look()
		change(&next)
		s.h.Nav.Restyle(next)
	}
	schemes := []string{say.Say("places.set.scheme.system"), say.Say("places.set.scheme.light"), say.Say("places.set.scheme.dark")}
	languages := []string{"", words.English, words.Chinese}
	spoken := []string{say.Say("places.set.language.system"), say.Say("places.set.language.english"), say.Say("places.set.language.chinese")}
	language := 0
	for i, l := range languages {
		if l == look.Language {
			language = i
		}
	}
	zoom := look.Zoom
	if zoom == 0 {
		zoom = 100
	}
	sizes := make([]string, 0, len(places.Zooms()))
	for _, z := range places.Zooms() {
		sizes = append(sizes, strconv.Itoa(z)+"%")
	}
	return []fyne.CanvasObject{w.NewStack(20,
		w.NewChoice("settings.scheme", say.Say("places.set.scheme"), schemes, int(look.Scheme), func(at int) {
			restyle(func(l *model.Look) { l.Scheme = model.Scheme(at) })
		}),
		w.NewChoice("settings.language", say.Say("places.set.language"), spoken, language, func(at int) {
			restyle(func(l *model.Look) { l.Language = languages[at] })
		}),
		w.NewChoice("settings.zoom", say.Say("places.set.zoom"), sizes, places.Nearest(places.Zooms(), zoom), func(at int) {
			restyle(func(l *model.Look) { l.Zoom = places.Zooms()[at] })
		}),
	)}
}

// notify is what notifications show, and whether the app goes on without its window.
func (s *Settings) notify(x *section) []fyne.CanvasObject {
	say, kept := s.h.Words, s.model.Kept
	kinds := []string{say.Say("places.set.notify.text"), say.Say("places.set.notify.name"), say.Say("places.set.notify.bare"), say.Say("places.set.notify.off")}
	parts := []fyne.CanvasObject{w.NewChoice("settings.notify", say.Say("places.set.notify.title"), kinds, int(kept.Notify), func(at int) {
		x.change(func(k *model.Settings) { k.Notify = model.Notify(at) })
	})}
	if kept.Notify != model.NotifyOff {
		parts = append(parts, w.NewFlow(8, w.NewButton("settings.notify.sample", say.Say("places.set.notify.sample"), w.Plain, func() {
			s.h.Notify(s.sample(kept.Notify))
		})))
	}
	return append(parts, w.NewRule(), flat(w.NewSwitch("settings.tray", say.Say("places.set.tray"), say.Say("places.set.tray.text"), kept.Tray, func(on bool) {
		x.page.model.Change(func(k *model.Settings) { k.Tray = on }, func(err error) {
			x.kept("")(err)
			s.h.Changed()
		})
	})))
}

// sample is a notification as those of a kind are.
func (s *Settings) sample(kind model.Notify) (title, body string) {
	say := s.h.Words
	switch kind {
	case model.NotifyText:
		return say.Say("places.set.sample.name"), say.Say("places.set.sample.text")
	case model.NotifyName:
		return say.Say("places.set.sample.name"), say.Say("places.set.sample.wrote")
	}
	return "ZeroMS", say.Say("places.set.sample.bare")
}

// writing is how the composer behaves.
func (s *Settings) writing(x *section) []fyne.CanvasObject {
	say := s.h.Words
	return []fyne.CanvasObject{flat(w.NewSwitch("settings.enter", say.Say("places.set.enter"), say.Say("places.set.enter.text"), s.model.Kept.CtrlEnter, func(on bool) {
		x.change(func(k *model.Settings) { k.CtrlEnter = on })
	}))}
}
