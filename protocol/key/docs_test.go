package key

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const document = "../../docs/protocol/keys.md"

// section is the text below a heading of the document.
func section(t *testing.T, heading string) string {
	t.Helper()
	b, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(b), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %q", document, heading)
	}
	text, _, _ := strings.Cut(after, "\n## ")
	return text
}

// TestDocumentedLabels: the document lists the labels, contexts and prefixes of labels.go in its order, each with a meaning.
func TestDocumentedLabels(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|(.*)\\|$")
	for kind, heading := range map[string]string{"Label": "Derivation", "Context": "Signatures", "Prefix": "Hashes"} {
		var documented, declared []string
		for _, m := range row.FindAllStringSubmatch(section(t, heading), -1) {
			documented = append(documented, m[1])
			for _, cell := range strings.Split(m[2], "|") {
				if strings.TrimSpace(cell) == "" {
					t.Errorf("%s: a cell of the row is empty", m[1])
				}
			}
		}
		for _, c := range constants(t, kind) {
			declared = append(declared, c.value)
		}
		if !slices.Equal(documented, declared) {
			t.Errorf("section %q lists\n%q, labels.go has\n%q", heading, documented, declared)
		}
	}
	if !strings.Contains(section(t, "Signatures"), "`"+ExporterLogin+"`") {
		t.Errorf("section %q does not name the exporter %s", "Signatures", ExporterLogin)
	}
	for _, name := range []string{"`" + PuzzleSalt + "`", `Export("` + ExportForward + `", 32)`, `Export("` + ExportForwardBack + `", 32)`, `Export("` + ExportForwardID + `", 16)`} {
		if !strings.Contains(section(t, "Keys of gateways"), name) {
			t.Errorf("section %q does not name %s", "Keys of gateways", name)
		}
	}
}

// TestDocumentedExample: the values of the worked example are those of the vectors.
func TestDocumentedExample(t *testing.T) {
	vectors := ownFile(t)
	line := regexp.MustCompile(`(?m)^([a-z0-9-]+) = (.+)$`)
	shown := 0
	for _, m := range line.FindAllStringSubmatch(section(t, "Worked example"), -1) {
		shown++
		if vectors[m[1]] != m[2] {
			t.Errorf("the example says %s = %s, the vector %q", m[1], m[2], vectors[m[1]])
		}
	}
	if shown < 30 {
		t.Errorf("the example shows %d values", shown)
	}
}

// TestDocumentedSizes: the sizes in the document are the code's.
func TestDocumentedSizes(t *testing.T) {
	roles, prekeys := section(t, "Roles"), section(t, "Prekeys and ratchet keys")
	if !strings.Contains(roles, "| 1216 public |") || !strings.Contains(prekeys, "public 1216") || PrekeyPublicSize != 1216 {
		t.Errorf("a prekey has %d bytes", PrekeyPublicSize)
	}
	if !strings.Contains(roles, "private half is a seed of 32 | 1216 public | one gateway |") || RelayPublicSize != 1216 {
		t.Errorf("a gateway's KEM key has %d bytes", RelayPublicSize)
	}
	if !strings.Contains(prekeys, "1120 = ") || EncapsulatedSize != 1120 {
		t.Errorf("an encapsulation has %d bytes", EncapsulatedSize)
	}
	if !strings.Contains(section(t, "User ID text"), "56 characters") || UserIDSize != 56 {
		t.Errorf("a user ID has %d characters", UserIDSize)
	}
	if !strings.Contains(section(t, "Recovery phrase"), "The 24 words") || PhraseWords != 24 {
		t.Errorf("a phrase has %d words", PhraseWords)
	}
}
