package report

import (
	"strings"
	"testing"
	"time"

	"zeroms/cmd/zms/control"
)

func TestCardsOfARenewedAddress(t *testing.T) {
	for want, c := range map[string]control.Card{
		"works":                             {},
		"works, public":                     {Public: true},
		"revoked":                           {Revoked: true},
		"works no more":                     {Revoked: true, Former: true},
		"stops working " + Moment(someTime): {Former: true, Ends: someTime},
	} {
		c.ID = "00112233"
		if got := Card(&c); !strings.HasPrefix(got, "00112233  made ") || !strings.Contains(got, "  "+want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestRenewals(t *testing.T) {
	cards := []control.Card{{ID: "0011", Created: someTime}, {ID: "2233", Created: someTime}}
	for name, c := range map[string]struct {
		row    control.Renewal
		has    []string
		hasNot []string
	}{
		"plan":    {control.Renewal{Contacts: 1, Cards: cards}, []string{"will be new, and 1 contact will", "stop working:\n  0011  made", "2233"}, []string{"public", "new card"}},
		"overlap": {control.Renewal{Done: true, Since: someTime, Ends: someTime.Add(time.Hour), Untold: 2, Public: true, Card: &control.Card{ID: "4455", Text: "ZMS:X"}}, []string{"2 contacts have not", Moment(someTime.Add(time.Hour)), "public card", "4455", "\nZMS:X\n"}, []string{"stop working"}},
		"over":    {control.Renewal{Done: true, Cards: cards}, []string{"works no more", "stop working"}, []string{"at the latest"}},
	} {
		got := Renewal(&c.row)
		for _, text := range c.has {
			if !strings.Contains(got, text) {
				t.Errorf("%s: %q lacks %q", name, got, text)
			}
		}
		for _, text := range c.hasNot {
			if strings.Contains(got, text) {
				t.Errorf("%s: %q has %q", name, got, text)
			}
		}
	}
}

func TestStatusWarnsBeforeRecordsRunOut(t *testing.T) {
	for want, r := range map[string]*control.Records{
		"":                          nil,
		" ":                         {Days: 30},
		"  ":                        {Days: -1},
		"for only 10 days more. St": {Days: 10, Low: true},
		"for only 1 day more: full": {Days: 1, Low: true, Problem: "full"},
		"is not published here: it": {Days: -1, Problem: "it has no network"},
	} {
		var b strings.Builder
		s := &control.Status{Gateways: []control.Gateway{{Host: "gw", Records: r}}}
		if err := Status(&b, s); err != nil {
			t.Fatal(err)
		}
		want = strings.TrimSpace(want)
		if got := b.String(); want != "" && !strings.Contains(got, want) || want == "" && (strings.Contains(got, "RUNS OUT") || strings.Contains(got, "not published")) {
			t.Errorf("%+v: %q", r, got)
		}
	}
	for untold, want := range map[int]string{1: "1 contact has not", 3: "3 contacts have not"} {
		var b strings.Builder
		s := &control.Status{Renewal: &control.Renewal{Since: someTime, Ends: someTime, Untold: untold}}
		if err := Status(&b, s); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%q: %v", b.String(), err)
		}
	}
}
