package zeroms_test

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The budgets.
const (
	maxFileLines     = 700
	maxTestFileLines = 1200
	maxPackageLines  = 2500 // without tests
	maxFunctionLines = 80
	maxParameters    = 5 // the receiver does not count
	maxMethods       = 7 // an interface's own; embedded ones do not count
)

// wireSwitches are the functions that may be longer than maxFunctionLines because they are one switch over the
// frames or fields of the wire: "protocol/wire.Type.name" and the reason. An entry that is not needed is a finding.
var wireSwitches = map[string]string{}

var topFolders = []string{"cmd", "gateway", "client", "protocol", "ui", "store", "assets", "docs", "testdata", "bin", ".ci", ".git"}

var namesOfNothing = []string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "types"}

// promises matches words that put work off. They are put together here so that this file does not hold them.
var promises = regexp.MustCompile(`(?i)\b(` + strings.Join([]string{"to" + "do", "fix" + "me", "x" + "xx"}, "|") + `)(s|_|\b)|\bnot\s+` + `implemented`)

// pure reports whether a package takes the time as a value and does no I/O.
func pure(folder string) bool {
	return fits("protocol/...", folder) && !fits("protocol/link/...", folder) || folder == "client/delivery"
}

// impure matches the standard packages that reach outside the process. net/netip and net/url hold values only.
func impure(importPath string) bool {
	switch importPath {
	case "net/netip", "net/url":
		return false
	case "log", "syscall", "io/ioutil", "database/sql":
		return true
	}
	return fits("net/...", importPath) || fits("os/...", importPath)
}

func checkPure(t *tree) []finding {
	var found []finding
	for _, f := range t.code() {
		if !pure(f.folder) {
			continue
		}
		for importPath, spec := range f.imported() {
			if impure(importPath) {
				found = append(found, f.at(spec, "the pure package %s may not import %s", f.folder, importPath))
			}
		}
		for _, clock := range f.uses(f.syntax, "time", "Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker") {
			found = append(found, f.at(clock, "the pure package %s may not look at the clock (time.%s): take now as a value", f.folder, clock.Sel.Name))
		}
		for _, statement := range goroutines(f.syntax) {
			found = append(found, f.at(statement, "the pure package %s may not start a goroutine", f.folder))
		}
	}
	return found
}

// goroutines returns the go statements below root, and the calls x.Go(f) of a sync.WaitGroup and its like.
func goroutines(root ast.Node) []ast.Node {
	var found []ast.Node
	ast.Inspect(root, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.GoStmt:
			found = append(found, n)
		case *ast.CallExpr:
			if selector, ok := n.Fun.(*ast.SelectorExpr); ok && selector.Sel.Name == "Go" && len(n.Args) == 1 {
				found = append(found, n)
			}
		}
		return true
	})
	return found
}

// startsGoroutines reports whether a function of this name may: Run, or run, loop, Serve, serve and further words.
func startsGoroutines(name string) bool {
	if name == "Run" {
		return true
	}
	for _, verb := range []string{"run", "loop", "Serve", "serve"} {
		if rest, ok := strings.CutPrefix(name, verb); ok {
			next, _ := utf8.DecodeRuneInString(rest)
			return rest == "" || !unicode.IsLower(next)
		}
	}
	return false
}

func checkGoroutines(t *tree) []finding {
	var found []finding
	for _, f := range t.code() {
		for _, declared := range f.syntax.Decls {
			name := "a package variable"
			if function, ok := declared.(*ast.FuncDecl); ok {
				if startsGoroutines(function.Name.Name) {
					continue
				}
				name = functionName(function)
			}
			for _, statement := range goroutines(declared) {
				found = append(found, f.at(statement, "%s starts a goroutine", name))
			}
		}
	}
	return found
}

func checkLines(t *tree) []finding {
	var found []finding
	for _, f := range t.files {
		limit := maxFileLines
		if f.test {
			limit = maxTestFileLines
		}
		if f.lines > limit {
			found = append(found, finding{f.path, 0, plural(f.lines, limit, "lines")})
		}
	}
	folders, files := t.packages()
	for _, folder := range folders {
		lines := 0
		for _, f := range files[folder] {
			lines += f.lines
		}
		if lines > maxPackageLines {
			found = append(found, finding{folder, 0, plural(lines, maxPackageLines, "lines in the package")})
		}
	}
	return found
}

func checkFunctions(t *tree) []finding { return longFunctions(t, wireSwitches) }

// longFunctions holds every declared function, and every function literal in a package variable, against the budget.
func longFunctions(t *tree, excepted map[string]string) []finding {
	var found []finding
	needed := map[string]bool{}
	measure := func(f *source, node ast.Node, name string) { // the doc comment is not part of a function's position
		lines := f.set.Position(node.End()).Line - f.set.Position(node.Pos()).Line + 1
		key := f.folder + "." + name
		switch _, ok := excepted[key]; {
		case lines <= maxFunctionLines:
		case ok:
			needed[key] = true
		default:
			found = append(found, f.at(node, "%s: %s", name, plural(lines, maxFunctionLines, "lines")))
		}
	}
	for _, f := range t.files {
		for _, declared := range f.syntax.Decls {
			if function, ok := declared.(*ast.FuncDecl); ok {
				measure(f, function, functionName(function))
				continue
			}
			ast.Inspect(declared, func(node ast.Node) bool {
				if literal, ok := node.(*ast.FuncLit); ok {
					measure(f, literal, "function literal in a package variable")
				}
				return true
			})
		}
	}
	for key := range excepted {
		if !needed[key] {
			found = append(found, finding{"arch_rules_test.go", 0, "wireSwitches lists " + key + ", which is within the budget or does not exist"})
		}
	}
	return found
}

func checkParameters(t *tree) []finding {
	var found []finding
	for _, f := range t.files {
		ast.Inspect(f.syntax, func(node ast.Node) bool {
			if function, ok := node.(*ast.FuncType); ok && function.Params.NumFields() > maxParameters {
				found = append(found, f.at(function, "%s", plural(function.Params.NumFields(), maxParameters, "parameters")))
			}
			return true
		})
	}
	return found
}

func checkInterfaces(t *tree) []finding {
	var found []finding
	for _, f := range t.files {
		ast.Inspect(f.syntax, func(node ast.Node) bool {
			declared, ok := node.(*ast.InterfaceType)
			if !ok {
				return true
			}
			own := 0
			for _, method := range declared.Methods.List {
				own += len(method.Names)
			}
			if own > maxMethods {
				found = append(found, f.at(declared, "%s", plural(own, maxMethods, "methods of the interface's own")))
			}
			return true
		})
	}
	return found
}

func checkNames(t *tree) []finding {
	var found []finding
	for _, f := range t.files {
		for _, name := range []string{path.Base(f.folder), strings.TrimSuffix(f.syntax.Name.Name, "_test")} {
			if slices.Contains(namesOfNothing, name) {
				found = append(found, f.at(f.syntax.Name, "a package may not be called %s", name))
				break
			}
		}
	}
	return found
}

// checkSleeps allows time.Sleep in a test file only where the enclosing declared function calls synctest.Test.
func checkSleeps(t *tree) []finding {
	var found []finding
	for _, f := range t.files {
		if !f.test {
			continue
		}
		for _, declared := range f.syntax.Decls {
			if len(f.uses(declared, "testing/synctest", "Test")) > 0 {
				continue
			}
			for _, sleep := range f.uses(declared, "time", "Sleep") {
				found = append(found, f.at(sleep, "time.Sleep outside synctest.Test"))
			}
		}
	}
	return found
}

func checkFolders(t *tree) []finding {
	var found []finding
	for _, folder := range t.folders {
		if !slices.Contains(topFolders, folder) {
			found = append(found, finding{folder, 0, "the house has no such room: it has " + strings.Join(topFolders, ", ")})
		}
	}
	return found
}

func checkPromises(t *tree) []finding {
	var found []finding
	for _, f := range t.files {
		for _, at := range promises.FindAllIndex(f.text, -1) {
			line := 1 + strings.Count(string(f.text[:at[0]]), "\n")
			found = append(found, finding{f.path, line, "this promises later work: " + string(f.text[at[0]:at[1]])})
		}
	}
	return found
}

// checkScreenThread finds all files that use fyne.Do but the first one, which is the one allowed.
func checkScreenThread(t *tree) []finding {
	var found []finding
	first := ""
	for _, f := range t.code() {
		for _, use := range f.uses(f.syntax, fyne, "Do", "DoAndWait") {
			if first == "" {
				first = f.path
			}
			if f.path != first || !fits("ui/...", f.folder) {
				found = append(found, f.at(use, "fyne.%s stands in %s already, or outside ui", use.Sel.Name, first))
			}
		}
	}
	return found
}

func checkDocumentation(t *tree) []finding {
	folders, files := t.packages()
	var found []finding
	for _, folder := range folders {
		documented := false
		for _, f := range files[folder] {
			documented = documented || written(f.syntax.Doc)
			for _, declared := range f.syntax.Decls {
				found = append(found, undocumented(f, declared)...)
			}
		}
		if !documented {
			found = append(found, finding{folder, 0, "the package has no package comment"})
		}
	}
	return found
}

// written reports whether one of the comments holds words, not only a directive.
func written(comments ...*ast.CommentGroup) bool {
	return slices.ContainsFunc(comments, func(c *ast.CommentGroup) bool { return strings.TrimSpace(c.Text()) != "" })
}

// undocumented finds exported names without a comment: functions, methods of exported types, types, constants and
// variables. The comment of a group of constants or variables counts for all of them, a type has its own.
func undocumented(f *source, declared ast.Decl) []finding {
	var found []finding
	switch d := declared.(type) {
	case *ast.FuncDecl:
		hidden := d.Recv != nil && !ast.IsExported(receiverType(d))
		if d.Name.IsExported() && !hidden && !written(d.Doc) {
			found = append(found, f.at(d, "%s has no comment", functionName(d)))
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				alone := d.Doc
				if d.Lparen != token.NoPos {
					alone = nil
				}
				if s.Name.IsExported() && !written(s.Doc, s.Comment, alone) {
					found = append(found, f.at(s, "%s has no comment", s.Name.Name))
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() && !written(s.Doc, s.Comment, d.Doc) {
						found = append(found, f.at(name, "%s has no comment", name.Name))
					}
				}
			}
		}
	}
	return found
}
