package people

import (
	"unicode/utf8"

	"fyne.io/fyne/v2"

	"zeroms/protocol/key"
	"zeroms/ui/model/people"
	"zeroms/ui/page"
	w "zeroms/ui/widget"
)

// Add is the page on which somebody is added.
type Add struct {
	*frame
	model   *people.Add
	field   *w.Field
	looking *w.Paragraph
	trouble *w.Notice
	who     *fyne.Container
	avatar  *w.Avatar
	name    *w.Text
	id      *w.Text
	note    *w.Notice
	naming  *fyne.Container
	alias   *w.Field
	wrong   *w.Paragraph
	do      *w.Button
	doing   *fyne.Container // around do
	after   *w.Paragraph
	quiet   bool // the field is being set to what the model has
}

// NewAdd makes the page; text is looked at right away.
func NewAdd(h *page.Host, text string) *Add {
	say := h.Words.Say
	a := &Add{
		field: w.NewField("add.text", say("people.add.text")), looking: w.NewParagraph(say("people.picture.looking"), w.Secondary),
		trouble: w.NewNotice("", w.GapNotice), avatar: w.NewAvatar([32]byte{}, "", 44), name: w.NewCut("", w.Strong), id: w.NewCut("", w.Mono),
		note: w.NewNotice("", w.AccentNotice), alias: w.NewField("add.name", ""), wrong: w.NewParagraph("", w.Alarm), after: w.NewParagraph(say("people.add.after"), w.Secondary),
	}
	a.do = w.NewButton("add.go", say("people.add.add"), w.Primary, a.act)
	a.field.SetOnChanged(a.typed)
	a.field.OnSubmitted = func(string) { a.act() }
	a.alias.SetOnChanged(func(name string) { a.model.SetName(name) })
	a.alias.OnSubmitted = func(string) { a.act() }
	a.doing = w.NewFlow(8, a.do)
	a.who = newBegun(12, a.avatar, w.NewStack(2, a.name, a.id))
	a.naming = w.NewStack(8, w.NewText(say("people.add.name"), w.Secondary), a.alias, w.NewParagraph(say("people.add.nameHint"), w.Small), a.wrong)
	buttons := w.NewFlow(8,
		w.NewButton("add.paste", say("people.add.paste"), w.Plain, a.paste),
		w.NewButton("add.choose", say("people.add.choose"), w.Plain, a.choose))
	a.frame = newFrame(h, say("people.add.title"), newMargins(w.NewColumn(520,
		w.NewPaddedPanel(20, w.NewStack(16,
			w.NewParagraph(say("people.add.explain"), w.Secondary), a.field, buttons, a.looking, a.who, a.trouble, a.note, a.naming, a.doing, a.after)))))
	a.model = people.NewAdd(h.Deps(), a.view(a.draw))
	a.model.Paste(text)
	a.model.Load()
	a.draw()
	return a
}

// Focus is page.Focuser's.
func (a *Add) Focus() {
	if over := a.host.Window.Canvas(); over != nil {
		over.Focus(a.field)
	}
}

// Close is page.Page's.
func (a *Add) Close() { a.model.Close() }

// Drop is page.Dropper's.
func (a *Add) Drop(uris []fyne.URI) {
	if path := dropped(uris); path != "" {
		a.model.File(path)
	}
}

func (a *Add) typed(text string) {
	if !a.quiet {
		a.model.SetText(text)
	}
}

// paste takes what is in the clipboard: a text, or else a picture.
func (a *Add) paste() {
	// Some programs answer with the bytes of a picture whatever they are asked for.
	a.host.Files.Paste(func(text string) {
		if text != "" && utf8.ValidString(text) {
			a.model.Paste(text)
			return
		}
		a.host.Files.PasteImage(a.model.Picture)
	})
}

func (a *Add) choose() {
	a.host.Files.Open(a.host.Words.Say("people.add.chooseTitle"), images, a.model.File)
}

// act does what the button says.
func (a *Add) act() {
	switch a.model.Step {
	case people.StepGateway:
		a.host.Nav.Open(page.Place{Kind: page.Gateways, Text: a.model.Gateway()})
	case people.StepGateways:
		a.host.Nav.Open(page.Place{Kind: page.Gateways})
	default:
		a.model.Act(func(id uint64) { a.host.Nav.Open(page.Place{Kind: page.Chat, Contact: id}) })
	}
}

// draw brings the page to what the model is.
func (a *Add) draw() {
	m := a.model
	if m == nil {
		return
	}
	if a.field.Text != m.Text {
		a.quiet = true
		a.field.SetText(m.Text)
		a.quiet = false
	}
	show(a.looking, m.Reading)
	a.trouble.SetText(m.Trouble)
	show(a.trouble, m.Trouble != "")
	a.person()
	a.note.SetText(m.Note)
	show(a.note, m.Note != "")
	if m.Called != "" {
		a.alias.SetPlaceHolder(m.Called)
	} else {
		a.alias.SetPlaceHolder(a.host.Words.Say("people.contact.noName"))
	}
	show(a.naming, m.Step == people.StepAdd)
	a.wrong.SetText(m.NameTrouble)
	show(a.wrong, m.NameTrouble != "")
	a.do.SetText(a.label())
	show(a.doing, m.Step != people.StepNone)
	able(a.do, !m.Working && m.NameTrouble == "")
	show(a.after, m.Step == people.StepAdd)
	a.arrange()
}

// person shows whose card it is.
func (a *Add) person() {
	m := a.model
	show(a.who, m.Someone)
	if m.Someone {
		a.avatar.SetUser(m.User, m.Name)
		a.name.SetText(m.Name)
		a.id.SetText(beginning(m.User))
	}
}

// beginning is the first part of a user ID, set apart into groups.
func beginning(user key.IdentityPublic) string {
	id := key.UserIDText(user)
	return id[:4] + " " + id[4:8] + " " + id[8:12] + " …"
}

// label is what the button says.
func (a *Add) label() string {
	say := a.host.Words.Say
	switch a.model.Step {
	case people.StepOpen:
		return say("people.add.open")
	case people.StepRenew:
		return say("people.add.renewed")
	case people.StepAccept:
		return say("people.add.accept")
	case people.StepUnblock:
		return say("people.add.unblock")
	case people.StepGateway:
		return say("people.add.toGateway")
	case people.StepGateways:
		return say("people.add.toGateways")
	}
	return say("people.add.add")
}
