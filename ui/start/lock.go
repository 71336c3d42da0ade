package start

import (
	"fyne.io/fyne/v2/container"

	"zeroms/ui/page"
	w "zeroms/ui/widget"
)

// Lock asks for the passphrase and shows nothing else.
type Lock struct {
	stage
	check  func(passphrase string, then func(error))
	secret *w.Field
	busy   bool
}

// NewLock makes a Lock. check opens with a passphrase and then tells whether that went
// well; what comes after is its business.
func NewLock(h *page.Host, check func(passphrase string, then func(error))) *Lock {
	l := &Lock{stage: newStage(h), check: check}
	l.Restyle()
	return l
}

// Restyle draws it anew.
func (l *Lock) Restyle() {
	say := l.h.Words
	l.secret = w.NewSecret("lock.pass", say.Say("start.pass"))
	wrong := l.trouble()
	open := w.NewButton("lock.open", say.Say("start.lock.open"), w.Primary, nil)
	press := func() { l.try(open, wrong) }
	open.SetTapped(press)
	l.secret.OnSubmitted = func(string) { press() }
	l.secret.SetOnChanged(func(string) { wrong.Tell("") })
	l.put(panelWidth, l.secret, w.NewStack(14, w.NewParagraph(say.Say("start.lock"), w.Title), w.NewParagraph(say.Say("start.lock.text"), w.Secondary), l.secret, wrong.Line, open))
}

// Close ends the page, and forgets what was typed.
func (l *Lock) Close() { l.secret.SetText("") }

func (l *Lock) try(open *w.Button, wrong w.Trouble) {
	if l.busy || l.secret.Text == "" {
		l.Focus()
		return
	}
	l.busy = true
	done := open.Work(l.h.Words.Say("start.lock.opening"))
	l.check(l.secret.Text, func(err error) {
		l.busy = false
		done()
		if err != nil {
			l.secret.SetText("")
			wrong.Tell(l.h.Words.Error(err))
			l.Focus()
		}
	})
}

// Problem says why the profile can't be opened.
type Problem struct {
	stage
	err   error
	again func()
}

// NewProblem makes a Problem; again tries once more.
func NewProblem(h *page.Host, err error, again func()) *Problem {
	p := &Problem{stage: newStage(h), err: err, again: again}
	p.Restyle()
	return p
}

// Restyle draws it anew.
func (p *Problem) Restyle() {
	say := p.h.Words
	again := w.NewButton("problem.again", say.Say("start.problem.again"), w.Primary, p.again)
	quit := w.NewButton("problem.quit", say.Say("start.problem.quit"), w.Plain, func() { p.h.App.Quit() })
	p.put(panelWidth, again, w.NewStack(14, w.NewParagraph(say.Say("start.problem"), w.Title), w.NewParagraph(say.Error(p.err), w.Body),
		w.NewParagraph(say.Say("start.problem.safe"), w.Secondary), container.New(halves{}, again, quit)))
}

// Close ends the page.
func (p *Problem) Close() {}
