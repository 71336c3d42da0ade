package people

import (
	"strconv"
	"strings"
	"time"

	"fyne.io/fyne/v2"

	"zeroms/protocol/key"
	"zeroms/ui/model/people"
	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// Card is the page of the user's own cards.
type Card struct {
	*frame
	model *people.Card
	stack *fyne.Container
	big   *big // the code that was shown over the window; nil: none
}

// NewCard makes the page.
func NewCard(h *page.Host) *Card {
	c := &Card{stack: w.NewColumn(664)}
	c.frame = newFrame(h, h.Words.Say("people.card.title"), inMiddle(newMargins(c.stack)))
	c.header.Hide()
	c.model = people.NewCard(h.Deps(), c.view(c.draw))
	c.model.Load()
	return c
}

// Narrow is page.Page's: only a narrow window has a header, with the way back.
func (c *Card) Narrow(narrow bool) {
	c.frame.Narrow(narrow)
	show(c.header, narrow)
	c.root.Refresh()
}

// Close is page.Page's. A code over the window goes too: nothing of it may stay over a
// window that is locked.
func (c *Card) Close() {
	c.model.Close()
	if c.big != nil {
		c.big.close()
	}
}

func (c *Card) showBig(text string) { c.big = showBig(c.host, text) }

// draw builds the page anew.
func (c *Card) draw() {
	if !c.model.Ready {
		return
	}
	c.stack.Objects = c.sections()
	c.arrange()
}

func (c *Card) sections() []fyne.CanvasObject {
	if c.model.Homeless {
		sections := []fyne.CanvasObject{c.homeless()}
		if len(c.model.Others) > 0 {
			sections = append(sections, c.others())
		}
		return sections
	}
	var sections []fyne.CanvasObject
	if c.model.Own != nil {
		sections = append(sections, c.own(c.model.Own))
	}
	sections = append(sections, c.public())
	if len(c.model.Others) > 0 {
		sections = append(sections, c.others())
	}
	return sections
}

// homeless is shown without a gateway.
func (c *Card) homeless() fyne.CanvasObject {
	say := c.host.Words.Say
	choose := w.NewButton("card.gateway", say("people.card.choose"), w.Primary, c.gateways)
	return w.NewPaddedPanel(32, w.NewStack(12,
		w.NewParagraph(say("people.card.homelessTitle"), w.Title), w.NewParagraph(say("people.card.homeless"), w.Secondary), w.NewFlow(8, choose)))
}

func (c *Card) gateways() { c.host.Nav.Open(page.Place{Kind: page.Gateways}) }

// own is the card of now.
func (c *Card) own(k *people.Handed) fyne.CanvasObject {
	say := c.host.Words.Say
	code := w.NewQR(296)
	code.SetText(k.Text)
	words := w.NewStack(8,
		w.NewText(say("people.card.heading"), w.Title),
		w.NewParagraph(say("people.card.explain"), w.Secondary),
		w.NewInset(0, 3, w.NewText(k.Short, w.Mono)),
		c.hand("card", k, w.Primary),
		w.NewFlow(16,
			newLink("card.big", say("people.card.big"), theme.Accent, func() { c.showBig(k.Text) }),
			newLink("card.text", say("people.card.copyText"), theme.Accent, func() { c.copy(k.Text) }),
			newLink("card.new", say("people.card.new"), theme.Accent, c.askNew)),
		c.given("card", k),
	)
	if len(k.To) > 0 {
		words.Add(w.NewParagraph(c.names(k.To), w.Small))
	}
	words.Add(w.NewInset(0, 4, w.NewParagraph(say("people.card.hint"), w.Secondary)))
	whole := w.NewStack(16, newBeside(16, 250, code, words))
	if notice := c.reach(k.Reach); notice != nil {
		whole.Add(notice)
	}
	return w.NewPaddedPanel(20, whole)
}

// reach warns if the card does not work everywhere.
func (c *Card) reach(r people.Reach) fyne.CanvasObject {
	say := c.host.Words.Say
	var text string
	switch r {
	case people.OwnComputer:
		text = say("people.card.computer")
	case people.OwnNetwork:
		text = say("people.card.network")
	default:
		return nil
	}
	notice := w.NewNotice(text, w.GapNotice)
	notice.SetAction("card.gateways", say("people.card.gateways"), c.gateways)
	return notice
}

// hand are the buttons that hand a card out.
func (c *Card) hand(id string, k *people.Handed, first w.Style) *fyne.Container {
	say := c.host.Words.Say
	return w.NewFlow(8,
		w.NewButton(id+".copy", say("people.card.copyLink"), first, func() { c.copy(k.Link) }),
		w.NewButton(id+".save", say("people.card.saveImage"), w.Plain, func() { c.save(k.Text) }))
}

func (c *Card) copy(text string) {
	c.host.Files.Copy(text)
	c.host.Say.Notice(c.host.Words.Say("people.card.copied"))
}

func (c *Card) save(text string) {
	say := c.host.Words.Say
	c.model.Draw(text, func(png []byte) {
		c.host.Files.Save(say("people.card.saveTitle"), c.model.File+".png", png, func(string) { c.host.Say.Notice(say("people.card.saved")) })
	})
}

// given says how many people came by a card, with the way to revoke it.
func (c *Card) given(id string, k *people.Handed) fyne.CanvasObject {
	words := c.host.Words
	text := words.Say("people.card.givenNone")
	if len(k.To) > 0 {
		text = words.Count("people.card.given", len(k.To))
	}
	return w.NewFlow(4, w.NewInset(0, 4, w.NewText(text, w.Secondary)), w.NewInset(0, 4, w.NewText("·", w.Secondary)), c.revoke(id+".revoke", k))
}

func (c *Card) revoke(id string, k *people.Handed) *link {
	say := c.host.Words.Say
	text := say("people.card.revokeText")
	if k.Public {
		text = say("people.card.revokePublicText")
	}
	return newLink(id, say("people.card.revoke"), theme.Alarm, func() { c.askRevoke(k.ID, text) })
}

func (c *Card) askRevoke(id key.CardID, text string) {
	say := c.host.Words.Say
	c.host.Say.Ask(page.Question{
		Title: say("people.card.revokeTitle"), Text: text, Yes: say("people.card.revoke"), Danger: true, Then: func() { c.model.Revoke(id) },
	})
}

func (c *Card) askNew() {
	say := c.host.Words.Say
	c.host.Say.Ask(page.Question{
		Title: say("people.card.newTitle"), Text: say("people.card.newText"), Yes: say("people.card.new"), Then: c.model.New,
	})
}

// shownNames is how many names are shown in a line.
const shownNames = 6

func (c *Card) names(names []string) string {
	words := c.host.Words
	shown := names[:min(len(names), shownNames)]
	text := strings.Join(shown, words.Say("people.card.comma"))
	if more := len(names) - len(shown); more > 0 {
		text += " " + words.Count("people.card.more", more)
	}
	return text
}

// public is the card for everybody, or the way to one.
func (c *Card) public() fyne.CanvasObject {
	say := c.host.Words.Say
	title, explain := w.NewText(say("people.card.public"), w.Strong), w.NewParagraph(say("people.card.publicExplain"), w.Secondary)
	k := c.model.Public
	if k == nil {
		button := w.NewButton("card.public.make", say("people.card.makePublic"), w.Plain, c.model.MakePublic)
		able(button, !c.model.Working)
		return w.NewPanel(w.NewStack(8, title, explain, w.NewInset(0, 4, w.NewFlow(8, button))))
	}
	hand := c.hand("card.public", k, w.Plain)
	hand.Add(w.NewButton("card.public.big", say("people.card.big"), w.Plain, func() { c.showBig(k.Text) }))
	words := w.NewStack(8, title, explain, w.NewInset(0, 4, hand), c.given("card.public", k))
	if len(k.To) > 0 {
		words.Add(w.NewParagraph(c.names(k.To), w.Small))
	}
	return w.NewPanel(words)
}

// others lists the other cards.
func (c *Card) others() fyne.CanvasObject {
	list := w.NewStack(12, w.NewText(c.host.Words.Say("people.card.others"), w.Strong))
	for i := range c.model.Others {
		k := &c.model.Others[i]
		list.Add(w.NewRule())
		text := w.NewStack(2, w.NewParagraph(c.host.Words.Say("people.card.created", "Day", c.day(k.Created)), w.Body), w.NewParagraph(c.state(k), w.Secondary))
		end := c.revoke("card.other."+strconv.Itoa(i)+".revoke", k)
		show(end, !k.Over)
		list.Add(newEnded(16, text, end))
	}
	return w.NewPanel(list)
}

// day is a day as it stands within a sentence: its date, with the year if it is another
// one, and never "Today".
func (f *frame) day(t time.Time) string {
	now := f.host.Now()
	if t.Local().Year() == now.Local().Year() {
		now = t.AddDate(0, 0, 2)
		if now.Local().Year() != t.Local().Year() {
			now = t.AddDate(0, 0, -2)
		}
	}
	return f.host.Words.Day(t, now)
}

// state says how a card is doing and who came by it.
func (c *Card) state(k *people.Handed) string {
	words := c.host.Words
	var parts []string
	if k.Public {
		parts = append(parts, words.Say("people.card.isPublic"))
	}
	switch {
	case k.Revoked:
		parts = append(parts, words.Say("people.card.revoked"))
	case k.Former && k.Over:
		parts = append(parts, words.Say("people.card.former"))
	case k.Former:
		parts = append(parts, words.Say("people.card.formerUntil", "Day", c.day(k.Expires)))
	case k.Over:
		parts = append(parts, words.Say("people.card.expired"))
	case !k.Expires.IsZero():
		parts = append(parts, words.Say("people.card.until", "Day", c.day(k.Expires)))
	default:
		parts = append(parts, words.Say("people.card.works"))
	}
	if len(k.To) > 0 {
		parts = append(parts, words.Count("people.card.given", len(k.To)), c.names(k.To))
	}
	return strings.Join(parts, " · ")
}
