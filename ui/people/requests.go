package people

import (
	"strconv"
	"strings"

	"fyne.io/fyne/v2"

	"zeroms/ui/model/people"
	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// Requests is the page of strangers who want to write.
type Requests struct {
	*frame
	model *people.Requests
	stack *fyne.Container
}

// NewRequests makes the page.
func NewRequests(h *page.Host) *Requests {
	r := &Requests{stack: w.NewColumn(560)}
	r.frame = newFrame(h, h.Words.Say("people.requests.title"), newMargins(r.stack))
	r.model = people.NewRequests(h.Deps(), r.view(r.draw))
	r.model.Load()
	return r
}

// Close is page.Page's.
func (r *Requests) Close() { r.model.Close() }

// draw builds the page anew.
func (r *Requests) draw() {
	words := r.host.Words
	switch {
	case !r.model.Ready:
		return
	case len(r.model.All) == 0:
		r.stack.Objects = []fyne.CanvasObject{w.NewInset(0, 48, empty("people", words.Say("people.requests.empty"), words.Say("people.requests.emptyText")))}
	default:
		r.stack.Objects = nil
		for i := range r.model.All {
			r.stack.Objects = append(r.stack.Objects, r.request(i))
		}
		if r.model.More > 0 {
			r.stack.Objects = append(r.stack.Objects, w.NewParagraph(words.Count("people.requests.more", r.model.More), w.Secondary))
		}
		r.stack.Objects = append(r.stack.Objects, w.NewInset(4, 0, w.NewParagraph(words.Say("people.requests.explain"), w.Secondary)))
	}
	r.arrange()
}

// empty is shown where there is nothing to be shown.
func empty(icon, title, text string) fyne.CanvasObject {
	heading, below := w.NewParagraph(title, w.Title), w.NewParagraph(text, w.Secondary)
	heading.SetAlign(fyne.TextAlignCenter)
	below.SetAlign(fyne.TextAlignCenter)
	return w.NewStack(12, w.NewMark(icon, theme.Faint, 48), heading, below)
}

// request is one person who wants to write.
func (r *Requests) request(i int) fyne.CanvasObject {
	q, say := &r.model.All[i], r.host.Words.Say
	id := "request." + strconv.Itoa(i)
	name := q.Name
	if name == "" {
		name = q.Key
	}
	first := w.NewParagraph(q.First, w.Body)
	if q.First == "" {
		first = w.NewParagraph(say("people.requests.noText"), w.Secondary)
	}
	accept := w.NewButton(id+".accept", say("people.requests.accept"), w.Primary, func() {
		r.model.Accept(q.ID, func(contact uint64) { r.host.Nav.Open(page.Place{Kind: page.Chat, Contact: contact}) })
	})
	block := w.NewButton(id+".block", say("people.requests.block"), w.Plain, func() { r.askBlock(q.ID, name) })
	able(accept, !q.Working)
	able(block, !q.Working)
	when := w.NewText(r.host.Words.When(q.At, r.host.Now()), w.Small)
	head := newBegun(12, w.NewAvatar(q.User, name, 44), w.NewStack(1, newEnded(8, w.NewCut(name, w.Strong), when), w.NewParagraph(r.from(q), w.Secondary)))
	return w.NewPanel(w.NewStack(12, head, first, w.NewFlow(8, accept, block)))
}

// from says by which card somebody came, and with which key.
func (r *Requests) from(q *people.Request) string {
	say := r.host.Words.Say
	parts := []string{q.Key[:4] + " " + q.Key[4:] + " …"}
	switch q.By {
	case people.ByCard:
		parts = append(parts, say("people.requests.byCard", "Day", r.day(q.Made)))
	case people.ByPublic:
		parts = append(parts, say("people.requests.byPublic"))
	case people.ByOver:
		parts = append(parts, say("people.requests.byOver"))
	}
	return strings.Join(parts, " · ")
}

func (r *Requests) askBlock(id uint64, name string) {
	say := r.host.Words.Say
	r.host.Say.Ask(page.Question{
		Title: say("people.requests.blockTitle", "Name", name), Text: say("people.requests.blockText"), Yes: say("people.requests.block"), Danger: true,
		Then: func() { r.model.Block(id) },
	})
}
