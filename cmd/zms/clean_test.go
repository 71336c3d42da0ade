package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/report"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"Zoë 北京 🙂", "Zoë 北京 🙂"},
		{"a\x1b[2Jb", `a\u{1b}[2Jb`},
		{"a\u009b31mb", `a\u{9b}31mb`},
		{"bob\nAlice: hi", `bob\u{a}Alice: hi`},
		{"a\u202ecod.exe", `a\u{202e}cod.exe`},
		{"\u2066a\u2069\u200f\u061c", `\u{2066}a\u{2069}\u{200f}\u{61c}`},
		{"a\u00a0b", `a\u{a0}b`},
		{"\u200b\ufeff\U000e0041", `\u{200b}\u{feff}\u{e0041}`},
		{"👩\u200d🔬 می\u200cخواهم", "👩\u200d🔬 می\u200cخواهم"},
		{"a\xffb", "a\ufffdb"},
	} {
		if got := clean(c.in); got != c.out {
			t.Errorf("clean(%q) = %q, want %q", c.in, got, c.out)
		}
	}
}

func TestCleanLines(t *testing.T) {
	got := cleanLines("one\r\ntwo\tthree\n\x1b[1mfour", "  | ")
	if want := "one\n  | two    three\n  | \\u{1b}[1mfour"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestHostileRows shows every kind of row with a hostile value in every text of
// it: nothing reaches the terminal that it would obey.
func TestHostileRows(t *testing.T) {
	const evil = "x\x1b]0;owned\a\u202e\u009b\r\nAlice: y"
	shows := map[string]show{
		"contact": showContact, "gateway": showGateway, "status": showStatus, "safety": showSafety,
		"history": showHistory, "live": showLive(), "sending": showSending(), "new": showNew, "one": one("added"),
		"erased": says(report.Erased), "evidence": says(report.Evidence), "verdict": says(report.Verdict),
		"phrase": says(report.Phrase), "export": says(report.Export), "import": says(report.Import),
		"damage": says(report.Damage), "restored": says(report.Restored), "rejoined": says(report.Rejoined),
	}
	gateway := control.Gateway{Type: control.TypeGateway, Node: evil, Host: evil, Address: evil, Problem: evil, Retry: someTime, Faults: 2}
	rows := []control.Row{
		&control.Contact{Type: control.TypeContact, ID: 1, User: evil, Name: evil, State: "accepted", Problem: evil},
		&control.Contact{Type: control.TypeContact, ID: 1, User: evil, Name: evil, State: "request"},
		&gateway,
		&control.Status{User: evil, Name: evil, Device: evil, Gateways: []control.Gateway{gateway}, Owner: evil},
		&control.Safety{Name: evil, Digits: evil, Code: evil},
		&control.Message{Type: control.TypeMessage, Name: evil, Kind: "text", Text: evil},
		&control.Message{Type: control.TypeMessage, Name: evil, Kind: evil, Unknown: true},
		&control.Message{Type: control.TypeChange, Name: evil, Kind: evil, Outgoing: true, State: evil},
		&control.Read{Name: evil}, &control.Identity{User: evil, Name: evil, Path: evil},
		&control.Message{Type: control.TypeChange, ID: "1", Name: evil, Kind: "text", Outgoing: true, State: "custody"},
		&control.Lagged{}, &control.Ready{}, &control.Page{More: true},
		&control.Erased{Count: 3}, &control.Evidence{About: evil, File: "x\x1b]0;owned\a\u202e\u009b\r"}, &control.Evidence{About: evil, Path: evil},
		&control.Verdict{Gateway: evil, Verdict: "guilty", Fault: evil, Reasons: []string{evil}, Receipts: []control.Receipt{{Envelope: evil}}},
		&control.Verdict{Gateway: evil, Verdict: evil},
		&control.Phrase{Words: evil}, &control.Archive{File: evil, Skipped: 1}, &control.Damage{Place: evil, Reason: evil},
		&control.Device{User: evil, Device: evil, Old: evil, Path: evil, Lost: []string{evil}},
	}
	for _, state := range gapStates {
		rows = append(rows, &control.Gap{Type: control.TypeGap, Name: evil, Device: evil, State: state, Count: 2})
	}
	rows = append(rows, &control.Gap{Type: control.TypeGap, Name: evil, Device: evil, State: evil, Count: 2})
	for name, f := range shows {
		for _, row := range rows {
			var out bytes.Buffer
			if err := f(&out, row); err != nil {
				t.Fatalf("%s of %T: %v", name, row, err)
			}
			for _, r := range out.String() {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Errorf("%s of %T prints %q", name, row, out.String())
					break
				}
			}
			for line := range strings.Lines(out.String()) {
				if strings.HasPrefix(line, "Alice: y") {
					t.Errorf("%s of %T lets a text begin a line: %q", name, row, out.String())
				}
			}
		}
	}
}
