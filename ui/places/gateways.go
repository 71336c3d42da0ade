package places

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"zeroms/protocol/key"
	"zeroms/ui/model/places"
	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// lookEvery is how often figures are read that change without an event.
const lookEvery = 2 * time.Second

// Gateways is the page of the user's gateways.
type Gateways struct {
	sheet
	homes   *places.Gateways
	inside  *insideBox
	finder  *findBox
	add     *addBox
	cards   map[key.NodePublic]*homeCard
	scan    *w.Button
	run     *w.Button
	foot    fyne.CanvasObject
	more    fyne.CanvasObject
	ways    *fyne.Container // to a gateway, in the header
	below   *fyne.Container // and below it where that is crowded
	narrow  bool
	tight   bool // there is little room for the lines of a card
	crowded bool
	shown   bool // it is in the window
	stop    func()
}

// NewGateways makes the page; text is the address of a gateway to be added, or empty.
func NewGateways(h *page.Host, text string) *Gateways {
	g := &Gateways{sheet: newSheet(h, h.Words.Say("places.gateways"), pageWidth), cards: map[key.NodePublic]*homeCard{}}
	g.scan = w.NewButton("gateways.scan", h.Words.Say("places.scan"), w.Plain, func() { g.openAdd("") })
	g.run = w.NewButton("gateways.run", h.Words.Say("places.run"), w.Primary, g.openInside)
	g.ways, g.below = w.NewLine(12, g.scan, g.run), w.NewFlow(8)
	g.header.SetActions(g.ways)
	g.frame.widened = g.widened
	g.homes = places.NewGateways(h.Deps(), g.draw)
	g.inside = newInsideBox(g)
	g.finder = newFindBox(g)
	g.foot = w.NewParagraph(h.Words.Say("places.foot"), w.Secondary)
	g.more = container.NewHBox(w.NewButton("gateways.find", h.Words.Say("places.find"), w.Plain, g.finder.begin))
	g.homes.Reload()
	g.draw()
	g.stop = h.Every(lookEvery, func() {
		g.homes.Reload()
		g.inside.model.Look()
	})
	if text != "" {
		g.openAdd(text)
	}
	return g
}

// Close ends the page.
func (g *Gateways) Close() {
	g.stop()
	g.homes.Close()
	g.inside.model.Close()
	g.finder.model.Close()
}

// crowdedWidth is below which the header has no room for the ways to a gateway.
const crowdedWidth = 360

// widened is told how much room there is.
func (g *Gateways) widened(width float32) {
	tight, crowded := width < theme.Px(littleWidth), width < theme.Px(crowdedWidth)
	if tight == g.tight && crowded == g.crowded {
		return
	}
	if g.tight = tight; crowded != g.crowded {
		g.crowded = crowded
		g.ways.Objects, g.below.Objects = g.below.Objects, g.ways.Objects
		if crowded {
			g.header.SetActions()
		} else {
			g.header.SetActions(g.ways)
		}
	}
	g.draw()
}

// Narrow tells whether there is room for one pane only.
func (g *Gateways) Narrow(narrow bool) {
	g.narrow = narrow
	say := g.h.Words
	if narrow {
		g.scan.SetText(say.Say("places.scan.short"))
		g.run.SetText(say.Say("places.run.short"))
	} else {
		g.scan.SetText(say.Say("places.scan"))
		g.run.SetText(say.Say("places.run"))
	}
	g.header.SetNarrow(narrow)
	g.header.Refresh()
	g.draw()
}

// Drop takes a picture or a file with an address.
func (g *Gateways) Drop(uris []fyne.URI) {
	if len(uris) > 0 && uris[0].Scheme() == "file" {
		g.openAdd("")
		g.add.readFile(uris[0].Path())
	}
}

// draw shows everything there is.
func (g *Gateways) draw() {
	if g.finder == nil {
		return // it is being made
	}
	say := g.h.Words
	var parts []fyne.CanvasObject
	if g.crowded {
		parts = append(parts, g.below)
	}
	if g.add != nil {
		parts = append(parts, g.add.object)
	}
	if g.inside.shown() {
		parts = append(parts, g.inside.object())
	}
	rows := g.homes.Rows()
	if len(rows) == 0 && g.homes.Loaded() {
		parts = append(parts, w.NewPanel(w.NewStack(8, w.NewText(say.Say("places.none"), w.Strong), w.NewParagraph(say.Say("places.none.text"), w.Secondary))))
	}
	cards := make(map[key.NodePublic]*homeCard, len(rows))
	for _, r := range rows {
		card := g.cards[r.Node]
		if card == nil {
			card = newHomeCard(g)
		}
		card.set(r)
		cards[r.Node] = card
		parts = append(parts, card.panel)
	}
	g.cards = cards
	if len(rows) > 0 {
		parts = append(parts, g.foot)
		if g.finder.open {
			parts = append(parts, g.finder.object())
		} else {
			parts = append(parts, g.more)
		}
	}
	g.put(parts...)
}

// openAdd shows where an address is given.
func (g *Gateways) openAdd(text string) {
	if g.add == nil {
		g.add = newAddBox(g)
		g.draw()
	}
	if g.shown {
		g.Focus()
	}
	if text != "" {
		g.add.field.SetText(text)
	}
}

// Focus puts the keyboard's focus where an address is given, if that is shown. The window
// calls it when it shows the page.
func (g *Gateways) Focus() {
	if g.shown = true; g.add != nil {
		g.h.Window.Canvas().Focus(g.add.field)
	}
}

// openInside shows the gateway inside the app.
func (g *Gateways) openInside() {
	g.inside.open = true
	g.inside.again()
}

// done says that something is done, or why not.
func (g *Gateways) done(text string) func(error) {
	return func(err error) {
		if g.h.Say.Fail(err); err == nil && text != "" {
			g.h.Say.Notice(text)
		}
	}
}
