package appdrive

import (
	"bufio"
	"context"
	"encoding/json"
	"image"
	"image/draw"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRunsOf(t *testing.T) {
	for text, want := range map[string][]string{
		"":                  nil,
		"Hello":             {"Hello"},
		"你好":                {"你好"},
		"Hi 你好, ok\n再见\n\n": {"Hi ", "你好", ", ok", "\n", "再见", "\n", "\n"},
		"a\xffb":            {"a", "\xff", "b"},
	} {
		if got := runsOf(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if joined := strings.Join(runsOf(text), ""); joined != text {
			t.Errorf("%q became %q", text, joined)
		}
	}
}

func TestComplaints(t *testing.T) {
	lines := []string{
		"time=... level=WARN msg=\"something\"",
		"2026/01/01 Fyne error:  failed to watch theme settings",
		"  Cause: dial unix /nowhere: connect: no such file or directory",
		"  At: app_xdg.go:152",
		"*** Error in Fyne call thread, this should have been called in fyne.Do[AndWait] ***",
		"  From: somewhere",
		"ready",
		"panic: runtime error",
		"Fyne error:  can't load a resource",
	}
	got := Complaints(lines, false)
	if len(got) != 3 || !strings.Contains(got[0], "From: somewhere") || !strings.HasPrefix(got[1], "panic:") || !strings.HasPrefix(got[2], "Fyne error:  can't") {
		t.Errorf("%q", got)
	}
	if got := Complaints(lines[:4], false); len(got) > 0 {
		t.Errorf("without a session bus: %q", got)
	}
	if got := Complaints(lines[:4], true); len(got) != 1 {
		t.Errorf("with a session bus: %q", got)
	}
}

func TestParseTrace(t *testing.T) {
	spans, err := ParseTrace([]byte(`{"at":1767225600000,"what":"start","ms":812.5}` + "\n" + `{"at":1767225600100,"what":"key","ms":0.25}` + "\n" + `{"at":17672`))
	want := []Span{{1767225600000, "start", 812.5}, {1767225600100, "key", 0.25}}
	if err != nil || !slices.Equal(spans, want) {
		t.Errorf("%+v, %v", spans, err)
	}
	if took := spans[0].Took(); took != 812500*time.Microsecond {
		t.Error(took)
	}
	for _, bad := range []string{"\n", "{}\n", "[]\n", `{"at":1,"what":"x","ms":-1}` + "\n", `{"at":"1","what":"x","ms":1}` + "\n", "words\n"} {
		if spans, err := ParseTrace([]byte(bad)); err == nil {
			t.Errorf("%q gave %+v", bad, spans)
		}
	}
}

func TestReadTraceBeforeThereIsOne(t *testing.T) {
	if spans, err := ReadTrace(filepath.Join(t.TempDir(), "trace")); err != nil || len(spans) > 0 {
		t.Error(spans, err)
	}
}

func FuzzParseTrace(f *testing.F) {
	f.Add([]byte(`{"at":1,"what":"open","ms":12.3}` + "\n"))
	f.Add([]byte("{\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		spans, err := ParseTrace(b)
		if err == nil && len(spans) != strings.Count(string(b), "\n") {
			t.Errorf("%d spans of %q", len(spans), b)
		}
	})
}

// answering listens where the app of a profile does and answers every request with a
// line.
func answering(t *testing.T, line string) (profile string, asked chan string) {
	t.Helper()
	profile, err := os.MkdirTemp("", "zl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(profile) })
	l, err := net.Listen("unix", socket(profile))
	if err != nil {
		t.Fatal(err)
	}
	asked = make(chan string, 10)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			request, _ := bufio.NewReader(c).ReadString('\n')
			asked <- request
			_, _ = io.WriteString(c, line)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return profile, asked
}

func TestScreen(t *testing.T) {
	for _, line := range []string{
		`{"ok":true,"controls":[{"id":"start.name","x":10,"y":20,"w":100,"h":30}],"scale":1,"width":1180,"height":740}`,
		`{"ok":true,"controls":{"controls":[{"ID":"start.name","X":10,"Y":20,"W":100,"H":30}],"scale":1,"width":1180,"height":740}}`,
	} {
		profile, asked := answering(t, line+"\n")
		var s Screen
		if err := ask(t.Context(), profile, map[string]bool{"controls": true}, &s); err != nil {
			t.Fatal(err)
		}
		if got := <-asked; got != "{\"controls\":true}\n" {
			t.Errorf("asked %q", got)
		}
		c, ok := s.Find("start.name")
		if !ok || s.Width != 1180 || s.Height != 740 || !slices.Equal(s.ids(), []string{"start.name"}) {
			t.Fatalf("%+v", s)
		}
		if x, y := c.centre(); x != 60 || y != 35 {
			t.Errorf("the centre is %d, %d", x, y)
		}
		if _, ok := s.Find("start.create"); ok {
			t.Error("found what is not there")
		}
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for _, line := range []string{"", "\n", "words\n", `{"ok":false,"error":"not now"}` + "\n", `{"controls":5}` + "\n"} {
		profile, _ := answering(t, line)
		var s Screen
		if err := ask(t.Context(), profile, map[string]bool{"controls": true}, &s); err == nil {
			t.Errorf("%q is an answer: %+v", line, s)
		}
	}
	if err := ask(t.Context(), t.TempDir(), nil, &Screen{}); err == nil {
		t.Error("nobody answered")
	}
}

func TestRowsOf(t *testing.T) {
	rows, err := rowsOf([]byte(`{"type":"message","outgoing":true,"text":"a","state":"read"}` + "\n" + `{"type":"gap"}` + "\n" + `{"type":"message","text":"b"}` + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	messages, err := DecodeRows[Message](rows, "message")
	if err != nil || len(messages) != 2 || !messages[0].Outgoing || messages[0].State != "read" || messages[1].Text != "b" {
		t.Errorf("%+v, %v", messages, err)
	}
	if _, err := rowsOf([]byte(`{"type":"error","error":{"name":"locked","message":"it is locked"}}` + "\n")); err == nil || err.Error() != "it is locked" {
		t.Error(err)
	}
	if _, err := rowsOf([]byte("no JSON\n")); err == nil {
		t.Error("took no JSON")
	}
	if _, err := DecodeRows[Message]([]json.RawMessage{[]byte(`{"type":"message","text":5}`)}, "message"); err == nil {
		t.Error("took a text that is none")
	}
}

func TestUntilEnds(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, errAbsent)
	defer cancel()
	err := Until(ctx, time.Microsecond, "it rains", func() (bool, error) { return false, nil })
	if err == nil || !strings.HasPrefix(err.Error(), "it rains: ") {
		t.Error(err)
	}
}

func TestChangedAndLight(t *testing.T) {
	black, half := image.NewRGBA(image.Rect(0, 0, 10, 10)), image.NewRGBA(image.Rect(0, 0, 10, 10))
	draw.Draw(half, image.Rect(0, 0, 10, 5), image.White, image.Point{}, draw.Src)
	for _, c := range []struct {
		a, b *image.RGBA
		want float64
	}{{black, black, 0}, {black, half, 0.5}, {black, image.NewRGBA(image.Rect(0, 0, 5, 20)), 1}} {
		if got := Changed(c.a, c.b); got != c.want {
			t.Errorf("%v of the pixels changed, want %v", got, c.want)
		}
	}
	if Light(black) != 0 || Light(half) != 0.5 || Light(new(image.RGBA)) != 0 {
		t.Error(Light(black), Light(half))
	}
}
