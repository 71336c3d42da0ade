package start

import (
	"context"
	"strconv"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"zeroms/ui/model"
	"zeroms/ui/page"
	w "zeroms/ui/widget"
)

// heldLook is how often it is looked whether a profile that another process has is free.
const heldLook = time.Second

// Held says that another process has the profile, and goes on by itself once that is over.
type Held struct {
	stage
	held   model.Held
	again  func()
	asked  bool // again was called and has not answered
	ending bool
	said   string // why it could not be ended
	wrong  w.Trouble
	stop   func()
	end    *w.Button
}

// NewHeld makes a Held; again looks whether the profile is free, and if it is not tells
// Still.
func NewHeld(h *page.Host, held model.Held, again func()) *Held {
	p := &Held{stage: newStage(h), held: held, again: again}
	p.stop = h.Every(heldLook, func() {
		if !p.asked {
			p.asked = true
			p.again()
		}
	})
	p.Restyle()
	return p
}

// Still tells that it is not free yet, and who has it now.
func (p *Held) Still(held model.Held) {
	p.asked = false
	name, pid := p.held.Holder()
	was := p.held.Silent()
	p.held = held
	if newName, newPID := held.Holder(); newName != name || newPID != pid || held.Silent() != was {
		p.ending, p.said = false, ""
		p.Restyle()
	}
}

// Restyle draws it anew.
func (p *Held) Restyle() {
	say := p.h.Words
	name, pid := p.held.Holder()
	p.wrong = p.trouble()
	title := say.Say("start.held.other")
	if name == "ZeroMS" {
		title = say.Say("start.held")
	}
	quit := w.NewButton("held.quit", say.Say("start.problem.quit"), w.Plain, func() { p.h.App.Quit() })
	parts := []fyne.CanvasObject{
		w.NewParagraph(title, w.Title), w.NewParagraph(p.text(name), w.Body), w.NewParagraph(say.Say("start.held.waits"), w.Secondary),
	}
	if pid > 0 {
		parts = append(parts, w.NewText(say.Say("start.held.process", "PID", strconv.Itoa(pid)), w.Secondary))
	}
	parts = append(parts, p.wrong.Line)
	var focus fyne.Focusable = quit
	if p.end = nil; pid > 0 {
		p.end = w.NewButton("held.end", say.Say("start.held.end"), w.Plain, p.ask)
		parts = append(parts, container.New(halves{}, p.end, quit))
	} else {
		parts = append(parts, quit)
	}
	p.put(panelWidth, focus, w.NewStack(14, parts...))
	p.wrong.Tell(p.said)
	if p.ending {
		p.end.Work(say.Say("start.held.ending"))
	}
}

// text is who has it, and what to do.
func (p *Held) text(name string) string {
	say := p.h.Words
	switch {
	case !p.held.Silent() && name != "":
		return say.Say("start.held.open", "Who", name)
	case name == "":
		return say.Say("start.held.silent.other")
	}
	return say.Say("start.held.silent")
}

// ask asks before the process is ended.
func (p *Held) ask() {
	say := p.h.Words
	_, pid := p.held.Holder()
	p.h.Say.Ask(page.Question{
		Title: say.Say("start.held.ask", "PID", strconv.Itoa(pid)), Text: say.Say("start.held.ask.text"), Yes: say.Say("start.held.end"), Danger: true,
		Then: p.kill,
	})
}

func (p *Held) kill() {
	if p.ending || p.end == nil {
		return
	}
	p.ending, p.said = true, ""
	p.wrong.Tell("")
	p.end.Work(p.h.Words.Say("start.held.ending"))
	held := p.held
	p.h.Async.Slow(func(ctx context.Context) func() {
		err := held.End(ctx)
		return func() {
			if p.stop == nil || err == nil {
				return // the next look finds it free
			}
			p.ending, p.said = false, p.h.Words.Error(err)
			p.Restyle()
		}
	})
}

// Close ends the page.
func (p *Held) Close() {
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
}
