package jsonframe

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"zeroms/protocol/wire"
)

// constants are wire's frame types by the names of their constants, read from its source: a new one is seen here.
func constants(t *testing.T) map[string]wire.Type {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../frame.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]wire.Type{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Type") {
			return true
		}
		value, err := strconv.Atoi(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimPrefix(spec.Names[0].Name, "Type")] = wire.Type(value)
		return true
	})
	if len(out) < 20 {
		t.Fatalf("only %d types were found in frame.go", len(out))
	}
	return out
}

// snake writes a Go name as the fields of the text are called.
func snake(name string) string {
	var out strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) && unicode.IsLower(runes[i-1]) {
			out.WriteByte('_')
		}
		out.WriteRune(unicode.ToLower(r))
	}
	return out.String()
}

// TestEveryFrameHasAForm: each type of wire has one, under its name, and nothing else has.
func TestEveryFrameHasAForm(t *testing.T) {
	all := constants(t)
	for name, of := range all {
		got, ok := Name(of)
		if !ok || got != snake(name) {
			t.Errorf("frames of type %d (%s) are called %q in JSON: give them a form in forms.go", of, snake(name), got)
			continue
		}
		if p := Empty(of); p == nil || p.Type() != of || byName(got) != byType(of) {
			t.Errorf("%s makes %T", got, p)
		}
	}
	if types := Types(); len(types) != len(all) || !slices.IsSorted(types) || len(slices.Compact(types)) != len(all) {
		t.Errorf("%d forms for %d types: %v", len(types), len(all), types)
	}
	if _, ok := Name(250); ok || Empty(250) != nil {
		t.Error("a type that does not exist has a form")
	}
}

// same checks that a record is the fields of a struct: all of them, in order, by name, at their places.
func same(t *testing.T, where string, r Record, of reflect.Value) {
	t.Helper()
	var fields []reflect.StructField
	for _, f := range reflect.VisibleFields(of.Type()) {
		if f.Name != "_" && !f.Anonymous {
			fields = append(fields, f)
		}
	}
	if len(r) != len(fields) {
		t.Errorf("%s has %d fields in JSON and %d in wire", where, len(r), len(fields))
		return
	}
	for n, f := range fields {
		name, v := snake(f.Name), of.FieldByIndex(f.Index)
		if r[n].Name != name {
			t.Errorf("%s.%s is called %s in JSON", where, name, r[n].Name)
		}
		sameValue(t, where+"."+name, r[n].Value, v)
	}
}

func sameValue(t *testing.T, where string, got Value, want reflect.Value) {
	t.Helper()
	at := want.Addr().Pointer()
	switch got := got.(type) {
	case Record:
		same(t, where, got, want)
	case Fixed:
		if want.Kind() != reflect.Array || len(got) != want.Len() || reflect.ValueOf(got).Pointer() != at {
			t.Errorf("%s is %d bytes of something else than %s", where, len(got), want.Type())
		}
	case List:
		if got.Len() != 0 {
			t.Fatalf("%s is not empty", where)
		}
		first := got.add()
		if got.Len() != 1 || want.Len() != 1 {
			t.Fatalf("%s did not grow", where)
		}
		sameValue(t, where+"[]", first, want.Index(0))
		sameValue(t, where+"[]", got.At(0), want.Index(0))
	default:
		v := reflect.ValueOf(got)
		if v.Kind() != reflect.Pointer || v.Pointer() != at || v.Elem().Kind() != want.Kind() || want.Kind() == reflect.Slice && v.Elem().Type() != want.Type() {
			t.Errorf("%s is a %s in JSON and a %s in wire", where, v.Type(), want.Type())
		}
	}
}

// TestFormsAreTheStructs: every field of every frame and body has a name and the place of wire's struct.
func TestFormsAreTheStructs(t *testing.T) {
	for _, of := range Types() {
		p := Empty(of)
		name, _ := Name(of)
		same(t, name, Fields(p), reflect.ValueOf(p).Elem())
	}
	for _, b := range []any{&wire.Enrolment{}, &wire.DropObject{}, &wire.Refusal{}, &wire.DropState{}} {
		same(t, reflect.TypeOf(b).Elem().Name(), Body(b), reflect.ValueOf(b).Elem())
	}
	if Body(&wire.Submit{}) != nil {
		t.Error("what is no body has the fields of one")
	}
}

// TestNamesAreTheDocuments: the names are those of docs/protocol/wire.md with _ for -.
func TestNamesAreTheDocuments(t *testing.T) {
	b, err := os.ReadFile("../../../docs/protocol/wire.md")
	if err != nil {
		t.Fatal(err)
	}
	document := string(b)
	headed := func(heading string) (names []string) {
		_, after, ok := strings.Cut(document, "\n### "+heading+"\n")
		if !ok {
			t.Errorf("wire.md has no section %q", heading)
		}
		text, _, _ := strings.Cut(after, "\n#")
		for _, row := range regexp.MustCompile(`(?m)^\| \d+ \| ([a-z0-9-]+) \|`).FindAllStringSubmatch(text, -1) {
			names = append(names, strings.ReplaceAll(row[1], "-", "_"))
		}
		return names
	}
	of := func(r Record) (names []string) {
		for _, f := range r {
			names = append(names, f.Name)
		}
		return names
	}
	for _, typ := range Types() {
		name, _ := Name(typ)
		heading := strconv.Itoa(int(typ)) + " " + strings.ReplaceAll(name, "_", "-")
		if doc, code := headed(heading), of(Fields(Empty(typ))); !slices.Equal(doc, code) {
			t.Errorf("%s: the document has the fields %v, the code %v", heading, doc, code)
		}
	}
	if doc, code := headed("limits"), of(limits(&wire.Limits{})); !slices.Equal(doc, code) {
		t.Errorf("limits: %v and %v", doc, code)
	}
	for heading, r := range map[string]Record{
		"store-item": storeItems(&[]wire.StoreItem{{}}).At(0).(Record), "deposit": items(&wire.DepositPut{Items: make([]wire.Deposit, 1)}),
		"deposit-state": items(&wire.Deposits{Items: make([]wire.Deposited, 1)}),
	} {
		if doc, code := headed(heading), of(r); !slices.Equal(doc, code) {
			t.Errorf("%s: %v and %v", heading, doc, code)
		}
	}
	for heading, body := range map[string]any{
		"body enrolment": &wire.Enrolment{}, "body drop-object": &wire.DropObject{}, "body refusal": &wire.Refusal{}, "body drop-state": &wire.DropState{},
	} {
		if doc, code := headed(heading), of(Body(body)); !slices.Equal(doc, code) {
			t.Errorf("%s: %v and %v", heading, doc, code)
		}
	}
}

// items are the fields of the first item of a frame that has nothing else.
func items(p wire.Payload) Record { return Fields(p)[0].Value.(List).At(0).(Record) }
