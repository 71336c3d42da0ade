package start_test

import (
	"context"
	"errors"
	"testing"

	"zeroms/ui/model"
	"zeroms/ui/start"
	"zeroms/ui/words"
)

// holder is another process that has the profile.
type holder struct {
	name   string
	pid    int
	silent bool
	ended  int
	err    error
}

func (h *holder) Error() string         { return "held" }
func (h *holder) Holder() (string, int) { return h.name, h.pid }
func (h *holder) Silent() bool          { return h.silent }
func (h *holder) End(context.Context) error {
	h.ended++
	return h.err
}

var _ model.Held = (*holder)(nil)

func TestHeldFits(t *testing.T) {
	for style, look := range looks() {
		for width, size := range sizes() {
			world := emptyWorld(t, look.Language)
			d := newDesk(t, world, look, size)
			for name, h := range map[string]*holder{
				"silent": {name: "ZeroMS", pid: 4194304, silent: true}, "open": {name: "zms agent", pid: 4194304},
				"unknown": {silent: true},
			} {
				d.show(start.NewHeld(d.host, h, func() {}))
				d.shot("start-held-" + name + "-" + width + "-" + style)
			}
		}
	}
}

// TestHeldIsWaitedFor: one question at a time, until somebody else is told of or nobody.
func TestHeldIsWaitedFor(t *testing.T) {
	world := emptyWorld(t, words.English)
	m := newWelcome(t, world, "")
	looks := 0
	p := start.NewHeld(m.host, &holder{name: "ZeroMS", pid: 4711, silent: true}, func() { looks++ })
	m.show(p)
	m.says("but does not answer")
	m.says("Process 4711")
	m.tick()
	m.tick()
	if looks != 1 {
		t.Errorf("%d questions before the first was answered", looks)
	}
	p.Still(&holder{name: "zms agent", pid: 4712})
	m.says("zms agent has it open")
	m.says("Process 4712")
	m.tick()
	if looks != 2 {
		t.Errorf("%d questions", looks)
	}
	p.Close()
	m.tick()
	if looks != 2 {
		t.Error("it goes on to ask when it is over")
	}
}

// TestHeldIsEnded: only after a question, and what goes wrong is said.
func TestHeldIsEnded(t *testing.T) {
	m := newWelcome(t, emptyWorld(t, words.English), "")
	h := &holder{name: "ZeroMS", pid: 4711, silent: true, err: errors.New("it does not want to")}
	p := start.NewHeld(m.host, h, func() {})
	m.show(p)
	m.tap("held.end")
	if h.ended != 1 || len(m.asked) != 1 || !m.asked[0].Danger { // whoever is asked here says yes
		t.Fatalf("ended %d times, asked %+v", h.ended, m.asked)
	}
	m.says("it does not want to")
	h.err = nil
	m.tap("held.end")
	m.says("Ending…")
	if h.ended != 2 {
		t.Error("it is not ended the second time")
	}
}
