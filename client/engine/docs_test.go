package engine

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"zeroms/client/account"
	"zeroms/client/delivery"
	"zeroms/client/home"
	"zeroms/protocol/card"
)

const document = "../../docs/protocol/client.md"

// section is the text below a heading of the document.
func section(t *testing.T, heading string) string {
	t.Helper()
	b, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(b), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %q", document, heading)
	}
	text, _, _ := strings.Cut(after, "\n## ")
	return text
}

var units = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "min": time.Minute, "h": time.Hour, "days": 24 * time.Hour,
}

// intervals are the rows "| Name | 3 units | meaning |" of a text.
func intervals(t *testing.T, text string) map[string]time.Duration {
	t.Helper()
	out := map[string]time.Duration{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\w+) \| (\d+) (\w+) \| .+ \|$`).FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(m[2])
		unit, known := units[m[3]]
		if _, twice := out[m[1]]; err != nil || !known || twice {
			t.Errorf("the row of %s: %s %s, twice: %v", m[1], m[2], m[3], twice)
		}
		out[m[1]] = time.Duration(n) * unit
	}
	return out
}

// TestDocumentedTiming: the document's intervals are the defaults of the code, all of them and no others.
func TestDocumentedTiming(t *testing.T) {
	documented := intervals(t, section(t, "Timing"))
	for _, timing := range []any{delivery.Timing{}.Default(), home.Timing{}.Default()} {
		v := reflect.ValueOf(timing)
		for i := range v.NumField() {
			name, want := v.Type().Field(i).Name, time.Duration(v.Field(i).Int())
			if got, ok := documented[name]; !ok || got != want {
				t.Errorf("%s is %v in %T and %v in the document (there: %v)", name, want, timing, got, ok)
			}
			delete(documented, name)
		}
	}
	for name := range documented {
		t.Errorf("the document has an interval %s that the code does not have", name)
	}
}

// TestDocumentedLimits: the document's numbers are the code's.
func TestDocumentedLimits(t *testing.T) {
	text := section(t, "Limits")
	for what, n := range map[string]int{
		"home gateways":                        account.MaxHomes,
		"gateways shown on a card":             card.MaxGateways,
		"strangers that wait for a decision":   maxRequests,
		"of them through one card":             maxPerCard,
		"messages of a stranger kept":          maxUndecided,
		"items of a device without custody":    delivery.WindowDrop,
		"envelopes of a session at a door":     delivery.WindowDoor,
		"deep searches for a contact, an hour": delivery.BudgetPerHour,
		"envelopes remembered, days":           int(seenDays),
		"inputs of one commit":                 MaxInputs,
	} {
		if row := fmt.Sprintf("\n| %s | %d |\n", what, n); !strings.Contains(text, row) {
			t.Errorf("the document lacks the row %q", strings.TrimSpace(row))
		}
	}
	if rows := len(regexp.MustCompile(`(?m)^\| .+ \| \d+ \|$`).FindAllString(text, -1)); rows != 10 {
		t.Errorf("the document has %d limits, 10 of them are checked", rows)
	}
}
