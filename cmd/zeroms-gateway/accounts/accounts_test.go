package accounts

import (
	"strings"
	"testing"
	"time"

	"zeroms/protocol/key"
	database "zeroms/store/mailbox"
)

func TestParseQuota(t *testing.T) {
	for text, want := range map[string]uint64{
		"default": 0, "1048576": 1 << 20, "1MiB": 1 << 20, "512 MiB": 512 << 20, "2GiB": 2 << 30, "1024KiB": 1 << 20,
		"1024GiB": 1 << 40, "1099511627776": 1 << 40,
	} {
		if got, err := ParseQuota(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "1048575", "1KiB", "1025GiB", "1MB", "MiB", "1.5GiB", "99999999999999999999GiB", "18014398509481985MiB"} {
		if got, err := ParseQuota(text); err == nil {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
}

func TestParseTag(t *testing.T) {
	for _, text := range []string{"0011223344", strings.Repeat("ab", 32), "DEADBEEF"} {
		if b, err := ParseTag(text); err != nil || len(b) != len(text)/2 {
			t.Errorf("%q: %x, %v", text, b, err)
		}
	}
	for _, text := range []string{"", "001122", "0011223", "zz112233", strings.Repeat("ab", 33)} {
		if _, err := ParseTag(text); err == nil {
			t.Errorf("%q is taken for a tag", text)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 256 << 20: "256 MiB", 3 << 40: "3 TiB", 5000 << 40: "5000 TiB"} {
		if got := Size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestPages(t *testing.T) {
	var tag key.AccountTag
	tag[0] = 0xab
	list := []database.AccountInfo{
		{Tag: tag, Devices: 2, Drops: 20, Doors: 1, Rows: 7, Bytes: 1536, Since: time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC), Quota: 5 << 20},
		{Devices: 1},
	}
	p := NewPage(list, 5, 2, 2, 256<<20)
	if p.Pages != 3 || NewPage(nil, 0, 1, 50, 1).Pages != 1 || NewPage(list, 5, 1, 0, 1).Pages != 1 {
		t.Errorf("%+v", p)
	}
	var out strings.Builder
	if err := p.Print(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	for i, want := range [][]string{
		{"account", "devices", "drops", "doors", "waiting", "bytes", "since", "quota"},
		{"ab00000000000000", "2", "20", "1", "7", "1.5", "KiB", "2026-11-03", "5", "MiB", "(own)"},
		{"0000000000000000", "1", "0", "0", "0", "0", "B", "-", "256", "MiB"},
		{"page", "2", "of", "3,", "5", "accounts"},
	} {
		if got := strings.Fields(lines[i]); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("line %d: %q", i, got)
		}
	}
	if got := p.Accounts[0].Sentence(); got != "account ab00000000000000: 2 devices, 20 drops, 1 doors, 1.5 KiB waiting" {
		t.Error(got)
	}
}
