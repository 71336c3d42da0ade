package ui

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"zeroms/cmd/zeroms-lab/bench/meter"
)

// budget is one of the app's budgets.
type budget struct {
	name   string // in JSON
	what   string // for people
	unit   string
	most   float64 // 0: it is shown beside the others and has no bound
	source string  // where the figure comes from: a name in the trace, or /proc
}

// budgets are those that are measured, in their order.
var budgets = []budget{
	{"start", "window usable, cold", "ms", 1500, "start"},
	{"open", "open a conversation", "ms", 100, "open"},
	{"key", "key press to glyph", "ms", 50, "key"},
	{"scroll", "scroll update", "ms", 16, "scroll"},
	{"jump", "jump anywhere", "ms", 100, "jump"},
	{"send", "send click to \"in custody\"", "ms", 20, "send"},
	{"custody", "of that, the engine's part", "ms", 0, "zms"},
	{"memory", "resident memory", "MB", 250, "/proc"},
	{"idle", "CPU, idle without the focus", "%", 1, "/proc"},
}

// figure is what was measured of a budget. P95 is what counts.
type figure struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	N      int     `json:"n"`
	P50    float64 `json:"p50"`
	P95    float64 `json:"p95"`
	Max    float64 `json:"max"`
	Budget float64 `json:"budget"`
	Met    bool    `json:"met"`

	what string
}

// measured is the figure of samples in the budget's unit; without any it is missed.
func (b budget) measured(samples []float64) figure {
	f := figure{Name: b.name, Unit: b.unit, N: len(samples), Budget: b.most, what: b.what}
	if len(samples) == 0 {
		f.Met = b.most == 0
		return f
	}
	units := make([]time.Duration, len(samples)) // in thousandths
	for i, v := range samples {
		units[i] = time.Duration(v * 1000)
	}
	at := func(q float64) float64 { return float64(meter.Quantile(units, q)) / 1000 }
	f.P50, f.P95, f.Max = at(0.5), at(0.95), at(1)
	f.Met = b.most == 0 || f.P95 <= b.most
	return f
}

// budgetOf is the budget of a name.
func budgetOf(name string) budget {
	for _, b := range budgets {
		if b.name == name {
			return b
		}
	}
	return budget{name: name, what: name}
}

// sink takes figures as they come.
type sink interface {
	begin() error
	put(figure) error
}

// tableSink prints a table for people, or one of Markdown.
type tableSink struct {
	to       io.Writer
	markdown bool
}

func (s tableSink) begin() (err error) {
	if s.markdown {
		_, err = fmt.Fprint(s.to, "| | p50 | p95 | most | budget | samples |\n|---|---:|---:|---:|---:|---:|\n")
	} else {
		_, err = fmt.Fprintf(s.to, "%-30s %12s %12s %12s %14s %8s\n", "", "p50", "p95", "most", "budget", "samples")
	}
	return err
}

func (s tableSink) put(f figure) (err error) {
	value := func(v float64) string {
		if f.N == 0 {
			return "-"
		}
		return fmt.Sprintf("%.*f %s", digits(v), v, f.Unit)
	}
	limit := "-"
	if f.Budget > 0 {
		limit = fmt.Sprintf("<= %g %s", f.Budget, f.Unit)
	}
	if s.markdown {
		if !f.Met {
			limit += " **missed**"
		}
		_, err = fmt.Fprintf(s.to, "| %s | %s | %s | %s | %s | %d |\n", f.what, value(f.P50), value(f.P95), value(f.Max), limit, f.N)
		return err
	}
	verdict := ""
	if !f.Met {
		verdict = "  MISSED"
	}
	_, err = fmt.Fprintf(s.to, "%-30s %12s %12s %12s %14s %8d%s\n", f.what, value(f.P50), value(f.P95), value(f.Max), limit, f.N, verdict)
	return err
}

// digits is how many digits a value is shown with behind the point.
func digits(v float64) int {
	switch {
	case v < 10:
		return 2
	case v < 100:
		return 1
	}
	return 0
}

// jsonSink prints one object a line.
type jsonSink struct{ to io.Writer }

func (jsonSink) begin() error { return nil }

func (s jsonSink) put(f figure) error {
	b, err := json.Marshal(f)
	if err == nil {
		_, err = s.to.Write(append(b, '\n'))
	}
	return err
}
