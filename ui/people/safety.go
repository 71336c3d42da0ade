package people

import (
	"fyne.io/fyne/v2"

	"zeroms/ui/model/people"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// safety is the part of a contact's page about the safety number.
type safety struct {
	page   *Contact
	panel  fyne.CanvasObject
	text   *w.Paragraph
	groups []*w.Text
	code   *w.QR
	result *w.Notice
	mark   *w.Button
	unmark *w.Button
}

// digitGroups is how many groups of digits a safety number has.
const digitGroups = 12

func newSafety(c *Contact) *safety {
	say := c.host.Words.Say
	s := &safety{page: c, text: w.NewParagraph("", w.Secondary), code: w.NewQR(172), result: w.NewNotice("", w.AccentNotice)}
	var cells []fyne.CanvasObject
	for range digitGroups {
		group := w.NewText("00000", w.Mono)
		group.SetColor(theme.Text)
		group.SetSize(theme.SizeBody)
		s.groups = append(s.groups, group)
		cells = append(cells, group)
	}
	s.mark = w.NewButton("safety.mark", say("people.contact.mark"), w.Primary, func() { c.model.Verify(true) })
	s.unmark = w.NewButton("safety.unmark", say("people.contact.unmark"), w.Plain, func() { c.model.Verify(false) })
	digits := newGrid(4, 16, cells...)
	buttons := w.NewFlow(8,
		w.NewButton("safety.compare", say("people.contact.compare"), w.Plain, s.choose),
		w.NewButton("safety.paste", say("people.contact.pasteImage"), w.Plain, func() { c.host.Files.PasteImage(c.model.ComparePicture) }),
		w.NewButton("safety.save", say("people.contact.saveImage"), w.Plain, s.save))
	s.panel = w.NewPaddedPanel(20, w.NewStack(12,
		w.NewText(say("people.contact.safety"), w.Strong), s.text, newBeside(24, 200, s.code, digits), s.result, w.NewFlow(8, s.mark, s.unmark), buttons, w.NewParagraph(say("people.contact.dropHint"), w.Small)))
	return s
}

func (s *safety) choose() {
	s.page.host.Files.Open(s.page.host.Words.Say("people.contact.compareTitle"), images, s.page.model.CompareFile)
}

// save saves the picture for the other one to compare.
func (s *safety) save() {
	h, m := s.page.host, s.page.model
	m.Draw(func(png []byte) {
		h.Files.Save(h.Words.Say("people.contact.saveTitle"), m.File(h.Words.Say("people.contact.fileName", "Name", m.Name))+".png", png, func(string) {
			h.Say.Notice(h.Words.Say("people.card.saved"))
		})
	})
}

// draw brings it to what the model is.
func (s *safety) draw() {
	m, say := s.page.model, s.page.host.Words.Say
	s.text.SetText(say("people.contact.safetyText", "Name", m.Name))
	for i, group := range s.groups {
		if i < len(m.Groups) {
			group.SetText(m.Groups[i])
		}
	}
	s.code.SetText(m.Code)
	show(s.mark, !m.Person.Verified)
	show(s.unmark, m.Person.Verified)
	text, kind := "", w.AccentNotice
	switch m.Compared {
	case people.Comparing:
		text = say("people.picture.looking")
	case people.Match:
		text = say("people.compare.match", "Name", m.Name)
	case people.Mismatch:
		text, kind = say("people.compare.mismatch", "Name", m.Name), w.AlarmNotice
	case people.CantCompare:
		text, kind = m.Trouble, w.GapNotice
	case people.NotCompared:
		if m.Person.Verified {
			text = say("people.contact.marked", "Name", m.Name)
		}
	}
	s.result.SetText(text)
	s.result.SetKind(kind)
	show(s.result, text != "")
}
