package report

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode"

	"zeroms/cmd/zms/control"
)

var someTime = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// TestHostileRows shows every kind of row with a hostile value in every text of
// it: nothing reaches the terminal that it would obey.
func TestHostileRows(t *testing.T) {
	const evil = "x\x1b]0;owned\a\u202e\u009b\r\nAlice: y"
	shows := map[string]Show{
		"contact": Contact, "gateway": Gateway, "status": Status, "safety": Safety,
		"history": History, "live": Live(), "sending": Sending(), "new": New, "one": One("added"),
		"erased": Says(Erased), "evidence": Says(Evidence), "verdict": Says(Verdict),
		"phrase": Says(Phrase), "export": Says(Export), "import": Says(Import),
		"damage": Says(Damage), "restored": Says(Restored), "rejoined": Says(Rejoined),
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
