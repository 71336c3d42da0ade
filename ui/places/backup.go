package places

import (
	"runtime/debug"

	"fyne.io/fyne/v2"

	"zeroms/ui/model"
	"zeroms/ui/model/places"
	"zeroms/ui/start"
	w "zeroms/ui/widget"
)

// archiveChoice is how an archive is to be locked, and what came of the last one.
type archiveChoice struct {
	own  bool // by a passphrase of its own, not by the words
	pass places.Passphrase
	said string
}

// backup is the 24 words and the archive.
func (s *Settings) backup(x *section) []fyne.CanvasObject {
	parts := append(s.phrase(x), w.NewRule())
	return append(parts, s.export(x)...)
}

// phrase shows the 24 words, after the passphrase if there is one.
func (s *Settings) phrase(x *section) []fyne.CanvasObject {
	say := s.h.Words
	parts := []fyne.CanvasObject{explained(say.Say("places.set.words"), say.Say("places.set.words.text"))}
	if len(s.words) > 0 {
		hide := w.NewButton("settings.words.hide", say.Say("places.set.words.hide"), w.Plain, func() {
			s.words = nil
			x.change(func(k *model.Settings) { k.WordsSaved = true })
		})
		width := min(s.h.Window.Canvas().Size().Width, s.root.Size().Width)
		return append(parts, start.NewWordGrid(s.words, width), w.NewFlow(8, hide))
	}
	wrong := s.trouble()
	secret := w.NewSecret("settings.words.pass", say.Say("places.set.pass"))
	show := w.NewButton("settings.words", say.Say("places.set.words.show"), w.Plain, nil)
	press := func() {
		if s.model.Locked && secret.Text == "" {
			s.h.Window.Canvas().Focus(secret)
			return
		}
		done := show.Work(say.Say("places.inside.busy"))
		s.model.Words(secret.Text, func(all []string, err error) {
			if done(); err != nil {
				wrong.Tell(say.Error(err))
				return
			}
			if !s.closed {
				s.words = all
				x.again()
				s.reveal()
			}
		})
	}
	show.SetTapped(press)
	s.press = press
	secret.OnSubmitted = func(string) { press() }
	secret.SetOnChanged(func(string) { wrong.Tell("") })
	if s.model.Locked {
		parts = append(parts, secret)
	}
	return append(parts, wrong.Line, w.NewFlow(8, show))
}

// export writes an archive into a file.
func (s *Settings) export(x *section) []fyne.CanvasObject {
	say, a := s.h.Words, &s.archive
	wrong := s.trouble()
	at := 0
	if a.own {
		at = 1
	}
	parts := []fyne.CanvasObject{
		explained(say.Say("places.set.archive"), say.Say("places.set.archive.text")),
		w.NewChoice("settings.archive.key", say.Say("places.set.archive.key"), []string{say.Say("places.set.archive.words"), say.Say("places.set.archive.own")}, at, func(at int) {
			a.own, a.pass, a.said = at == 1, places.Passphrase{}, ""
			x.again()
		}),
	}
	if a.own {
		first := w.NewSecret("settings.archive.pass", say.Say("places.set.archive.pass"))
		again := w.NewSecret("settings.archive.again", say.Say("places.set.pass.again"))
		first.SetText(a.pass.First)
		again.SetText(a.pass.Again)
		first.SetOnChanged(func(text string) { a.pass.First = text; wrong.Tell("") })
		again.SetOnChanged(func(text string) { a.pass.Again = text; wrong.Tell("") })
		parts = append(parts, first, again)
	}
	export := w.NewButton("settings.archive", say.Say("places.set.archive.do"), w.Plain, nil)
	export.SetTapped(func() {
		if problem := a.pass.Problem(say); a.own && (problem != "" || a.pass.First == "") {
			wrong.Tell(problem)
			return
		}
		s.h.Files.SavePath(say.Say("places.set.archive.title"), "zeroms-"+s.h.Now().Format("2006-01-02")+".zmsa", func(path string) {
			done := export.Work(say.Say("places.set.archive.busy"))
			s.model.Export(path, a.pass.First, func(made model.Archive, err error) {
				if done(); err != nil {
					wrong.Tell(say.Error(err))
					return
				}
				*a = archiveChoice{said: s.exported(made)}
				x.again()
			})
		})
	})
	parts = append(parts, wrong.Line, w.NewFlow(8, export))
	if a.said != "" {
		parts = append(parts, w.NewNotice(a.said, w.AccentNotice))
	}
	return parts
}

// exported says what an archive holds.
func (s *Settings) exported(a model.Archive) string {
	say := s.h.Words
	text := say.Say("places.set.archive.done", "Contacts", say.Count("places.contacts", a.Contacts), "Messages", say.Count("places.messages", a.Messages),
		"Cards", say.Count("places.cards", a.Cards), "Gateways", say.Count("places.holders", a.Gateways))
	if a.Skipped > 0 {
		text += "\n" + say.Count("places.set.archive.skipped", a.Skipped)
	}
	return text
}

// network is the proxy.
func (s *Settings) network(x *section) []fyne.CanvasObject {
	say := s.h.Words
	wrong := s.trouble()
	field := w.NewField("settings.proxy", "socks5://127.0.0.1:9050")
	field.SetText(s.model.Proxy)
	save := w.NewButton("settings.proxy.save", say.Say("places.set.save"), w.Plain, nil)
	press := func() {
		said := say.Say("places.set.proxy.next")
		if field.Text == "" {
			said = say.Say("places.set.proxy.none")
		}
		s.model.SetProxy(field.Text, func(err error) {
			if err != nil {
				wrong.Tell(say.Error(err))
				return
			}
			x.kept(said)(nil)
		})
	}
	save.SetTapped(press)
	field.OnSubmitted = func(string) { press() }
	field.SetOnChanged(func(string) { wrong.Tell("") })
	parts := []fyne.CanvasObject{explained(say.Say("places.set.proxy"), say.Say("places.set.proxy.text"))}
	if s.model.Fixed {
		parts = append(parts, w.NewNotice(say.Say("places.set.proxy.fixed"), w.GapNotice))
	}
	return append(parts, newTailed(field, save), wrong.Line)
}

// diagnostics is a text for whoever helps.
func (s *Settings) diagnostics(x *section) []fyne.CanvasObject {
	say := s.h.Words
	parts := []fyne.CanvasObject{w.NewParagraph(say.Say("places.set.diag.text"), w.Secondary)}
	if s.report == "" {
		show := w.NewButton("settings.diag", say.Say("places.set.diag.show"), w.Plain, nil)
		show.SetTapped(func() {
			done := show.Work(say.Say("places.inside.busy"))
			s.model.Diagnostics(func(text string, err error) {
				done()
				if s.h.Say.Fail(err); err == nil && !s.closed {
					s.report = text
					x.again()
				}
			})
		})
		return append(parts, w.NewFlow(8, show))
	}
	return append(parts, w.NewParagraph(s.report, w.Mono), w.NewFlow(8, w.NewButton("settings.diag.copy", say.Say("places.set.diag.copy"), w.Plain, func() {
		s.h.Files.Copy(s.report)
		s.h.Say.Notice(say.Say("places.copied"))
	})))
}

// about is which program this is.
func (s *Settings) about(*section) []fyne.CanvasObject {
	say := s.h.Words
	return []fyne.CanvasObject{
		explained(say.Say("places.set.about.version", "Version", s.version()), say.Say("places.set.about.text")), w.NewParagraph(say.Say("places.set.about.link"), w.Secondary),
	}
}

// version is what the program was built as.
func (s *Settings) version() string {
	if v := s.h.App.Metadata().Version; v != "" {
		return v
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return ""
}
