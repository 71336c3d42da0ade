package chat

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"zeroms/client"
	"zeroms/ui/arrange"
	"zeroms/ui/model/talk"
	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// Details is what is known of a message: its way, its place in the chain, its proof.
type Details struct {
	h       *page.Host
	details *talk.Details
	header  *w.Header
	shut    *w.IconButton
	body    *fyne.Container
	object  *fyne.Container
	stop    func() // ends waiting for midnight
}

// NewDetails makes the pane of a message's details.
func NewDetails(h *page.Host, id client.MessageID) *Details {
	d := &Details{h: h, details: talk.NewDetails(h.Deps(), id), header: w.NewHeader(h.Words.Say("chat.details"), "")}
	d.details.OnChange, d.details.OnError = d.show, h.Say.Fail
	d.header.OnBack = h.Nav.Back
	d.header.SetBackHint(h.Words.Say("chat.back"))
	d.shut = w.NewIconButton("details.close", "close", h.Words.Say("chat.close"), h.Nav.Back)
	d.header.SetActions(d.shut)
	d.body = w.NewStack(18)
	scroll := w.NewScroll(w.NewInset(16, 16, d.body))
	d.object = container.NewStack(w.NewPlate(theme.Panel), container.NewBorder(d.header, nil, nil, nil, scroll))
	d.details.Open()
	d.show()
	d.stop = clockOf(h).Daily(d.show)
	return d
}

// Object is page.Page's.
func (d *Details) Object() fyne.CanvasObject { return d.object }

// Narrow is page.Page's.
func (d *Details) Narrow(narrow bool) {
	d.shut.Hidden = narrow
	d.header.SetNarrow(narrow)
}

// Close is page.Page's.
func (d *Details) Close() {
	d.stop()
	d.details.Close()
}

// show draws what is known now.
func (d *Details) show() {
	var all []fyne.CanvasObject
	for _, s := range d.details.Steps() {
		all = append(all, newStep(s))
	}
	for i, f := range d.details.Facts() {
		all = append(all, newFact(fmt.Sprintf("details.copy.%d", i), f, d.copy))
	}
	if d.details.Receipt() {
		all = append(all, w.NewButton("details.export", d.h.Words.Say("chat.export"), w.Plain, d.export))
	}
	d.body.Objects = all
	d.body.Refresh()
	d.object.Refresh()
}

func (d *Details) copy(text string) {
	d.h.Files.Copy(text)
	d.h.Say.Notice(d.h.Words.Say("chat.copied"))
}

// export saves the receipt of the gateway.
func (d *Details) export() {
	say := d.h.Words
	d.details.Export(func(name string, file []byte) {
		d.h.Files.Save(say.Say("chat.export"), name, file, func(path string) { d.h.Say.Notice(say.Say("chat.saved", "File", path)) })
	})
}

// newStep draws one step of a message's way: a dot, what happened, and when.
func newStep(s talk.Step) fyne.CanvasObject {
	tint := theme.Line
	switch {
	case s.Alarm:
		tint = theme.Alarm
	case s.Done:
		tint = theme.Accent
	}
	dot := canvas.NewCircle(theme.Color(tint))
	title := w.NewParagraph(s.Title, w.Body)
	if !s.Done && !s.Alarm {
		title.SetColor(theme.Secondary)
	}
	value := w.NewText(s.Value, w.Accent)
	if s.Alarm {
		value.SetKind(w.Alarm)
	}
	line := w.NewParagraph(s.Line, w.Secondary)
	line.Hidden = s.Line == ""
	return arrange.NewStep(dot, title, value, line)
}

// newFact draws what is known: a title and a value, which can be copied by tapping it.
func newFact(id string, f talk.Fact, copied func(string)) fyne.CanvasObject {
	kind := w.Body
	if f.Mono {
		kind = w.Mono
	}
	value := w.NewParagraph(f.Value, kind)
	switch {
	case f.Alarm:
		value.SetKind(w.Alarm)
	case f.Good:
		value.SetKind(w.Accent)
	}
	box := w.NewStack(2, w.NewParagraph(f.Title, w.Secondary), value)
	if f.Copy == "" {
		return box
	}
	t := &touch{id: id, content: arrange.NewAside(16, box, w.NewMark("copy", theme.Secondary, 16)), tapped: func() { copied(f.Copy) }}
	t.ExtendBaseWidget(t)
	return t
}

// touch makes something that can be tapped of what it holds.
type touch struct {
	widget.BaseWidget
	id      string
	content fyne.CanvasObject
	tapped  func()
}

// ID is its name for whoever drives the app.
func (t *touch) ID() string { return t.id }

// Tapped does it.
func (t *touch) Tapped(*fyne.PointEvent) { t.tapped() }

// Cursor shows that it can be tapped.
func (t *touch) Cursor() desktop.Cursor { return desktop.PointerCursor }

// CreateRenderer is widget.Widget's.
func (t *touch) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(t.content) }
