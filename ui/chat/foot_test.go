package chat

import (
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"zeroms/client"
	"zeroms/ui/model/modeltest"
)

// ticking is how many timers run.
func (s *scene) ticking() (n int) {
	for _, f := range s.timers {
		if f != nil {
			n++
		}
	}
	return n
}

// TestNothingTicksWithoutADraft: once what was written is kept or sent, the composer does
// not look at it any more.
func TestNothingTicksWithoutADraft(t *testing.T) {
	s, talk := talkScene(t, modeltest.Options{}, "Noor")
	before := s.ticking()
	write := func(text string) {
		test.Type(talk.foot.editor, text)
		if s.ticking() != before+1 {
			t.Fatalf("%d timers run while somebody writes, %d did before", s.ticking(), before)
		}
	}
	write("a draft")
	s.world.Pass(time.Second)
	s.tick()
	if n := s.ticking(); n != before {
		t.Errorf("kept: %d timers run, %d did before", n, before)
	}
	write(" that is sent")
	press(talk.foot.editor, fyne.KeyReturn)
	s.tick()
	if n := s.ticking(); n != before || talk.foot.editor.Text() != "" {
		t.Errorf("sent: %d timers run, %d did before; %q", n, before, talk.foot.editor.Text())
	}
}

// TestWindowWaitsForCustody: the picture after a message was sent waits until that is in
// custody, and not for what becomes of others.
func TestWindowWaitsForCustody(t *testing.T) {
	s, talk := talkScene(t, modeltest.Options{}, "Noor")
	held := 0
	s.host.Hold = func() func() {
		held++
		return func() { held-- }
	}
	test.Type(talk.foot.editor, "Hello")
	press(talk.foot.editor, fyne.KeyReturn)
	if held != 1 {
		t.Fatalf("sent: held %d times", held)
	}
	s.world.Advance(s.lastOwn(s.world.ID("Noor")), client.InCustody)
	if held != 0 {
		t.Errorf("in custody: held %d times", held)
	}
}
