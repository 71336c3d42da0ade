package zeroms_test

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// rule is one thing that holds for the whole tree. Its reason is printed with every finding.
type rule struct {
	name   string
	reason string
	check  func(*tree) []finding
}

// rules are the rules of docs/architecture.md. Go files in testdata folders are outside them: nobody compiles those.
var rules = []rule{
	{"imports", "the layers of docs/architecture.md: what a package may know is what one has to read to understand it", checkImports},
	{"sides", "client and gateway share only what stands in protocol, so neither can come to rely on the other's insides; they meet in cmd", checkSides},
	{"pure", "a pure package takes the time as a value and does no I/O, so a test decides everything that happens to it", checkPure},
	{"goroutines", "constructors start nothing and Run waits for what it started, so a goroutine stands only in Run, run*, loop*, Serve* or serve*", checkGoroutines},
	{"lines", "a file or package over its budget has more than one responsibility: split it by responsibility", checkLines},
	{"functions", "a long function is several steps without names; a wire switch that must be long is listed in wireSwitches with its reason", checkFunctions},
	{"parameters", "more than five parameters are a struct that has no name yet", checkParameters},
	{"interfaces", "an interface is declared by its consumer and holds what this consumer needs", checkInterfaces},
	{"documentation", "the comments are the reference of the code: every package and every exported name says what it is, with sizes, units and errors", checkDocumentation},
	{"variables", "package variables are errors, tables and embeds; state belongs to a value that somebody owns", checkVariables},
	{"names", "a package called after nothing collects everything", checkNames},
	{"sleeps", "a test that sleeps is slow and still fails on a busy machine: sleep inside synctest.Test, or wait for a channel", checkSleeps},
	{"folders", "the top of the tree is the map of docs/architecture.md", checkFolders},
	{"promises", "what is in the tree works; what does not is not in the tree", checkPromises},
	{"screen thread", "one file of ui brings results to the screen's thread, so no screen can forget it or do it twice", checkScreenThread},
}

// TestArchitecture holds every file of the module against every rule.
func TestArchitecture(t *testing.T) {
	whole, err := load(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(whole.files, func(f *source) bool { return f.path == "arch_test.go" }) {
		t.Fatal("arch_test.go is not among the files read: this test must run in the root of the module")
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, f := range r.find(whole) {
				t.Errorf("%s\n\twhy: %s", f, r.reason)
			}
		})
	}
}

// find returns what breaks the rule, in the order of the tree.
func (r rule) find(t *tree) []finding {
	found := r.check(t)
	slices.SortStableFunc(found, func(a, b finding) int {
		return cmp.Or(strings.Compare(a.path, b.path), cmp.Compare(a.line, b.line), strings.Compare(a.text, b.text))
	})
	return found
}

// finding is one place that breaks a rule; line 0 stands for a whole file or folder.
type finding struct {
	path string
	line int
	text string
}

func (f finding) String() string {
	if f.line == 0 {
		return f.path + ": " + f.text
	}
	return fmt.Sprintf("%s:%d: %s", f.path, f.line, f.text)
}

// tree is the parsed module: every Go file whatever its build tags, and the folders at the top.
type tree struct {
	set     *token.FileSet
	files   []*source
	folders []string
}

// source is one Go file. Its folder is "." at the root and slash-separated elsewhere.
type source struct {
	path   string
	folder string
	test   bool
	lines  int
	text   []byte
	syntax *ast.File
	set    *token.FileSet
}

// load parses the Go files below root, leaving out what the go command leaves out too and what make builds.
func load(root fs.FS) (*tree, error) {
	t := &tree{set: token.NewFileSet()}
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name == ".":
			return nil
		case entry.IsDir():
			if path.Dir(name) == "." {
				t.folders = append(t.folders, name)
			}
			base := path.Base(name)
			if base == "testdata" || name == "bin" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
				return fs.SkipDir
			}
			return nil
		case path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		return t.add(name, text)
	})
	return t, err
}

func (t *tree) add(name string, text []byte) error {
	syntax, err := parser.ParseFile(t.set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	t.files = append(t.files, &source{
		path:   name,
		folder: path.Dir(name),
		test:   strings.HasSuffix(name, "_test.go"),
		lines:  bytes.Count(text, []byte("\n")),
		text:   text,
		syntax: syntax,
		set:    t.set,
	})
	return nil
}

// code returns the files that are not tests.
func (t *tree) code() []*source {
	return slices.DeleteFunc(slices.Clone(t.files), func(f *source) bool { return f.test })
}

// packages returns the files that are not tests, by folder, and the folders in order.
func (t *tree) packages() (folders []string, files map[string][]*source) {
	files = map[string][]*source{}
	for _, f := range t.code() {
		files[f.folder] = append(files[f.folder], f)
	}
	return slices.Sorted(maps.Keys(files)), files
}

// at makes a finding at a node of the file.
func (f *source) at(node ast.Node, format string, values ...any) finding {
	return finding{f.path, f.set.Position(node.Pos()).Line, fmt.Sprintf(format, values...)}
}

// imported returns the paths that the file imports, with where they stand.
func (f *source) imported() map[string]*ast.ImportSpec {
	specs := map[string]*ast.ImportSpec{}
	for _, spec := range f.syntax.Imports {
		specs[strings.Trim(spec.Path.Value, "\"`")] = spec
	}
	return specs
}

// localName returns the name under which the file knows an imported package, "" if it does not import it.
func (f *source) localName(importPath string) string {
	spec := f.imported()[importPath]
	switch {
	case spec == nil:
		return ""
	case spec.Name != nil:
		return spec.Name.Name
	}
	base := path.Base(importPath)
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		base = path.Base(path.Dir(importPath))
	}
	return base
}

// uses returns where below root the file names something of an imported package, called or not.
func (f *source) uses(root ast.Node, importPath string, names ...string) []*ast.SelectorExpr {
	local := f.localName(importPath)
	var found []*ast.SelectorExpr
	ast.Inspect(root, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok || local == "" {
			return true
		}
		if of, ok := selector.X.(*ast.Ident); ok && of.Name == local && slices.Contains(names, selector.Sel.Name) {
			found = append(found, selector)
		}
		return true
	})
	return found
}

// functions returns the declared functions and methods of the file.
func (f *source) functions() []*ast.FuncDecl {
	var found []*ast.FuncDecl
	for _, declared := range f.syntax.Decls {
		if function, ok := declared.(*ast.FuncDecl); ok {
			found = append(found, function)
		}
	}
	return found
}

// functionName returns "name", or "Type.name" for a method.
func functionName(function *ast.FuncDecl) string {
	if function.Recv == nil {
		return function.Name.Name
	}
	return receiverType(function) + "." + function.Name.Name
}

// receiverType returns the name of a method's type, without star and type parameters.
func receiverType(function *ast.FuncDecl) string {
	of := function.Recv.List[0].Type
	for {
		switch t := of.(type) {
		case *ast.StarExpr:
			of = t.X
		case *ast.ParenExpr:
			of = t.X
		case *ast.IndexExpr:
			of = t.X
		case *ast.IndexListExpr:
			of = t.X
		case *ast.Ident:
			return t.Name
		default:
			return ""
		}
	}
}
