package start

import (
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"zeroms/ui/model/people"
	"zeroms/ui/model/places"
	first "zeroms/ui/model/start"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// The sides of the card's code.
const (
	codeSide  = 296
	codeSmall = 240
	bigLeast  = 300
	bigMost   = 640
)

// drawCard reads the card and shows it.
func (s *Welcome) drawCard() {
	s.minute.Rest()
	s.minute.Card(func(c first.Card, err error) {
		s.h.Say.Fail(err)
		if s.closed {
			return
		}
		if s.card = c; c.Text == "" {
			s.putNoCard()
		} else {
			s.putCard()
		}
	})
}

// putNoCard is shown while there is no gateway.
func (s *Welcome) putNoCard() {
	say := s.h.Words
	choose := w.NewButton("start.choose", say.Say("start.card.gateway"), w.Plain, func() {
		s.minute.Join = nil
		s.again("")
	})
	parts := []fyne.CanvasObject{w.NewParagraph(say.Say("start.card"), w.Title), w.NewParagraph(say.Say("start.card.none"), w.Secondary), choose}
	done := s.done()
	s.put(panelWidth, nil, w.NewStack(14, append(append(parts, s.wordsOffer()...), done)...))
}

// done ends the first minute.
func (s *Welcome) done() *w.Button {
	return w.NewButton("start.done", s.h.Words.Say("start.done"), w.Primary, s.leave)
}

// putCard shows the card as a code, and what can be done with it: beside the code, or
// below it in a window that is narrow.
func (s *Welcome) putCard() {
	say := s.h.Words
	code := w.NewQR(codeSide)
	code.SetText(s.card.Text)
	about := say.Say("start.card.text")
	switch people.ReachOf(s.card.Text) {
	case people.OwnComputer:
		about = say.Say("start.card.here")
	case people.OwnNetwork:
		about = say.Say("start.card.near")
	}
	title, text := w.NewParagraph(say.Say("start.card"), w.Title), w.NewParagraph(about, w.Secondary)
	buttons := w.NewFlow(8,
		w.NewButton("start.card.copy", say.Say("start.card.copy"), w.Plain, func() {
			s.h.Files.Copy(s.card.Link)
			s.h.Say.Notice(say.Say("start.card.copied"))
		}),
		w.NewButton("start.card.save", say.Say("start.card.save"), w.Plain, s.saveCard),
		w.NewButton("start.card.big", say.Say("start.card.big"), w.Quiet, s.showBig))
	done, below := s.done(), append(s.waiting(), s.wordsOffer()...)
	if s.h.Window.Canvas().Size().Width < theme.Px(cardWidth+32) {
		code.SetSide(codeSmall)
		parts := []fyne.CanvasObject{title, container.NewCenter(code), text, buttons}
		s.put(panelWidth, nil, w.NewStack(14, append(append(parts, below...), done)...))
		return
	}
	beside := w.NewStack(14, append([]fyne.CanvasObject{title, text, buttons}, below...)...)
	s.put(cardWidth, nil, w.NewStack(24, container.New(besides{}, code, beside), done))
}

// waiting says that the gateway has not answered yet, until it has: so long nobody can
// write to the card.
func (s *Welcome) waiting() []fyne.CanvasObject {
	j := s.minute.Join
	if j == nil || j.Up {
		return nil
	}
	s.tick(func() { s.minute.Poll(s.putCard) })
	text := s.h.Words.Say("start.card.waiting")
	if places.Final(j.Problem) {
		text = places.Problem(s.h.Words, j.Problem)
	}
	other := w.NewButton("start.other", s.h.Words.Say("start.joining.other"), w.Plain, s.giveUp)
	return []fyne.CanvasObject{w.NewNotice(text, w.GapNotice), w.NewFlow(8, other)}
}

// besides puts the second object to the right of the first, which keeps its size, and
// both into the middle of the height.
type besides struct{}

// Layout is Fyne's.
func (besides) Layout(o []fyne.CanvasObject, size fyne.Size) {
	left, gap := o[0].MinSize(), theme.Px(24)
	o[0].Resize(left)
	o[0].Move(fyne.NewPos(0, (size.Height-left.Height)/2))
	width := size.Width - left.Width - gap
	o[1].Resize(fyne.NewSize(width, o[1].MinSize().Height))
	height := o[1].MinSize().Height
	o[1].Resize(fyne.NewSize(width, height))
	o[1].Move(fyne.NewPos(left.Width+gap, (size.Height-height)/2))
}

// MinSize is Fyne's.
func (besides) MinSize(o []fyne.CanvasObject) fyne.Size {
	left, right := o[0].MinSize(), o[1].MinSize()
	return fyne.NewSize(left.Width+right.Width+theme.Px(24), max(left.Height, right.Height))
}

// wordsOffer reminds of the 24 words.
func (s *Welcome) wordsOffer() []fyne.CanvasObject {
	say := s.h.Words
	if s.saved {
		return []fyne.CanvasObject{w.NewRule(), w.NewNotice(say.Say("start.words.saved"), w.AccentNotice)}
	}
	return []fyne.CanvasObject{w.NewRule(), w.NewParagraph(say.Say("start.words.ask"), w.Secondary),
		w.NewButton("start.words", say.Say("start.words.now"), w.Plain, s.readWords)}
}

// saveCard writes the card's picture into a file.
func (s *Welcome) saveCard() {
	say := s.h.Words
	picture, err := s.card.Picture()
	if err != nil {
		s.h.Say.Fail(err)
		return
	}
	s.h.Files.Save(say.Say("start.card.save"), "zeroms-card.png", picture, func(string) { s.h.Say.Notice(say.Say("start.card.saved")) })
}

// showBig shows the code as big as the window allows.
func (s *Welcome) showBig() {
	size := s.h.Window.Canvas().Size()
	side := min(max(min(size.Width-80, size.Height-160)/theme.Zoom(), bigLeast), bigMost)
	code := w.NewQR(side)
	code.SetText(s.card.Text)
	s.h.Say.Show(s.h.Words.Say("start.card"), container.NewCenter(code))
}

// readWords reads the 24 words and shows them.
func (s *Welcome) readWords() {
	s.minute.Words(s.pass.First, func(all []string, err error) {
		if err != nil {
			s.h.Say.Fail(err)
			return
		}
		s.words = all
		s.show(s.drawWords)
	})
}

// drawWords shows the 24 words.
func (s *Welcome) drawWords() {
	say := s.h.Words
	written := w.NewButton("start.words.written", say.Say("start.words.written"), w.Primary, s.quiz)
	later := w.NewButton("start.words.later", say.Say("start.words.later"), w.Quiet, s.toCard)
	content := w.NewStack(16, w.NewParagraph(say.Say("start.words"), w.Title), w.NewParagraph(say.Say("start.words.text"), w.Secondary),
		NewWordGrid(s.words, s.h.Window.Canvas().Size().Width), written, container.NewCenter(later))
	s.put(wordsWidth, nil, content)
}

// toCard goes back to the card. The words are not kept longer than they are shown.
func (s *Welcome) toCard() {
	s.words = nil
	s.show(s.drawCard)
}

// crowdedWidth is below which there is no room for two words beside each other.
const crowdedWidth = 260

// NewWordGrid shows words with their numbers, in four columns, or two in a window that is
// narrow, or one if even that is too much.
func NewWordGrid(words []string, width float32) fyne.CanvasObject {
	columns := 4
	switch {
	case width < theme.Px(crowdedWidth):
		columns = 1
	case width < theme.Px(wordsWidth+32):
		columns = 2
	}
	cells := make([]fyne.CanvasObject, 0, len(words))
	for i, word := range words {
		number := w.NewText(strconv.Itoa(i+1), w.Secondary)
		number.SetAlign(fyne.TextAlignTrailing)
		place := container.NewGridWrap(fyne.NewSize(theme.Px(18), number.MinSize().Height), number)
		cells = append(cells, w.NewInset(0, 2, w.NewLine(8, place, w.NewText(word, w.Strong))))
	}
	return container.New(layout.NewGridLayoutWithColumns(columns), cells...)
}

// quiz asks for two of the words.
func (s *Welcome) quiz() {
	q := first.NewQuiz(s.words)
	s.show(func() { s.drawQuiz(q) })
}

func (s *Welcome) drawQuiz(q *first.Quiz) {
	say := s.h.Words
	wrong := s.trouble()
	var fields [2]*w.Field
	var asked []fyne.CanvasObject
	for i, at := range q.At {
		which := say.Say("start.quiz.word", "Number", strconv.Itoa(at+1))
		fields[i] = w.NewField("start.quiz."+strconv.Itoa(i), which)
		fields[i].SetOnChanged(func(string) { wrong.Tell("") })
		// The number stays to be read once something is written.
		asked = append(asked, w.NewStack(6, w.NewText(which, w.Secondary), fields[i]))
	}
	check := func() {
		for i, f := range fields {
			if !q.Right(i, f.Text) {
				wrong.Tell(say.Say("start.quiz.wrong", "Number", strconv.Itoa(q.At[i]+1)))
				s.h.Window.Canvas().Focus(f)
				return
			}
		}
		s.keepSaved()
	}
	fields[0].OnSubmitted = func(string) { s.h.Window.Canvas().Focus(fields[1]) }
	fields[1].OnSubmitted = func(string) { check() }
	content := w.NewStack(14, w.NewParagraph(say.Say("start.quiz"), w.Title), w.NewParagraph(say.Say("start.quiz.text"), w.Secondary), asked[0], asked[1], wrong.Line,
		w.NewButton("start.quiz.check", say.Say("start.quiz.check"), w.Primary, check),
		container.New(&centred{gap: 8},
			w.NewButton("start.quiz.look", say.Say("start.quiz.look"), w.Quiet, func() { s.show(s.drawWords) }),
			w.NewButton("start.quiz.skip", say.Say("start.quiz.skip"), w.Quiet, s.keepSaved)))
	s.put(panelWidth, fields[0], content)
}

// keepSaved notes that the words were written down.
func (s *Welcome) keepSaved() {
	s.minute.SaveWords(func(err error) {
		s.h.Say.Fail(err)
		s.saved = err == nil
		s.toCard()
	})
}
