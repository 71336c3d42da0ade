package dht

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// Row is one line of the table. What a row does not measure is null.
type Row struct {
	Nodes          int      `json:"nodes"`
	Algorithm      string   `json:"algorithm"`
	Colluders      float64  `json:"colluders"`
	Stale          float64  `json:"stale"`
	Leave          float64  `json:"leave"`
	Sybils         int      `json:"sybils"`
	Keys           int      `json:"keys"`
	GetSuccess     *float64 `json:"get_success"`
	GetMessages    *float64 `json:"get_messages_mean"`
	GetRoundsP99   *int     `json:"get_rounds_p99"`
	GetMsP50       *float64 `json:"get_ms_p50"`
	GetMsP99       *float64 `json:"get_ms_p99"`
	StoreContacts  *float64 `json:"store_contacts_mean"`
	ContactsToFour *float64 `json:"contacts_to_4_acks_mean"`
	LookupsPerS    *float64 `json:"lookups_per_s"`
	BytesPerNode   *int     `json:"bytes_per_node"`
}

// names of the algorithms in rows.
const (
	ours    = "zeroms"
	classic = "classic"
)

// row makes a line of what a scenario brought.
func (s Scenario) row(o *outcome) Row {
	r := Row{
		Nodes: s.Nodes, Algorithm: ours, Colluders: s.Colluders, Stale: s.Stale, Leave: s.Leave,
		Sybils: s.Sybils, Keys: s.Keys,
	}
	if s.Classic {
		r.Algorithm = classic
	}
	if len(o.gets) > 0 {
		right := mean(o.gets, func(g got) float64 {
			if g.right {
				return 1
			}
			return 0
		})
		ms := func(g got) time.Duration { return g.took }
		r.GetSuccess = round(right, 5)
		r.GetMessages = round(mean(o.gets, func(g got) float64 { return float64(g.Messages) }), 2)
		rounds := percentile(o.gets, 0.99, func(g got) int { return g.Rounds })
		r.GetRoundsP99 = &rounds
		r.GetMsP50 = round(float64(percentile(o.gets, 0.5, ms))/1e6, 1)
		r.GetMsP99 = round(float64(percentile(o.gets, 0.99, ms))/1e6, 1)
	}
	if len(o.stores) > 0 {
		r.StoreContacts = round(mean(o.stores, func(s stored) float64 { return float64(s.Contacts) }), 2)
		r.ContactsToFour = round(mean(o.stores, func(s stored) float64 { return float64(s.toFour()) }), 2)
	}
	return r
}

// toFour is how many gateways a store asked until four held the record; all, if
// four never did.
func (s stored) toFour() int {
	if s.ToFour == 0 {
		return s.Contacts
	}
	return s.ToFour
}

func round(x float64, digits int) *float64 {
	scale := math.Pow(10, float64(digits))
	x = math.Round(x*scale) / scale
	return &x
}

// printer writes rows: JSON, one a line, or columns for people.
type printer struct {
	out  io.Writer
	json bool
	head bool
}

// columns of the table for people, with their widths.
var columns = []string{"nodes", "algorithm", "scenario", "success", "messages", "rounds p99", "ms p50", "ms p99", "store", "to 4", "lookups/s", "bytes/node"}

func (p *printer) row(name string, r Row) error {
	if p.json {
		return json.NewEncoder(p.out).Encode(r)
	}
	cells := []string{
		strconv.Itoa(r.Nodes), r.Algorithm, name, percent(r.GetSuccess), number(r.GetMessages, 2), whole(r.GetRoundsP99),
		number(r.GetMsP50, 0), number(r.GetMsP99, 0), number(r.StoreContacts, 1), number(r.ContactsToFour, 1),
		number(r.LookupsPerS, 0), whole(r.BytesPerNode),
	}
	if !p.head {
		p.head = true
		if err := p.line(columns); err != nil {
			return err
		}
	}
	return p.line(cells)
}

func (p *printer) line(cells []string) error {
	widths := []int{7, 9, 62, 9, 8, 10, 7, 7, 6, 6, 9, 10}
	text := ""
	for i, c := range cells {
		text += fmt.Sprintf("%-*s ", widths[i], c)
	}
	_, err := fmt.Fprintln(p.out, text)
	return err
}

func percent(x *float64) string {
	if x == nil {
		return "."
	}
	return strconv.FormatFloat(100**x, 'f', 2, 64) + " %"
}

func number(x *float64, digits int) string {
	if x == nil {
		return "."
	}
	return strconv.FormatFloat(*x, 'f', digits, 64)
}

func whole(x *int) string {
	if x == nil {
		return "."
	}
	return strconv.Itoa(*x)
}
