package network

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"zeroms/cmd/zeroms-lab/bench/meter"
)

// Row is one line of the table.
type Row struct {
	Work string `json:"work"`
	// Figure is what the aim is about, in Unit.
	Figure float64 `json:"figure"`
	Unit   string  `json:"unit"`
	// Aim is what the figure has to be, Met whether it is; a row without an aim says
	// what something costs.
	Aim string `json:"aim,omitempty"`
	Met *bool  `json:"met,omitempty"`
	// Count is how many of what the work does were measured.
	Count int `json:"count"`
	// P50 and P99 are of single ones.
	P50 *float64 `json:"p50_ms"`
	P99 *float64 `json:"p99_ms"`
	// Details are further figures, by names that begin with what they are about.
	Details map[string]float64 `json:"details,omitempty"`
	Note    string             `json:"note,omitempty"`
}

// below sets an aim that a figure has to stay below, in the unit of the row.
func (r *Row) below(most float64) *Row {
	met := r.Figure < most
	r.Aim, r.Met = "< "+text(most)+" "+r.Unit, &met
	return r
}

// atMost and atLeast set an aim that may be reached.
func (r *Row) atMost(most float64) *Row {
	met := r.Figure <= most
	r.Aim, r.Met = "<= "+text(most)+" "+r.Unit, &met
	return r
}

func (r *Row) atLeast(least float64) *Row {
	met := r.Figure >= least
	r.Aim, r.Met = ">= "+text(least)+" "+r.Unit, &met
	return r
}

func text(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// times fills in what samples say, which are sorted by it.
func (r *Row) times(samples []time.Duration) {
	p50, p99 := ms(meter.Quantile(samples, 0.5)), ms(meter.Quantile(samples, 0.99))
	r.Count, r.P50, r.P99 = len(samples), &p50, &p99
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// sink is where rows go.
type sink interface {
	begin() error
	row(r *Row) error
	machine(when string, m meter.Machine) error
}

// jsonSink writes a line of JSON for each row.
type jsonSink struct{ to io.Writer }

func (s jsonSink) begin() error { return nil }

func (s jsonSink) row(r *Row) error { return json.NewEncoder(s.to).Encode(r) }

// machine writes a line of another kind: its work is "machine".
func (s jsonSink) machine(when string, m meter.Machine) error {
	return json.NewEncoder(s.to).Encode(struct {
		Work string `json:"work"`
		When string `json:"when"`
		meter.Machine
	}{"machine", when, m})
}

// tableSink writes a table for people, or one of Markdown.
type tableSink struct {
	to       io.Writer
	markdown bool
}

// columns are the table's.
var columns = []struct {
	name  string
	width int
	cell  func(r *Row) string
}{
	{"work", -16, func(r *Row) string { return r.Work }},
	{"figure", 10, func(r *Row) string { return strconv.FormatFloat(r.Figure, 'f', digits(r.Figure), 64) }},
	{"unit", -16, func(r *Row) string { return r.Unit }},
	{"aim", -20, func(r *Row) string { return dot(r.Aim) }},
	{"met", -6, func(r *Row) string { return verdict(r.Met) }},
	{"count", 7, func(r *Row) string { return strconv.Itoa(r.Count) }},
	{"p50 ms", 8, func(r *Row) string { return number(r.P50) }},
	{"p99 ms", 8, func(r *Row) string { return number(r.P99) }},
}

func dot(s string) string {
	if s == "" {
		return "."
	}
	return s
}

func verdict(met *bool) string {
	switch {
	case met == nil:
		return "."
	case *met:
		return "met"
	}
	return "missed"
}

func digits(x float64) int {
	if x >= 1000 || x <= -1000 {
		return 0
	}
	return 2
}

func number(x *float64) string {
	if x == nil {
		return "."
	}
	return strconv.FormatFloat(*x, 'f', 2, 64)
}

func (s tableSink) begin() error {
	if err := s.line(func(i int) string { return columns[i].name }); err != nil || !s.markdown {
		return err
	}
	return s.line(func(i int) string {
		if columns[i].width < 0 {
			return "---"
		}
		return "---:"
	})
}

func (s tableSink) row(r *Row) error {
	if err := s.line(func(i int) string { return columns[i].cell(r) }); err != nil || s.markdown {
		return err
	}
	var more []string
	for _, name := range slices.Sorted(maps.Keys(r.Details)) {
		more = append(more, name+" "+strconv.FormatFloat(r.Details[name], 'f', digits(r.Details[name]), 64))
	}
	if len(more) > 0 {
		if err := s.say("%s: %s", r.Work, strings.Join(more, ", ")); err != nil {
			return err
		}
	}
	if r.Note == "" {
		return nil
	}
	return s.say("%s: %s", r.Work, r.Note)
}

func (s tableSink) line(cell func(i int) string) error {
	cells := make([]string, len(columns))
	for i := range columns {
		cells[i] = cell(i)
		if !s.markdown {
			cells[i] = fmt.Sprintf("%*s", columns[i].width, cells[i])
		}
	}
	line := strings.TrimRight(strings.Join(cells, "  "), " ")
	if s.markdown {
		line = "| " + strings.Join(cells, " | ") + " |"
	}
	_, err := fmt.Fprintln(s.to, line)
	return err
}

func (s tableSink) machine(when string, m meter.Machine) error {
	return s.say("this computer %s: speed %.2f (SHA-256 %.0f MB, copying %.1f GB, Ed25519 %.0f checks, loopback %.0f echoes for a CPU second)",
		when, m.Speed, m.SHA256, m.Copy, m.Verify, m.Echo)
}

func (s tableSink) say(format string, args ...any) error {
	prefix := "# "
	if s.markdown {
		prefix = "\n"
	}
	_, err := fmt.Fprintf(s.to, prefix+format+"\n", args...)
	return err
}
