package start

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"zeroms/ui/model"
	"zeroms/ui/model/places"
	first "zeroms/ui/model/start"
	"zeroms/ui/page"
	w "zeroms/ui/widget"
	"zeroms/ui/words"
)

// Welcome is the first minute: a name, a gateway, the card. It keeps what was written
// while its steps are drawn anew.
type Welcome struct {
	stage
	minute *first.Minute
	opened func(*model.Profile)
	link   string
	step   func()
	stop   func() // of the clock of a step; nil: it has none
	closed bool

	name    string
	protect bool
	pass    places.Passphrase

	gateway gatewayStep
	card    first.Card
	words   []string
	saved   bool
	restore restoreStep
}

// NewWelcome makes the first minute. A link that is a gateway's address is used once
// there is a profile; opened is called with it when all is done.
func NewWelcome(h *page.Host, door model.Door, link string, opened func(*model.Profile)) *Welcome {
	s := &Welcome{stage: newStage(h), minute: first.NewMinute(door, h.Async, h.Now), link: link, opened: opened}
	s.gateway.open = true
	s.show(s.drawName)
	return s
}

// Link is what is left of the link: a contact card, or something that is no address. It
// is to be opened after the first minute.
func (s *Welcome) Link() string { return s.link }

// Open takes a link that was opened meanwhile: a gateway's address is used at once where
// one is chosen, everything else is kept for after the first minute.
func (s *Welcome) Open(link string) {
	if s.closed || link == "" {
		return
	}
	choosing := s.minute.Profile != nil && s.minute.Join == nil && len(s.words) == 0 && s.card.Text == ""
	if code, err := places.ReadText(link); choosing && err == nil {
		s.take(link, code, nil)
		return
	}
	s.link = link
}

// Close ends the page.
func (s *Welcome) Close() {
	s.closed = true
	s.minute.Rest()
	s.still()
}

// Restyle draws the present step anew.
func (s *Welcome) Restyle() { s.step() }

// show goes to another step.
func (s *Welcome) show(step func()) {
	if s.closed {
		return
	}
	s.still()
	s.step = step
	step()
}

// tick has f called while the step lasts.
func (s *Welcome) tick(f func()) {
	s.still()
	s.stop = s.h.Every(pollEvery, f)
}

func (s *Welcome) still() {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

// leave hands the profile over.
func (s *Welcome) leave() {
	s.Close()
	s.pass, s.words = places.Passphrase{}, nil
	s.opened(s.minute.Profile)
}

// drawName asks for a name.
func (s *Welcome) drawName() {
	say := s.h.Words
	name := w.NewField("start.name", say.Say("start.name"))
	name.SetText(s.name)
	wrong := s.trouble()
	create := w.NewButton("start.create", say.Say("start.create"), w.Primary, nil)
	name.SetOnChanged(func(text string) {
		s.name = text
		wrong.Tell("")
	})
	press := func() { s.create(create, wrong) }
	create.SetTapped(press)
	name.OnSubmitted = func(string) { press() }
	have := w.NewButton("start.have", say.Say("start.have"), w.Plain, func() { s.show(s.drawRestore) })
	parts := []fyne.CanvasObject{w.NewParagraph(say.Say("start.identity"), w.Strong), w.NewParagraph(say.Say("start.identity.text"), w.Secondary), name}
	first := name
	if s.protect {
		secret, fields := s.passFields(press, wrong)
		parts = append(parts, fields)
		if s.name != "" {
			first = secret
		}
	}
	content := w.NewStack(14, append(parts, wrong.Line, create, have)...)
	s.put(panelWidth, first, content, foot(say.Say("start.next")), s.options())
}

// passFields are the fields for a passphrase.
func (s *Welcome) passFields(submit func(), wrong w.Trouble) (secret *w.Field, fields fyne.CanvasObject) {
	say := s.h.Words
	secret = w.NewSecret("start.pass", say.Say("start.pass"))
	again := w.NewSecret("start.again", say.Say("start.again"))
	secret.SetText(s.pass.First)
	again.SetText(s.pass.Again)
	secret.SetOnChanged(func(text string) { s.pass.First = text; wrong.Tell("") })
	again.SetOnChanged(func(text string) { s.pass.Again = text; wrong.Tell("") })
	secret.OnSubmitted = func(string) { s.h.Window.Canvas().Focus(again) }
	again.OnSubmitted = func(string) { submit() }
	return secret, w.NewStack(14, w.NewParagraph(say.Say("start.protect.text"), w.Secondary), secret, again)
}

// options are small at the bottom: a passphrase, and the languages.
func (s *Welcome) options() fyne.CanvasObject {
	say := s.h.Words
	speak := func(language string) func() {
		return func() {
			if look := s.h.Nav.Look(); s.h.Words.Language() != language {
				look.Language = language
				s.h.Nav.Restyle(look)
			}
		}
	}
	protect := say.Say("start.protect")
	if s.protect {
		protect = say.Say("start.protect.not")
	}
	return container.New(&centred{gap: 4},
		w.NewButton("start.protect", protect, w.Quiet, func() {
			s.protect, s.pass = !s.protect, places.Passphrase{}
			s.step()
		}),
		w.NewButton("start.english", say.Say("start.english"), w.Quiet, speak(words.English)),
		w.NewButton("start.chinese", say.Say("start.chinese"), w.Quiet, speak(words.Chinese)))
}

// secret is the passphrase that was chosen; ok is false if it can't be taken, which is
// said.
func (s *Welcome) secret(wrong w.Trouble) (passphrase string, ok bool) {
	if !s.protect {
		return "", true
	}
	problem := s.pass.Problem(s.h.Words)
	if s.pass.First == "" {
		problem = s.h.Words.Say("start.protect.none")
	}
	if problem != "" {
		wrong.Tell(problem)
		return "", false
	}
	return s.pass.First, true
}

// create makes the identity.
func (s *Welcome) create(button *w.Button, wrong w.Trouble) {
	if s.minute.Busy {
		return
	}
	problem := places.NameProblem(s.h.Words, s.name)
	wrong.Tell(problem)
	passphrase, ok := s.secret(wrong)
	if problem != "" || !ok {
		return
	}
	done := button.Work(s.h.Words.Say("start.creating"))
	s.minute.Create(s.name, passphrase, func(err error) {
		if err != nil {
			done()
			wrong.Tell(s.h.Words.Error(err))
			return
		}
		s.next()
	})
}

// next goes to the gateway, or joins the one that a link named.
func (s *Welcome) next() {
	if code, err := places.ReadText(s.link); err == nil && code.Card == "" {
		s.link = ""
		s.begin(code.Address)
		return
	}
	s.minute.Search()
	s.show(s.drawGateway)
}
