package places

import (
	"bytes"
	"context"
	"strconv"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"zeroms/ui/model/places"
	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// addBox takes the address of a gateway: typed, pasted, dropped or in a picture.
type addBox struct {
	of     *Gateways
	field  *w.Field
	wrong  w.Trouble
	object fyne.CanvasObject
}

func newAddBox(of *Gateways) *addBox {
	say := of.h.Words
	a := &addBox{of: of, field: w.NewField("gateways.address", say.Say("places.add.field")), wrong: of.trouble()}
	use := func() { a.take(places.ReadText(a.field.Text)) }
	a.field.OnSubmitted = func(string) { use() }
	a.field.SetOnChanged(func(string) { a.wrong.Tell("") })
	buttons := w.NewFlow(8,
		w.NewButton("gateways.add", say.Say("places.add.do"), w.Primary, use),
		w.NewButton("gateways.paste", say.Say("places.add.clipboard"), w.Plain, a.paste),
		w.NewButton("gateways.picture", say.Say("places.add.picture"), w.Plain, func() {
			of.h.Files.Open(say.Say("places.add.picture"), []string{".png", ".jpg", ".jpeg", ".txt"}, a.readFile)
		}))
	a.object = box(of.h, say.Say("places.add"), a.shut, w.NewParagraph(say.Say("places.add.text"), w.Secondary), a.field, a.wrong.Line, buttons)
	return a
}

func (a *addBox) shut() {
	if a.of.add == a {
		a.of.add = nil
		a.of.draw()
	}
}

func (a *addBox) paste() {
	a.of.h.Files.Paste(func(text string) {
		switch {
		case a.of.add != a: // it was shut meanwhile
		case text == "" || !utf8.ValidString(text): // some programs hand over a picture whatever they are asked for
			a.of.h.Files.PasteImage(a.pasted)
		default:
			a.field.SetText(text)
			a.take(places.ReadText(text))
		}
	})
}

// pasted takes a picture out of the clipboard; nil: there is none.
func (a *addBox) pasted(png []byte) {
	if png == nil {
		a.wrong.Tell(a.of.h.Words.Say("places.add.nothing"))
		return
	}
	a.of.h.Async.Slow(func(context.Context) func() {
		code, err := places.ReadImage(bytes.NewReader(png))
		return func() { a.take(code, err) }
	})
}

func (a *addBox) readFile(path string) {
	a.of.h.Async.Slow(func(context.Context) func() {
		code, err := places.ReadFile(path)
		return func() { a.take(code, err) }
	})
}

// take adds the gateway that was read.
func (a *addBox) take(code places.Code, err error) {
	say := a.of.h.Words
	switch {
	case a.of.add != a: // it was shut meanwhile
	case err != nil:
		a.wrong.Tell(say.Error(err))
	case code.Card != "":
		a.wrong.Tell(say.Say("places.add.card"))
	default:
		a.of.homes.Add(code.Address, func(err error) {
			if err != nil {
				a.wrong.Tell(say.Error(err))
				return
			}
			a.of.h.Say.Notice(say.Say("places.add.done"))
			a.shut()
		})
	}
}

// insideBox is the gateway inside the app.
type insideBox struct {
	of    *Gateways
	model *places.Inside
	open  bool // it is shown though it does not run
	lan   bool
	drawn fyne.CanvasObject // nil: it is to be drawn anew
}

func newInsideBox(of *Gateways) *insideBox {
	i := &insideBox{of: of, lan: true}
	i.model = places.NewInside(of.h.Deps(), i.again)
	return i
}

// shown reports whether there is something to show.
func (i *insideBox) shown() bool {
	return i.open || i.model.State().Running || i.model.State().Problem != ""
}

// again draws it anew.
func (i *insideBox) again() {
	i.drawn = nil
	i.of.draw()
}

func (i *insideBox) object() fyne.CanvasObject {
	if i.drawn == nil {
		i.drawn = i.draw()
	}
	return i.drawn
}

func (i *insideBox) draw() fyne.CanvasObject {
	state, say := i.model.State(), i.of.h.Words
	parts := []fyne.CanvasObject{w.NewParagraph(say.Say("places.inside.text"), w.Secondary)}
	if state.Problem != "" {
		parts = append(parts, w.NewNotice(say.Say("places.inside.failed", "Why", state.Problem), w.AlarmNotice))
	}
	var shut func()
	switch {
	case i.model.Busy():
		parts = append(parts, w.NewText(say.Say("places.inside.busy"), w.Body))
	case state.Running:
		parts = append(parts, i.running()...)
	default:
		parts = append(parts, i.stopped()...)
		if state.Problem == "" {
			shut = func() {
				i.open = false
				i.again()
			}
		}
	}
	return box(i.of.h, say.Say("places.inside"), shut, parts...)
}

// running is shown while it runs.
func (i *insideBox) running() []fyne.CanvasObject {
	state, say, of := i.model.State(), i.of.h.Words, i.of
	runs := w.NewLine(8, w.NewMark("dot", theme.Accent, 20), w.NewText(say.Say("places.inside.on"), w.Strong), w.NewText(say.Count("places.inside.serves", state.Accounts), w.Secondary))
	stop := w.NewButton("inside.stop", say.Say("places.inside.stop"), w.Plain, func() {
		of.h.Say.Ask(page.Question{Title: say.Say("places.inside.stop.ask"), Text: say.Say("places.inside.stop.text"), Yes: say.Say("places.inside.stop"), Danger: true,
			Then: func() { i.model.Stop(of.done("")) }})
	})
	buttons := []fyne.CanvasObject{stop}
	if state.Open {
		buttons = []fyne.CanvasObject{w.NewButton("inside.invite", say.Say("places.inside.invite"), w.Primary, i.invite), stop}
	}
	return []fyne.CanvasObject{runs, w.NewParagraph(places.Reach(say, state), w.Body), w.NewFlow(8, buttons...)}
}

// stopped is shown while it does not.
func (i *insideBox) stopped() []fyne.CanvasObject {
	say, of := i.of.h.Words, i.of
	state := i.model.State()
	at := 0
	if state.Open = i.lan; i.lan {
		at = 1
	}
	reach := w.NewParagraph(places.Reach(say, state), w.Body)
	choice := w.NewChoice("inside.reach", say.Say("places.inside.who"), []string{say.Say("places.inside.here"), say.Say("places.inside.lan")}, at, func(at int) {
		i.lan = at == 1
		state.Open = i.lan
		reach.SetText(places.Reach(say, state))
		of.relay()
	})
	return []fyne.CanvasObject{choice, reach, w.NewFlow(8, w.NewButton("inside.start", say.Say("places.inside.start"), w.Primary, func() {
		i.model.Start(i.lan, of.done(""))
	}))}
}

// invite shows an invitation for one more person.
func (i *insideBox) invite() {
	of := i.of
	i.model.Invite(func(text string, err error) {
		if err != nil {
			of.h.Say.Fail(err)
			return
		}
		say := of.h.Words
		code := w.NewQR(280)
		code.SetText(text)
		of.h.Say.Show(say.Say("places.inside.invite"), w.NewStack(16, container.NewCenter(code), w.NewParagraph(say.Say("places.inside.invite.text"), w.Secondary),
			container.NewHBox(w.NewButton("inside.invite.copy", say.Say("places.inside.invite.copy"), w.Plain, func() {
				of.h.Files.Copy(text)
				of.h.Say.Notice(say.Say("places.copied"))
			}))))
	})
}

// findBox finds gateways in the network.
type findBox struct {
	of    *Gateways
	model *places.Finder
	open  bool
	using bool
	wrong string
	drawn fyne.CanvasObject // nil: it is to be drawn anew
}

func newFindBox(of *Gateways) *findBox {
	f := &findBox{of: of}
	f.model = places.NewFinder(of.h.Deps(), f.again)
	return f
}

// begin searches.
func (f *findBox) begin() {
	f.open, f.wrong = true, ""
	f.model.Find(func(err error) {
		if err != nil {
			f.wrong = f.of.h.Words.Error(err)
		}
	})
}

// again draws it anew.
func (f *findBox) again() {
	f.drawn = nil
	f.of.draw()
}

func (f *findBox) object() fyne.CanvasObject {
	if f.drawn == nil {
		f.drawn = f.draw()
	}
	return f.drawn
}

func (f *findBox) draw() fyne.CanvasObject {
	say := f.of.h.Words
	parts := []fyne.CanvasObject{w.NewParagraph(say.Say("places.find.text"), w.Secondary)}
	if f.wrong != "" {
		parts = append(parts, w.NewNotice(f.wrong, w.GapNotice))
	}
	var shut func()
	switch {
	case f.model.Busy() && f.using:
		parts = append(parts, w.NewParagraph(say.Say("places.find.using"), w.Body))
	case f.model.Busy():
		parts = append(parts, w.NewParagraph(say.Say("places.find.busy"), w.Body))
	default:
		parts = append(parts, f.offers()...)
		shut = f.shut
	}
	return box(f.of.h, say.Say("places.find.title"), shut, parts...)
}

func (f *findBox) shut() {
	f.open = false
	f.again()
}

// offers are what was found, to be chosen from.
func (f *findBox) offers() []fyne.CanvasObject {
	say := f.of.h.Words
	list := w.NewStack(0)
	for i, o := range f.model.Offers() {
		about := o.About
		if o.Problem != "" {
			about = o.Problem
		}
		row := w.NewRow("find."+strconv.Itoa(i), o.Host, about, func() { f.model.Choose(i, !o.Chosen) })
		if o.Problem != "" {
			row.Disable()
		}
		row.SetRounded(true)
		row.SetSelected(o.Chosen)
		mark := w.NewMark("check", theme.Accent, 20)
		if !o.Chosen {
			mark.Set("", theme.Accent)
		}
		row.SetLead(mark)
		row.SetTrail(w.NewText(o.Latency, w.Accent))
		list.Add(row)
	}
	again := w.NewButton("find.again", say.Say("places.find.again"), w.Plain, f.begin)
	if len(f.model.Offers()) == 0 {
		return []fyne.CanvasObject{w.NewFlow(8, again)}
	}
	use := w.NewButton("find.use", say.Count("places.find.use", f.model.Chosen()), w.Primary, f.use)
	if f.model.Chosen() == 0 {
		use.Disable()
	}
	return []fyne.CanvasObject{list, w.NewFlow(8, use, again)}
}

// use makes what was chosen homes.
func (f *findBox) use() {
	f.using, f.wrong = true, ""
	f.model.Use(func(said string, err error) {
		f.using = false
		if err != nil {
			f.wrong = f.of.h.Words.Error(err)
			return
		}
		f.open = false
		f.of.h.Say.Notice(said)
		f.of.homes.Reload()
	})
}
