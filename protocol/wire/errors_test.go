package wire

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// codeConstants reads the constants of one type from a file: name -> value.
func codeConstants(t *testing.T, file, typeName string) map[string]uint64 {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]uint64{}
	ast.Inspect(parsed, func(node ast.Node) bool {
		s, ok := node.(*ast.ValueSpec)
		if !ok || len(s.Values) != 1 {
			return true
		}
		of, named := s.Type.(*ast.Ident)
		lit, number := s.Values[0].(*ast.BasicLit)
		if named && number && of.Name == typeName {
			n, err := strconv.ParseUint(lit.Value, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			found[s.Names[0].Name] = n
		}
		return true
	})
	if len(found) == 0 {
		t.Fatalf("%s holds no constant of type %s", file, typeName)
	}
	return found
}

// sentinels reads the variables of errors.go: ErrName -> CodeName.
func sentinels(t *testing.T) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	ast.Inspect(parsed, func(node ast.Node) bool {
		s, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(s.Names[0].Name, "Err") {
			return true
		}
		ast.Inspect(s.Values[0], func(node ast.Node) bool {
			if id, ok := node.(*ast.Ident); ok && strings.HasPrefix(id.Name, "Code") && id.Name != "Code" {
				found[s.Names[0].Name] = id.Name
			}
			return true
		})
		return true
	})
	return found
}

func TestErrorTable(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	codes, names, sentences := map[Code]bool{}, map[string]bool{}, map[string]bool{}
	for i, e := range Table {
		if codes[e.Code] || names[e.Name] || sentences[e.Sentence] {
			t.Errorf("%d %s: code, name or sentence stands twice", e.Code, e.Name)
		}
		codes[e.Code], names[e.Name], sentences[e.Sentence] = true, true, true
		if i > 0 && e.Code <= Table[i-1].Code {
			t.Errorf("%d stands after %d", e.Code, Table[i-1].Code)
		}
		if !kebab.MatchString(e.Name) {
			t.Errorf("%q is not in kebab-case", e.Name)
		}
		if e.Retry > Refresh {
			t.Errorf("%s: retry %d", e.Name, e.Retry)
		}
		if Lookup(e.Code) != e {
			t.Errorf("Lookup(%d) is %+v", e.Code, Lookup(e.Code))
		}
	}
	declared := codeConstants(t, "errors.go", "Code")
	if len(declared) != len(Table) {
		t.Errorf("%d codes are declared, %d stand in the table", len(declared), len(Table))
	}
	errs := sentinels(t)
	if len(errs) != len(declared) {
		t.Errorf("%d codes are declared, %d errors", len(declared), len(errs))
	}
	for name, value := range declared {
		if !codes[Code(value)] || value == 0 {
			t.Errorf("%s (%d) is not in the table", name, value)
		}
		if got := errs["Err"+strings.TrimPrefix(name, "Code")]; got != name {
			t.Errorf("%s has no error of its name: %q", name, got)
		}
	}
}

// TestSentences: each says what happened and then what to do, or what is done without the reader.
func TestSentences(t *testing.T) {
	next := regexp.MustCompile(`(?i)\b(copy|send|ask|update|check|set|try|paste|add|use|scan|choose|tried again|made again|looked up|fetched again|compare again|waits here|is opened|is computed|is asked|nothing to do)\b`)
	for _, e := range append(slices.Clone(Table), Lookup(9999)) {
		s := e.Sentence
		if !strings.HasSuffix(s, ".") || s[:1] != strings.ToUpper(s[:1]) || strings.ContainsAny(s, "\n\"[]") || len(s) > 200 {
			t.Errorf("%s: %q is not one plain text of at most 200 bytes", e.Name, s)
		}
		at := next.FindStringIndex(s)
		if at == nil {
			t.Errorf("%s: %q does not say what to do", e.Name, s)
		}
		waits := strings.Contains(s, "tried again") || strings.Contains(s, "waits here") || strings.Contains(s, "made again")
		if waits && e.Retry == Never {
			t.Errorf("%s promises another try and says %s", e.Name, e.Retry)
		}
	}
}

func TestRetryWords(t *testing.T) {
	for r, want := range map[Retry]string{Never: "never", Later: "later", Reconnect: "reconnect", Refresh: "refresh"} {
		if r.String() != want {
			t.Errorf("%d is %q", r, r)
		}
	}
	if got := Retry(255).String(); got == "" {
		t.Error("an unknown retry has no word")
	}
}

func TestUnknownCode(t *testing.T) {
	for _, c := range []Code{0, 18, 29, 66, 65_535} {
		e := Lookup(c)
		if e.Code != c || e.Name != fmt.Sprintf("error-%d", c) || e.Retry != Later || e.Sentence == "" {
			t.Errorf("Lookup(%d) is %+v", c, e)
		}
		f := &Failure{Code: c, Detail: "d"}
		var back Failure
		if err := Unmarshal(Marshal(f), &back, MaxFrame); err != nil || back != *f {
			t.Errorf("code %d: %+v, %v", c, back, err)
		}
		if got := FailureOf(back.Err()); *got != *f {
			t.Errorf("code %d is passed on as %+v", c, got)
		}
	}
}

func TestErrorValues(t *testing.T) {
	err := ErrQuota.Because("70000 of 65536 bytes")
	wrapped := fmt.Errorf("submit: %w", err)
	if !errors.Is(wrapped, ErrQuota) || errors.Is(wrapped, ErrDoorFull) || errors.Is(err, io.EOF) {
		t.Error("errors.Is does not go by the code")
	}
	if ErrQuota.Detail != "" {
		t.Error("Because changed the error of the table")
	}
	if want := Lookup(CodeQuota).Sentence + " [quota-full: 70000 of 65536 bytes]"; err.Error() != want {
		t.Errorf("%q", err.Error())
	}
	if want := Lookup(CodeQuota).Sentence + " [quota-full]"; ErrQuota.Error() != want {
		t.Errorf("%q", ErrQuota.Error())
	}
}

func TestFailureOf(t *testing.T) {
	if f := FailureOf(fmt.Errorf("drop: %w", ErrDropTaken.Because("x"))); *f != (Failure{CodeDropTaken, "x"}) {
		t.Errorf("%+v", f)
	}
	if f := FailureOf(errors.New("sql: the password is 123")); *f != (Failure{Code: CodeUnavailable}) {
		t.Errorf("an error that is not of the table became %+v", f)
	}
}

// TestFailureDetails: whatever a detail holds, the frame is valid, and what
// comes back can be printed on one line.
func TestFailureDetails(t *testing.T) {
	for _, c := range []struct{ detail, want string }{
		{"", ""},
		{"plain", "plain"},
		{strings.Repeat("x", MaxDetail), strings.Repeat("x", MaxDetail)},
		{strings.Repeat("x", MaxDetail+1), strings.Repeat("x", MaxDetail)},
		{strings.Repeat("x", 1<<20), strings.Repeat("x", MaxDetail)},
		{strings.Repeat("x", MaxDetail-1) + "水", strings.Repeat("x", MaxDetail-1)},
		{strings.Repeat("水", 100), strings.Repeat("水", 66)},
		{"a\xffb\xc3", "ab"},
		{"\xff\xfe", ""},
		{strings.Repeat("\xff", 300) + "tail", "tail"},
		{"line\nline\r\x1b[31mred\x00\u202ebidi\u200b", "lineline[31mredbidi"},
		{"tab\tblank ", "tabblank "},
		{"ok\ufffd", "ok"},
	} {
		f := FailureOf(ErrLimit.Because(c.detail))
		if f.Detail != c.want {
			t.Errorf("%.40q became %.40q, not %.40q", c.detail, f.Detail, c.want)
		}
		var back Failure
		if err := Unmarshal(Marshal(f), &back, MaxFrame); err != nil || back != *f {
			t.Errorf("%.40q: %v", c.detail, err)
		}
		got := (&Failure{CodeLimit, c.detail}).Err() // as another side may send it
		if want := ErrLimit.Because(c.want); !errors.Is(got, ErrLimit) || got.Error() != want.Error() && c.want != "" {
			t.Errorf("received %.40q: %q", c.detail, got)
		}
		if !utf8.ValidString(got.Error()) || len(got.Error()) > MaxDetail+300 {
			t.Errorf("received %.40q: %d bytes", c.detail, len(got.Error()))
		}
	}
}

// TestFailureInvalidText: a detail that is not UTF-8 is refused before it gets anywhere.
func TestFailureInvalidText(t *testing.T) {
	var f Failure
	fails(t, "invalid UTF-8", Unmarshal(unhex(t, "a20118220262c328"), &f, MaxFrame), ErrMalformed)
	if err := Unmarshal(unhex(t, "a20118220262c3a4"), &f, MaxFrame); err != nil || f.Detail != "ä" {
		t.Errorf("valid UTF-8: %q, %v", f.Detail, err)
	}
}
