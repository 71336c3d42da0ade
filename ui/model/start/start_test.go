package start_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/model/start"
)

var errFails = errors.New("it fails")

func TestReadPhrase(t *testing.T) {
	seed, err := key.SeedFrom([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	english, chinese := seed.Phrase(key.English), seed.Phrase(key.Chinese)
	all := strings.Fields(english)
	var listed strings.Builder
	for i, w := range all {
		listed.WriteString(strings.Repeat(" ", i%3) + string(rune('0'+(i+1)/10)) + string(rune('0'+(i+1)%10)) + ". " + w + "\n")
	}
	swapped := strings.Join(append([]string{all[1], all[0]}, all[2:]...), " ")
	for name, c := range map[string]struct {
		text         string
		count, wrong int
		done, off    bool
	}{
		"nothing":            {},
		"right":              {text: english, count: 24, done: true},
		"capitals":           {text: strings.ToUpper(english) + " ", count: 24, done: true},
		"as it was listed":   {text: listed.String(), count: 24, done: true},
		"in Chinese":         {text: chinese, count: 24, done: true},
		"without spaces":     {text: strings.ReplaceAll(chinese, " ", ""), count: 24, done: true},
		"half":               {text: strings.Join(all[:12], " "), count: 12},
		"being typed":        {text: all[0] + " aband", count: 2},
		"typed wrong":        {text: all[0] + " abandn ", count: 2, wrong: 2},
		"wrong before":       {text: "abandn " + all[0], count: 2, wrong: 1},
		"last one wrong":     {text: strings.Join(all[:23], " ") + " abandn", count: 24, wrong: 24},
		"swapped":            {text: swapped, count: 24, off: true},
		"too many":           {text: english + " abandon", count: 25},
		"Chinese, half":      {text: strings.Join(strings.Fields(chinese)[:5], ""), count: 5},
		"Chinese, not on it": {text: "龘" + strings.Join(strings.Fields(chinese)[:5], ""), count: 6, wrong: 1},
	} {
		p := start.ReadPhrase(c.text)
		if p.Count != c.count || p.Wrong != c.wrong || p.Done != c.done || p.Swapped != c.off {
			t.Errorf("%s: %d words, wrong %d %q, done %v, swapped %v", name, p.Count, p.Wrong, p.Word, p.Done, p.Swapped)
		}
		if p.Done {
			if got, err := key.ParsePhrase(p.Text); err != nil || got.Identity().Public() != seed.Identity().Public() {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestQuiz(t *testing.T) {
	all := strings.Fields(modeltest.Phrase())
	for range 200 {
		q := start.NewQuiz(all)
		if q.At[0] < 0 || q.At[0] >= q.At[1] || q.At[1] >= len(all) {
			t.Fatalf("words %v are asked for", q.At)
		}
		if !q.Right(0, " "+strings.ToUpper(all[q.At[0]])) || !q.Right(1, all[q.At[1]]) || q.Right(1, "") || q.Right(0, all[q.At[0]]+"x") {
			t.Fatalf("words %v", q.At)
		}
	}
}

func TestCreate(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{Empty: true})
	w.Door = model.DoorEmpty
	m := start.NewMinute(w.NewDoor(), w.Async, w.Now)
	w.Fail("Create", errFails)
	var got error
	m.Create("Lin Wei", "", func(err error) { got = err })
	if !errors.Is(got, errFails) || m.Profile != nil || m.Busy {
		t.Fatalf("%v", got)
	}
	w.Fail("Create", nil)
	w.Async.Hold = true
	m.Create(" Lin Wei ", "", none(t))
	m.Create("twice", "", func(error) { t.Error("two are made") })
	if !m.Busy {
		t.Error("it is not shown that it goes on")
	}
	w.Async.Release()
	if m.Profile == nil || w.Name() != "Lin Wei" || m.Busy {
		t.Errorf("%q", w.Name())
	}
}

func none(t *testing.T) func(error) {
	return func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
}

// made is a Minute whose profile is there.
func made(t *testing.T, w *modeltest.World) *start.Minute {
	t.Helper()
	m := start.NewMinute(w.NewDoor(), w.Async, w.Now)
	m.Create("Lin Wei", "", none(t))
	return m
}

func TestSearch(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{Empty: true})
	for _, host := range []string{"192.168.1.30", "192.168.1.31"} {
		w.Neighbours = append(w.Neighbours, model.Neighbour{Address: modeltest.AddressOf(host, 7443), Open: true})
	}
	m, changes := made(t, w), 0
	m.Search()
	m.Search()
	m.Poll(func() { changes++ })
	m.Poll(func() { changes++ })
	if len(m.Near) != 2 || changes != 1 {
		t.Errorf("%d are near, %d changes", len(m.Near), changes)
	}
	m.Rest()
	m.Rest()
}

func TestJoin(t *testing.T) {
	a := modeltest.AddressOf("gw.linden.example", 443)
	for name, c := range map[string]struct {
		change   func(*client.Gateway)
		pass     time.Duration
		up, slow bool
		problem  string
	}{
		"up":         {func(*client.Gateway) {}, 0, true, false, ""},
		"late":       {func(*client.Gateway) {}, time.Minute, true, false, ""},
		"connecting": {func(g *client.Gateway) { g.Up, g.Problem = false, "connecting" }, time.Second, false, false, ""},
		"slow":       {func(g *client.Gateway) { g.Up, g.Problem = false, "connecting" }, time.Minute, false, true, ""},
		"refused":    {func(g *client.Gateway) { g.Up, g.Problem = false, "no [invite]" }, time.Second, false, false, "no [invite]"},
	} {
		w := modeltest.New(t, modeltest.Options{Empty: true})
		m, changes := made(t, w), 0
		m.Begin(a, none(t))
		w.SetGateway(0, c.change)
		w.Pass(c.pass)
		m.Poll(func() { changes++ })
		m.Poll(func() { changes++ })
		if j := m.Join; j.Host != "gw.linden.example" || j.Up != c.up || j.Slow != c.slow || j.Problem != c.problem || changes > 1 {
			t.Errorf("%s: %+v, %d changes", name, j, changes)
		}
		m.GiveUp(none(t))
		if all, err := w.Profile().Homes.Gateways(t.Context()); err != nil || len(all) != 0 || m.Join != nil {
			t.Errorf("%s: %d gateways, %v", name, len(all), err)
		}
	}
	w := modeltest.New(t, modeltest.Options{Empty: true})
	w.Fail("AddGateway", errFails)
	m := made(t, w)
	var got error
	m.Begin(a, func(err error) { got = err })
	if !errors.Is(got, errFails) || m.Join != nil {
		t.Errorf("%v", got)
	}
}

func TestInside(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{Empty: true})
	m := made(t, w)
	m.Inside(true, none(t))
	m.Poll(func() {})
	if s := w.Profile().Notes.Settings(); m.Join == nil || !m.Join.Up || !s.Inside || !s.InsideOpen {
		t.Errorf("%+v, %+v", m.Join, s)
	}
	w.Fail("Start", errFails)
	var got error
	m.Inside(false, func(err error) { got = err })
	if !errors.Is(got, errFails) || m.Join != nil {
		t.Errorf("%v", got)
	}
}

func TestCard(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{Empty: true})
	m := made(t, w)
	m.Card(func(c start.Card, err error) {
		if c != (start.Card{}) || err != nil {
			t.Errorf("without a gateway: %v", err)
		}
	})
	m.Begin(modeltest.AddressOf("gw.linden.example", 443), none(t))
	m.Card(func(c start.Card, err error) {
		k, wrong := card.Parse(c.Link)
		if err != nil || wrong != nil || k.User != w.User() || !strings.HasPrefix(c.Link, "zeroms:") {
			t.Errorf("%q, %v, %v", c.Link[:min(len(c.Link), 10)], err, wrong)
		}
		picture, err := c.Picture()
		if err != nil {
			t.Fatal(err)
		}
		if text, err := card.DecodeImage(bytes.NewReader(picture)); err != nil || text != c.Text {
			t.Error(err)
		}
	})
	w.Fail("Cards", errFails)
	m.Card(func(_ start.Card, err error) {
		if !errors.Is(err, errFails) {
			t.Error(err)
		}
	})
}

func TestRestore(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	w.Door = model.DoorEmpty
	m := start.NewMinute(w.NewDoor(), w.Async, w.Now)
	var got error
	m.Restore(model.Restoration{Words: "no words"}, func(err error) { got = err })
	if got == nil || m.Profile != nil {
		t.Error("wrong words make a profile")
	}
	m.Restore(model.Restoration{Words: modeltest.Phrase()}, none(t))
	if !w.Profile().Notes.Settings().WordsSaved {
		t.Error("who has typed the words is asked to write them down")
	}
	m.Came(func(c start.Came, err error) {
		if err != nil || c.Contacts == 0 || c.Talks == 0 || c.Gateways != 3 {
			t.Errorf("%+v, %v", c, err)
		}
	})
	m.Words("", func(all []string, err error) {
		if err != nil || len(all) != key.PhraseWords {
			t.Errorf("%d words, %v", len(all), err)
		}
	})
}
