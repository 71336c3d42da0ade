package widget

// Trouble is a line that says what is wrong, hidden while nothing is.
type Trouble struct {
	Line  *Paragraph
	relay func()
}

// NewTrouble makes a Trouble; relay lays out anew what the line is in.
func NewTrouble(relay func()) Trouble {
	t := Trouble{NewParagraph("", Alarm), relay}
	t.Line.Hide()
	return t
}

// Tell shows what is wrong; empty: nothing.
func (t Trouble) Tell(text string) {
	if text == t.Line.Text() {
		return
	}
	t.Line.SetText(text)
	if text == "" {
		t.Line.Hide()
	} else {
		t.Line.Show()
	}
	t.relay()
}

// Work shows that the button's work goes on, and returns what ends that.
func (b *Button) Work(text string) (done func()) {
	before := b.Text()
	b.SetText(text)
	b.Disable()
	return func() {
		b.SetText(before)
		b.Enable()
	}
}
