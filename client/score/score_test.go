package score_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"zeroms/client/score"
	"zeroms/protocol/key"
)

func start() time.Time { return time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC) }

func gw(n byte) key.GatewayHash { return key.GatewayHash{n} }

const month = 30 * 24 * time.Hour

// TestOrderFollowsMeasurements: who answers faster comes first, a steady one before an unsteady one of the same mean, an
// unknown one between good and bad.
func TestOrderFollowsMeasurements(t *testing.T) {
	table := score.New()
	for i := range 20 {
		now := start().Add(time.Duration(i) * time.Second)
		table.Took(gw(1), score.Custody, 20*time.Millisecond, now)
		table.Took(gw(2), score.Custody, 100*time.Millisecond, now)
		table.Took(gw(3), score.Custody, time.Duration(10+180*(i%2))*time.Millisecond, now)
		table.Took(gw(5), score.Custody, 2*time.Second, now)
	}
	now := start().Add(20 * time.Second)
	all := []key.GatewayHash{gw(5), gw(4), gw(3), gw(2), gw(1)}
	if got, want := table.Order(all, score.Custody, now), []key.GatewayHash{gw(1), gw(2), gw(4), gw(3), gw(5)}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
	if got := table.Order(all, score.Connect, now); !slices.Equal(got, all) {
		t.Errorf("what was never measured is ordered: %v", got)
	}
	if !slices.Equal(all, []key.GatewayHash{gw(5), gw(4), gw(3), gw(2), gw(1)}) {
		t.Error("the caller's list was changed")
	}
}

// TestMeasurementsFade: an old measurement says less and less.
func TestMeasurementsFade(t *testing.T) {
	table := score.New()
	unknown := table.Cost(gw(9), score.Forward, start())
	table.Took(gw(1), score.Forward, 10*time.Millisecond, start())
	table.Took(gw(2), score.Forward, 3*time.Second, start())
	last := [2]time.Duration{table.Cost(gw(1), score.Forward, start()), table.Cost(gw(2), score.Forward, start())}
	if last[0] != 10*time.Millisecond || last[1] != 3*time.Second {
		t.Fatalf("a single measurement is %v", last)
	}
	for day := 1; day < 10; day++ {
		now := start().AddDate(0, 0, day)
		got := [2]time.Duration{table.Cost(gw(1), score.Forward, now), table.Cost(gw(2), score.Forward, now)}
		if got[0] <= last[0] || got[0] >= unknown || got[1] >= last[1] || got[1] <= unknown {
			t.Fatalf("after %d days: %v, before %v", day, got, last)
		}
		last = got
	}
	if early := table.Cost(gw(1), score.Forward, start().Add(-time.Hour)); early != 10*time.Millisecond {
		t.Errorf("a clock that was set back: %v", early)
	}
}

// TestTroubles: each trouble costs, a lie the most and for longest; light ones are forgiven by what works.
func TestTroubles(t *testing.T) {
	cost := func(what score.Trouble, n int, after time.Duration) time.Duration {
		table := score.New()
		for range n {
			table.Trouble(gw(1), what, start())
		}
		return table.Cost(gw(1), score.Custody, start().Add(after))
	}
	clean := score.New().Cost(gw(1), score.Custody, start())
	order := []score.Trouble{score.Refused, score.Unreachable, score.Lied}
	for i, what := range order {
		twice := cost(what, 2, 0) > cost(what, 1, 0)
		if cost(what, 1, 0) <= clean || twice != (what != score.Unreachable) || i > 0 && cost(what, 1, 0) <= cost(order[i-1], 1, 0) {
			t.Errorf("trouble %d costs %v, twice %v", what, cost(what, 1, 0), cost(what, 2, 0))
		}
	}
	if cost(score.Silent, 1, 10*time.Hour)-clean > 2*time.Millisecond {
		t.Error("silence is remembered for ten hours")
	}
	if cost(score.Lied, 1, 10*time.Hour)-clean < 50*time.Second {
		t.Error("a lie is forgotten within ten hours")
	}
	if cost(score.Refused, 100000, 0)-clean > 2*time.Second || cost(score.Silent, 100000, 0)-clean > time.Second {
		t.Error("troubles add up without a bound")
	}
	table := score.New()
	for _, what := range []score.Trouble{score.Silent, score.Silent, score.Lied} {
		table.Trouble(gw(1), what, start())
	}
	for range 10 {
		table.Took(gw(1), score.Custody, 20*time.Millisecond, start())
	}
	s := table.Summary(gw(1), start())
	if s.Silent > 0.01 || s.Lied != 1 || s.Custody != 20*time.Millisecond || s.Connect != 0 || s.Points > 5 {
		t.Errorf("summary %+v", s)
	}
	table.Took(gw(1), 77, time.Second, start())
	table.Trouble(gw(1), 77, start())
	if got := table.Cost(gw(1), 77, start()); got != clean {
		t.Errorf("a kind that is none: %v", got)
	}
}

// TestPoints: they fall with the waiting time.
func TestPoints(t *testing.T) {
	last := 101
	for _, ms := range []int{1, 50, 500, 5000, 60000} {
		table := score.New()
		table.Took(gw(1), score.Connect, time.Duration(ms)*time.Millisecond, start())
		table.Took(gw(1), score.Custody, time.Duration(ms)*time.Millisecond, start())
		got := table.Summary(gw(1), start()).Points
		if got >= last || got < 0 || ms == 500 && got != 50 || ms == 1 && got != 100 {
			t.Errorf("%d ms: %d points after %d", ms, got, last)
		}
		last = got
	}
}

// TestRank: all candidates, each in its place beside the homes that there are.
func TestRank(t *testing.T) {
	table := score.New()
	for n, ms := range map[byte]int{1: 10, 2: 12, 3: 90, 4: 2000} {
		for range 5 {
			table.Took(gw(n), score.Connect, time.Duration(ms)*time.Millisecond, start())
			table.Took(gw(n), score.Custody, time.Duration(ms)*time.Millisecond, start())
		}
	}
	of := func(n byte, group string) score.Candidate {
		return score.Candidate{Gateway: gw(n), Group: group, Retention: month}
	}
	all := []score.Candidate{of(4, "d"), of(2, "a"), of(3, "c"), of(1, "a")}
	for name, c := range map[string]struct {
		homes []score.Candidate
		want  []key.GatewayHash
	}{
		"no homes":                {nil, []key.GatewayHash{gw(1), gw(3), gw(2), gw(4)}},
		"a home in the group":     {[]score.Candidate{of(9, "a")}, []key.GatewayHash{gw(3), gw(1), gw(2), gw(4)}},
		"a home in another group": {[]score.Candidate{of(9, "c"), of(8, "")}, []key.GatewayHash{gw(1), gw(2), gw(3), gw(4)}},
	} {
		if got := table.Rank(all, c.homes, start()); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if got := table.Rank(nil, nil, start()); len(got) != 0 {
		t.Error(got)
	}
}

// TestRankPrefers: fast ones, far from each other, that keep long.
func TestRankPrefers(t *testing.T) {
	table := score.New()
	took := func(n byte, ms int) {
		for range 5 {
			table.Took(gw(n), score.Connect, time.Duration(ms)*time.Millisecond, start())
			table.Took(gw(n), score.Custody, time.Duration(ms)*time.Millisecond, start())
		}
	}
	for n, ms := range map[byte]int{1: 10, 2: 12, 3: 40, 4: 500, 5: 14, 6: 30} {
		took(n, ms)
	}
	table.Trouble(gw(5), score.Lied, start())
	of := func(n byte, group string) score.Candidate {
		return score.Candidate{Gateway: gw(n), Group: group, Retention: month}
	}
	short := of(6, "d")
	short.Retention = month / 30
	for name, c := range map[string]struct {
		from []score.Candidate
		n    int
		want []key.GatewayHash
	}{
		"nobody":            {nil, 3, nil},
		"the only one":      {[]score.Candidate{of(5, "x")}, 3, []key.GatewayHash{gw(5)}},
		"the fastest":       {[]score.Candidate{of(4, "d"), of(2, "b"), of(1, "a")}, 2, []key.GatewayHash{gw(1), gw(2)}},
		"spread":            {[]score.Candidate{of(1, "a"), of(2, "a"), of(3, "c")}, 2, []key.GatewayHash{gw(1), gw(3)}},
		"unknown places":    {[]score.Candidate{of(1, ""), of(2, ""), of(3, "c")}, 2, []key.GatewayHash{gw(1), gw(2)}},
		"one group only":    {[]score.Candidate{of(1, "a"), of(2, "a")}, 2, []key.GatewayHash{gw(1), gw(2)}},
		"no liar":           {[]score.Candidate{of(5, "e"), of(4, "d")}, 1, []key.GatewayHash{gw(4)}},
		"retention":         {[]score.Candidate{short, of(3, "c")}, 1, []key.GatewayHash{gw(3)}},
		"the same one once": {[]score.Candidate{of(1, "a"), of(1, "a"), of(2, "b")}, 3, []key.GatewayHash{gw(1), gw(2)}},
	} {
		got := table.Rank(c.from, nil, start())
		if got = got[:min(len(got), c.n)]; !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestRows: what is kept comes back, and nothing kept makes a cost that is no number.
func TestRows(t *testing.T) {
	table := score.New()
	for n := range byte(9) {
		table.Took(gw(n), score.Kind(n%3), time.Duration(n)*time.Millisecond, start())
		table.Trouble(gw(n), score.Trouble(n%4), start().Add(time.Minute))
	}
	again := score.New()
	for _, r := range table.Rows() {
		again.Restore(r)
	}
	later := start().Add(3 * time.Hour)
	for n := range byte(9) {
		if table.Summary(gw(n), later) != again.Summary(gw(n), later) {
			t.Errorf("gateway %d changed", n)
		}
	}
	if !slices.Equal(table.Rows(), again.Rows()) {
		t.Error("the rows changed")
	}
	bad := table.Rows()[0]
	for i := range bad.Took {
		bad.Took[i].Mean, bad.Took[i].Deviation = -time.Hour, -time.Hour
	}
	for i := range bad.Wrong {
		bad.Wrong[i].N = -7
	}
	bad.Wrong[0].N = 1e300
	again.Restore(bad)
	if got := again.Cost(bad.Gateway, score.Connect, later); got < 0 || got > time.Hour {
		t.Errorf("a damaged row costs %v", got)
	}
}

// TestBounded: the table holds so many gateways, those used last, and many goroutines may use it.
func TestBounded(t *testing.T) {
	table := score.New()
	var all sync.WaitGroup
	for worker := range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := range 1100 {
				g := key.GatewayHash{byte(worker), byte(n), byte(n >> 8)}
				table.Took(g, score.Custody, time.Millisecond, start().Add(time.Duration(n)))
				table.Cost(g, score.Custody, start())
			}
		}()
	}
	all.Wait()
	if n := len(table.Rows()); n != 4096 {
		t.Errorf("%d gateways are kept", n)
	}
	last := key.GatewayHash{0xff}
	table.Took(last, score.Custody, time.Millisecond, start().Add(time.Hour))
	if s := table.Summary(last, start().Add(time.Hour)); s.Custody != time.Millisecond || len(table.Rows()) != 4096 {
		t.Error("the newest one is not kept")
	}
}

// steady is a table in which gateways answer in 20 ms.
func steady(gateways ...byte) *score.Table {
	table := score.New()
	for _, g := range gateways {
		for range 5 {
			table.Took(gw(g), score.Connect, 20*time.Millisecond, start())
			table.Took(gw(g), score.Custody, 20*time.Millisecond, start())
		}
	}
	return table
}

// TestOutageIsOneTrouble: however often it is tried, and whatever it is that fails; it is forgotten within two minutes of
// the first answer, by three messages sooner, and several of them have a bound.
func TestOutageIsOneTrouble(t *testing.T) {
	table := steady(1)
	points := func(after time.Duration) int { return table.Summary(gw(1), start().Add(after)).Points }
	before := points(0)
	outage := func(from time.Duration) (end time.Duration) {
		for n := range 9 {
			end = from + time.Duration(n*n)*time.Second
			table.Trouble(gw(1), []score.Trouble{score.Unreachable, score.Silent}[n%2], start().Add(end))
		}
		return end
	}
	end := outage(time.Minute)
	if s := table.Summary(gw(1), start().Add(end)); s.Unreachable != 1 || s.Silent != 0 || !table.Failing(gw(1), start().Add(end)) {
		t.Errorf("an outage counts %+v", s)
	}
	if table.Failing(gw(1), start().Add(end+3*time.Hour)) {
		t.Error("it is never tried again")
	}
	table.Took(gw(1), score.Connect, 20*time.Millisecond, start().Add(end))
	if table.Failing(gw(1), start().Add(end)) || points(end) >= before {
		t.Error("an outage leaves nothing, or does not end with an answer")
	}
	if got := points(end + 2*time.Minute); got < before*8/10 {
		t.Errorf("%d points two minutes later, %d before", got, before)
	}
	for range 3 {
		table.Took(gw(1), score.Custody, 20*time.Millisecond, start().Add(end))
	}
	if got := points(end); got < before*6/10 {
		t.Errorf("%d points after three messages, %d before", got, before)
	}
	for range 100 {
		end = outage(end)
		table.Took(gw(1), score.Connect, 20*time.Millisecond, start().Add(end))
	}
	if got := table.Cost(gw(1), score.Connect, start().Add(end)); got > 5*time.Second {
		t.Errorf("a hundred outages cost %v", got)
	}
	table.Took(gw(1), score.Connect, 20*time.Millisecond, start().Add(end+10*time.Minute))
	if got := points(end + 10*time.Minute); got < before*9/10 {
		t.Errorf("%d points in the end, %d before", got, before)
	}
}

// TestFailingComesLast: behind a slow one that answers, until it answers itself, also over a restart.
func TestFailingComesLast(t *testing.T) {
	table := steady(1)
	for range 20 {
		table.Took(gw(2), score.Custody, 5*time.Second, start())
	}
	now := start().Add(time.Minute)
	both := []key.GatewayHash{gw(1), gw(2)}
	first := func() key.GatewayHash { return table.Order(both, score.Custody, now)[0] }
	if first() != gw(1) {
		t.Fatal("the slow one is first")
	}
	table.Trouble(gw(1), score.Silent, now)
	if first() != gw(2) {
		t.Error("a silent one is first")
	}
	again := score.New()
	for _, r := range table.Rows() {
		again.Restore(r)
	}
	if table = again; first() != gw(2) || !table.Failing(gw(1), now) {
		t.Error("it is first after a restart")
	}
	table.Back(gw(1), now)
	table.Back(gw(9), now)
	if now = now.Add(time.Second); first() != gw(1) {
		t.Error("it stays behind")
	}
	if at := table.Answered(gw(2)); !at.Equal(start()) || !table.Answered(gw(9)).IsZero() {
		t.Errorf("answered at %v", at)
	}
}
