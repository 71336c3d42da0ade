package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/spf13/pflag"

	"zeroms/cmd/manual"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/tui"
)

var someTime = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// update writes docs/cli.md anew: go test ./cmd/zms -run TestManual -update.
var update = flag.Bool("update", false, "write docs/cli.md anew")

// manualName is the file of the manual. Tests run in their package's folder.
var manualName, _ = filepath.Abs("../../docs/cli.md")

// keysOfChat are the keys of the chat as the manual shows them.
func keysOfChat() string {
	var b strings.Builder
	for _, row := range tui.Keys() {
		if row[1] == "" {
			fmt.Fprintf(&b, "\n%s:\n\n", row[0])
		} else {
			fmt.Fprintf(&b, "    %-24s %s\n", row[0], row[1])
		}
	}
	return b.String()
}

// manualText is docs/cli.md as it has to be. Parts of other programs stay as they are.
func manualText(t *testing.T, old string) string {
	t.Helper()
	root := newRoot(&app{})
	root.InitDefaultVersionFlag()
	chat, _, err := root.Find([]string{"chat"})
	if err != nil {
		t.Fatal(err)
	}
	if chat.Annotations == nil {
		chat.Annotations = map[string]string{}
	}
	chat.Annotations[manual.More] = keysOfChat()
	all := pflag.NewFlagSet("zms", pflag.ContinueOnError)
	all.AddFlagSet(root.PersistentFlags())
	all.AddFlag(root.Flags().Lookup("version"))
	page, err := template.New("manual.md").Funcs(template.FuncMap{
		"commands": func() string { return manual.Commands(root) },
		"flags":    func() string { return manual.Flags(all) },
		"fields":   func(name string) (string, error) { return manual.Fields("control", name) },
		"part":     func(name string) string { return manual.PartOf(old, name) },
		"exits": func() string {
			var b strings.Builder
			b.WriteString("| code | meaning | names of errors |\n|---|---|---|\n")
			for _, e := range control.Exits() {
				names := ""
				if len(e.Names) > 0 {
					names = "`" + strings.Join(e.Names, "`, `") + "`"
				}
				fmt.Fprintf(&b, "| %d | %s | %s |\n", e.Code, e.Meaning, names)
			}
			return b.String()
		},
	}).ParseFiles("manual.md")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, nil); err != nil {
		t.Fatal(err)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// TestManual: docs/cli.md is what the commands, the rows and the template say.
func TestManual(t *testing.T) {
	old, err := os.ReadFile(manualName)
	if err != nil {
		t.Fatal(err)
	}
	want := manualText(t, string(old))
	if want == string(old) {
		return
	}
	if *update {
		if err := os.WriteFile(manualName, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	a, b := strings.Split(string(old), "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("docs/cli.md is not what the commands say: line %d is\n%s\nand should be\n%s\nrun go test ./cmd/zms -run TestManual -update", i+1, a[i], b[i])
		}
	}
	t.Fatal("docs/cli.md is not what the commands say; run go test ./cmd/zms -run TestManual -update")
}

// TestManualHasEveryRow: every struct of package control that JSON is made of
// stands in the template.
func TestManualHasEveryRow(t *testing.T) {
	page, err := os.ReadFile("manual.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("control/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || !spec.Name.IsExported() {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok && hasJSON(s) {
				found++
				if !strings.Contains(string(page), fmt.Sprintf("{{fields %q}}", spec.Name.Name)) {
					t.Errorf("cmd/zms/manual.md does not show the fields of control.%s", spec.Name.Name)
				}
			}
			return true
		})
	}
	if found < 20 {
		t.Errorf("only %d structs were found", found)
	}
}

func hasJSON(s *ast.StructType) bool {
	return slices.ContainsFunc(s.Fields.List, func(f *ast.Field) bool {
		return f.Tag != nil && strings.Contains(f.Tag.Value, "json:") && f.Names[0].IsExported()
	})
}

// TestEveryCommandNamesItsRows: what a command prints as JSON is told, and exists.
func TestEveryCommandNamesItsRows(t *testing.T) {
	page, err := os.ReadFile("manual.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range manual.Leaves(newRoot(&app{})) {
		if noRows[c.CommandPath()] {
			continue
		}
		rows := strings.FieldsFunc(c.Annotations[manual.Rows], func(r rune) bool { return r == ' ' || r == ',' })
		if len(rows) == 0 {
			t.Errorf("%s does not tell its rows", c.CommandPath())
			continue
		}
		if !strings.Contains(string(page), "Row `"+rows[0]+"`") && !strings.Contains(string(page), "Rows `"+rows[0]+"`") {
			t.Errorf("%s prints %s, of which the manual knows nothing", c.CommandPath(), rows[0])
		}
	}
}

// noRows are the commands that print no JSON.
var noRows = map[string]bool{"zms chat": true, "zms completion": true}

func TestExitCodes(t *testing.T) {
	for name, code := range map[string]int{
		"usage": control.ExitUsage, "needs-passphrase": control.ExitLocked, "locked": control.ExitLocked, "bot": control.ExitBot,
		"no-contact": control.ExitNotFound, "timeout": control.ExitTimeout, "failure": control.ExitFailure, "unheard-of": control.ExitFailure,
	} {
		if got := (&control.Failure{Name: name}).Exit(); got != code {
			t.Errorf("%s exits with %d, want %d", name, got, code)
		}
	}
	for i, e := range control.Exits() {
		if e.Code != i || e.Meaning == "" || i > 0 && len(e.Names) == 0 {
			t.Errorf("%+v", e)
		}
	}
}
