package delivery

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"zeroms/protocol/message"
)

const document = "../../docs/protocol/delivery.md"

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

var units = map[string]time.Duration{"s": time.Second, "min": time.Minute, "h": time.Hour, "days": day}

// TestDocumentedTiming: the document's intervals are RepairTiming's defaults, all of them and no others.
func TestDocumentedTiming(t *testing.T) {
	documented := map[string]time.Duration{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\w+) \| (\d+) (\w+) \| .+ \|$`).FindAllStringSubmatch(section(t, "Timing"), -1) {
		n, err := strconv.Atoi(m[2])
		if _, twice := documented[m[1]]; err != nil || units[m[3]] == 0 || twice {
			t.Errorf("the row of %s: %s %s", m[1], m[2], m[3])
		}
		documented[m[1]] = time.Duration(n) * units[m[3]]
	}
	v := reflect.ValueOf(RepairTiming{}.Default())
	for i := range v.NumField() {
		name, want := v.Type().Field(i).Name, time.Duration(v.Field(i).Int())
		if got, ok := documented[name]; !ok || got != want {
			t.Errorf("%s is %v, and %v in the document (there: %v)", name, want, got, ok)
		}
		delete(documented, name)
	}
	for name := range documented {
		t.Errorf("the document has an interval %s that the code does not have", name)
	}
}

// TestDocumentedNames: every interval that the text names exists, here or in client.md.
func TestDocumentedNames(t *testing.T) {
	b, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"CamelCase": true, "Repair": true, "Resync": true, "AnswerBudget": true, "HeadsAlone": true, "Copy": true, "Acks": true, "Outbox": true}
	for _, timing := range []any{RepairTiming{}, Timing{}} {
		for i := range reflect.TypeOf(timing).NumField() {
			known[reflect.TypeOf(timing).Field(i).Name] = true
		}
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("`([A-Z][a-z]+[A-Za-z]*)`|\\b((?:Ack|Silent|Retry)[A-Z][a-z]+)\\b").FindAllStringSubmatch(string(b), -1) {
		named[m[1]+m[2]] = true
	}
	for name := range named {
		if !known[name] {
			t.Errorf("the document names an interval %s that does not exist", name)
		}
	}
	for i := range reflect.TypeOf(RepairTiming{}).NumField() {
		if name := reflect.TypeOf(RepairTiming{}).Field(i).Name; !named[name] {
			t.Errorf("no rule of the document uses %s", name)
		}
	}
}

// TestDocumentedLimits: the document's numbers are the code's.
func TestDocumentedLimits(t *testing.T) {
	text, limits := section(t, "Limits"), map[string]int{
		"ranges in one NACK or LATER":                           message.MaxWants,
		"messages in one NACK or LATER":                         message.MaxWanted,
		"ranges in one GONE":                                    message.MaxBridges,
		"NACKs in vain before siblings are asked":               SiblingsAfter,
		"NACKs in custody that brought nothing before a resync": UnansweredAfter,
		"resyncs of a pair of devices in a day":                 ResyncsPerDay,
		"bytes of answers for a person in an hour":              AnswersPerHour,
		"bytes of answers for a person in a day":                AnswersPerDay,
		"ranges of a chain told apart, beyond its gaps":         MaxPieces,
		"ranges of a conversation shown as lost":                MaxLost,
	}
	for what, n := range limits {
		if row := fmt.Sprintf("\n| %s | %d |\n", what, n); !strings.Contains(text, row) {
			t.Errorf("the document lacks the row %q", strings.TrimSpace(row))
		}
	}
	if rows := len(regexp.MustCompile(`(?m)^\| .+ \| \d+ \|$`).FindAllString(text, -1)); rows != len(limits) {
		t.Errorf("the document has %d limits, %d of them are checked", rows, len(limits))
	}
	if time.Duration(message.MaxAfter)*time.Second != (RepairTiming{}).Default().LaterMax {
		t.Error("the longest LATER is not the one that is obeyed")
	}
}

// TestDocumentedExample plays the document's table.
func TestDocumentedExample(t *testing.T) {
	_, table, found := strings.Cut(section(t, "Example"), "<!-- played by the tests -->\n")
	table, _, ended := strings.Cut(table, "<!-- end -->")
	if !found || !ended {
		t.Fatal("the document has no table to play")
	}
	var rounds []round
	for _, row := range strings.Split(strings.TrimSpace(table), "\n")[2:] {
		cells := strings.Split(row, "|")
		if len(cells) != 5 {
			t.Fatalf("row %q", row)
		}
		rounds = append(rounds, round{at: strings.TrimSpace(cells[1]), do: strings.TrimSpace(cells[2]), asks: strings.TrimSpace(cells[3])})
	}
	s := script{t: RepairTiming{}.Default(), devices: "ab"}
	s.run(t, rounds)
	if len(s.r.States()) != 0 || len(rounds) < 10 {
		t.Errorf("%d rounds, and left is %s", len(rounds), missingText(s.r.States()))
	}
}
