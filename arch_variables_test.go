package zeroms_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"unicode"
)

// constructors are the functions besides Must* and immediately invoked literals that a package variable may be made
// with: each returns a value that nothing changes afterwards.
var constructors = []string{
	"errors.New", "fmt.Errorf",
	"base32.NewEncoding", "base64.NewEncoding", "WithPadding", // encodings with their alphabet
	"big.NewInt", "crc32.MakeTable", "strings.NewReplacer",
	"sync.OnceValue", "sync.OnceValues", // a table made when it is first needed
}

// stateful are the packages whose struct types exist to be changed.
var stateful = []string{"sync", "atomic", "bytes", "strings", "http"}

// plural says how far a count is over its limit.
func plural(count, limit int, of string) string {
	return fmt.Sprintf("%d %s, at most %d are allowed", count, of, limit)
}

// checkVariables holds package variables to errors, tables and embeds: each is made in its declaration, by something
// that makes no state, and never written to afterwards.
func checkVariables(t *tree) []finding {
	folders, files := t.packages()
	var found []finding
	for _, folder := range folders {
		names := map[string]bool{}
		for _, f := range files[folder] {
			for _, declared := range f.syntax.Decls {
				group, ok := declared.(*ast.GenDecl)
				if !ok || group.Tok != token.VAR {
					continue
				}
				for _, spec := range group.Specs {
					found = append(found, variable(f, group, spec.(*ast.ValueSpec), names)...)
				}
			}
		}
		for _, f := range files[folder] {
			found = append(found, writes(f, names)...)
		}
	}
	return found
}

// variable checks one declaration and adds its names to the package's.
func variable(f *source, group *ast.GenDecl, spec *ast.ValueSpec, names map[string]bool) []finding {
	blank := true
	for _, name := range spec.Names {
		if name.Name != "_" {
			names[name.Name] = true
			blank = false
		}
	}
	if blank || embedded(group.Doc) || embedded(spec.Doc) {
		return nil
	}
	if len(spec.Values) == 0 {
		return []finding{f.at(spec, "the package variable %s has no value: it is state", spec.Names[0].Name)}
	}
	var found []finding
	for i, value := range spec.Values {
		if isError(spec.Names[i].Name, value) {
			continue
		}
		if text := isState(value); text != "" {
			found = append(found, f.at(value, "the package variable %s is %s", spec.Names[i].Name, text))
		}
	}
	return found
}

// isError reports whether a variable is called ErrX or errX and is another error or made by a call, so by a constructor
// of errors that the package has.
func isError(name string, value ast.Expr) bool {
	rest, ok := strings.CutPrefix(name, "Err")
	if !ok {
		rest, ok = strings.CutPrefix(name, "err")
	}
	switch value.(type) {
	case *ast.CallExpr, *ast.SelectorExpr, *ast.Ident:
	default:
		return false
	}
	return ok && rest != "" && unicode.IsUpper(rune(rest[0]))
}

func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// isState says what makes a value state, "" for an error or a table.
func isState(value ast.Expr) string {
	switch v := value.(type) {
	case *ast.ParenExpr:
		return isState(v.X)
	case *ast.UnaryExpr:
		if v.Op == token.AND {
			return isState(v.X)
		}
	case *ast.CompositeLit:
		if selector, ok := v.Type.(*ast.SelectorExpr); ok {
			if of, ok := selector.X.(*ast.Ident); ok && slices.Contains(stateful, of.Name) {
				return "a " + of.Name + "." + selector.Sel.Name + ", which exists to be changed"
			}
		}
		if len(v.Elts) == 0 {
			return "empty, so it waits to be filled: fill it in its declaration"
		}
		return ""
	case *ast.CallExpr:
		return callIsState(v)
	}
	return "neither an error, nor a table, nor an embed (a fixed value is a const, a function is a func)"
}

func callIsState(call *ast.CallExpr) string {
	var name, qualified string
	switch fun := call.Fun.(type) {
	case *ast.FuncLit:
		return ""
	case *ast.ArrayType:
		return "" // []byte("label")
	case *ast.Ident:
		name, qualified = fun.Name, fun.Name
	case *ast.SelectorExpr:
		name, qualified = fun.Sel.Name, fun.Sel.Name
		if of, ok := fun.X.(*ast.Ident); ok {
			qualified = of.Name + "." + name
		}
	}
	if strings.HasPrefix(name, "Must") || strings.HasPrefix(name, "must") ||
		slices.Contains(constructors, name) || slices.Contains(constructors, qualified) {
		return ""
	}
	return "made by " + qualified + ", which is not known to make a table: use a literal, a func literal called at once, or Must*"
}

// writes finds where a file changes a package variable: assignments to it or into it, ++, delete, clear, copy into it.
func writes(f *source, names map[string]bool) []finding {
	var found []finding
	for _, function := range f.functions() {
		locals := localNames(function)
		note := func(target ast.Expr) {
			if root := rootName(target); names[root] && !locals[root] {
				found = append(found, f.at(target, "%s changes the package variable %s", functionName(function), root))
			}
		}
		ast.Inspect(function, func(node ast.Node) bool {
			switch n := node.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, target := range n.Lhs {
						note(target)
					}
				}
			case *ast.IncDecStmt:
				note(n.X)
			case *ast.CallExpr:
				if called, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 && slices.Contains([]string{"delete", "clear", "copy"}, called.Name) {
					note(n.Args[0])
				}
			}
			return true
		})
	}
	return found
}

// rootName returns the variable that an assignable expression starts from.
func rootName(target ast.Expr) string {
	for {
		switch e := target.(type) {
		case *ast.Ident:
			return e.Name
		case *ast.IndexExpr:
			target = e.X
		case *ast.SliceExpr:
			target = e.X
		case *ast.SelectorExpr:
			target = e.X
		case *ast.StarExpr:
			target = e.X
		case *ast.ParenExpr:
			target = e.X
		default:
			return ""
		}
	}
}

// localNames returns every name that a function declares anywhere in it. A package variable hidden by such a name in
// one block and written in another goes unnoticed; vet's and the reader's eyes are left for that.
func localNames(function *ast.FuncDecl) map[string]bool {
	names := map[string]bool{}
	define := func(expressions ...ast.Expr) {
		for _, e := range expressions {
			if name, ok := e.(*ast.Ident); ok {
				names[name.Name] = true
			}
		}
	}
	ast.Inspect(function, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				define(n.Lhs...)
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				define(n.Key, n.Value)
			}
		case *ast.ValueSpec:
			for _, name := range n.Names {
				define(name)
			}
		case *ast.Field:
			for _, name := range n.Names {
				define(name)
			}
		}
		return true
	})
	return names
}
