package places

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"zeroms/protocol/key"
	"zeroms/ui/arrange"
	"zeroms/ui/model/places"
	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// cardPad is the space around what a card shows.
const cardPad = 9

// homeCard is one gateway of the user's. What it shows changes in place, so that it
// keeps the keyboard's focus.
type homeCard struct {
	of      *Gateways
	panel   *w.Panel
	content *fyne.Container
	row     places.Row
	open    bool // details and actions are shown
	shape   shape

	head                     *w.Row
	latency, custody         *w.Text
	aboutBelow, custodyBelow *w.Paragraph
	problem, faults          *w.Notice
	values                   []interface{ SetText(string) }
}

// shape is which parts a card has.
type shape struct {
	node                     key.NodePublic
	state                    places.State
	problem, faults, custody bool
	facts                    string
	drains, returns, last    bool
	narrow, crowded, open    bool
}

func newHomeCard(of *Gateways) *homeCard {
	c := &homeCard{of: of, content: w.NewStack(8)}
	c.panel = w.NewPaddedPanel(cardPad, c.content)
	return c
}

// set shows a row.
func (c *homeCard) set(r places.Row) {
	names := make([]string, 0, len(r.Facts))
	for _, f := range r.Facts {
		names = append(names, f.Name)
	}
	now := shape{
		node: r.Node, state: r.State, problem: r.Problem != "", faults: r.Faults != "", custody: r.Custody != "", facts: strings.Join(names, "\n"),
		drains: r.Drains, returns: r.Returns, last: r.Last, narrow: c.of.narrow || c.of.tight, crowded: c.of.crowded, open: c.open,
	}
	c.row = r
	if c.head == nil || now != c.shape {
		c.shape = now
		c.build()
	}
	c.fill()
}

// littleWidth is the width of the page below which a card puts its lines below each other.
const littleWidth = 600

// id names a control of this card; drivers know the gateway by its host.
func (c *homeCard) id(what string) string { return "gateway." + c.row.Host + "." + what }

// build makes the parts.
func (c *homeCard) build() {
	c.head = w.NewRow("gateway."+c.row.Host, "", "", func() {
		c.open = !c.open
		c.of.draw()
	})
	c.head.SetRounded(true)
	c.head.SetLead(w.NewMark("dot", c.tint(), 20))
	c.latency, c.custody = w.NewText("", w.Accent), w.NewText("", w.Secondary)
	c.latency.SetAlign(fyne.TextAlignTrailing)
	c.custody.SetAlign(fyne.TextAlignTrailing)
	c.aboutBelow, c.custodyBelow = w.NewParagraph("", w.Secondary), w.NewParagraph("", w.Secondary)
	parts := []fyne.CanvasObject{c.head}
	if c.shape.narrow {
		parts = append(parts, c.lines())
	} else {
		c.head.SetTrail(w.NewStack(1, c.latency, c.custody))
	}
	c.problem, c.faults = nil, nil
	if c.shape.problem {
		kind := w.GapNotice
		if c.row.State == places.Trouble {
			kind = w.AlarmNotice
		}
		c.problem = w.NewNotice("", kind)
		parts = append(parts, w.NewInset(8, 0, c.problem))
	}
	if c.shape.faults {
		c.faults = w.NewNotice("", w.AlarmNotice)
		c.faults.SetAction(c.id("evidence"), c.of.h.Words.Say("places.evidence"), c.evidence)
		parts = append(parts, w.NewInset(8, 0, c.faults))
	}
	if c.problem != nil || c.faults != nil {
		parts = append(parts, w.NewInset(0, 0, w.NewStack(0))) // as far from the lower edge as from the sides
	}
	if c.values = nil; c.open {
		parts = append(parts, w.NewInset(12, 8, w.NewStack(12, w.NewRule(), c.facts(), c.actions())))
	}
	c.content.Objects = parts
	c.content.Refresh()
}

// lines are what stands below the name where there is no room beside it: in a crowded
// window the latency too.
func (c *homeCard) lines() fyne.CanvasObject {
	below, lines := arrange.Inset{Top: -8, Right: 12, Bottom: 8, Left: 44}, []fyne.CanvasObject{c.aboutBelow} // under the name
	if c.shape.crowded {
		below.Left = 12
		c.latency.SetAlign(fyne.TextAlignLeading)
		lines = append([]fyne.CanvasObject{c.latency}, lines...)
	} else {
		c.head.SetTrail(c.latency)
	}
	if c.shape.custody {
		lines = append(lines, c.custodyBelow)
	}
	return container.New(below, w.NewStack(2, lines...))
}

// tint is the colour of the state's dot.
func (c *homeCard) tint() theme.Name {
	switch c.row.State {
	case places.Up:
		return theme.Accent
	case places.Trouble:
		return theme.Alarm
	case places.Draining:
		return theme.GapText
	}
	return theme.Faint
}

// fill brings the texts to what the row says.
func (c *homeCard) fill() {
	r := c.row
	c.head.SetTitle(r.Host)
	c.latency.SetText(r.Latency)
	c.custody.SetText(r.Custody)
	if c.shape.narrow {
		c.aboutBelow.SetText(r.About)
		c.custodyBelow.SetText(r.Custody)
	} else {
		c.head.SetSubtitle(r.About)
	}
	c.head.Refresh()
	if c.problem != nil {
		c.problem.SetText(r.Problem)
	}
	if c.faults != nil {
		c.faults.SetText(r.Faults)
	}
	for i, v := range c.values {
		v.SetText(r.Facts[i].Value)
	}
}

// facts are names and values in two columns, or the values below the names in a crowded
// window.
func (c *homeCard) facts() fyne.CanvasObject {
	lines := w.NewStack(6)
	for _, f := range c.row.Facts {
		if c.shape.crowded {
			v := w.NewParagraph("", w.Body)
			c.values = append(c.values, v)
			lines.Add(w.NewStack(0, w.NewParagraph(f.Name, w.Secondary), v))
			continue
		}
		v := w.NewCut("", w.Body)
		v.SetAlign(fyne.TextAlignTrailing)
		c.values = append(c.values, v)
		lines.Add(container.New(pair{}, w.NewText(f.Name, w.Secondary), v))
	}
	return lines
}

// pair puts a name to the left and a value to the right of a line.
type pair struct{}

// Layout is Fyne's.
func (pair) Layout(o []fyne.CanvasObject, size fyne.Size) {
	left := o[0].MinSize()
	place := func(o fyne.CanvasObject, x, width float32) {
		height := o.MinSize().Height
		o.Move(fyne.NewPos(x, (size.Height-height)/2))
		o.Resize(fyne.NewSize(width, height))
	}
	gap := theme.Px(12)
	place(o[0], 0, left.Width)
	place(o[1], left.Width+gap, max(0, size.Width-left.Width-gap))
}

// MinSize is Fyne's.
func (pair) MinSize(o []fyne.CanvasObject) fyne.Size {
	left, right := o[0].MinSize(), o[1].MinSize()
	return fyne.NewSize(left.Width+theme.Px(52), max(left.Height, right.Height))
}

// actions are what can be done with the gateway.
func (c *homeCard) actions() fyne.CanvasObject {
	say, of := c.of.h.Words, c.of
	buttons := []fyne.CanvasObject{w.NewButton(c.id("copy"), say.Say("places.copy"), w.Plain, func() {
		of.h.Files.Copy(c.row.Address)
		of.h.Say.Notice(say.Say("places.copied"))
	})}
	if c.row.Drains {
		buttons = append(buttons, w.NewButton(c.id("drain"), say.Say("places.drain"), w.Plain, func() {
			of.h.Say.Ask(page.Question{Title: say.Say("places.drain.ask"), Text: say.Say("places.drain.text"), Yes: say.Say("places.drain"), Then: func() {
				of.homes.Drain(c.row.Node, of.done(""))
			}})
		}))
	}
	if c.row.Returns {
		buttons = append(buttons, w.NewButton(c.id("return"), say.Say("places.return"), w.Plain, func() { of.homes.Return(c.row, of.done("")) }))
	}
	buttons = append(buttons, w.NewButton(c.id("remove"), say.Say("places.remove"), w.Plain, c.remove))
	return w.NewFlow(8, buttons...)
}

// remove asks before a home is given up.
func (c *homeCard) remove() {
	say, of := c.of.h.Words, c.of
	text := say.Say("places.remove.text")
	if c.row.Last {
		text = say.Say("places.remove.last")
	}
	of.h.Say.Ask(page.Question{Title: say.Say("places.remove.ask"), Text: text, Yes: say.Say("places.remove"), Danger: true, Then: func() {
		of.homes.Remove(c.row.Node, of.done(""))
	}})
}

// evidence writes what proves the faults into a file.
func (c *homeCard) evidence() {
	of, host := c.of, c.row.Host
	of.homes.Evidence(c.row.Node, func(file []byte, err error) {
		if err != nil {
			of.h.Say.Fail(err)
			return
		}
		name := "evidence-" + strings.NewReplacer(":", "-", "[", "", "]", "").Replace(host) + ".zms"
		of.h.Files.Save(of.h.Words.Say("places.evidence.save"), name, file, func(string) {
			of.h.Say.Notice(of.h.Words.Say("places.evidence.saved"))
		})
	})
}
