package start

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"zeroms/ui/model/places"
	first "zeroms/ui/model/start"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// pollEvery is how often the search and the joining are looked at, and lookFor after
// how many looks a search without a result says so.
const (
	pollEvery = 250 * time.Millisecond
	lookFor   = 16
)

// gatewayStep is what the step of the gateway keeps.
type gatewayStep struct {
	address string
	open    bool // the one inside the app serves the local network
	looks   int
	said    string // what went wrong last
	near    *fyne.Container
	wrong   w.Trouble
}

// drawGateway offers gateways: those nearby, one by its address, one inside the app.
func (s *Welcome) drawGateway() {
	say, g := s.h.Words, &s.gateway
	g.wrong = s.trouble()
	g.near = w.NewStack(4)
	s.drawNear()
	field, address := s.addressField()
	later := w.NewButton("start.later", say.Say("start.later"), w.Quiet, func() {
		s.minute.Rest()
		s.show(s.drawCard)
	})
	content := w.NewStack(12, w.NewParagraph(say.Say("start.gateway"), w.Title), w.NewParagraph(say.Say("start.gateway.text"), w.Secondary), g.wrong.Line,
		g.near, w.NewRule(), w.NewParagraph(say.Say("start.address"), w.Strong), address, w.NewRule(), s.insideOffer(), container.NewCenter(later))
	s.put(stepWidth, field, content)
	g.wrong.Tell(g.said)
	s.tick(func() {
		if g.looks++; g.looks == lookFor && len(s.minute.Near) == 0 {
			s.drawNear()
		}
		s.minute.Poll(s.drawNear)
	})
}

// drawNear shows what was found in the local network.
func (s *Welcome) drawNear() {
	say, g := s.h.Words, &s.gateway
	rows := []fyne.CanvasObject{w.NewParagraph(say.Say("start.near"), w.Strong)}
	if len(s.minute.Near) == 0 {
		// As high as a gateway: one that is found then moves nothing away under the pointer.
		state := say.Say("start.near.looking")
		if g.looks >= lookFor {
			state = say.Say("start.near.none")
		}
		row := w.NewRow("start.near.none", state, say.Say("start.near.hint"), nil)
		row.SetLead(w.NewMark("gateway", theme.Secondary, 22))
		rows = append(rows, w.NewInset(-12, 0, row))
	}
	for i, n := range s.minute.Near {
		host := places.HostOf(n.Address)
		var row *w.Row
		if n.Open {
			about := say.Say("start.near.took", "Time", say.Took(n.Took))
			if network := places.NetworkOf(n.Address); network != "" {
				about = say.Say("start.near.network", "Network", network) + " · " + about
			}
			row = w.NewRow("start.near."+strconv.Itoa(i), host, about, func() { s.begin(n.Address) })
			row.SetTrail(w.NewMark("next", theme.Secondary, 18))
		} else {
			row = w.NewRow("start.near."+strconv.Itoa(i), host, say.Say("start.near.invited"), nil)
		}
		row.SetRounded(true)
		row.SetLead(w.NewMark("gateway", theme.Accent, 22))
		rows = append(rows, w.NewInset(-12, 0, row))
	}
	g.near.Objects = rows
	s.relay()
}

// addressField is for an address that one was given: typed, pasted or in a picture. It
// has the keyboard: who has just copied an address pastes it at once.
func (s *Welcome) addressField() (field *w.Field, whole fyne.CanvasObject) {
	say, g := s.h.Words, &s.gateway
	field = w.NewField("start.address", say.Say("start.address.field"))
	field.SetText(g.address)
	field.SetOnChanged(func(text string) {
		g.address = text
		g.wrong.Tell("")
	})
	use := func() {
		if strings.TrimSpace(g.address) == "" {
			s.h.Window.Canvas().Focus(field)
			return
		}
		s.read(g.address)
	}
	field.OnSubmitted = func(string) { use() }
	buttons := w.NewFlow(8,
		w.NewButton("start.use", say.Say("start.use"), w.Plain, use),
		w.NewButton("start.paste", say.Say("start.clipboard"), w.Plain, s.paste),
		w.NewButton("start.picture", say.Say("start.picture"), w.Plain, func() {
			s.h.Files.Open(say.Say("start.picture"), pictures(), s.readFile)
		}))
	return field, w.NewStack(8, field, buttons)
}

// pictures are the files that can hold an address.
func pictures() []string { return []string{".png", ".jpg", ".jpeg", ".txt"} }

// insideOffer is the gateway inside the app.
func (s *Welcome) insideOffer() fyne.CanvasObject {
	say, g := s.h.Words, &s.gateway
	who := func() string {
		if g.open {
			return say.Say("start.inside.lan.text")
		}
		return say.Say("start.inside.here.text")
	}
	reach := w.NewParagraph(who(), w.Secondary)
	at := 0
	if g.open {
		at = 1
	}
	choice := w.NewChoice("start.reach", "", []string{say.Say("start.inside.here"), say.Say("start.inside.lan")}, at, func(at int) {
		g.open = at == 1
		reach.SetText(who())
		s.relay()
	})
	run := w.NewButton("start.inside", say.Say("start.inside.start"), w.Plain, func() {
		g.said = ""
		if s.minute.Inside(g.open, s.joining); s.minute.Join != nil {
			s.show(s.drawJoin)
		}
	})
	return w.NewStack(4, w.NewParagraph(say.Say("start.inside"), w.Strong), container.New(&aside{}, choice, run), reach)
}

// paste takes a text or a picture out of the clipboard.
func (s *Welcome) paste() {
	// Some programs answer with the bytes of a picture whatever they are asked for.
	s.h.Files.Paste(func(text string) {
		if text != "" && utf8.ValidString(text) {
			s.read(text)
			return
		}
		s.h.Files.PasteImage(s.pasted)
	})
}

// pasted takes a picture out of the clipboard; nil: there is none.
func (s *Welcome) pasted(png []byte) {
	if png == nil {
		s.gateway.wrong.Tell(s.h.Words.Say("start.clipboard.none"))
		return
	}
	s.h.Async.Slow(func(context.Context) func() {
		code, err := places.ReadImage(bytes.NewReader(png))
		return func() { s.take("", code, err) }
	})
}

// readFile reads a picture, or a file with a text.
func (s *Welcome) readFile(path string) {
	s.h.Async.Slow(func(context.Context) func() {
		code, err := places.ReadFile(path)
		return func() { s.take("", code, err) }
	})
}

// Drop takes files that were dropped on the window: a picture of an address, or the
// archive of a profile.
func (s *Welcome) Drop(uris []fyne.URI) {
	if len(uris) == 0 || uris[0].Scheme() != "file" {
		return
	}
	switch {
	case s.minute.Profile == nil:
		s.restore.archive = uris[0].Path()
		s.show(s.drawRestore)
	case s.minute.Join == nil && len(s.words) == 0:
		s.readFile(uris[0].Path())
	}
}

func (s *Welcome) read(text string) {
	code, err := places.ReadText(text)
	s.take(text, code, err)
}

// take uses what was read out of a text; empty: a picture or a file.
func (s *Welcome) take(text string, code places.Code, err error) {
	switch {
	case s.closed || s.minute.Join != nil:
	case err != nil:
		s.gateway.wrong.Tell(addressTrouble(s.h.Words, text, err))
	case code.Card != "":
		s.link = code.Card
		s.gateway.wrong.Tell(s.h.Words.Say("start.card.first"))
	default:
		s.gateway.address = "" // another one is pasted into an empty field
		s.begin(code.Address)
	}
}

// begin makes a gateway a home, and shows how that goes.
func (s *Welcome) begin(a places.Address) {
	s.gateway.said = ""
	if s.minute.Begin(a, s.joining); s.minute.Join != nil {
		s.show(s.drawJoin)
	}
}

// joining takes the answer to the beginning.
func (s *Welcome) joining(err error) {
	if err != nil {
		s.again(s.h.Words.Error(err))
	}
}

// again goes back to the choice and says why.
func (s *Welcome) again(why string) {
	s.gateway.said = why
	s.gateway.looks = 0
	s.card = first.Card{} // it led to the gateway that was given up
	s.minute.Search()
	s.show(s.drawGateway)
}

// drawJoin shows how a gateway becomes a home.
func (s *Welcome) drawJoin() {
	j := s.minute.Join
	if j == nil {
		j = &first.Join{}
	}
	say := s.h.Words
	title := say.Say("start.joining.inside")
	switch {
	case places.Final(j.Problem):
		title = j.Host
	case j.Host != "":
		title = say.Say("start.joining", "Host", j.Host)
	}
	parts := []fyne.CanvasObject{w.NewParagraph(title, w.Strong)}
	problem := places.Problem(say, j.Problem)
	switch {
	case problem != "":
		parts = append(parts, w.NewNotice(problem, w.AlarmNotice))
	case j.Slow:
		parts = append(parts, w.NewNotice(say.Say("start.joining.slow"), w.GapNotice))
	}
	other := w.NewButton("start.other", say.Say("start.joining.other"), w.Plain, s.giveUp)
	if problem != "" || j.Slow {
		buttons := []fyne.CanvasObject{other}
		if !places.Final(j.Problem) {
			buttons = append(buttons, w.NewButton("start.goon", say.Say("start.joining.on"), w.Plain, func() { s.show(s.drawCard) }))
		}
		parts = append(parts, w.NewFlow(8, buttons...))
	}
	s.put(panelWidth, nil, w.NewStack(14, parts...))
	s.tick(s.follow)
}

// follow looks how the joining goes.
func (s *Welcome) follow() {
	s.minute.Poll(func() {
		if j := s.minute.Join; j != nil && j.Up {
			s.show(s.drawCard)
			return
		}
		s.step()
	})
}

// giveUp takes the gateway back and offers others.
func (s *Welcome) giveUp() {
	if s.minute.Join == nil {
		return
	}
	s.minute.GiveUp(func(err error) {
		why := ""
		if err != nil {
			why = s.h.Words.Error(err)
		}
		s.again(why)
	})
}
