package main

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"zeroms/cmd/zms/control"
)

var someTime = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// manual is docs/cli.md by its headings.
func manual(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	heading := ""
	for line := range strings.Lines(string(text)) {
		if title, ok := strings.CutPrefix(line, "#"); ok {
			heading = strings.Trim(title, "# \n")
			sections[heading] = ""
			continue
		}
		sections[heading] += line
	}
	return sections
}

// leaves are the commands that do something.
func leaves(c *cobra.Command) (out []*cobra.Command) {
	if !c.HasSubCommands() {
		return []*cobra.Command{c}
	}
	for _, sub := range c.Commands() {
		out = append(out, leaves(sub)...)
	}
	return out
}

func TestManualHasEveryCommandAndFlag(t *testing.T) {
	sections := manual(t)
	root := newRoot(&app{})
	var headings []string
	flagsOf := func(heading string, flags *pflag.FlagSet) {
		text, ok := sections[heading]
		if !ok {
			t.Errorf("docs/cli.md has no section %q", heading)
			return
		}
		known := []string{}
		flags.VisitAll(func(f *pflag.Flag) {
			known = append(known, "--"+f.Name)
			if !strings.Contains(text, "`--"+f.Name) {
				t.Errorf("the section %q of docs/cli.md does not tell of --%s", heading, f.Name)
			}
		})
		for _, m := range regexp.MustCompile("^`(--[a-z-]+)|\n`(--[a-z-]+)").FindAllStringSubmatch(text, -1) {
			if name := m[1] + m[2]; !slices.Contains(known, name) {
				t.Errorf("the section %q of docs/cli.md tells of %s, which does not exist", heading, name)
			}
		}
	}
	for _, c := range leaves(root) {
		heading := "`" + strings.TrimSuffix(c.UseLine(), " [flags]") + "`"
		headings = append(headings, heading)
		flagsOf(heading, c.LocalNonPersistentFlags())
	}
	root.InitDefaultVersionFlag()
	all := pflag.NewFlagSet("zms", pflag.ContinueOnError)
	all.AddFlagSet(root.PersistentFlags())
	all.AddFlag(root.Flags().Lookup("version"))
	flagsOf("Flags of every command", all)
	for heading := range sections {
		if strings.HasPrefix(heading, "`zms ") && !slices.Contains(headings, heading) {
			t.Errorf("docs/cli.md has the section %q, which is no command", heading)
		}
	}
}

// TestManualHasEveryField compares the tables of rows and of the request with
// the structs, in both directions.
func TestManualHasEveryField(t *testing.T) {
	sections := manual(t)
	for heading, value := range map[string]any{
		"Row `hello`": control.Hello{}, "Row `profile`": control.Identity{}, "Row `card`": control.Card{},
		"Row `gateway`": control.Gateway{}, "Row `contact`": control.Contact{},
		"Rows `message` and `change`": control.Message{}, "Row `page`": control.Page{}, "Row `read`": control.Read{},
		"Row `safety`": control.Safety{}, "Row `status`": control.Status{}, "Row `ready`": control.Ready{},
		"Row `lagged`": control.Lagged{}, "Row `phrase`": control.Phrase{}, "Row `archive`": control.Archive{},
		"Row `device`": control.Device{}, "Row `damage`": control.Damage{}, "Row `gap`": control.Gap{},
		"Row `erased`": control.Erased{}, "Row `evidence`": control.Evidence{}, "Row `verdict`": control.Verdict{},
		"Receipts of a verdict": control.Receipt{}, "Repairs of a status": control.Repairs{},
		"The request": control.Request{}, "Errors": control.Failure{},
	} {
		text, ok := sections[heading]
		if !ok {
			t.Errorf("docs/cli.md has no section %q", heading)
			continue
		}
		var fields []string
		for f := range reflect.TypeOf(value).Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			fields = append(fields, name)
			if !strings.Contains(text, "| `"+name+"` |") {
				t.Errorf("the section %q of docs/cli.md does not tell of %q", heading, name)
			}
		}
		for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(text, -1) {
			if !slices.Contains(fields, m[1]) {
				t.Errorf("the section %q of docs/cli.md tells of %q, which does not exist", heading, m[1])
			}
		}
	}
}

func TestManualHasEveryExitCode(t *testing.T) {
	text := manual(t)["Exit codes"]
	for name, code := range map[string]int{
		"usage": control.ExitUsage, "needs-passphrase": control.ExitLocked, "locked": control.ExitLocked,
		"no-contact": control.ExitNotFound, "timeout": control.ExitTimeout, "failure": control.ExitFailure,
	} {
		if got := (&control.Failure{Name: name}).Exit(); got != code {
			t.Errorf("%s exits with %d, want %d", name, got, code)
		}
		if !strings.Contains(text, fmt.Sprintf("| %d |", code)) {
			t.Errorf("docs/cli.md does not tell of the exit code %d", code)
		}
	}
}
