package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"zeroms/cmd/zeroms-lab/bench/meter"
)

// Result is one row of the table. What a work does not measure is null.
type Result struct {
	Server     string   `json:"server"` // zeroms, or a peer
	Work       string   `json:"work"`
	TLS        bool     `json:"tls"`
	MsgPerS    *float64 `json:"msg_per_s"`
	MsgPerCPUS *float64 `json:"msg_per_cpu_s"`
	P50        *float64 `json:"p50_ms"` // from sending to the recipient
	P99        *float64 `json:"p99_ms"`
	KiBPerConn *float64 `json:"kib_per_conn"`
	Fdatasync  *float64 `json:"fdatasync_ms"`
	Lost       int      `json:"lost"`

	Seconds      float64  `json:"seconds"`
	Messages     int      `json:"messages"`
	CPUSeconds   float64  `json:"cpu_s"`
	RSSKiB       int      `json:"rss_kib"` // at the end, as AnonymousKiB and PssKiB
	AnonymousKiB int      `json:"anonymous_kib"`
	PssKiB       int      `json:"pss_kib"`
	CustodyP50   *float64 `json:"custody_p50_ms,omitempty"` // from sending to the receipt
	CustodyP99   *float64 `json:"custody_p99_ms,omitempty"`
	Commits      int      `json:"commits,omitempty"` // that gave receipts
	Acks         int      `json:"acks,omitempty"`    // that devices sent
	Late         *float64 `json:"late_ms,omitempty"` // the furthest that the sender was behind its clock

	Connections   int      `json:"connections,omitempty"`
	RawKiBPerConn *float64 `json:"raw_kib_per_conn,omitempty"` // resident, garbage included

	Accounts          int      `json:"accounts,omitempty"`
	Drops             int      `json:"drops,omitempty"`
	StartS            *float64 `json:"start_s,omitempty"` // until it was ready
	LoginS            *float64 `json:"login_s,omitempty"` // until a login was served
	StartRSSKiB       int      `json:"start_rss_kib,omitempty"`
	KiBPerAccount     *float64 `json:"kib_per_account,omitempty"` // of memory, once it got an envelope
	DiskKiBPerAccount *float64 `json:"disk_kib_per_account,omitempty"`
	ClientCPU         *float64 `json:"client_cpu_ms,omitempty"` // of the clients, for each text

	Note string `json:"note,omitempty"`
}

func newResult(s system, work string, secure bool) *Result {
	return &Result{Server: s.name(), Work: work, TLS: secure}
}

// carried fills in that so many messages were carried.
func (r *Result) carried(messages int, wall, cpu time.Duration) {
	r.Messages, r.Seconds, r.CPUSeconds = messages, wall.Seconds(), cpu.Seconds()
	r.MsgPerS = some(float64(messages) / wall.Seconds())
	if cpu > 0 {
		r.MsgPerCPUS = some(float64(messages) / cpu.Seconds())
	}
}

// times fills in what all counts of flows say.
func (r *Result) times(all meter.Counts) {
	r.Lost = all.Custody - all.Delivered
	if len(all.ToPush) > 0 {
		r.P50, r.P99 = ms(meter.Quantile(all.ToPush, 0.5)), ms(meter.Quantile(all.ToPush, 0.99))
	}
	if len(all.ToCustody) > 0 {
		r.CustodyP50, r.CustodyP99 = ms(meter.Quantile(all.ToCustody, 0.5)), ms(meter.Quantile(all.ToCustody, 0.99))
	}
}

func some(x float64) *float64 { return &x }

func ms(d time.Duration) *float64 { return some(float64(d.Microseconds()) / 1000) }

// sink is where results go.
type sink interface {
	begin() error
	row(r *Result) error
	machine(when string, m meter.Machine) error
}

// jsonSink writes a line of JSON for each result.
type jsonSink struct{ to io.Writer }

func (s jsonSink) begin() error { return nil }

func (s jsonSink) row(r *Result) error { return json.NewEncoder(s.to).Encode(r) }

// machine writes a line of another kind: its work is "machine".
func (s jsonSink) machine(when string, m meter.Machine) error {
	return json.NewEncoder(s.to).Encode(struct {
		Work string `json:"work"`
		When string `json:"when"`
		meter.Machine
	}{"machine", when, m})
}

// columns are the table's.
var columns = []struct {
	name  string
	width int
	cell  func(r *Result) string
}{
	{"server", 9, func(r *Result) string { return r.Server }},
	{"work", 8, func(r *Result) string { return r.Work }},
	{"tls", 3, func(r *Result) string { return map[bool]string{true: "yes", false: "no"}[r.TLS] }},
	{"msg/s", 8, func(r *Result) string { return number(r.MsgPerS, 0) }},
	{"msg/CPU-s", 9, func(r *Result) string { return number(r.MsgPerCPUS, 0) }},
	{"p50 ms", 8, func(r *Result) string { return number(r.P50, 2) }},
	{"p99 ms", 8, func(r *Result) string { return number(r.P99, 2) }},
	{"custody p50", 11, func(r *Result) string { return number(r.CustodyP50, 2) }},
	{"p99 ms", 8, func(r *Result) string { return number(r.CustodyP99, 2) }},
	{"KiB/conn", 8, func(r *Result) string { return number(r.KiBPerConn, 1) }},
	{"fdatasync ms", 12, func(r *Result) string { return number(r.Fdatasync, 2) }},
	{"lost", 4, func(r *Result) string { return strconv.Itoa(r.Lost) }},
	{"messages", 8, func(r *Result) string { return strconv.Itoa(r.Messages) }},
	{"CPU s", 6, func(r *Result) string { return number(&r.CPUSeconds, 2) }},
	{"RSS MiB", 7, func(r *Result) string { return strconv.Itoa(r.RSSKiB >> 10) }},
}

// number writes a figure with commas between thousands; a dot if there is none.
func number(x *float64, digits int) string {
	if x == nil {
		return "."
	}
	text := strconv.FormatFloat(*x, 'f', digits, 64)
	whole, rest, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		return whole + "." + rest
	}
	return whole
}

// tableSink writes a table for people, or one of Markdown.
type tableSink struct {
	to       io.Writer
	markdown bool
}

func (s tableSink) begin() error {
	if err := s.line(func(i int) string { return columns[i].name }); err != nil || !s.markdown {
		return err
	}
	return s.line(func(i int) string {
		if i < 3 {
			return "---"
		}
		return "---:"
	})
}

func (s tableSink) row(r *Result) error {
	if err := s.line(func(i int) string { return columns[i].cell(r) }); err != nil || r.Note == "" {
		return err
	}
	if s.markdown {
		return nil // a paragraph would end the table
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
	text := strings.Join(cells, "  ")
	if s.markdown {
		text = "| " + strings.Join(cells, " | ") + " |"
	}
	_, err := fmt.Fprintln(s.to, text)
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
