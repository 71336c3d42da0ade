package ui

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMeasured(t *testing.T) {
	b := budget{name: "key", what: "key press to glyph", unit: "ms", most: 50}
	var samples []float64
	for n := range 100 {
		samples = append(samples, float64((n*37)%100)/2)
	}
	f := b.measured(samples)
	if f.N != 100 || f.P50 != 25 || f.P95 != 47.5 || f.Max != 49.5 || !f.Met {
		t.Errorf("%+v", f)
	}
	b.most = 47
	if f := b.measured(samples); f.Met {
		t.Errorf("%+v", f)
	}
	if f := b.measured(nil); f.Met || f.N != 0 {
		t.Errorf("without samples: %+v", f)
	}
	b.most = 0
	if f := b.measured(samples); !f.Met || !b.measured(nil).Met {
		t.Errorf("without a bound: %+v", f)
	}
}

func TestBudgetsAreKnownByName(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range budgets {
		if seen[b.name] || b.most < 0 || b.unit == "" || b.what == "" || b.source == "" || budgetOf(b.name) != b {
			t.Errorf("%+v", b)
		}
		seen[b.name] = true
	}
}

func TestSinks(t *testing.T) {
	good := budget{"open", "open a conversation", "ms", 100, "open"}.measured([]float64{12, 80.5})
	bad := budget{"idle", "CPU, idle", "%", 1, "/proc"}.measured([]float64{1.25})
	none := budget{"jump", "jump", "ms", 100, "jump"}.measured(nil)
	for _, c := range []struct {
		make func(*strings.Builder) sink
		want []string
	}{
		{func(b *strings.Builder) sink { return tableSink{b, false} }, []string{"80.5 ms", "<= 100 ms", "1.25 %", "MISSED\n", "budget"}},
		{func(b *strings.Builder) sink { return tableSink{b, true} }, []string{"| open a conversation | 80.5 ms |", "<= 1 % **missed**", "| jump | - | - | - |"}},
		{func(b *strings.Builder) sink { return jsonSink{b} }, []string{`"name":"open"`, `"p95":80.5`, `"met":false`}},
	} {
		var b strings.Builder
		s := c.make(&b)
		if err := s.begin(); err != nil {
			t.Fatal(err)
		}
		for _, f := range []figure{good, bad, none} {
			if err := s.put(f); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range c.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%q is not in\n%s", want, b.String())
			}
		}
	}
}

func TestJSONIsOneObjectALine(t *testing.T) {
	var b strings.Builder
	if err := (jsonSink{&b}).put(budgets[0].measured([]float64{800})); err != nil {
		t.Fatal(err)
	}
	var f figure
	if err := json.Unmarshal([]byte(b.String()), &f); err != nil || f.Name != "start" || f.P95 != 800 || !f.Met || !strings.HasSuffix(b.String(), "}\n") {
		t.Errorf("%q: %+v, %v", b.String(), f, err)
	}
}

func TestCopyProfile(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b", "c")
	if err := os.Mkdir(from, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from, "profile.db"), []byte("rows"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := copyProfile(from, to); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(to, "profile.db"))
	info, stat := os.Stat(filepath.Join(to, "profile.db"))
	if err != nil || stat != nil || string(b) != "rows" || info.Mode().Perm() != 0o600 {
		t.Errorf("%q, %v, %v", b, err, stat)
	}
	if dir, err := os.Stat(to); err != nil || dir.Mode().Perm() != 0o700 {
		t.Error(dir, err)
	}
}

func TestCommandLinesThatAreNone(t *testing.T) {
	for _, args := range [][]string{{"word"}, {"--json", "--markdown"}, {"--starts", "0"}, {"--rounds", "0"}, {"--messages", "5", "--conversations", "6"}, {"--app", "/nowhere/zeroms"}} {
		c := New()
		c.SetArgs(args)
		c.SetOut(&strings.Builder{})
		c.SetErr(&strings.Builder{})
		c.SilenceUsage, c.SilenceErrors = true, true
		err := c.Execute()
		if _, ok := err.(interface{ Usage() }); !ok {
			t.Errorf("%q: %v", args, err)
		}
	}
}
