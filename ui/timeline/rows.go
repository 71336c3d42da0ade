package timeline

import (
	"strings"
	"unicode"

	"fyne.io/fyne/v2"

	"zeroms/ui/model"
	"zeroms/ui/theme"
	"zeroms/ui/typeset"
)

// Conversation is what rows are drawn from: *model.Timeline.
type Conversation interface {
	Len() int
	Row(i int) model.Row
	Key(i int) model.RowKey
}

// Acts is what the user may do with rows.
type Acts struct {
	// Menu is asked for at a place on the window.
	Menu func(row model.Row, at fyne.Position)
	// More shows more of a long text.
	More func(key model.RowKey)
	// Evidence shows the proof of a loss.
	Evidence func(key model.RowKey)
	// Card offers to add whose card stands in a text; AddText is what that says.
	Card    func(text string)
	AddText string
	// Ground is tapped where there is nothing else to do.
	Ground func()
}

// Rows is the Source of a conversation.
type Rows struct {
	of   Conversation
	acts Acts
	pick *Picker // nil: nothing can be selected
	fonts
	known map[model.RowKey]*measured
	turn  int // counts how often rows may have changed
}

// fonts measure the texts of rows.
type fonts struct {
	zoom                float32
	body, small, strong *typeset.Measurer
}

func newFonts() fonts {
	small := theme.Size(theme.SizeSmall)
	return fonts{
		zoom: theme.Zoom(), body: typeset.NewMeasurer(theme.Size(theme.SizeBody), fyne.TextStyle{}),
		small: typeset.NewMeasurer(small, fyne.TextStyle{}), strong: typeset.NewMeasurer(theme.Size(theme.SizeSecondary), fyne.TextStyle{Bold: true}),
	}
}

// Sizes of rows at 100 %. A bubble is at most bubbleWidth wide and leaves at least
// indent free on the other side; between is between bubbles, apart between groups.
const (
	bubbleWidth = 520
	bubbleRound = 12
	bubbleSide  = 13
	bubbleOver  = 8
	bubbleUnder = 8
	between     = 4
	apart       = 10
	margin      = 24
	narrowSide  = 12
	narrowBelow = 560
	indent      = 40
	tick        = 16
	dayOver     = 12
	dayHeight   = 24
	dayUnder    = 8
	gapOver     = 10
	gapUnder    = 6
	gapSide     = 14
	unreadLine  = 14
	unreadTall  = 41
	knownRows   = 4096 // measured rows that are remembered
)

// NewRows makes the rows of a conversation.
func NewRows(of Conversation, acts Acts) *Rows {
	return &Rows{of: of, acts: acts, fonts: newFonts(), known: map[model.RowKey]*measured{}}
}

// Restyle forgets what was measured, as the texts have another size now.
func (r *Rows) Restyle() {
	r.fonts = newFonts()
	clear(r.known)
}

// Len is Source's.
func (r *Rows) Len() int { return r.of.Len() }

// Key is Source's.
func (r *Rows) Key(i int) model.RowKey { return r.of.Key(i) }

// Kind is Source's.
func (r *Rows) Kind(i int) int {
	if m := r.known[r.of.Key(i)]; m != nil {
		return int(m.row.Kind)
	}
	return int(r.of.Row(i).Kind)
}

// Changed tells that rows may look different now.
func (r *Rows) Changed() { r.turn++ }

// Height is Source's.
func (r *Rows) Height(i int, width float32) float32 { return r.measure(i, width).height }

// measured is how a row is laid out in a width.
type measured struct {
	turn   int // of Rows, when it was looked at last
	row    model.Row
	width  float32
	height float32
	text   string // as it is drawn
	lines  []typeset.Line
	box    fyne.Size // the bubble or pill
	at     fyne.Position
	beside bool   // the time stands beside the last line
	card   string // the first card in the text
	foot   string // the time and what stands with it
	footed float32
}

// measure lays a row out, or remembers how it was.
func (r *Rows) measure(i int, width float32) *measured {
	key := r.of.Key(i)
	m := r.known[key]
	if m != nil && m.turn == r.turn && m.width == width {
		return m
	}
	row := r.of.Row(i)
	if m != nil && m.width == width && m.row == row {
		m.turn = r.turn
		return m
	}
	if len(r.known) >= knownRows {
		clear(r.known)
	}
	m = &measured{turn: r.turn, row: row, width: width, text: strings.ReplaceAll(row.Text, "\t", "    ")}
	switch row.Kind {
	case model.RowBubble:
		r.measureBubble(m)
	case model.RowGap:
		r.measureGap(m)
	case model.RowUnread:
		m.height = unreadTall * r.zoom
	default:
		r.measureDay(m)
	}
	r.known[key] = m
	return m
}

// side is what is free left and right of rows.
func (r *Rows) side(width float32) float32 {
	if width < narrowBelow*r.zoom {
		return narrowSide
	}
	return margin
}

func (r *Rows) measureBubble(m *measured) {
	z, side := r.zoom, r.side(m.width)
	room := max(48, min(bubbleWidth*z, m.width-2*side-indent*z)-2*bubbleSide*z)
	m.lines = r.body.Wrap(m.text, room)
	m.foot = m.row.Time
	if m.row.Late {
		m.foot = m.row.LateText + " · " + m.foot
	}
	m.footed = r.small.Width(m.foot)
	if m.row.State != model.TickNone {
		m.footed += (tick + 4) * z
	}
	wide, height := typeset.Widest(m.lines), float32(len(m.lines))*r.body.Height()
	if !m.row.Own {
		m.card = cardIn(m.row.Text)
	}
	for _, action := range m.actions(r) {
		wide, height = max(wide, r.strong.Width(action)), height+r.strong.Height()+4*z
	}
	last := m.lines[len(m.lines)-1]
	m.beside = len(m.lines) > 1 && len(m.actions(r)) == 0 && last.Width+12*z+m.footed <= wide && !typeset.Rightward(m.text[last.From:last.To])
	if !m.beside {
		wide, height = max(wide, m.footed), height+r.small.Height()
	}
	over := float32(between)
	if m.row.First {
		over = apart
	}
	m.box = fyne.NewSize(ceil(wide+2*bubbleSide*z), ceil(height+(bubbleOver+bubbleUnder)*z))
	m.at = fyne.NewPos(side, over*z)
	if m.row.Own {
		m.at.X = m.width - side - m.box.Width
	}
	m.height = m.at.Y + m.box.Height
}

// actions are what a bubble offers below its text.
func (m *measured) actions(r *Rows) (all []string) {
	if m.row.Hidden > 0 && m.row.More != "" {
		all = append(all, m.row.More)
	}
	if m.card != "" && r.acts.Card != nil {
		all = append(all, r.acts.AddText)
	}
	return all
}

func (r *Rows) measureDay(m *measured) {
	z := r.zoom
	m.box = fyne.NewSize(ceil(r.strong.Width(m.text)+2*12*z), dayHeight*z)
	m.at = fyne.NewPos((m.width-m.box.Width)/2, dayOver*z)
	m.height = (dayOver + dayHeight + dayUnder) * z
}

func (r *Rows) measureGap(m *measured) {
	z, side := r.zoom, r.side(m.width)
	room := max(48, min(bubbleWidth*z, m.width-2*side)-2*gapSide*z)
	m.lines = r.body.Wrap(m.text, room)
	wide, height := typeset.Widest(m.lines), float32(len(m.lines))*r.body.Height()
	if m.row.Evidence != "" {
		wide, height = max(wide, r.strong.Width(m.row.Evidence)), height+r.strong.Height()+4*z
	}
	m.box = fyne.NewSize(ceil(wide+2*gapSide*z), ceil(height+13*z))
	m.at = fyne.NewPos((m.width-m.box.Width)/2, gapOver*z)
	m.height = gapOver*z + m.box.Height + gapUnder*z
}

func ceil(x float32) float32 {
	whole := float32(int(x))
	if whole < x {
		whole++
	}
	return whole
}

// New is Source's.
func (r *Rows) New(kind int) fyne.CanvasObject {
	switch model.RowKind(kind) {
	case model.RowBubble:
		return newBubble(r)
	case model.RowUnread:
		return newUnread(r)
	}
	return newPill(r)
}

// Show is Source's.
func (r *Rows) Show(i int, o fyne.CanvasObject) {
	m := r.measure(i, o.Size().Width)
	switch o := o.(type) {
	case *bubble:
		o.set(i, m)
	case *pill:
		o.set(i, m)
	case *unread:
		o.set(m.text)
	}
}

// scheme is how cards and addresses begin.
const scheme = "zeroms:"

// cardIn is the first card or address in a text; empty if there is none.
func cardIn(text string) string {
	_, rest, found := strings.Cut(text, scheme)
	if !found {
		return ""
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || r > unicode.MaxASCII })
	if end >= 0 {
		rest = rest[:end]
	}
	if rest = strings.TrimRight(rest, ",.;:!?)]>\"'"); len(rest) < 8 {
		return ""
	}
	return scheme + rest
}
