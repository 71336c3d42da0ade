package manual

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func program() *cobra.Command {
	run := func(*cobra.Command, []string) {}
	root := &cobra.Command{Use: "tool", Short: "A tool"}
	fetch := &cobra.Command{Use: "fetch WHAT|-", Short: "Fetch it", Long: "Fetch it\nfrom there.", Run: run, Annotations: map[string]string{Rows: "thing", More: "More of it.\n"}}
	fetch.Flags().StringP("output", "o", "", "write to this `FILE` | pipe")
	fetch.Flags().Int("lines", 20, "how many")
	fetch.Flags().Bool("fast", false, "not slow")
	fetch.Flags().Duration("wait", 0, "wait so long (default: for ever)")
	fetch.Flags().String("secret", "", "")
	if err := fetch.Flags().MarkHidden("secret"); err != nil {
		panic(err)
	}
	plain := &cobra.Command{Use: "plain", Short: "Do nothing.", Run: run}
	group := &cobra.Command{Use: "group", Short: "A group"}
	group.AddCommand(plain)
	root.AddCommand(group, fetch, &cobra.Command{Use: "hidden", Hidden: true, Run: run})
	root.PersistentFlags().Bool("loud", false, "be loud")
	return root
}

func TestCommands(t *testing.T) {
	const want = "## `tool fetch WHAT|-`\n\nFetch it\nfrom there.\n\nRows: thing.\n\n" +
		"| flag | meaning |\n|---|---|\n| `--fast` | not slow |\n| `--lines int` | how many (default 20) |\n" +
		"| `--output FILE`, `-o` | write to this FILE \\| pipe |\n| `--wait duration` | wait so long (default: for ever) |\n\nMore of it.\n\n" +
		"## `tool group plain`\n\nDo nothing.\n\n"
	if got := Commands(program()); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := Flags(program().PersistentFlags()); got != "| flag | meaning |\n|---|---|\n| `--loud` | be loud |\n" {
		t.Errorf("got\n%s", got)
	}
	if got := Flags(program().Flags()); got != "" {
		t.Errorf("no flags are %q", got)
	}
}

func TestFields(t *testing.T) {
	dir := t.TempDir()
	const source = "package p\n\ntype Row struct {\n\t// 64 hex\n\t// digits, a | b.\n\tID string `json:\"id\"`\n\tN int `json:\"n,omitempty\"` // how many\n" +
		"\tinner int\n\tSkipped int `json:\"-\"`\n}\n\ntype Bare struct {\n\tID string `json:\"id\"`\n}\n\ntype Other int\n"
	if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Fields(dir, "Row")
	if want := "| field | meaning |\n|---|---|\n| `id` | 64 hex digits, a \\| b |\n| `n` | how many |\n"; err != nil || got != want {
		t.Errorf("got\n%s%v", got, err)
	}
	for _, name := range []string{"Bare", "Other", "None"} {
		if got, err := Fields(dir, name); err == nil {
			t.Errorf("%s is\n%s", name, got)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "q.go"), []byte("no Go"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Fields(dir, "None"); err == nil {
		t.Error("a broken file is taken")
	}
}

func TestParts(t *testing.T) {
	file := "# Title\n\ntext\n"
	one := Part(file, "one", "\nfirst\n\n")
	if one != "# Title\n\ntext\n\n<!-- begin one -->\nfirst\n<!-- end one -->\n" {
		t.Errorf("got %q", one)
	}
	two := Part(one, "two", "second")
	changed := Part(two, "one", "another\nfirst")
	if !strings.Contains(changed, "another\nfirst\n<!-- end one -->\n\n<!-- begin two -->\nsecond\n<!-- end two -->\n") || strings.Contains(changed, "\nfirst\n<!-- end one -->\nfirst") {
		t.Errorf("got %q", changed)
	}
	if Part(changed, "one", "another\nfirst") != changed {
		t.Error("it is not stable")
	}
	if got := PartOf(changed, "two"); got != "<!-- begin two -->\nsecond\n<!-- end two -->\n" || PartOf(changed, "three") != "" || PartOf("<!-- begin x -->\nopen", "x") != "" {
		t.Errorf("got %q", got)
	}
}
