package start

import (
	"path/filepath"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"zeroms/ui/model"
	"zeroms/ui/model/places"
	first "zeroms/ui/model/start"
	w "zeroms/ui/widget"
)

// restoreStep is what the step of the 24 words keeps.
type restoreStep struct {
	phrase, archive, archiveKey, gateway, name string
}

// drawRestore asks for the 24 words and what was saved.
func (s *Welcome) drawRestore() {
	say, r := s.h.Words, &s.restore
	wrong, state, brings := s.trouble(), w.NewParagraph("", w.Secondary), w.NewParagraph("", w.Secondary)
	restore := w.NewButton("start.restore", say.Say("start.restore.do"), w.Primary, nil)
	look := func() {
		s.lookAtPhrase(state, restore)
		brings.SetText(s.brings())
		s.relay()
	}
	area := w.NewArea("start.phrase", say.Say("start.restore.words"))
	area.SetRows(3, 6)
	area.SetText(r.phrase)
	area.OnRows = s.relay
	gateway := w.NewField("start.restore.gateway", say.Say("start.restore.gateway"))
	gateway.SetText(r.gateway)
	name := w.NewField("start.restore.name", say.Say("start.restore.name"))
	name.SetText(r.name)
	area.SetOnChanged(func(text string) { r.phrase = text; wrong.Tell(""); look() })
	gateway.SetOnChanged(func(text string) { r.gateway = text; wrong.Tell(""); look() })
	name.SetOnChanged(func(text string) { r.name = text; wrong.Tell("") })
	press := func() { s.bringBack(restore, wrong) }
	restore.SetTapped(press)
	back := w.NewButton("start.back", say.Say("start.back"), w.Quiet, func() { s.show(s.drawName) })
	content := w.NewStack(12, w.NewParagraph(say.Say("start.restore"), w.Title), area, state, s.archiveField(), gateway, name,
		s.passFold(press, wrong), w.NewRule(), brings, w.NewParagraph(say.Say("start.restore.device"), w.Secondary), wrong.Line, restore, container.NewCenter(back))
	look()
	s.put(panelWidth, area, content)
}

// passFold is the fields for a passphrase of the new profile, folded until it is wanted.
func (s *Welcome) passFold(submit func(), wrong w.Trouble) fyne.CanvasObject {
	secret, fields := s.passFields(submit, wrong)
	if !s.protect {
		fields.Hide()
	}
	return w.NewStack(6, w.NewSwitch("start.protect", s.h.Words.Say("start.protect"), "", s.protect, func(on bool) {
		s.protect, s.pass = on, places.Passphrase{}
		wrong.Tell("")
		if on {
			fields.Show()
		} else {
			fields.Hide()
		}
		s.relay()
		if on {
			s.h.Window.Canvas().Focus(secret)
		}
	}), fields)
}

// archiveField chooses an archive.
func (s *Welcome) archiveField() fyne.CanvasObject {
	say, r := s.h.Words, &s.restore
	if r.archive == "" {
		return w.NewButton("start.archive", say.Say("start.restore.archive"), w.Plain, func() {
			s.h.Files.Open(say.Say("start.restore.archive.title"), nil, func(path string) {
				r.archive = path
				s.show(s.drawRestore)
			})
		})
	}
	secret := w.NewSecret("start.archive.pass", say.Say("start.restore.archive.pass"))
	secret.SetText(r.archiveKey)
	secret.SetOnChanged(func(text string) { r.archiveKey = text })
	file := w.NewRow("start.archive.file", filepath.Base(r.archive), "", nil)
	file.SetTrail(w.NewIconButton("start.archive.without", "close", say.Say("start.restore.archive.without", "File", filepath.Base(r.archive)), func() {
		r.archive, r.archiveKey = "", ""
		s.show(s.drawRestore)
	}))
	return w.NewStack(8, file, secret)
}

// lookAtPhrase says how far the words are right.
func (s *Welcome) lookAtPhrase(state *w.Paragraph, restore *w.Button) {
	say := s.h.Words
	p := first.ReadPhrase(s.restore.phrase)
	text, kind := say.Say("start.restore.count", "Count", p.Count), w.Secondary
	switch {
	case p.Wrong > 0:
		text, kind = say.Say("start.restore.wrong", "Number", strconv.Itoa(p.Wrong), "Word", p.Word), w.Alarm
	case p.Swapped:
		text, kind = say.Say("start.restore.swapped"), w.Alarm
	case p.Done:
		text, kind = say.Say("start.restore.right"), w.Accent
	case p.Count > wordCount:
		text, kind = say.Say("start.restore.many", "Count", p.Count), w.Alarm
	}
	state.SetText(text)
	state.SetKind(kind)
	if p.Done {
		restore.Enable()
	} else {
		restore.Disable()
	}
}

const wordCount = 24

// brings says what comes back, and what does not.
func (s *Welcome) brings() string {
	say, r := s.h.Words, &s.restore
	gateway := strings.TrimSpace(r.gateway) != ""
	switch {
	case r.archive != "" && gateway:
		return say.Say("start.restore.brings.both")
	case r.archive != "":
		return say.Say("start.restore.brings.archive")
	case gateway:
		return say.Say("start.restore.brings.gateway")
	}
	return say.Say("start.restore.brings.none")
}

// bringBack makes the profile anew.
func (s *Welcome) bringBack(button *w.Button, wrong w.Trouble) {
	say, r := s.h.Words, &s.restore
	p := first.ReadPhrase(r.phrase)
	if s.minute.Busy || !p.Done {
		return
	}
	passphrase, ok := s.secret(wrong)
	if !ok {
		return
	}
	all := model.Restoration{Words: p.Text, Name: r.name, Archive: r.archive, ArchiveKey: r.archiveKey, Passphrase: passphrase}
	if strings.TrimSpace(r.name) != "" {
		if problem := places.NameProblem(say, r.name); problem != "" {
			wrong.Tell(problem)
			return
		}
	}
	if strings.TrimSpace(r.gateway) != "" {
		code, err := places.ReadText(r.gateway)
		if err != nil || code.Card != "" {
			wrong.Tell(say.Say("start.restore.gateway.wrong"))
			return
		}
		all.Gateway = code.Address
	}
	done := button.Work(say.Say("start.restore.busy"))
	s.minute.Restore(all, func(err error) {
		if s.minute.Profile == nil {
			done()
			wrong.Tell(say.Error(err))
			return
		}
		s.h.Say.Fail(err)
		s.named()
	})
}

// named asks for a name if nothing that came back has one.
func (s *Welcome) named() {
	s.name = s.restore.name
	s.restore = restoreStep{}
	s.saved = true
	s.minute.Name(func(name string, err error) {
		if s.h.Say.Fail(err); err != nil || name != "" {
			s.back()
			return
		}
		s.show(s.drawNamed)
	})
}

// drawNamed asks what others are to see the user as.
func (s *Welcome) drawNamed() {
	say := s.h.Words
	wrong := s.trouble()
	name := w.NewField("start.named", say.Say("start.name"))
	name.SetText(s.name)
	name.SetOnChanged(func(text string) {
		s.name = text
		wrong.Tell("")
	})
	done := w.NewButton("start.named.do", say.Say("start.named.do"), w.Primary, nil)
	press := func() {
		if problem := places.NameProblem(say, s.name); problem != "" {
			wrong.Tell(problem)
			return
		}
		s.minute.SetName(s.name, func(err error) {
			if err != nil {
				wrong.Tell(s.h.Words.Error(err))
				return
			}
			s.back()
		})
	}
	done.SetTapped(press)
	name.OnSubmitted = func(string) { press() }
	later := w.NewButton("start.named.later", say.Say("start.later"), w.Quiet, s.back)
	s.put(panelWidth, name, w.NewStack(14, w.NewParagraph(say.Say("start.named"), w.Title), w.NewParagraph(say.Say("start.named.text"), w.Secondary), name, wrong.Line,
		done, container.NewCenter(later)))
}

// back says what came back, and goes on: to the conversations, or to a gateway if there
// is none.
func (s *Welcome) back() {
	s.minute.Came(func(c first.Came, err error) {
		s.h.Say.Fail(err)
		say := s.h.Words
		switch {
		case err != nil:
		case c.Contacts == 0 && c.Gateways == 0:
			s.h.Say.Notice(say.Say("start.came.alone"))
		default:
			s.h.Say.Notice(say.Say("start.came", "Contacts", say.Count("start.came.contacts", c.Contacts), "Gateways", say.Count("start.came.gateways", c.Gateways)))
		}
		if c.Gateways > 0 {
			s.leave()
			return
		}
		s.next()
	})
}
