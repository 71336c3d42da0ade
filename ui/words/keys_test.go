package words

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"zeroms/assets"
)

// said is where a key is said, and how.
type said struct {
	at     string
	counts bool
	places []string // the names of its args; nil: there are none
}

// sources are the folders whose code speaks.
var sources = []string{"ui", "cmd/zeroms"}

// sayings finds all calls of Say and Count in the source tree, and complains about keys
// that are no literals.
func sayings(t *testing.T) map[string][]said {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]said{}
	for _, folder := range sources {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			read(t, path, filepath.ToSlash(name), found)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func read(t *testing.T, path, name string, found map[string][]said) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Logf("%s can't be read: %v", name, err) // the compiler says so too
		return
	}
	short := aliases(file)
	ast.Inspect(file, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		method := methodOf(call.Fun)
		if ident, ok := call.Fun.(*ast.Ident); ok {
			method = short[ident.Name]
		}
		counts := method == "Count"
		at := fmt.Sprintf("%s:%d", name, set.Position(call.Pos()).Line)
		if method == "" || counts && len(call.Args) < 2 {
			return true
		}
		key, ok := literal(call.Args[0])
		if !ok {
			t.Errorf("%s: a key that is no literal can't be looked up here", at)
			return true
		}
		args := call.Args[1:]
		if counts {
			args = args[1:]
		}
		s := said{at: at, counts: counts}
		for i := 0; i < len(args); i += 2 {
			place, ok := literal(args[i])
			if !ok || i+1 == len(args) && call.Ellipsis == token.NoPos {
				t.Errorf("%s: names and values in turn are wanted, names as literals", at)
				return true
			}
			s.places = append(s.places, place)
		}
		found[key] = append(found[key], s)
		return true
	})
}

// methodOf is Say or Count if an expression is that method of something else than a
// package of the standard library (strings.Count); otherwise it is empty.
func methodOf(e ast.Expr) string {
	selector, ok := e.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != "Say" && selector.Sel.Name != "Count" {
		return ""
	}
	if receiver, ok := selector.X.(*ast.Ident); ok && slices.Contains([]string{"strings", "bytes"}, receiver.Name) {
		return ""
	}
	return selector.Sel.Name
}

// aliases are the short names that a file gives to the methods: say := h.Words.Say.
func aliases(file *ast.File) map[string]string {
	found := map[string]string{}
	ast.Inspect(file, func(node ast.Node) bool {
		assigned, ok := node.(*ast.AssignStmt)
		if !ok || len(assigned.Lhs) != len(assigned.Rhs) {
			return true
		}
		for i, value := range assigned.Rhs {
			if ident, ok := assigned.Lhs[i].(*ast.Ident); ok && methodOf(value) != "" {
				found[ident.Name] = methodOf(value)
			}
		}
		return true
	})
	return found
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// entry is one translation: its forms, one of them "other".
type entry struct {
	file  string
	forms map[string]string
}

// translations reads the files of a language.
func translations(t *testing.T, language string) map[string]entry {
	t.Helper()
	names, err := fs.Glob(assets.Translations(), "*."+language+".json")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]entry{}
	for _, name := range names {
		content, err := fs.ReadFile(assets.Translations(), name)
		if err != nil {
			t.Fatal(err)
		}
		var entries map[string]json.RawMessage
		if err := json.Unmarshal(content, &entries); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		part, _, _ := strings.Cut(name, ".")
		for key, raw := range entries {
			e := entry{name, map[string]string{}}
			text := ""
			if json.Unmarshal(raw, &text) == nil {
				e.forms["other"] = text
			} else if err := json.Unmarshal(raw, &e.forms); err != nil {
				t.Errorf("%s: %s is neither a text nor its forms: %v", name, key, err)
			}
			if before, twice := found[key]; twice {
				t.Errorf("%s is in %s and in %s", key, before.file, name)
			}
			if !strings.HasPrefix(key, part+".") {
				t.Errorf("%s: %s does not begin with %q", name, key, part+".")
			}
			found[key] = e
		}
	}
	return found
}

var place = regexp.MustCompile(`\{\{\s*\.(\w+)\s*\}\}`)

// places are the names of the places in a text.
func places(text string) []string {
	var found []string
	for _, match := range place.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(found, match[1]) {
			found = append(found, match[1])
		}
	}
	slices.Sort(found)
	return found
}

func TestKeys(t *testing.T) {
	spoken := sayings(t)
	en, zh := translations(t, "en"), translations(t, "zh_Hans")
	for key, calls := range spoken {
		for language, entries := range map[string]map[string]entry{"English": en, "Chinese": zh} {
			if _, ok := entries[key]; !ok {
				t.Errorf("%s: %s has no %q", calls[0].at, language, key)
			}
		}
	}
	for key := range en {
		if _, ok := zh[key]; !ok {
			t.Errorf("%s has no Chinese", key)
		}
		if spoken[key] == nil && !strings.HasPrefix(key, "error.") {
			t.Errorf("%s: nobody says %q", en[key].file, key)
		}
	}
	for key := range zh {
		if _, ok := en[key]; !ok {
			t.Errorf("%s has no English", key)
		}
	}
}

// TestPlacesAndForms holds the places in the texts against each other and against the
// calls, and the forms against the languages.
func TestPlacesAndForms(t *testing.T) {
	spoken := sayings(t)
	for language, forms := range map[string][]string{"en": {"one", "other"}, "zh_Hans": {"other"}} {
		for key, e := range translations(t, language) {
			counts := slices.ContainsFunc(spoken[key], func(s said) bool { return s.counts })
			if counts {
				for _, form := range forms {
					if e.forms[form] == "" {
						t.Errorf("%s: %s is counted and has no form %q", e.file, key, form)
					}
				}
			}
			for form, text := range e.forms {
				if text == "" || strings.TrimSpace(text) != text && len(text) > 2 { // ", " joins names
					t.Errorf("%s: %s (%s) is empty or has spaces around it", e.file, key, form)
				}
				if !slices.Contains(forms, form) {
					t.Errorf("%s: %s has the form %q, which this language has not", e.file, key, form)
				}
				if strings.Count(text, "{{") != len(place.FindAllString(text, -1)) && !strings.HasPrefix(key, "error.") {
					t.Errorf("%s: %s has something else than {{.Name}} in braces: %q", e.file, key, text)
				}
				for _, s := range spoken[key] {
					given(t, s, key, text)
				}
			}
		}
	}
}

// given reports places that a call does not fill, and those of a call that a text of its
// main form leaves out.
func given(t *testing.T, s said, key, text string) {
	t.Helper()
	wanted := places(text)
	for _, name := range wanted {
		if !slices.Contains(s.places, name) && (name != "Count" || !s.counts) {
			t.Errorf("%s: %q needs {{.%s}}: %q", s.at, key, name, text)
		}
	}
	for _, name := range s.places {
		if !slices.Contains(wanted, name) {
			t.Errorf("%s: %q has no {{.%s}}: %q", s.at, key, name, text)
		}
	}
}
