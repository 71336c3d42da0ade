package delivery

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// The devices of the scripts: a, b and c are the peer's, w is unlisted.
func deviceOf(name byte) key.DeviceID { return key.DeviceID{name} }

var peer = key.IdentityPublic{7}

func partyOf(name byte) message.Party { return message.Party{User: peer, Device: deviceOf(name)} }

// gapsOf reads "a 1-4 6-6 b 2-2".
func gapsOf(text string) (out []message.Gap) {
	var from message.Party
	for _, word := range strings.Fields(text) {
		var r message.Range
		if n, _ := fmt.Sscanf(word, "%d-%d", &r.From, &r.To); n != 2 {
			from = partyOf(word[0])
			continue
		}
		out = append(out, message.Gap{From: from, Range: r})
	}
	return out
}

// asks writes NACKs as "a<a 1-4 6-6 b 2-2": device a is asked for those of a and b.
func asksText(asks []Ask) string {
	var out []string
	for _, a := range asks {
		last := key.DeviceID{}
		text := string(a.To.Device[0]) + "<"
		for i, w := range a.Wants {
			if w.Device != last {
				if i > 0 {
					text += " "
				}
				text, last = text+string(w.Device[0]), w.Device
			}
			text += fmt.Sprintf(" %d-%d", w.From, w.To)
		}
		if a.Reason == message.ReasonBody {
			text += " bodies"
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

// missingText writes what is missing as "a 1-4 asked 2 later 30s".
func missingText(list []Missing) string {
	var out []string
	for _, m := range list {
		text := fmt.Sprintf("%c %d-%d", m.From.Device[0], m.Range.From, m.Range.To)
		if m.Asked > 0 {
			text += fmt.Sprintf(" asked %d", m.Asked)
		}
		if !m.Later.IsZero() {
			text += fmt.Sprintf(" later %v", m.Later.Sub(start))
		}
		if m.Gone {
			text += " gone"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// round is one step of a script. What is empty does not happen or is not looked at.
type round struct {
	at   string // since the start
	do   string // see play
	asks string // the NACKs that leave at this time
	gaps string // all that is missing; "-": nothing
	next string // the deadline, since the start; "-": none
}

// script plays against a Repair.
type script struct {
	r       Repair
	t       RepairTiming
	devices string // that may be asked
	missing []message.Gap
	newest  uint64 // the last NACK
}

// play does one thing:
//
//	gaps a 1-4          the gaps are these now
//	bodies a 1-4        these are there without a body
//	taken / missed      what became of the newest NACK
//	later a 60 a 1-4    device a puts messages of a off for 60 s
//	gone a 1-4          they are lost
//	back a 3            a lost one came
//	heard a, renewed a, forget a, hurry, devices abc
func (s *script) play(t *testing.T, text string, now time.Time) {
	t.Helper()
	verb, rest, _ := strings.Cut(text, " ")
	switch verb {
	case "gaps":
		s.missing = gapsOf(rest)
		s.r.Look(s.missing, now, s.t)
	case "bodies":
		s.r.LookBodies(gapsOf(rest), now, s.t)
	case "taken":
		s.r.Taken(s.newest, now)
	case "missed":
		s.r.Missed(s.newest)
	case "later":
		var from byte
		l := &message.Later{}
		if _, err := fmt.Sscanf(rest, "%c %d", &from, &l.After); err != nil {
			t.Fatal(err)
		}
		for _, g := range gapsOf(strings.SplitN(rest, " ", 3)[2]) {
			l.Wants = append(l.Wants, message.Want{Device: g.From.Device, From: g.Range.From, To: g.Range.To})
		}
		s.r.Later(partyOf(from), l, now, s.t)
	case "gone":
		s.r.Lost(gapsOf(rest), now)
	case "back":
		for _, g := range gapsOf(rest) {
			s.r.Arrived(g.From, g.Range.From)
		}
	case "heard":
		s.r.Heard(partyOf(rest[0]), now)
	case "renewed":
		s.r.Renewed(partyOf(rest[0]), now, s.t)
	case "forget":
		s.r.Forget(partyOf(rest[0]))
	case "hurry":
		s.r.Hurry(now)
	case "devices":
		s.devices = rest
	default:
		t.Fatalf("%q is no step", text)
	}
}

func (s *script) list(key.IdentityPublic) (out []key.DeviceID) {
	for _, name := range []byte(s.devices) {
		out = append(out, deviceOf(name))
	}
	return out
}

func (s *script) run(t *testing.T, rounds []round) {
	t.Helper()
	for i, x := range rounds {
		after, err := time.ParseDuration(x.at)
		if err != nil {
			t.Fatal(err)
		}
		now := start.Add(after)
		if x.do != "" {
			s.play(t, x.do, now)
		}
		asks := s.r.Due(now, s.t, s.list)
		for _, a := range asks {
			s.newest = a.ID
		}
		if got := asksText(asks); got != x.asks {
			t.Fatalf("round %d, %s %s: asks %q, want %q", i, x.at, x.do, got, x.asks)
		}
		if got := missingText(s.r.States()); x.gaps != "" && got != strings.Trim(x.gaps, "-") && !(x.gaps == "-" && got == "") {
			t.Fatalf("round %d, %s %s: missing %q, want %q", i, x.at, x.do, got, x.gaps)
		}
		at, ok := s.r.Deadline(s.t)
		if x.next == "-" && ok {
			t.Fatalf("round %d, %s %s: a deadline %v after nothing is left", i, x.at, x.do, at.Sub(start))
		}
		if x.next != "" && x.next != "-" {
			if want, err := time.ParseDuration(x.next); err != nil || !ok || at.Sub(start) != want {
				t.Fatalf("round %d, %s %s: next %v %v, want %s", i, x.at, x.do, at.Sub(start), ok, x.next)
			}
		}
	}
}

// TestRepairScripts plays what peers do, round by round.
func TestRepairScripts(t *testing.T) {
	for _, test := range repairScripts {
		t.Run(test.name, func(t *testing.T) {
			s := script{t: RepairTiming{}.Default(), devices: "a"}
			s.run(t, test.rounds)
		})
	}
}

var repairScripts = []struct {
	name   string
	rounds []round
}{
	{"nothing is missing", []round{
		{at: "0s", do: "gaps", gaps: "-", next: "-"},
		{at: "1h", next: "-"},
	}},
	{"what fills within the grace costs nothing", []round{
		{at: "0s", do: "gaps a 3-4", gaps: "a 3-4", next: "15s"},
		{at: "14s", do: "gaps a 4-4", gaps: "a 4-4", next: "15s"},
		{at: "14.999s", do: "gaps", gaps: "-", next: "-"},
		{at: "15s"},
	}},
	{"asked after the grace, filled after one NACK", []round{
		{at: "0s", do: "gaps a 3-4", next: "15s"},
		{at: "14.999s"},
		{at: "15s", asks: "a<a 3-4", gaps: "a 3-4 asked 1", next: "25s"},
		{at: "16s", do: "gaps", gaps: "-", next: "-"},
	}},
	{"each has its own grace", []round{
		{at: "0s", do: "gaps a 3-4", next: "15s"},
		{at: "9s", do: "gaps a 3-5", gaps: "a 3-4, a 5-5", next: "15s"},
		{at: "15s", asks: "a<a 3-4", next: "25s"}, // the next of the conversation
		{at: "24s"},
		{at: "25s", asks: "a<a 3-5", gaps: "a 3-4 asked 2, a 5-5 asked 1"},
	}},
	{"the pause doubles to an hour while nothing comes", []round{
		{at: "0s", do: "gaps a 3-3"},
		{at: "15s", asks: "a<a 3-3", next: "25s"},
		{at: "25s", asks: "a<a 3-3", next: "45s"},
		{at: "45s", asks: "a<a 3-3", next: "85s"},
		{at: "85s", asks: "a<a 3-3", next: "165s"},
		{at: "165s", asks: "a<a 3-3", next: "325s"},
		{at: "325s", asks: "a<a 3-3", next: "645s"},
		{at: "645s", asks: "a<a 3-3", next: "1285s"},
		{at: "1285s", asks: "a<a 3-3", next: "2565s"},
		{at: "2565s", asks: "a<a 3-3", next: "5125s"},
		{at: "5125s", asks: "a<a 3-3", next: "8725s"},
		{at: "8725s", asks: "a<a 3-3", gaps: "a 3-3 asked 11", next: "12325s"},
	}},
	{"progress resets the pause", []round{
		{at: "0s", do: "gaps a 3-9"},
		{at: "15s", asks: "a<a 3-9"},
		{at: "25s", asks: "a<a 3-9"},
		{at: "45s", asks: "a<a 3-9", next: "85s"},
		{at: "60s", do: "gaps a 3-5", gaps: "a 3-5 asked 3", next: "70s"},
		{at: "65s", do: "gaps a 3-4", next: "75s"}, // it comes, slowly
		{at: "75s", asks: "a<a 3-4", next: "85s"},
	}},
	{"something new does not wait for an old pause", []round{
		{at: "0s", do: "gaps a 3-3"},
		{at: "15s", asks: "a<a 3-3"},
		{at: "25s", asks: "a<a 3-3"},
		{at: "45s", asks: "a<a 3-3"},
		{at: "85s", asks: "a<a 3-3", next: "165s"},
		{at: "90s", do: "gaps a 3-3 7-7", next: "105s"},
		{at: "105s", asks: "a<a 7-7", gaps: "a 3-3 asked 4, a 7-7 asked 1", next: "115s"},
	}},
	{"after two failures the siblings are asked", []round{
		{at: "0s", do: "devices abc"},
		{at: "0s", do: "gaps a 3-3"},
		{at: "15s", asks: "a<a 3-3"},
		{at: "25s", asks: "a<a 3-3"},
		{at: "45s", asks: "b<a 3-3"},
		{at: "85s", asks: "c<a 3-3"},
		{at: "165s", asks: "a<a 3-3"},
		{at: "325s", asks: "b<a 3-3"},
	}},
	{"the siblings at once if the writer is listed no longer", []round{
		{at: "0s", do: "devices bc"},
		{at: "0s", do: "gaps a 3-3"},
		{at: "15s", asks: "b<a 3-3"},
		{at: "25s", asks: "c<a 3-3"},
	}},
	{"nobody to ask", []round{
		{at: "0s", do: "devices "},
		{at: "0s", do: "gaps a 3-3", next: "15s"},
		{at: "15s", gaps: "a 3-3", next: "3615s"},
		{at: "100s", do: "devices a"},
		{at: "3615s", asks: "a<a 3-3"},
	}},
	{"one NACK for everything of one device", []round{
		{at: "0s", do: "gaps a 3-4 6-6 9-12"},
		{at: "15s", asks: "a<a 3-4 6-6 9-12"},
	}},
	{"two devices in turn, one NACK in ten seconds", []round{
		{at: "0s", do: "devices ab"},
		{at: "0s", do: "gaps a 3-3 b 5-5"},
		{at: "15s", asks: "a<a 3-3", next: "25s"},
		{at: "25s", asks: "b<b 5-5", next: "45s"},
		{at: "45s", asks: "a<a 3-3", next: "1m25s"},
	}},
	{"a device is asked for its own and for a sibling's", []round{
		{at: "0s", do: "devices bc"},
		{at: "0s", do: "gaps a 3-3 b 5-5"},
		{at: "15s", asks: "b<a 3-3 b 5-5"},
	}},
	{"LATER is obeyed", []round{
		{at: "0s", do: "gaps a 3-9"},
		{at: "15s", asks: "a<a 3-9", next: "25s"},
		{at: "16s", do: "later a 300 a 3-7", gaps: "a 3-7 asked 1 later 5m16s, a 8-9 asked 1", next: "25s"},
		{at: "20s", do: "gaps a 3-7", gaps: "a 3-7 asked 1 later 5m16s", next: "316s"},
		{at: "30s", do: "gaps a 3-6", gaps: "a 3-6 asked 1 later 5m16s", next: "316s"},
		{at: "316s", asks: "a<a 3-6", gaps: "a 3-6 asked 2", next: "326s"},
	}},
	{"LATER of somebody else, unasked or too long", []round{
		{at: "0s", do: "devices ab"},
		{at: "0s", do: "gaps a 3-3"},
		{at: "1s", do: "later a 300 a 3-3", gaps: "a 3-3", next: "15s"},
		{at: "15s", asks: "a<a 3-3", next: "25s"},
		{at: "16s", do: "later b 300 a 3-3", next: "25s"},
		{at: "17s", do: "later a 300 b 3-3", next: "25s"},
		{at: "18s", do: "later a 4000000 a 1-4", gaps: "a 3-3 asked 1 later 24h0m18s", next: "24h0m18s"},
		{at: "19s", do: "later a 8 a 1-4", next: "24h0m18s"}, // one answer to one NACK
	}},
	{"GONE ends it", []round{
		{at: "0s", do: "gaps a 3-9"},
		{at: "15s", asks: "a<a 3-9"},
		{at: "16s", do: "gone a 5-6", gaps: "a 3-4 asked 1, a 5-6 gone, a 7-9 asked 1"},
		{at: "17s", do: "gaps a 3-9", gaps: "a 3-4 asked 1, a 5-6 gone, a 7-9 asked 1"},
		{at: "18s", do: "gaps", gaps: "a 5-6 gone", next: "-"},
		{at: "19s", do: "back a 5-5", gaps: "a 6-6 gone", next: "-"},
	}},
	{"a NACK that no gateway takes is none", []round{
		{at: "0s", do: "devices ab"},
		{at: "0s", do: "gaps a 3-3"},
		{at: "15s", asks: "a<a 3-3"},
		{at: "15s", do: "missed"},
		{at: "25s", asks: "a<a 3-3"},
		{at: "25s", do: "missed", next: "45s"}, // the conversation's own pause
		{at: "45s", asks: "a<a 3-3"},
		{at: "46s", do: "missed", next: "85s"},
		{at: "50s", do: "hurry", next: "55s"},
		{at: "55s", asks: "a<a 3-3"},
		{at: "56s", do: "taken"},
		{at: "57s", do: "hurry", next: "65s"},
		{at: "65s", asks: "a<a 3-3"}, // only now the second failure counts
		{at: "66s", do: "taken"},
		{at: "85s", asks: "b<a 3-3"},
	}},
	{"a frozen device is not asked for", []round{
		{at: "0s", do: "gaps a 3-3"},
		{at: "1s", do: "forget a", gaps: "-", next: "-"},
	}},
	{"bodies are asked for apart", []round{
		{at: "0s", do: "gaps a 3-3"},
		{at: "0s", do: "bodies a 5-6", gaps: "a 3-3, a 5-6"},
		{at: "15s", asks: "a<a 3-3"},
		{at: "25s", asks: "a<a 5-6 bodies"},
		{at: "26s", do: "bodies", gaps: "a 3-3 asked 1"},
		{at: "27s", do: "gaps", gaps: "-", next: "-"},
	}},
	{"very many messages", []round{
		{at: "0s", do: "gaps a 1-9000"},
		{at: "15s", asks: "a<a 4905-9000"},
		{at: "25s", asks: "a<a 809-4904"},
		{at: "45s", asks: "a<a 1-808 5713-9000", gaps: "a 1-808 asked 1, a 809-4904 asked 1, a 4905-5712 asked 1, a 5713-9000 asked 2"},
	}},
	{"the largest number", []round{
		{at: "0s", do: "gaps a 4294967290-4294967295"},
		{at: "15s", asks: "a<a 4294967290-4294967295"},
		{at: "16s", do: "gaps a 4294967295-4294967295", gaps: "a 4294967295-4294967295 asked 1"},
		{at: "17s", do: "gaps", gaps: "-"},
	}},
}

func TestMoreRangesThanFit(t *testing.T) {
	s := script{t: RepairTiming{}.Default(), devices: "a"}
	text := "a"
	for seq := 1; seq < 200; seq += 2 {
		text += fmt.Sprintf(" %d-%d", seq, seq)
	}
	s.play(t, "gaps "+text, start)
	seen := map[uint32]int{}
	for now := start; now.Before(start.Add(10 * time.Minute)); now = now.Add(time.Second) {
		for _, a := range s.r.Due(now, s.t, s.list) {
			if len(a.Wants) > message.MaxWants {
				t.Fatalf("%d ranges", len(a.Wants))
			}
			if _, err := message.EncodeBody(&message.Nack{Wants: a.Wants, Reason: a.Reason}); err != nil {
				t.Fatal(err)
			}
			for _, w := range a.Wants {
				seen[w.From]++
			}
		}
	}
	for seq := uint32(1); seq < 200; seq += 2 {
		if seen[seq] == 0 {
			t.Errorf("message %d was never asked for", seq)
		}
	}
}

// TestUnanswered: when the session with a device counts as broken.
func TestUnanswered(t *testing.T) {
	for _, test := range []struct {
		name  string
		steps []round // asks is the broken devices; "missed" etc. as in play, "ask" lets a NACK leave
		want  string  // when it is broken; "": never
	}{
		{"two NACKs, heard from", []round{{at: "15s", do: "taken"}, {at: "25s", do: "taken"}, {at: "30s", do: "heard a"}}, "50s"},
		{"two NACKs, silence", []round{{at: "15s", do: "taken"}, {at: "25s", do: "taken"}}, "1h0m25s"},
		{"heard from only before", []round{{at: "15s", do: "taken"}, {at: "20s", do: "heard a"}, {at: "25s", do: "taken"}}, "1h0m25s"},
		{"a NACK that nobody took", []round{{at: "15s", do: "taken"}, {at: "25s", do: "missed"}, {at: "30s", do: "heard a"}}, ""},
		{"a LATER", []round{{at: "15s", do: "taken"}, {at: "25s", do: "taken"}, {at: "30s", do: "heard a"}, {at: "31s", do: "later a 90 a 3-4"}}, ""},
		{"progress", []round{{at: "15s", do: "taken"}, {at: "25s", do: "taken"}, {at: "30s", do: "heard a"}, {at: "40s", do: "gaps a 3-3"}}, ""},
		{"all gone", []round{{at: "15s", do: "taken"}, {at: "25s", do: "taken"}, {at: "30s", do: "heard a"}, {at: "40s", do: "gone a 3-4"}}, ""},
		{"garbage", []round{{at: "15s", do: "heard b"}, {at: "25s", do: "heard a"}, {at: "30s", do: "heard a"}}, ""},
		{"another device is heard", []round{{at: "15s", do: "taken"}, {at: "25s", do: "taken"}, {at: "30s", do: "heard b"}}, "1h0m25s"},
	} {
		s := script{t: RepairTiming{}.Default(), devices: "a"}
		s.play(t, "gaps a 3-4", start)
		var got string
		steps := test.steps
		// The first two NACKs only: later ones would be taken as well.
		for now := start; now.Before(start.Add(2*time.Hour)) && got == ""; now = now.Add(time.Second) {
			for _, a := range s.r.Due(now, s.t, s.list) {
				s.newest = a.ID
			}
			for len(steps) > 0 {
				after, _ := time.ParseDuration(steps[0].at)
				if start.Add(after).After(now) {
					break
				}
				s.play(t, steps[0].do, now)
				steps = steps[1:]
			}
			if broken := s.r.Unanswered(now, s.t); len(broken) > 0 {
				got = now.Sub(start).String()
				if !slices.Equal(broken, []message.Party{partyOf('a')}) {
					t.Errorf("%s: %v", test.name, broken)
				}
				if again := s.r.Unanswered(now.Add(time.Hour), s.t); len(again) > 0 {
					t.Errorf("%s: reported twice", test.name)
				}
			}
		}
		if got != test.want {
			t.Errorf("%s: broken after %q, want %q", test.name, got, test.want)
		}
	}
}

func TestANewSessionStartsOver(t *testing.T) {
	s := script{t: RepairTiming{}.Default(), devices: "ab"}
	s.run(t, []round{
		{at: "0s", do: "gaps a 3-3"},
		{at: "15s", asks: "a<a 3-3"},
		{at: "15s", do: "taken"},
		{at: "25s", asks: "a<a 3-3"},
		{at: "25s", do: "taken"},
		{at: "30s", do: "heard a", next: "45s"},
		{at: "45s", asks: "b<a 3-3", next: "50s"},
	})
	if broken := s.r.Unanswered(start.Add(50*time.Second), s.t); len(broken) != 1 {
		t.Fatal("not broken")
	}
	s.run(t, []round{
		{at: "50s", next: "85s"},
		{at: "52s", do: "renewed a", next: "62s"},
		{at: "62s", asks: "a<a 3-3", gaps: "a 3-3 asked 4"},
		{at: "62s", do: "taken"},
		{at: "72s", asks: "a<a 3-3"},
		{at: "72s", do: "taken"},
		{at: "75s", do: "heard a", next: "92s"},
	})
	if broken := s.r.Unanswered(start.Add(95*time.Second), s.t); len(broken) != 1 {
		t.Error("two more NACKs on the new session brought nothing: it is broken too")
	}
}

func TestRepairCounts(t *testing.T) {
	s := script{t: RepairTiming{}.Default(), devices: "a"}
	first := s.r.Look(gapsOf("a 1-9"), start, s.t)
	if missingText(first.Found) != "a 1-9" || len(first.Filled) != 0 {
		t.Fatalf("%+v", first)
	}
	if again := s.r.Look(gapsOf("a 1-9"), start, s.t); len(again.Found)+len(again.Filled) != 0 {
		t.Fatalf("found again: %+v", again)
	}
	second := s.r.Look(gapsOf("a 1-2 4-8"), start.Add(time.Second), s.t)
	if missingText(second.Filled) != "a 3-3, a 9-9" || len(second.Found) != 0 || !second.Filled[0].Since.Equal(start) {
		t.Fatalf("%+v", second)
	}
	s.r.Due(start.Add(s.t.Grace), s.t, s.list)
	s.r.Lost(gapsOf("a 4-5"), start.Add(s.t.Grace))
	third := s.r.Look(gapsOf("a 1-2 b 1-1"), start.Add(time.Minute), s.t)
	if missingText(third.Filled) != "a 6-8 asked 1" || missingText(third.Found) != "b 1-1" {
		t.Fatalf("%+v", third)
	}
	if got, want := s.r.Counts(), (Counts{Found: 10, Came: 2, Filled: 3, Lost: 2, Asks: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if n := third.Filled[0].Count(); n != 3 {
		t.Errorf("%d messages", n)
	}
}

// TestManyPiecesAreJoined: somebody who names one more message with each
// envelope does not fill the memory, and is asked all the same.
func TestManyPiecesAreJoined(t *testing.T) {
	s := script{t: RepairTiming{}.Default(), devices: "a"}
	now := start
	for n := uint32(1); n <= 2000; n++ {
		now = now.Add(5 * time.Millisecond)
		s.r.Look([]message.Gap{{From: partyOf('a'), Range: message.Range{From: 1, To: n}}}, now, s.t)
		if states := len(s.r.States()); states > MaxPieces+1 {
			t.Fatalf("%d pieces", states)
		}
	}
	if asks := s.r.Due(now.Add(s.t.Grace), s.t, s.list); len(asks) != 1 {
		t.Error("nothing is asked for")
	}
	for n := uint32(1); n <= 2*MaxLost; n++ {
		s.r.Lost([]message.Gap{{From: partyOf('b'), Range: message.Range{From: 2 * n, To: 2 * n}}}, now)
	}
	lost := 0
	for _, m := range s.r.States() {
		if m.Gone {
			lost++
		}
	}
	if lost != MaxLost {
		t.Errorf("%d ranges are remembered as lost", lost)
	}
}

// TestRepairAgainstAModel: pieces always cover exactly the gaps, a NACK asks
// only for what is missing and old enough, and NACKs are AskMin apart.
func TestRepairAgainstAModel(t *testing.T) {
	timing := RepairTiming{}.Default()
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 5))
		s := script{t: timing, devices: "ab"}
		model, since := map[uint32]bool{}, map[uint32]time.Time{}
		now, last, first := start, time.Time{}, uint64(0)
		for range 400 {
			now = now.Add(time.Duration(rng.IntN(8000)) * time.Millisecond)
			for _, n := range rng.Perm(60)[:rng.IntN(6)] {
				seq := uint32(1 + n)
				if model[seq] {
					delete(model, seq)
				} else {
					model[seq], since[seq] = true, now
				}
			}
			s.r.Look(gapsFrom(model), now, timing)
			s.noise(rng, now, model)
			for _, a := range s.r.Due(now, timing, s.list) {
				if a.ID <= first || !last.IsZero() && now.Sub(last) < timing.AskMin {
					t.Fatalf("seed %d: a NACK %v after the last", seed, now.Sub(last))
				}
				first, last, s.newest = a.ID, now, a.ID
				for _, w := range a.Wants {
					for seq := w.From; seq <= w.To; seq++ {
						if !model[seq] || now.Sub(since[seq]) < timing.Grace {
							t.Fatalf("seed %d: message %d is asked for: missing %v for %v", seed, seq, model[seq], now.Sub(since[seq]))
						}
					}
				}
			}
			covered := map[uint32]bool{}
			for _, m := range s.r.States() {
				for seq := m.Range.From; !m.Gone && seq <= m.Range.To; seq++ {
					if covered[seq] || !model[seq] {
						t.Fatalf("seed %d: %d is shown twice, or is not missing", seed, seq)
					}
					covered[seq] = true
				}
			}
			if len(covered) != len(model) {
				t.Fatalf("seed %d: %d shown, %d missing", seed, len(covered), len(model))
			}
			if at, ok := s.r.Deadline(timing); ok != (len(model) > 0) || ok && at.Before(now) && len(s.r.Unanswered(now, timing)) == 0 {
				t.Fatalf("seed %d: deadline %v %v", seed, at.Sub(now), ok)
			}
		}
	}
}

// noise is what else may happen to a Repair.
func (s *script) noise(rng *rand.Rand, now time.Time, model map[uint32]bool) {
	switch rng.IntN(8) {
	case 0:
		s.r.Taken(s.newest, now)
	case 1:
		s.r.Missed(s.newest)
	case 2:
		s.r.Heard(partyOf('a'), now)
	case 3:
		from := uint32(1 + rng.IntN(60))
		l := &message.Later{After: uint32(rng.IntN(600)), Wants: []message.Want{{Device: deviceOf('a'), From: from, To: from + uint32(rng.IntN(9))}}}
		s.r.Later(partyOf("ab"[rng.IntN(2)]), l, now, s.t)
	case 4:
		s.r.Renewed(partyOf('a'), now, s.t)
	case 5:
		s.r.Hurry(now)
	}
}

func gapsFrom(model map[uint32]bool) (out []message.Gap) {
	for seq := uint32(1); seq <= 61; seq++ {
		if !model[seq] {
			continue
		}
		if n := len(out); n > 0 && out[n-1].Range.To == seq-1 {
			out[n-1].Range.To = seq
		} else {
			out = append(out, message.Gap{From: partyOf('a'), Range: message.Range{From: seq, To: seq}})
		}
	}
	return out
}
