// Package manual writes the reference of a command line in Markdown from what
// stands in the program: its cobra commands, and the comments of the structs that
// it prints as JSON. So nothing is written twice, and a test that compares the
// result with the file in docs finds what was forgotten.
//
//	text := manual.Commands(root)             every command that does something
//	table := manual.Flags(root.PersistentFlags())
//	table, err := manual.Fields("control", "Card")
//	whole, err := manual.Part(file, "zeroms-gateway", text)
package manual

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Rows is the annotation of a command that names the rows of JSON that it prints.
const Rows = "rows"

// More is the annotation of a command with what stands behind its flags.
const More = "more"

// Commands describes every command below root that does something, in the order
// of their names: how it is called, what it says about itself, its rows and flags.
func Commands(root *cobra.Command) string {
	var b strings.Builder
	for _, c := range Leaves(root) {
		fmt.Fprintf(&b, "## `%s`\n\n%s\n", strings.TrimSuffix(c.UseLine(), " [flags]"), about(c))
		if table := Flags(c.LocalNonPersistentFlags()); table != "" {
			fmt.Fprintf(&b, "\n%s", table)
		}
		if more := c.Annotations[More]; more != "" {
			fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(more))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Leaves are the commands that do something.
func Leaves(c *cobra.Command) (out []*cobra.Command) {
	for _, sub := range c.Commands() {
		switch {
		case sub.Hidden || sub.Name() == "help":
		case sub.HasSubCommands():
			out = append(out, Leaves(sub)...)
		default:
			out = append(out, sub)
		}
	}
	return out
}

// about is what a command says about itself and its rows.
func about(c *cobra.Command) string {
	text := strings.TrimSpace(c.Long)
	if text == "" {
		text = strings.TrimSuffix(c.Short, ".") + "."
	}
	rows := c.Annotations[Rows]
	if rows == "" {
		return text
	}
	return text + "\n\nRows: " + rows + "."
}

// Flags is a table of flags; empty if there are none.
func Flags(flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "`" + strings.TrimSpace("--"+f.Name+" "+value) + "`"
		if f.Shorthand != "" {
			name += ", `-" + f.Shorthand + "`"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", cell(name), cell(usage+standard(f)))
	})
	if b.Len() == 0 {
		return ""
	}
	return "| flag | meaning |\n|---|---|\n" + b.String()
}

// standard is a flag's value if it is not given, if that is any and its usage
// does not tell.
func standard(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "0", "false", "[]":
		return ""
	}
	if strings.Contains(f.Usage, "default") {
		return ""
	}
	return fmt.Sprintf(" (default %s)", f.DefValue)
}

// cell is a text in a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}

// Fields is a table of the fields that JSON has of a struct, from the comments of
// its source in a folder. Error: there is no such struct, or a field has no comment.
func Fields(folder, name string) (string, error) {
	found, err := structOf(folder, name)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("| field | meaning |\n|---|---|\n")
	for _, f := range found.Fields.List {
		if f.Tag == nil {
			continue
		}
		tag, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json"), ",")
		if tag == "" || tag == "-" {
			continue
		}
		text := f.Doc.Text()
		if text == "" {
			text = f.Comment.Text()
		}
		if text == "" {
			return "", fmt.Errorf("the field %s of %s has no comment to explain it", tag, name)
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", tag, cell(strings.TrimSuffix(strings.TrimSpace(text), ".")))
	}
	return b.String(), nil
}

func structOf(folder, name string) (*ast.StructType, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		var found *ast.StructType
		ast.Inspect(parsed, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.Name == name {
				found, _ = spec.Type.(*ast.StructType)
			}
			return found == nil
		})
		if found != nil {
			return found, nil
		}
	}
	return nil, fmt.Errorf("there is no struct %s in %s", name, folder)
}

// Part replaces what a file has between the marks of a part, or adds it at the
// end. Others keep the rest of the file. Text gets marks around it.
func Part(file, name, text string) string {
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->\n"
	part := begin + strings.Trim(text, "\n") + "\n" + end
	before, rest, found := strings.Cut(file, begin)
	if !found {
		return strings.TrimRight(file, "\n") + "\n\n" + part
	}
	_, after, _ := strings.Cut(rest, end)
	return before + part + after
}

// PartOf is a part with its marks, empty if the file has none.
func PartOf(file, name string) string {
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->\n"
	_, rest, found := strings.Cut(file, begin)
	text, _, closed := strings.Cut(rest, end)
	if !found || !closed {
		return ""
	}
	return begin + text + end
}
