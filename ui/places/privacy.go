package places

import (
	"strings"

	"fyne.io/fyne/v2"

	"zeroms/client"
	"zeroms/ui/model"
	"zeroms/ui/model/places"
	"zeroms/ui/page"
	w "zeroms/ui/widget"
)

// directs are the settings of direct connections in the order in which they are shown.
func directs() []client.Direct { return []client.Direct{client.Fallback, client.Always, client.Never} }

// privacy is what others come to know.
func (s *Settings) privacy(x *section) []fyne.CanvasObject {
	say, kept := s.h.Words, s.model.Kept
	said := []string{say.Say("places.set.direct.fallback.text"), say.Say("places.set.direct.always.text"), say.Say("places.set.direct.never.text")}
	at := 0
	for i, d := range directs() {
		if d == s.model.Direct {
			at = i
		}
	}
	parts := []fyne.CanvasObject{
		w.NewStack(8, w.NewChoice("settings.direct", say.Say("places.set.direct"),
			[]string{say.Say("places.set.direct.fallback"), say.Say("places.set.direct.always"), say.Say("places.set.direct.never")}, at,
			func(at int) { s.model.SetDirect(directs()[at], x.kept("")) }),
			w.NewParagraph(said[at], w.Secondary)),
		w.NewRule(),
		flat(w.NewSwitch("settings.read", say.Say("places.set.read"), say.Say("places.set.read.text"), !kept.Quiet, func(on bool) {
			x.change(func(k *model.Settings) { k.Quiet = !on })
		})),
		w.NewRule(),
	}
	parts = append(parts, s.locking(x)...)
	return append(parts, w.NewRule(), explained(say.Say("places.set.renew"), say.Say("places.set.renew.text")),
		w.NewFlow(8, w.NewButton("settings.renew", say.Say("places.set.renew.do"), w.Plain, s.askRenew)))
}

// locking is when the app locks itself.
func (s *Settings) locking(x *section) []fyne.CanvasObject {
	say := s.h.Words
	if !s.model.Locked {
		return []fyne.CanvasObject{explained(say.Say("places.set.lock"), say.Say("places.set.lock.none"))}
	}
	var options []string
	for _, m := range places.Minutes() {
		if m == 0 {
			options = append(options, say.Say("places.set.lock.never"))
		} else {
			options = append(options, say.Count("places.set.lock.minutes", int(m)))
		}
	}
	return []fyne.CanvasObject{
		w.NewStack(8, w.NewChoice("settings.lock", say.Say("places.set.lock"), options, places.Nearest(places.Minutes(), s.model.Kept.LockAfter), func(at int) {
			x.change(func(k *model.Settings) { k.LockAfter = places.Minutes()[at] })
		}), w.NewParagraph(say.Say("places.set.lock.text"), w.Secondary)),
		w.NewFlow(8, w.NewButton("settings.lock.now", say.Say("places.set.lock.now"), w.Plain, s.h.Nav.Lock)),
	}
}

// askRenew says what a renewal of the address changes before it is made.
func (s *Settings) askRenew() {
	s.model.Address(func(a client.Address, err error) {
		say := s.h.Words
		switch {
		case err != nil:
			s.h.Say.Fail(err)
		case !a.Since.IsZero():
			s.h.Say.Notice(say.Count("places.set.renew.on", a.Untold, "Day", say.Day(a.Ends, s.h.Now())))
		default:
			lines := []string{say.Say("places.set.renew.text"), say.Count("places.set.renew.cards", len(a.Stopping)), say.Count("places.set.renew.people", a.Contacts)}
			if a.Public {
				lines = append(lines, say.Say("places.set.renew.public"))
			}
			lines = append(lines, say.Say("places.set.renew.rest"))
			s.h.Say.Ask(page.Question{Title: say.Say("places.set.renew.ask"), Text: strings.Join(lines, "\n"), Yes: say.Say("places.set.renew.yes"), Danger: true, Then: s.renew})
		}
	})
}

func (s *Settings) renew() {
	s.model.Renew(func(_ client.Address, err error) {
		if s.h.Say.Fail(err); err == nil {
			s.h.Say.Notice(s.h.Words.Say("places.set.renew.done"))
		}
	})
}

// passphrase sets, changes and removes it.
func (s *Settings) passphrase(x *section) []fyne.CanvasObject {
	say, locked := s.h.Words, s.model.Locked
	wrong := s.trouble()
	old := w.NewSecret("settings.pass.old", say.Say("places.set.pass.old"))
	first := w.NewSecret("settings.pass.new", say.Say("places.set.pass.new"))
	again := w.NewSecret("settings.pass.again", say.Say("places.set.pass.again"))
	for _, f := range []*w.Field{old, first, again} {
		f.SetOnChanged(func(string) { wrong.Tell("") })
	}
	set := w.NewButton("settings.pass.set", say.Say("places.set.pass.set"), w.Plain, nil)
	apply := func(next, said string) {
		done := set.Work(say.Say("places.inside.busy"))
		s.model.SetPassphrase(old.Text, next, func(err error) {
			if done(); err != nil {
				wrong.Tell(say.Error(err))
				return
			}
			s.h.Say.Notice(said)
			s.lockChanged()
		})
	}
	press := func() {
		p := places.Passphrase{First: first.Text, Again: again.Text}
		switch problem := p.Problem(say); {
		case problem != "":
			wrong.Tell(problem)
		case p.First == "":
			s.h.Window.Canvas().Focus(first)
		default:
			apply(p.First, say.Say("places.set.pass.done"))
		}
	}
	set.SetTapped(press)
	again.OnSubmitted = func(string) { press() }
	if !locked {
		return []fyne.CanvasObject{w.NewParagraph(say.Say("places.set.pass.none"), w.Secondary), first, again, wrong.Line, w.NewFlow(8, set)}
	}
	set.SetText(say.Say("places.set.pass.change"))
	remove := w.NewButton("settings.pass.remove", say.Say("places.set.pass.remove"), w.Plain, func() {
		if old.Text == "" {
			s.h.Window.Canvas().Focus(old)
			return
		}
		s.h.Say.Ask(page.Question{Title: say.Say("places.set.pass.remove.ask"), Text: say.Say("places.set.pass.remove.text"), Yes: say.Say("places.set.pass.remove"), Danger: true,
			Then: func() { apply("", say.Say("places.set.pass.removed")) }})
	})
	return []fyne.CanvasObject{w.NewParagraph(say.Say("places.set.pass.on"), w.Secondary), old, first, again, wrong.Line, w.NewFlow(8, set, remove)}
}
