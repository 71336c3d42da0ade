package report

import (
	"strings"
	"testing"
	"time"

	"zeroms/cmd/zms/control"
)

func TestFramesForPeople(t *testing.T) {
	at := time.Date(2026, 11, 21, 6, 20, 8, 123_000_000, time.UTC)
	submit := control.Frame{
		Type: control.TypeFrame, Time: at, Direction: control.FrameOut, Gateway: "gw.example:443", Home: true, Name: "submit", ID: 4, Size: 1070,
		Fields: control.FrameFields{{Name: "drop", Value: "~1f3a9c"}, {Name: "k", Value: uint64(7)}}, Raw: `["submit",4,{}]`,
	}
	ok := control.Frame{Time: at, Direction: control.FrameIn, Gateway: "gw.example:443", Name: "ok", ID: 2, Size: 5}
	bad, none, hostile := ok, ok, ok
	bad.Problem = "why"
	none.Name, none.Problem = "", "why"
	hostile.Fields = control.FrameFields{{Name: "detail", Value: "\x1b[31m\n\u202e"}}
	for _, c := range []struct {
		row  control.Row
		raw  bool
		want string
	}{
		{&submit, false, "06:20:08.123 -> gw.example:443 submit 4, 1070 bytes: drop ~1f3a9c; k 7\n"},
		{&submit, true, "06:20:08.123 -> gw.example:443 [\"submit\",4,{}]\n"},
		{&ok, false, "06:20:08.123 <- gw.example:443 ok 2, 5 bytes\n"},
		{&bad, false, "06:20:08.123 <- gw.example:443 ok 2, 5 bytes: why\n"},
		{&none, true, "06:20:08.123 <- gw.example:443 no frame, 5 bytes: why\n"},
		{&control.Lost{Count: 1}, false, "(1 frame came too fast to be shown)\n"},
		{&control.Lost{Count: 5}, false, "(5 frames came too fast to be shown)\n"},
		{&control.Ready{}, false, "ready: what goes over the links is shown from now on\n"},
		{&control.Lagged{}, false, "(the process that held the profile has ended; this one goes on)\n"},
		{&control.Page{}, false, ""},
	} {
		if got := Frame(c.raw)(c.row); got != c.want {
			t.Errorf("%T is shown as %q, want %q", c.row, got, c.want)
		}
	}
	if got := Frame(false)(&hostile); strings.ContainsAny(strings.TrimSuffix(got, "\n"), "\x1b\n\u202e") {
		t.Errorf("a terminal would obey %q", got)
	}
}
