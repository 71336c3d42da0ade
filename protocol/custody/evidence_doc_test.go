package custody

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEvidenceDocument compares docs/protocol/evidence.md with the vectors and the
// code: the files of its example, the words of faults and verdicts, the limits.
func TestEvidenceDocument(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "protocol", "evidence.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	b, err = os.ReadFile(filepath.Join("testdata", "evidence.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []vectorOf
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{"one number for two envelopes": "", "erased before anybody had it": ""}
	for _, v := range all {
		if _, ok := shown[v.Name]; !ok {
			continue
		}
		delete(shown, v.Name)
		said := fmt.Sprintf("```\n%s```\nVerdict %s, fault `%s`.", v.File, v.Verdict, v.Fault)
		if !strings.Contains(text, said) {
			t.Errorf("the example does not show %q and its verdict", v.Name)
		}
	}
	if len(shown) > 0 {
		t.Errorf("the vectors lack %v", shown)
	}
	for f := TwoReceipts; f.String() != ""; f++ {
		if !strings.Contains(text, "`"+f.String()+"`") {
			t.Errorf("the document does not name the fault %s", f)
		}
	}
	for v := Nothing; v <= Guilty; v++ {
		if !strings.Contains(text, "\n| "+v.String()+" | ") {
			t.Errorf("the document does not name the verdict %s", v)
		}
	}
	for _, row := range []string{
		fmt.Sprintf("| a file | %d MiB of text |", MaxFile>>20),
		"| receipts, heads, objects of a file | 1,024 each |",
		fmt.Sprintf("| states, runs | %d each |", maxStates),
		fmt.Sprintf("| accounts of one run | %d |", maxTags),
		fmt.Sprintf("| findings of a report | %d |", maxFindings),
		fmt.Sprintf("| rows and registrations after the time limit, after the end | %.0f d, 67 d |", RowsKept.Hours()/24),
	} {
		if !strings.Contains(text, row) {
			t.Errorf("the limits do not say %q", row)
		}
	}
	if MaxStatements != 1024 || maxRuns != maxStates {
		t.Error("the limits of the document are others")
	}
}
