package start

import (
	"zeroms/ui/page"
	w "zeroms/ui/widget"
)

// Rejoining is shown while a profile becomes a device of its own.
type Rejoining struct{ stage }

// NewRejoining makes a Rejoining.
func NewRejoining(h *page.Host) *Rejoining {
	r := &Rejoining{stage: newStage(h)}
	r.Restyle()
	return r
}

// Restyle draws it anew.
func (r *Rejoining) Restyle() {
	say := r.h.Words
	r.put(panelWidth, nil, w.NewStack(14, w.NewParagraph(say.Say("start.rejoin"), w.Title), w.NewParagraph(say.Say("start.rejoin.text"), w.Secondary)))
}

// Close ends the page.
func (r *Rejoining) Close() {}
