package story

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPerformTellsWhatFailed(t *testing.T) {
	var said strings.Builder
	s, err := newStage(Config{Out: t.TempDir(), Print: &said})
	if err != nil {
		t.Fatal(err)
	}
	fine := func(context.Context) error { return nil }
	slow := func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
	err = s.perform(t.Context(), []step{{"begin", time.Second, fine}, {"dawdle", time.Millisecond, slow}, {"end", time.Second, fine}})
	if err != errFailed {
		t.Error(err)
	}
	for _, want := range []string{"ok ", "begin", "FAIL", "dawdle: not at its end after 1ms", "not played      end", "1 passed, 2 failed\n"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q is not in %q", want, said.String())
		}
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
		t.Error("the directory is left")
	}
}

func TestDifference(t *testing.T) {
	said := []spoken{{true, "one"}, {false, "二"}, {true, "three"}}
	for _, c := range []struct {
		have []spoken
		want string
	}{
		{said, ""},
		{said[:2], `message 3 of 3, "three", is missing`},
		{append(slices.Clone(said), spoken{false, "four"}), `there is one more than was sent, "four"`},
		{[]spoken{{true, "one"}, {false, "三"}, {true, "three"}}, `message 2 is "三" and not "二"`},
		{[]spoken{{true, "one"}, {true, "二"}, {true, "three"}}, `message 2, "二", is by somebody else`},
		{[]spoken{said[1], said[0], said[2]}, `message 1 is "二" and not "one"`},
		{nil, `message 1 of 3, "one", is missing`},
	} {
		if got := difference(said, c.have); got != c.want {
			t.Errorf("%v: %s; want %s", c.have, got, c.want)
		}
	}
}
