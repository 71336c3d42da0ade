package netlab

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

func ms(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}

// report writes the figures, as a table or as one JSON object a line.
func (v *verdict) report(w io.Writer, asJSON bool) error {
	if asJSON {
		return v.writeJSON(w)
	}
	return v.table(w)
}

// row is one JSON object of the report. Its first field says which.
type row struct {
	Row string `json:"row"` // net, letters, failovers, returns, fault

	Gateways   int      `json:"gateways,omitempty"`
	Users      int      `json:"users,omitempty"`
	Seconds    float64  `json:"seconds,omitempty"`
	Seed       *uint64  `json:"seed,omitempty"`
	Namespaces *bool    `json:"namespaces,omitempty"`
	Letters    *int     `json:"letters,omitempty"`
	Lost       *int     `json:"lost,omitempty"`
	Doubled    *int     `json:"doubled,omitempty"`
	Disordered *int     `json:"disordered,omitempty"`
	Strange    *int     `json:"strange,omitempty"`
	Failed     *int     `json:"failed,omitempty"`
	Late       *int     `json:"late,omitempty"`
	LateOne    *int     `json:"late_one_home,omitempty"`
	Moved      *int     `json:"moves,omitempty"`
	Announced  *int     `json:"moves_known,omitempty"`
	Missed     []string `json:"missed,omitempty"`

	Class       class    `json:"class,omitempty"`
	CustodyP50  *float64 `json:"custody_ms_p50,omitempty"`
	CustodyP99  *float64 `json:"custody_ms_p99,omitempty"`
	CustodyMax  *float64 `json:"custody_ms_max,omitempty"`
	ReceivedP50 *float64 `json:"received_ms_p50,omitempty"`
	ReceivedP95 *float64 `json:"received_ms_p95,omitempty"`
	ReceivedP99 *float64 `json:"received_ms_p99,omitempty"`
	ReceivedMax *float64 `json:"received_ms_max,omitempty"`

	Kind kind    `json:"kind,omitempty"` // move: the person is in hit
	Hit  []int   `json:"hit,omitempty"`
	At   float64 `json:"at_s,omitempty"`
	For  float64 `json:"lasted_s,omitempty"`
}

func (v *verdict) writeJSON(w io.Writer) error {
	c := v.config
	rows := []row{{
		Row: "net", Gateways: c.Gateways, Users: c.Users, Seconds: c.Lasts.Seconds(), Seed: &c.Seed, Namespaces: &c.Isolated, Letters: &v.letters,
		Lost: &v.lost, Doubled: &v.doubled, Disordered: &v.disordered, Strange: &v.strange, Failed: &v.failed, Late: &v.late, LateOne: &v.lateOne,
		Moved: &v.moved, Announced: &v.announced, Missed: v.missed(),
	}}
	for _, k := range classes {
		r := row{Row: "letters", Class: k}
		r.times(v.received[k])
		if s := v.custody[k]; s.Count > 0 {
			p50, p99, most := ms(s.P50), ms(s.P99), ms(s.Most)
			r.CustodyP50, r.CustodyP99, r.CustodyMax = &p50, &p99, &most
		}
		rows = append(rows, r)
	}
	failovers, returns := row{Row: "failovers"}, row{Row: "returns"}
	failovers.times(v.failovers)
	returns.times(v.returns)
	rows = append(rows, failovers, returns)
	for _, o := range v.outages {
		hit := o.gateways
		if o.kind == moves {
			hit = []int{o.person}
		}
		rows = append(rows, row{Row: "fault", Kind: o.kind, Hit: hit, At: o.at.Seconds(), For: o.ended.Sub(o.began).Seconds()})
	}
	to := json.NewEncoder(w)
	for _, r := range rows {
		if err := to.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// times sets the times until letters were received.
func (r *row) times(s spread) {
	r.Letters = &s.Count
	if s.Count > 0 {
		p50, p95, p99, most := ms(s.P50), ms(s.P95), ms(s.P99), ms(s.Most)
		r.ReceivedP50, r.ReceivedP95, r.ReceivedP99, r.ReceivedMax = &p50, &p95, &p99, &most
	}
}

func (v *verdict) table(w io.Writer) error {
	many := map[kind]int{}
	for _, o := range v.outages {
		many[o.kind]++
	}
	fmt.Fprintf(w, "\n%d gateways, %d people, %.0f s, seed %d: %d letters, %d lost, %d doubled, %d out of order, %d failed; %d took their place after a later one (%d at people with one home)\n",
		v.config.Gateways, v.config.Users, v.config.Lasts.Seconds(), v.config.Seed, v.letters, v.lost, v.doubled, v.disordered, v.failed, v.late, v.lateOne)
	fmt.Fprintf(w, "faults: %d killed, %d drained, %d cut off, %d splits; %d people moved; of %d of them every contact knows it\n\n",
		many[killed], many[drains], many[cutOff], many[halves], v.moved, v.announced)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "while a letter was under way\tletters\tcustody p50\tp99\tmax\treceived p50\tp95\tp99\tmax\tms\t")
	line := func(what string, custody, received spread) {
		fmt.Fprintf(t, "%s\t%d", what, received.Count)
		for _, d := range []time.Duration{custody.P50, custody.P99, custody.Most, received.P50, received.P95, received.P99, received.Most} {
			if d == 0 {
				fmt.Fprint(t, "\t-")
				continue
			}
			fmt.Fprintf(t, "\t%.1f", ms(d))
		}
		fmt.Fprintln(t, "\t\t")
	}
	for _, k := range classes {
		line(string(k), v.custody[k], v.received[k])
	}
	line("failover: the first letter", spread{}, v.failovers)
	line("after the end of an outage", spread{}, v.returns)
	if err := t.Flush(); err != nil {
		return err
	}
	for _, m := range v.missed() {
		fmt.Fprintf(w, "MISSED: %s\n", m)
	}
	return nil
}
