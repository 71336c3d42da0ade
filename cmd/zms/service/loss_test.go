package service

import (
	"fmt"
	"slices"
	"testing"

	"zeroms/cmd/zms/control"
)

func TestGapsStandAmongMessages(t *testing.T) {
	at := func(heights ...uint32) (out []*control.Message) {
		for _, h := range heights {
			out = append(out, &control.Message{Height: h})
		}
		return out
	}
	gap := func(heights ...uint32) (out []*control.Gap) {
		for _, h := range heights {
			out = append(out, &control.Gap{Height: h})
		}
		return out
	}
	for _, c := range []struct {
		name     string
		messages []*control.Message
		gaps     []*control.Gap
		want     string
	}{
		{"nothing", nil, nil, "[]"},
		{"no gaps", at(1, 2), nil, "[m1 m2]"},
		{"no messages", nil, gap(5, 2), "[g2 g5]"},
		{"between", at(1, 2, 6), gap(6), "[m1 m2 g6 m6]"},
		{"before all", at(4, 5), gap(1), "[g1 m4 m5]"},
		{"after all", at(4, 5), gap(1<<32 - 1), "[m4 m5 g4294967295]"},
		{"before those of its height", at(4, 5, 5, 6), gap(5), "[m4 g5 m5 m5 m6]"},
		{"several, out of order", at(1, 3, 5), gap(1<<32-1, 5, 2, 3), "[m1 g2 g3 m3 g5 m5 g4294967295]"},
	} {
		var got []string
		for _, row := range interleave(c.messages, c.gaps) {
			switch row := row.(type) {
			case *control.Message:
				got = append(got, fmt.Sprint("m", row.Height))
			case *control.Gap:
				got = append(got, fmt.Sprint("g", row.Height))
			}
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
	first, second := &control.Gap{Height: 3, Device: "a"}, &control.Gap{Height: 3, Device: "b"}
	if rows := interleave(nil, []*control.Gap{first, second}); !slices.Equal(rows, []control.Row{first, second}) {
		t.Error("gaps of one place changed their order")
	}
}

func TestMessageIDs(t *testing.T) {
	const whole = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	for _, text := range []string{whole, whole[:32], whole[:34], "00112233445566778899AABBCCDDEEFF"} {
		id, err := messageID(text)
		if err != nil || id.String()[:32] != whole[:32] {
			t.Errorf("%q is the message %s (%v)", text, id, err)
		}
	}
	for _, text := range []string{"", "Bob", whole[:30], whole[:33], whole + "00", "zz" + whole[2:]} {
		if _, err := messageID(text); control.Explain(err).Name != control.NameUsage {
			t.Errorf("%q: %v", text, err)
		}
	}
}
