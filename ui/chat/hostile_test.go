package chat

import (
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"zeroms/ui/model/modeltest"
)

// hostile are texts that are hard to draw, near the longest that a message can have.
func hostile() map[string]string {
	cut := func(s string) string { return strings.ToValidUTF8(s[:13_900], "") }
	return map[string]string{
		"newlines": cut(strings.Repeat("\n", 14_000)),
		"lines":    cut(strings.Repeat("a\n", 7_000)),
		"zalgo":    cut(strings.Repeat("Z\u0352\u0364\u0348\u032e\u0317\u0346a\u0334\u033f\u035c\u0341l\u0338\u0350\u0301g\u0335\u0301o\u0336\u0300", 800)),
		"emoji":    cut(strings.Repeat("😀👍🏽👩‍👩‍👧‍👦🇨🇳", 400)),
		"arabic":   cut(strings.Repeat("مرحبا بالعالم هذا نص طويل جدا ", 500)),
		"turned":   cut(strings.Repeat("abc \u202e gnp.exe \u202d \u2067 x \u2069", 700)),
		"oneword":  cut(strings.Repeat("Wort", 4_000)),
		"chinese":  cut(chinese(5_000)),
		"words":    cut(strings.Repeat("the quick brown fox jumps over the lazy dog ", 400)),
		"unequal":  cut(unequal(2_600)),
		"marks":    cut(strings.Repeat("\u0301", 7_000)),
		"nowidth":  cut(strings.Repeat("a\u200b\u2060\u200d", 1_400)),
		"tabs":     cut(strings.Repeat("\t.", 7_000)),
	}
}

// chinese are n letters, all of them others.
func chinese(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteRune(rune(0x4e00 + i))
	}
	return b.String()
}

// unequal are n words, all of them others.
func unequal(n int) string {
	var b strings.Builder
	for i := range n {
		for d := i + 1; d > 0; d /= 7 {
			b.WriteByte(byte('a' + d%26))
		}
		b.WriteString("st ")
	}
	return b.String()
}

// draws has the test take a picture of the window, as painting is what takes long.
func (s *scene) draws() time.Duration {
	begun := time.Now()
	s.window.Canvas().Capture()
	return time.Since(begun)
}

func TestHostileTextsAreShownAndWritten(t *testing.T) {
	s, talk := talkScene(t, modeltest.Options{}, "Noor")
	for name, text := range hostile() {
		s.world.Receive(talk.id, text)
		talk.foot.editor.SetText(text + text + text)
		test.Type(talk.foot.editor, "x")
		if !strings.HasSuffix(talk.foot.editor.Text(), "x") && len(talk.foot.editor.Text()) < bufferBytes-4 {
			t.Errorf("%s: a key was lost", name)
		}
		if got := talk.foot.editor.Size().Height; got > 200 {
			t.Errorf("%s: the composer is %v high", name, got)
		}
	}
	s.world.Receive(talk.id, "And a word at the end.")
	s.reads("And a word at the end.")
	for range 60 {
		talk.list.Key(fyne.KeyPageUp)
	}
	if first, _, _ := talk.list.Seen(); first != 0 {
		t.Errorf("row %d is the first one after all pages", first)
	}
	s.readsNot("\u202e")
}

// BenchmarkHostileMessage opens a conversation with such a message, draws it, and shows
// all of it.
func BenchmarkHostileMessage(b *testing.B) {
	for name, text := range hostile() {
		b.Run(name, func(b *testing.B) {
			s, talk := talkScene(b, modeltest.Options{}, "Noor")
			var worst, all time.Duration
			for b.Loop() {
				begun := time.Now()
				s.world.Receive(talk.id, text)
				worst = max(worst, time.Since(begun))
				key := talk.talk.Key(talk.talk.Len() - 1)
				for range 9 {
					begun = time.Now()
					talk.talk.More(key)
					all = max(all, time.Since(begun))
				}
				talk.list.Key(fyne.KeyPageUp)
			}
			b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
			b.ReportMetric(float64(all.Microseconds())/1000, "more-ms")
			b.ReportMetric(float64(s.draws().Microseconds())/1000, "paint-ms")
		})
	}
}

// BenchmarkHostileDraft types into a draft of 32 KB.
func BenchmarkHostileDraft(b *testing.B) {
	for name, text := range hostile() {
		b.Run(name, func(b *testing.B) {
			s, talk := talkScene(b, modeltest.Options{}, "Noor")
			e := talk.foot.editor
			begun := time.Now()
			e.insert((text + text + text)[:32<<10], false)
			e.edited()
			pasted := time.Since(begun)
			e.move(0, false)
			e.moved()
			var worst time.Duration
			for b.Loop() {
				begun := time.Now()
				e.TypedRune('x')
				worst = max(worst, time.Since(begun))
			}
			b.ReportMetric(float64(pasted.Microseconds())/1000, "paste-ms")
			b.ReportMetric(float64(s.draws().Microseconds())/1000, "paint-ms")
			b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
		})
	}
}
