package key

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// constant is one constant of labels.go, with the comment beside it.
type constant struct {
	name, value, comment string
}

// constants reads all constants of one type from labels.go, so that none can be left out of a test.
func constants(t *testing.T, typeName string) []constant {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "labels.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var found []constant
	for _, declared := range file.Decls {
		group, ok := declared.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			s := spec.(*ast.ValueSpec)
			of, ok := s.Type.(*ast.Ident)
			if !ok || of.Name != typeName {
				continue
			}
			value, err := strconv.Unquote(s.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, constant{s.Names[0].Name, value, strings.TrimSpace(s.Comment.Text())})
		}
	}
	if len(found) == 0 {
		t.Fatalf("labels.go holds no constant of type %s", typeName)
	}
	return found
}

// TestLabels: one purpose per string. No string of a kind holds the zero byte
// that ends it, so none can be taken for another one with a context after it;
// a label never looks like a signature's context or a hash's prefix.
func TestLabels(t *testing.T) {
	forms := map[string]*regexp.Regexp{
		"Label":   regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`),
		"Context": regexp.MustCompile(`^zms/1/[a-z]+(-[a-z]+)*$`),
		"Prefix":  regexp.MustCompile(`^zms/1/[a-z]+(-[a-z]+)*$`),
	}
	for kind, form := range forms {
		names := map[string]string{}
		for _, c := range constants(t, kind) {
			if other, taken := names[c.value]; taken {
				t.Errorf("%s and %s are both %q", c.name, other, c.value)
			}
			names[c.value] = c.name
			if !form.MatchString(c.value) {
				t.Errorf("%s %q is not of the form %s", c.name, c.value, form)
			}
			if !strings.HasPrefix(c.name, kind) {
				t.Errorf("%s is a %s: begin its name with that", c.name, kind)
			}
		}
	}
}

// TestLabelsSeparate: a label that begins like another one plus a context that
// continues it derives something else, and so do contexts of signatures.
func TestLabelsSeparate(t *testing.T) {
	ikm := count(0, 32)
	if KDF32("drop", ikm, []byte("-capability")) == KDF32("drop-capability", ikm) {
		t.Error("KDF confuses a label with a shorter one and its context")
	}
	if Hash("zms/1/drop", []byte("-head")) == Hash("zms/1/drop-head") {
		t.Error("Hash confuses a prefix with a shorter one and its input")
	}
	k := newFixture().seed.Identity()
	if k.Public().Verify(ContextMessage, []byte("x"), k.Sign(ContextInit, []byte("x"))) {
		t.Error("a signature is good under another context")
	}
}

// TestLabelsStandAlone: no other file of the module's non-test code spells a
// context, prefix or label of the protocol out.
func TestLabelsStandAlone(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || name == "labels.go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			lit, ok := node.(*ast.BasicLit)
			if ok && lit.Kind == token.STRING && strings.Contains(lit.Value, "zms/1/") && lit.Value != `"zms/1/"` {
				t.Errorf("%s holds %s: it belongs into labels.go", name, lit.Value)
			}
			return true
		})
	}
}
