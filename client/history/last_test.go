package history

import (
	"context"
	"errors"
	"slices"
	"testing"

	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// talk is a conversation as a store has it.
type talk struct {
	rows  []profile.Row // highest first
	reads int
	err   error
}

func (s *talk) Page(_ context.Context, conv uint64, before uint32, n int) (out []profile.Row, err error) {
	s.reads++
	for _, r := range s.rows {
		if r.Conv != conv || r.Height >= before {
			continue
		}
		if len(out) >= n && out[len(out)-1].Height != r.Height {
			break
		}
		out = append(out, r)
	}
	return out, s.err
}

// said makes messages of these kinds, lowest first, each at a height of its own.
func said(t *testing.T, kinds ...message.Kind) (s *talk, all []*profile.Message) {
	t.Helper()
	dsk := key.NewPrivate[key.Device]()
	a, b := key.NewPrivate[key.Identity]().Public(), key.NewPrivate[key.Identity]().Public()
	s = new(talk)
	for i, kind := range kinds {
		signed, err := message.Sign(message.Header{Seq: uint32(i + 1), Kind: kind, ListN: 1}, dsk, a, b)
		if err != nil {
			t.Fatal(err)
		}
		m := profile.NewMessage(signed, profile.Content{User: a, Body: []byte{1}})
		m.Contact, m.Height = 7, uint32(i+1)
		all = append(all, m)
		s.rows = append([]profile.Row{m.Row()}, s.rows...)
	}
	return s, all
}

func TestLastIsTheNewestLine(t *testing.T) {
	const text, read = message.KindText, message.KindRead
	for name, c := range map[string]struct {
		kinds []message.Kind
		want  int // index of the line, -1: none
		reads int // at most
	}{
		"nothing":              {nil, -1, 1},
		"one line":             {[]message.Kind{text}, 0, 1},
		"a line at the end":    {[]message.Kind{text, read, text}, 2, 1},
		"a read mark behind":   {[]message.Kind{text, text, read}, 1, 1},
		"many marks behind":    {append([]message.Kind{text, text}, slices.Repeat([]message.Kind{read}, 100)...), 1, 7},
		"only marks":           {slices.Repeat([]message.Kind{read}, 100), -1, 7},
		"a line of a new kind": {[]message.Kind{text, 1000}, 1, 1},
	} {
		s, all := said(t, c.kinds...)
		m, err := Last(t.Context(), s, 7)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want < 0 && m != nil, c.want >= 0 && (m == nil || m.ID != all[c.want].ID):
			t.Errorf("%s: %+v", name, m)
		case s.reads > c.reads:
			t.Errorf("%s: %d pages read", name, s.reads)
		}
	}
}

func TestLastOfEqualHeightsIsTheLastShown(t *testing.T) {
	s, all := said(t, message.KindText, message.KindText, message.KindText)
	for i, m := range all {
		m.Height = 4
		s.rows[len(all)-1-i] = m.Row()
	}
	want := slices.MaxFunc(all, inOrder)
	if m, err := Last(t.Context(), s, 7); err != nil || m.ID != want.ID {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestLastTellsWhatIsWrong(t *testing.T) {
	s, _ := said(t, message.KindText)
	s.err = errors.New("the disk is gone")
	if _, err := Last(t.Context(), s, 7); !errors.Is(err, s.err) {
		t.Errorf("%v", err)
	}
	s.err, s.rows[0].Data = nil, []byte{0xa0}
	if m, err := Last(t.Context(), s, 7); err == nil {
		t.Errorf("a broken row: %+v", m)
	}
}
