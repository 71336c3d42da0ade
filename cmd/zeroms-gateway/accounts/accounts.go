// Package accounts is what an operator reads and writes about accounts: tags, sizes
// and the list, as text and as JSON.
package accounts

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	database "zeroms/store/mailbox"
)

// shownDigits are the hex digits of a tag in a table: enough for every gateway to
// tell its accounts apart.
const shownDigits = 16

// The bounds of a quota, in bytes, as of limits.quotaMiB.
const (
	minQuota = 1 << 20
	maxQuota = 1 << 40
)

// Row is an account in JSON.
type Row struct {
	Tag     string `json:"tag"` // 64 hex digits
	Devices int    `json:"devices"`
	Drops   int    `json:"drops"`
	Doors   int    `json:"doors"`
	Rows    uint64 `json:"waiting_rows"`
	Bytes   uint64 `json:"waiting_bytes"`
	Since   string `json:"waiting_since,omitempty"` // day, UTC; none if nothing waits
	Quota   uint64 `json:"quota"`                   // bytes
	Own     bool   `json:"own_quota,omitempty"`     // not the one that all have
}

// Page is a part of the list.
type Page struct {
	Total    int   `json:"total"`
	Page     int   `json:"page"`
	Pages    int   `json:"pages"`
	Accounts []Row `json:"accounts"`
}

// NewPage makes the page with this number, of so many rows each (0: all), out of a
// list. usual is the quota of accounts without their own.
func NewPage(list []database.AccountInfo, total, page, size int, usual uint64) Page {
	p := Page{Total: total, Page: page, Pages: 1, Accounts: []Row{}}
	if size > 0 {
		p.Pages = max(1, (total+size-1)/size)
	}
	for _, a := range list {
		p.Accounts = append(p.Accounts, NewRow(a, usual))
	}
	return p
}

// NewRow is an account in JSON.
func NewRow(a database.AccountInfo, usual uint64) Row {
	r := Row{
		Tag: hex.EncodeToString(a.Tag[:]), Devices: a.Devices, Drops: a.Drops, Doors: a.Doors,
		Rows: a.Rows, Bytes: a.Bytes, Quota: a.Quota, Own: a.Quota != 0,
	}
	if !r.Own {
		r.Quota = usual
	}
	if !a.Since.IsZero() {
		r.Since = a.Since.Format(time.DateOnly)
	}
	return r
}

// Print writes a page as a table.
func (p Page) Print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "account\tdevices\tdrops\tdoors\twaiting\tbytes\tsince\tquota\t")
	for _, r := range p.Accounts {
		since, quota := r.Since, Size(r.Quota)
		if since == "" {
			since = "-"
		}
		if r.Own {
			quota += " (own)"
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t\n",
			r.Tag[:shownDigits], r.Devices, r.Drops, r.Doors, r.Rows, Size(r.Bytes), since, quota)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "page %d of %d, %d accounts\n", p.Page, p.Pages, p.Total)
	return err
}

// Sentence says in one line what an account has.
func (r Row) Sentence() string {
	return fmt.Sprintf("account %s: %d devices, %d drops, %d doors, %s waiting", r.Tag[:shownDigits], r.Devices, r.Drops, r.Doors, Size(r.Bytes))
}

// Size is a number of bytes for people.
func Size(n uint64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, at := float64(n), -1
	for value >= unit && at < 3 {
		value /= unit
		at++
	}
	text := strings.TrimSuffix(strconv.FormatFloat(value, 'f', 1, 64), ".0")
	return text + " " + []string{"KiB", "MiB", "GiB", "TiB"}[at]
}

// ParseTag reads a tag, or the first hex digits of it, at least 8.
func ParseTag(text string) ([]byte, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) < 4 || len(b) > 32 {
		return nil, fmt.Errorf("an account is named by 8 to 64 hex digits of its tag, an even number of them, as accounts list shows them, not by %q", text)
	}
	return b, nil
}

// errQuota: a quota that can't be.
var errQuota = errors.New("a quota is 1 MiB to 1024 GiB, for example 512MiB, 2GiB or 536870912, or default")

// ParseQuota reads a quota in bytes, or with a unit; default is 0.
func ParseQuota(text string) (uint64, error) {
	if text == "default" {
		return 0, nil
	}
	number, shift := text, 0
	for unit, bits := range map[string]int{"KiB": 10, "MiB": 20, "GiB": 30} {
		if rest, found := strings.CutSuffix(text, unit); found {
			number, shift = strings.TrimSpace(rest), bits
		}
	}
	n, err := strconv.ParseUint(number, 10, 41)
	if err != nil || n > maxQuota>>shift || n<<shift < minQuota {
		return 0, errQuota
	}
	return n << shift, nil
}
