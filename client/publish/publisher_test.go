package publish

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func TestEveryHomeHasThirtyDays(t *testing.T) {
	for name, secrets := range map[string][]key.AddressSecret{
		"one secret":            {key.NewAddressSecret()},
		"found by key alone":    {{}},
		"hiding, with a public": {key.NewAddressSecret(), key.NewAddressSecret(), {}},
	} {
		w := newWorld(t, 0)
		w.want.Secrets = secrets
		w.addHome(1)
		w.addHome(2)
		w.set()
		for _, g := range w.all() {
			w.p.Up(g.node)
		}
		w.run()
		one, two := w.all()[0], w.all()[1]
		for _, g := range w.all() {
			w.full(g)
			if g.biggest > wire.MaxDeposits || g.puts > 8 {
				t.Errorf("%s: %d requests, of up to %d records", name, g.puts, g.biggest)
			}
		}
		if len(one.held) != len(secrets)*int(w.p.lastDay(w.now)-address.Day(w.now)+1) {
			t.Errorf("%s: %d records", name, len(one.held))
		}
		for n, d := range one.held {
			if !bytes.Equal(d.Record, two.held[n].Record) {
				t.Errorf("%s: two homes have different records of day %d", name, d.Day)
			}
			start, end := d.Day*24*60, (d.Day+1)*24*60
			if d.First < start-360 || d.First >= start || d.Last <= end || d.Last > end+360 {
				t.Errorf("%s: day %d is published from %d to %d", name, d.Day, int(d.First)-int(start), int(d.Last)-int(end))
			}
		}
		for _, s := range w.p.States(w.now) {
			if s.Days != int(w.p.lastDay(w.now)-address.Day(w.now)) || s.Missing != 0 || s.Err != nil {
				t.Errorf("%s: state %+v", name, s)
			}
		}
	}
}

// TestMomentsAreDrawn: no two people, and no two days, begin at one time.
func TestMomentsAreDrawn(t *testing.T) {
	w := newWorld(t, 1)
	first, last := map[uint32]bool{}, map[uint32]bool{}
	for _, d := range w.all()[0].held {
		first[d.First-d.Day*24*60] = true
		last[d.Last-d.Day*24*60] = true
	}
	if len(first) < 20 || len(last) < 20 { // of 31 draws out of 360
		t.Errorf("%d first and %d last moments", len(first), len(last))
	}
}

func TestADayIsAddedEveryDay(t *testing.T) {
	w := newWorld(t, 2)
	g := w.all()[0]
	for range 75 {
		made := len(w.given)
		w.pass(24 * time.Hour)
		w.full(g)
		if n := len(w.given) - made; n != 1 {
			t.Fatalf("%d records were made in a day", n)
		}
		if len(w.rows) > 2+Ahead+3 {
			t.Fatalf("%d rows", len(w.rows))
		}
	}
	for _, r := range w.rows {
		if r.Table == TableHeld && len(r.Data) > 3000 {
			t.Errorf("the row of a home has %d bytes", len(r.Data))
		}
	}
}

func TestAnAbsentPersonStaysReachable(t *testing.T) {
	w := newWorld(t, 1)
	g := w.all()[0]
	w.now = w.now.Add(29 * 24 * time.Hour) // no client runs
	if r := w.reads(g, w.want.Secrets[0], address.Day(w.now)); r == nil || len(r.Leases) != 1 || r.Leases[0].Lapses != Ahead {
		t.Fatalf("29 days later: %+v", r)
	}
	w.start()
	w.run()
	w.full(g)
}

func TestChangesAreDepositedAtOnceTodayFirst(t *testing.T) {
	w := newWorld(t, 2)
	today := address.Day(w.now)
	before := w.reads(w.all()[0], w.want.Secrets[0], today)
	for what, change := range map[string]func(){
		"a lease more":   func() { w.want.Leases = append(w.want.Leases, lease(9)) },
		"another lease":  func() { w.want.Leases[0].Port++ },
		"a lease less":   func() { w.want.Leases = w.want.Leases[:1] },
		"the list":       func() { w.want.ListN++ },
		"the list again": func() { w.want.ListHash[5]++ },
	} {
		w.now = w.now.Add(2 * time.Hour)
		change()
		w.set()
		first := true
		for w.turn(); w.asked || !w.next.After(w.now); w.turn() {
			if r := w.reads(w.all()[0], w.want.Secrets[0], today); first && r.Seq > before.Seq {
				first = false
				if far := w.reads(w.all()[0], w.want.Secrets[0], today+Ahead-1); far.Seq > before.Seq {
					t.Errorf("%s: today's record was not the first", what)
				}
			}
		}
		for _, g := range w.all() {
			w.full(g)
			r := w.reads(g, w.want.Secrets[0], today)
			if r.Seq != before.Seq+1 || !r.Made.Equal(w.now.Truncate(time.Minute)) {
				t.Errorf("%s: record %+v after %+v", what, r, before)
			}
		}
		before = w.reads(w.all()[0], w.want.Secrets[0], today)
		made := len(w.given)
		w.set() // the same once more changes nothing
		w.run()
		if len(w.given) != made {
			t.Errorf("%s: setting the same made %d records", what, len(w.given)-made)
		}
	}
}

// TestYesterdayIsRenewedWhileItIsPublished: a reader whose clock is behind asks for it.
func TestYesterdayIsRenewedWhileItIsPublished(t *testing.T) {
	w := newWorld(t, 1)
	g, yesterday := w.all()[0], address.Day(w.now)
	w.pass(time.Unix(int64(yesterday+1)*86400, 0).Sub(w.now))
	w.want.Leases[0].Port = 8443
	w.set()
	w.run()
	if r := w.reads(g, w.want.Secrets[0], yesterday); r == nil || r.Leases[0].Port != 8443 {
		t.Errorf("yesterday's record: %+v", r)
	}
	w.pass(7 * time.Hour)
	made := len(w.given)
	w.want.Leases[0].Port = 8444
	w.set()
	w.run()
	if n := len(w.given) - made; n != int(w.p.lastDay(w.now)-address.Day(w.now))+1 {
		t.Errorf("%d records were made once yesterday's is over", n)
	}
}

func TestALeaseThatEnds(t *testing.T) {
	w := newWorld(t, 2)
	g, today := w.all()[0], address.Day(w.now)
	w.want.Leases[1].Ends = time.Unix(int64(today+3)*86400, 0) // when that day begins
	w.set()
	w.run()
	w.full(g)
	for d := today; d < today+6; d++ {
		r := w.reads(g, w.want.Secrets[0], d)
		for _, l := range r.Leases {
			if want := today + 2 - d; l.Node == node(2) && (d > today+2 || l.Lapses != uint8(want)) {
				t.Errorf("day +%d: the lease lapses after %d days", d-today, l.Lapses)
			}
		}
	}
	w.want.Leases = w.want.Leases[1:]
	w.set()
	w.run()
	if r := w.reads(g, w.want.Secrets[0], today+1); len(r.Leases) != 1 {
		t.Errorf("%d leases", len(r.Leases))
	}
	if r := w.reads(g, w.want.Secrets[0], today+3); r.Seq != 2 || len(r.Leases) != 1 {
		t.Errorf("a day without any lease: what was made stays, not %+v", r)
	}
}

func TestAHomeThatWasAway(t *testing.T) {
	w := newWorld(t, 2)
	g := w.all()[1]
	w.drop(g)
	w.want.Leases[0].Port = 8443
	w.set()
	w.pass(3 * 24 * time.Hour)
	if s := w.p.States(w.now)[1]; s.Days < Ahead-4 || s.Days >= Ahead || s.Missing < Ahead {
		t.Errorf("state of a home that is away: %+v", s)
	}
	w.raise(g)
	w.full(g)
	w.full(w.all()[0])
	if s := w.p.States(w.now)[1]; s.Missing != 0 || s.Holders != 20 || s.Stored.UnixMilli() != 1000 || s.Verified.UnixMilli() != 2000 {
		t.Errorf("state once it is back: %+v", s)
	}
}

func TestAHomeThatLostItsRecords(t *testing.T) {
	w := newWorld(t, 1)
	g := w.all()[0]
	clear(g.held)
	w.drop(g)
	made := len(w.given)
	w.raise(g)
	w.full(g)
	if len(w.given) != made {
		t.Errorf("%d records were made anew", len(w.given)-made)
	}
}

// TestNumbersOfAnotherLife: a profile that lost its rows, as one restored from 24
// words, has its records in the place of those of before.
func TestNumbersOfAnotherLife(t *testing.T) {
	w := newWorld(t, 2)
	for range 3 {
		w.want.ListN++
		w.set()
		w.run()
	}
	for _, known := range []bool{true, false} { // whether the homes say at first what they have
		clear(w.rows)
		clear(w.given) // what another life made
		w.want.Leases[0].Port++
		w.start()
		if !known {
			for _, h := range w.p.homes {
				h.listed = true
			}
		}
		w.run()
		w.pass(time.Minute)
		for _, g := range w.all() {
			w.full(g)
		}
		for _, s := range w.p.States(w.now) {
			if s.Missing != 0 || s.Err != nil {
				t.Errorf("state %+v", s)
			}
		}
	}
}

// TestAHomeThatLiesAboutNumbers: a home that claims to have the last number there is
// keeps the others from nothing, uses up no numbers, and fills no memory.
func TestAHomeThatLiesAboutNumbers(t *testing.T) {
	w := newWorld(t, 2)
	honest, liar := w.all()[0], w.all()[1]
	made := uint32(0)
	liar.lie = func(l *wire.Deposits) {
		for i := range l.Items {
			l.Items[i].Seq = math.MaxUint32
		}
		for range 500 {
			made++
			l.Items = append(l.Items, wire.Deposited{
				Name: sha256.Sum256(wire.Uint32(made)), Day: address.Day(w.now) + made%50, Seq: math.MaxUint32 - made,
			})
		}
	}
	for range 20 {
		w.drop(liar)
		w.raise(liar)
		w.pass(time.Hour)
		w.want.ListN++
		w.set()
		w.pass(time.Minute)
	}
	liar.lie = nil
	w.drop(liar)
	w.raise(liar)
	w.pass(time.Hour)
	w.full(honest)
	w.full(liar)
	for _, d := range honest.held {
		if n := seqOf(t, d); n > 100<<16 {
			t.Errorf("number %d", n)
		}
	}
	if len(w.p.floor) > 2*Ahead || len(w.p.secrets[0].names) > 2*Ahead {
		t.Errorf("%d numbers and %d names are remembered", len(w.p.floor), len(w.p.secrets[0].names))
	}
}

func TestASecretThatIsLiveNoMore(t *testing.T) {
	w := newWorld(t, 2)
	old, next := w.want.Secrets[0], key.NewAddressSecret()
	today := address.Day(w.now)
	w.want.Secrets = []key.AddressSecret{next, old} // hiding: both for a while
	w.set()
	w.run()
	for _, g := range w.all() {
		w.full(g)
	}
	last := w.reads(w.all()[0], old, today).Seq
	away := w.all()[1]
	w.drop(away)
	w.want.Secrets = []key.AddressSecret{next}
	w.set()
	w.run()
	if w.reads(w.all()[0], old, today) != nil || w.reads(away, old, today) == nil {
		t.Error("the record under the old secret")
	}
	w.start() // what is still to be taken back outlives the process
	w.run()
	w.raise(away)
	for _, g := range w.all() {
		w.full(g)
		for d := today - 1; d <= today+Ahead+1; d++ {
			if w.reads(g, old, d) != nil {
				t.Errorf("day +%d is still published under the old secret", int(d)-int(today))
			}
		}
	}
	w.want.Secrets = []key.AddressSecret{next, old} // and back, as one who changes their mind
	w.set()
	w.run()
	for _, g := range w.all() {
		w.full(g)
	}
	if r := w.reads(w.all()[0], old, today); r.Seq != last+1 {
		t.Errorf("the secret came back with number %d after %d", r.Seq, last)
	}
	w.want.Secrets = []key.AddressSecret{next}
	w.set()
	w.run()
	w.pass((Ahead + 3) * 24 * time.Hour)
	if n := len(w.rows); n > 2+Ahead+2 {
		t.Errorf("%d rows are left once the days are over", n)
	}
}

// TestHidingTwice: with three live secrets and one that was live, what is over
// goes first, since a home holds no more than that of an account.
func TestHidingTwice(t *testing.T) {
	w := newWorld(t, 2)
	public := key.AddressSecret{}
	w.want.Secrets = []key.AddressSecret{key.NewAddressSecret(), w.want.Secrets[0], public}
	w.set()
	w.run()
	for range 3 {
		w.want.Secrets = []key.AddressSecret{key.NewAddressSecret(), w.want.Secrets[0], public}
		w.set()
		w.pass(4 * time.Hour)
		for _, g := range w.all() {
			w.full(g)
		}
	}
}

// TestASecretThatComesBack while it is being taken back goes on above its numbers.
func TestASecretThatComesBack(t *testing.T) {
	w := newWorld(t, 2)
	s, today := w.want.Secrets[0], address.Day(w.now)
	w.drop(w.all()[1])
	w.want.Secrets = []key.AddressSecret{key.NewAddressSecret()}
	w.set()
	w.run()
	w.want.Secrets = append(w.want.Secrets, s)
	w.set()
	w.run()
	w.raise(w.all()[1])
	for _, g := range w.all() {
		w.full(g)
		if r := w.reads(g, s, today); r.Seq != 2 {
			t.Errorf("record %+v", r)
		}
	}
}

func TestLeavingAHome(t *testing.T) {
	w := newWorld(t, 2)
	g := w.all()[1]
	for _, put := range w.p.Farewell(g.node) {
		if len(put.Items) > wire.MaxDeposits {
			t.Errorf("%d records", len(put.Items))
		}
		if _, err := w.answer(ask{node: g.node, p: put}); err != nil {
			t.Fatal(err)
		}
	}
	if len(g.held) != 0 {
		t.Errorf("%d records are left behind", len(g.held))
	}
	w.want.Homes, w.want.Leases = w.want.Homes[:1], w.want.Leases[:1]
	delete(w.gates, g.node)
	w.set()
	w.run()
	w.full(w.all()[0])
	if r, left := w.rows[fmt.Sprintf("%d/%x", TableHeld, g.node)]; left {
		t.Errorf("a row of the home that was left: %+v", r)
	}
	if w.p.Farewell(g.node) != nil || w.p.Farewell(node(77)) != nil {
		t.Error("a farewell to a stranger")
	}
}

// TestCrashesAnywhere kills the process at random points between state, store,
// links and answers, while everything changes. No number is ever given twice, and
// in the end every home has every record.
func TestCrashesAnywhere(t *testing.T) {
	for seed := range uint64(5) {
		w := newWorld(t, 2)
		r := random(seed)
		w.crash = func(string) bool { return r.IntN(6) == 0 }
		for range 40 {
			switch r.IntN(9) {
			case 0:
				w.want.Leases[0].Port++
			case 1:
				w.want.ListN++
			case 2:
				w.now = w.now.Add(time.Duration(r.IntN(40)) * time.Hour)
			case 3:
				w.drop(w.all()[r.IntN(2)])
			case 4:
				if g := w.all()[r.IntN(2)]; !g.up {
					g.up = true
					w.p.Up(g.node)
				}
			case 5:
				clear(w.all()[r.IntN(2)].held)
			case 6:
				if w.want.Secrets = append(w.want.Secrets, key.NewAddressSecret()); len(w.want.Secrets) > 2 {
					w.want.Secrets = w.want.Secrets[1:]
				}
			}
			w.set()
			if !w.run() {
				w.start()
			}
		}
		w.crash = func(string) bool { return false }
		w.start()
		for _, g := range w.all() {
			g.up = true
			w.p.Up(g.node)
		}
		w.run()
		w.pass(26 * time.Hour) // what the budget put off, and pauses
		for _, g := range w.all() {
			w.full(g)
		}
	}
}

func TestAHomeThatRefuses(t *testing.T) {
	for _, refusal := range []error{wire.ErrLimit, wire.ErrUnavailable, wire.ErrNotServing, wire.ErrValue} {
		w := newWorld(t, 1)
		g := w.addHome(2)
		g.refuse = refusal
		w.set()
		w.p.Up(g.node)
		w.run()
		w.full(w.all()[0])
		asked := 0
		for end := w.now.Add(6 * time.Hour); w.now.Before(end); {
			w.pass(maxTime(w.next, w.now.Add(time.Second)).Sub(w.now))
			asked++
		}
		if asked > 30 {
			t.Errorf("%v: asked %d times in 6 hours", refusal, asked)
		}
		if s := w.p.States(w.now)[1]; !errors.Is(s.Err, refusal) || s.Days != -1 {
			t.Errorf("%v: state %+v", refusal, s)
		}
		g.refuse = nil
		w.pass(time.Hour)
		w.full(g)
	}
}

// TestManyChanges: homes bound how many records they take of an account, so they
// are not overrun, and what matters most is always up to date.
func TestManyChanges(t *testing.T) {
	w := newWorld(t, 1)
	w.pass(6 * time.Hour)
	made := len(w.given)
	for range 60 {
		w.want.Leases[0].Port++
		w.set()
		w.pass(time.Minute)
	}
	if n := len(w.given) - made; n > budgetMost+90 {
		t.Errorf("%d records in an hour", n)
	}
	g, today := w.all()[0], address.Day(w.now)
	w.pass(5 * time.Minute)
	if r := w.reads(g, w.want.Secrets[0], today); r.Leases[0].Port != w.want.Leases[0].Port {
		t.Errorf("today's record says port %d, not %d", r.Leases[0].Port, w.want.Leases[0].Port)
	}
	w.pass(2 * time.Hour)
	w.full(g)
}

// TestTheClockOfMadeNeverRunsBack: readers refuse what looks older than before.
func TestTheClockOfMadeNeverRunsBack(t *testing.T) {
	w := newWorld(t, 1)
	g, today := w.all()[0], address.Day(w.now)
	before := w.reads(g, w.want.Secrets[0], today).Made
	w.now = w.now.Add(-3 * time.Hour)
	w.want.ListN++
	w.set()
	w.run()
	if r := w.reads(g, w.want.Secrets[0], today); r.Made.Before(before) {
		t.Errorf("made %v after %v", r.Made, before)
	}
	w.now = w.now.Add(-40 * 24 * time.Hour) // it was wrong by more than a day: now counts
	for _, gate := range w.all() {
		clear(gate.held)
	}
	w.want.ListN++
	w.start()
	w.run()
	if r := w.reads(g, w.want.Secrets[0], address.Day(w.now)); r == nil || r.Made.After(w.now) {
		t.Errorf("record %+v at %v", r, w.now)
	}
}

func TestNothingToPublish(t *testing.T) {
	w := newWorld(t, 1)
	w.want.Leases = nil
	made := len(w.given)
	w.set()
	w.run()
	w.pass(48 * time.Hour)
	if len(w.given) != made || len(w.all()[0].held) == 0 {
		t.Error("without leases what was made stays, and nothing is added")
	}
	linked := newWorld(t, 1)
	linked.want.Identity = key.IdentityPrivate{}
	linked.rows = map[string]profile.Row{}
	made = len(linked.given)
	linked.start()
	linked.want.ListN++
	linked.set()
	linked.run()
	if n := len(linked.given) - made; n != 0 {
		t.Errorf("a device without the seed made %d records", n)
	}
	if s := linked.p.States(linked.now)[0]; s.Days < Ahead-1 || s.Missing != 0 {
		t.Errorf("a device without the seed sees %+v", s)
	}
	linked.now = linked.now.Add(25 * 24 * time.Hour)
	if s := linked.p.States(linked.now)[0]; s.Days > WarnAt {
		t.Errorf("25 days later it sees %+v", s)
	}
	empty := New(linked)
	if at := empty.Turn(linked.now); !at.IsZero() || len(empty.States(linked.now)) != 0 {
		t.Error("before it is set it does nothing")
	}
	empty.Up(node(1))
	empty.Down(node(1))
}

// refuser is a Host that answers at once: it has no link.
type refuser struct{ asked int }

func (r *refuser) Ask(_ key.NodePublic, _ wire.Payload, done func(wire.Payload, error)) {
	r.asked++
	done(nil, wire.ErrLinkClosed)
}

func TestAHostThatAnswersAtOnce(t *testing.T) {
	w, r := newWorld(t, 1), &refuser{}
	p := New(r)
	if err := p.Set(w.want); err != nil {
		t.Fatal(err)
	}
	p.Up(node(1))
	if next := p.Turn(w.now); !next.Equal(w.now) || r.asked != 1 {
		t.Fatalf("after a failure: %v, asked %d times", next.Sub(w.now), r.asked)
	}
	if next := p.Turn(w.now); !next.Equal(w.now.Add(pauseFirst)) || r.asked != 1 {
		t.Errorf("then: %v, asked %d times", next.Sub(w.now), r.asked)
	}
	if p.Turn(w.now.Add(pauseFirst)); r.asked != 2 {
		t.Errorf("after the pause: asked %d times", r.asked)
	}
}

func TestWhatCannotBeSet(t *testing.T) {
	w := newWorld(t, 1)
	for what, test := range map[string]struct {
		change func(*Wanted)
		want   error
	}{
		"four secrets":   {func(v *Wanted) { v.Secrets = make([]key.AddressSecret, 4) }, wire.ErrValue},
		"17 leases":      {func(v *Wanted) { v.Leases = slices.Repeat(v.Leases, 17) }, wire.ErrValue},
		"a name":         {func(v *Wanted) { v.Leases[0].Host = "gw.example" }, address.ErrNotPackable},
		"a bad gateway":  {func(v *Wanted) { v.Leases[0].Node = key.NodePublic{} }, wire.ErrPublicKey},
		"a lease of yet": {func(v *Wanted) { v.Leases[0].Port = 0 }, wire.ErrValue},
	} {
		v := w.want
		v.Leases = slices.Clone(v.Leases)
		test.change(&v)
		if err := w.p.Set(v); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", what, err, test.want)
		}
	}
	w.run()
	w.full(w.all()[0])
}

// TestRowsAreStrict: rows of later versions and damaged ones are refused, and
// what is read is written as it was.
func TestRowsAreStrict(t *testing.T) {
	w := newWorld(t, 1)
	memory := NewMemory()
	memory.Note(w.want.Identity.Public(), &Found{Known: Known{Made: w.now.Truncate(time.Minute), ListN: 3}})
	put, _ := memory.Collect()
	rows := put
	for _, r := range w.rows {
		rows = append(rows, r)
	}
	restore := func(r profile.Row) error {
		okP, errP := New(w).Restore(r)
		okM, errM := NewMemory().Restore(r)
		if okP == okM {
			t.Fatalf("table %d is nobody's, or both's", r.Table)
		}
		return errors.Join(errP, errM)
	}
	tables := map[profile.Table]bool{}
	for _, r := range rows {
		if err := restore(r); err != nil || len(r.Key) > 32 {
			t.Fatal(err)
		}
		if tables[r.Table] {
			continue
		}
		tables[r.Table] = true
		for n := range r.Data {
			if restore(profile.Row{Table: r.Table, Key: r.Key, Data: r.Data[:n]}) == nil {
				t.Fatalf("table %d: %d bytes of %d are a row", r.Table, n, len(r.Data))
			}
		}
		if restore(profile.Row{Table: r.Table, Key: r.Key, Data: append(slices.Clone(r.Data), 0)}) == nil {
			t.Errorf("table %d: a byte more", r.Table)
		}
		if restore(profile.Row{Table: r.Table, Key: r.Key[:31], Data: r.Data}) == nil {
			t.Errorf("table %d: a key of 31", r.Table)
		}
		later := slices.Clone(r.Data)
		later[2] = 2
		if err := restore(profile.Row{Table: r.Table, Key: r.Key, Data: later}); !errors.Is(err, wire.ErrVersion) {
			t.Errorf("table %d of a later version: %v", r.Table, err)
		}
		later[2] = 0
		if err := restore(profile.Row{Table: r.Table, Key: r.Key, Data: later}); err == nil {
			t.Errorf("table %d of version 0", r.Table)
		}
	}
	if len(tables) != 3 {
		t.Errorf("%d tables", len(tables))
	}
	if ok, err := New(w).Restore(profile.Row{Table: profile.TableHome}); ok || err != nil {
		t.Error("a row of another table was taken")
	}
}

// TestSecretsAreNotPrinted: neither the address secret nor leases come out of a
// Publisher that somebody logs.
func TestSecretsAreNotPrinted(t *testing.T) {
	w := newWorld(t, 1)
	s := w.want.Secrets[0].Bytes()
	for _, form := range []string{"%v", "%+v", "%#v", "%x"} {
		out := fmt.Sprintf(form, w.want)
		if strings.Contains(out, fmt.Sprintf("%x", s)) || strings.Contains(out, fmt.Sprint(s)) || strings.Contains(out, string(s)) {
			t.Errorf("%s shows the address secret", form)
		}
	}
}

func FuzzRows(f *testing.F) {
	p := New(nil)
	p.homes[node(1)] = newHome()
	p.homes[node(1)].has[key.BlindedPublic{1}] = held{3, 4}
	r := &record{name: key.BlindedPublic{1}, day: 3, seq: 4, first: 5, last: 6, made: 7, bytes: make([]byte, 1024)}
	f.Add(uint8(TableRecord), r.row().Data)
	f.Add(uint8(TableHeld), p.homes[node(1)].row(node(1)).Data)
	f.Add(uint8(TableRead), wire.Marshal(readRow{1, 2, 3, [32]byte{4}}))
	f.Fuzz(func(t *testing.T, table uint8, data []byte) {
		name := node(1)
		row := profile.Row{Table: profile.Table(table), Key: name[:], Data: data}
		if r, err := parseRecord(row); err == nil && !bytes.Equal(r.row().Data, data) {
			t.Error("a record's row is written in another way than it was read")
		}
		if ok, err := New(nil).Restore(row); ok && err == nil && len(data) == 0 {
			t.Error("an empty row")
		}
		if ok, err := NewMemory().Restore(row); ok && err == nil && len(data) == 0 {
			t.Error("an empty row")
		}
	})
}

func BenchmarkTurn(b *testing.B) {
	w := newWorld(&testing.T{}, 5)
	b.ReportAllocs()
	for range b.N {
		w.p.Turn(w.now)
	}
}
