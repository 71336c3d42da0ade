package zeroms_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// fixture is a small tree that one rule is held against. Each element of want stands in exactly one finding, in the
// order of the tree; none means that the rule is content.
type fixture struct {
	rule  string
	name  string
	files map[string]string
	want  []string
}

// one is a tree of one file.
func one(path, text string) map[string]string { return map[string]string{path: text} }

// function is a Go function of so many lines.
func function(head string, lines int) string {
	return head + " {\n" + strings.Repeat("\tprintln()\n", lines-2) + "}\n"
}

var fixtures = []fixture{
	{"imports", "the layers as they are", map[string]string{
		"protocol/key/a.go":           "package key\nimport (\n\t\"crypto/ed25519\"\n\t\"filippo.io/edwards25519\"\n\t\"filippo.io/edwards25519/field\"\n\t\"golang.org/x/crypto/argon2\"\n)",
		"protocol/wire/a.go":          "package wire\nimport (\n\t\"github.com/fxamacker/cbor/v2\"\n\t\"zeroms/protocol/key\"\n)",
		"protocol/link/a.go":          "package link\nimport (\n\t\"github.com/gorilla/websocket\"\n\t\"github.com/quic-go/quic-go\"\n\t\"net\"\n)",
		"protocol/link/memlink/a.go":  "package memlink\nimport \"zeroms/protocol/link\"",
		"gateway/a.go":                "package gateway\nimport (\n\t\"zeroms/gateway/mailbox\"\n\t\"zeroms/protocol/link\"\n)",
		"store/a.go":                  "package store\nimport _ \"github.com/mattn/go-sqlite3\"",
		"store/chat/a.go":             "package chat\nimport (\n\t\"zeroms/client\"\n\t\"zeroms/client/delivery\"\n\t\"zeroms/store\"\n)",
		"ui/a.go":                     "package ui\nimport (\n\t\"fyne.io/fyne/v2\"\n\t\"fyne.io/fyne/v2/widget\"\n\t\"zeroms/ui/model\"\n)",
		"cmd/zeroms/main.go":          "package main\nimport (\n\t\"fyne.io/fyne/v2/app\"\n\t\"zeroms/ui\"\n\t\"zeroms/store/chat\"\n)",
		"cmd/zms/main.go":             "package main\nimport (\n\t\"github.com/spf13/cobra\"\n\t\"zeroms/client\"\n)",
		"cmd/zeroms-lab/main.go":      "package main\nimport \"zeroms/cmd/zeroms-lab/world\"",
		"cmd/zeroms-lab/world/a.go":   "package world\nimport (\n\t\"zeroms/client\"\n\t\"zeroms/gateway\"\n\t\"zeroms/protocol/link/memlink\"\n)",
		"protocol/session/a_test.go":  "package session_test\nimport (\n\t\"zeroms/cmd/zeroms-lab/world\"\n\t\"example.org/anything\"\n)",
		"protocol/wire/fuzz_test.go":  "package wire_test\nimport . \"strings\"",
		"client/home/home.go":         "package home\nimport \"zeroms/protocol/link\"",
		"client/delivery/delivery.go": "package delivery\nimport \"zeroms/protocol/custody\"",
	}, nil},
	{"imports", "a key that knows the wire", one("protocol/key/a.go", "package key\nimport \"zeroms/protocol/wire\""), []string{"a.go:2: protocol/key may not import zeroms/protocol/wire: keys are the lowest layer"}},
	{"imports", "CBOR outside wire", one("protocol/device/a.go", "package device\nimport c \"github.com/fxamacker/cbor/v2\""), []string{"cbor"}},
	{"imports", "a library nobody chose", one("client/a.go", "package client\nimport \"example.org/x\""), []string{"example.org/x"}},
	{"imports", "a library with a longer name", one("protocol/key/a.go", "package key\nimport \"golang.org/x/cryptography\""), []string{"cryptography"}},
	{"imports", "cgo", one("store/a.go", "package store\nimport \"C\""), []string{"may not import C"}},
	{"imports", "parts of the gateway", one("gateway/dht/a.go", "package dht\nimport (\n\t\"zeroms/gateway/mailbox\"\n\t\"zeroms/gateway\"\n)"), []string{"gateway/mailbox", "zeroms/gateway:"}},
	{"imports", "delivery and link", one("client/delivery/a.go", "package delivery\nimport (\n\t\"zeroms/protocol/link\"\n\t\"zeroms/protocol/link/memlink\"\n)"), []string{"zeroms/protocol/link:", "memlink"}},
	{"imports", "the engine and its database", one("client/a.go", "package client\nimport \"zeroms/store/chat\""), []string{"store/chat"}},
	{"imports", "the driver in a screen", one("ui/a.go", "package ui\nimport \"fyne.io/fyne/v2/app\""), []string{"fyne/v2/app"}},
	{"imports", "fyne in a view model", one("ui/model/a.go", "package model\nimport \"fyne.io/fyne/v2\""), []string{"fyne"}},
	{"imports", "a screen in a command", one("cmd/zms/a.go", "package main\nimport (\n\t\"fyne.io/fyne/v2\"\n\t\"zeroms/ui\"\n)"), []string{"fyne", "zeroms/ui"}},
	{"imports", "a package without a place", one("client/other/a.go", "package other"), []string{"client/other is not in the import table"}},
	{"imports", "code at the root", one("a.go", "package zeroms\nimport \"zeroms/client\""), []string{". may not import zeroms/client"}},
	{"imports", "a dot import", one("client/a.go", "package client\nimport . \"strings\""), []string{"dot import"}},

	{"sides", "meeting in cmd", map[string]string{
		"cmd/zeroms-lab/a.go": "package main\nimport (\n\t\"zeroms/client\"\n\t\"zeroms/gateway\"\n)",
		"client/a.go":         "package client\nimport \"zeroms/protocol/key\"",
		"gateway/a.go":        "package gateway\nimport \"zeroms/protocol/key\"",
	}, nil},
	{"sides", "meeting through another package", map[string]string{
		"store/a.go":      "package store\nimport \"zeroms/gateway/mailbox\"",
		"store/chat/a.go": "package chat\nimport (\n\t\"zeroms/client\"\n\t\"zeroms/store\"\n)",
	}, []string{"store/chat: "}},

	{"pure", "values only", map[string]string{
		"protocol/key/a.go":          "package key\nimport (\n\t\"crypto/rand\"\n\t\"net/netip\"\n\t\"time\"\n)\nvar _ = rand.Reader\nfunc F(now time.Time, _ netip.Addr) time.Time { return now.Add(time.Second) }",
		"protocol/key/a_test.go":     "package key\nimport \"os\"\nfunc f() { go os.Exit(1) }",
		"protocol/link/a.go":         "package link\nimport (\n\t\"net\"\n\t\"time\"\n)\nfunc Run(c net.Conn) { go c.SetDeadline(time.Now()) }",
		"protocol/link/memlink/a.go": "package memlink\nimport \"time\"\nvar _ = time.Now",
		"client/a.go":                "package client\nimport \"os\"",
	}, nil},
	{"pure", "files and sockets", one("protocol/session/a.go", "package session\nimport (\n\t\"os\"\n\t\"net\"\n\t\"net/http\"\n\t\"os/exec\"\n\t\"log\"\n)"), []string{"import os", "import net", "import net/http", "import os/exec", "import log"}},
	{"pure", "the clock", one("protocol/session/a.go", "package session\nimport clock \"time\"\nfunc f() {\n\t_ = clock.Now()\n\t<-clock.After(1)\n\tclock.Sleep(1)\n\tg := clock.Since\n\t_ = g\n}"), []string{"a.go:4: ", "time.After", "time.Sleep", "time.Since"}},
	{"pure", "a goroutine, even in Run", one("client/delivery/a.go", "package delivery\nfunc Run() { go Run() }"), []string{"may not start a goroutine"}},

	{"goroutines", "where they belong", map[string]string{
		"client/a.go": "package client\nfunc Run() { go f() }\nfunc run() { func() { go f() }() }\nfunc (t *T) runCommitter() { var wg sync.WaitGroup; wg.Go(f) }\n" +
			"func loopWriter() { go f() }\nfunc Serve() { go f() }\nfunc serveConn() { go f() }\nfunc ServeHTTP() { go f() }",
		"client/a_test.go": "package client\nfunc TestX() { go f() }",
	}, nil},
	{"goroutines", "in a constructor", one("client/a.go", "package client\nfunc New() { go f() }\nfunc (t *T[K]) Open() {\n\tvar wg sync.WaitGroup\n\twg.Go(f)\n}"), []string{"New starts", "T.Open starts"}},
	{"goroutines", "under a name that only begins alike", one("client/a.go", "package client\nfunc runner() { go f() }\nfunc Runs() { go f() }\nfunc RunAll() { go f() }\nfunc servers() { go f() }"), []string{"runner", "Runs", "RunAll", "servers"}},
	{"goroutines", "in a package variable", one("client/a.go", "package client\nvar x = func() int { go f(); return 1 }()"), []string{"a package variable starts"}},

	{"lines", "at the limit", map[string]string{
		"client/a.go":      "package client\n" + strings.Repeat("\n", maxFileLines-1),
		"client/b.go":      "package client\n" + strings.Repeat("\n", maxFileLines-1),
		"client/a_test.go": "package client\n" + strings.Repeat("\n", maxTestFileLines-1),
		"client/b_test.go": "package client\n" + strings.Repeat("\n", maxTestFileLines-1),
	}, nil},
	{"lines", "a file and a test file above it", map[string]string{
		"client/a.go":      "package client\n" + strings.Repeat("\n", maxFileLines),
		"client/a_test.go": "package client\n" + strings.Repeat("\n", maxTestFileLines),
	}, []string{"701 lines", "1201 lines"}},
	{"lines", "a package above it", map[string]string{
		"client/a.go": "package client\n" + strings.Repeat("\n", 699),
		"client/b.go": "package client\n" + strings.Repeat("\n", 699),
		"client/c.go": "package client\n" + strings.Repeat("\n", 699),
		"client/d.go": "package client\n" + strings.Repeat("\n", 400),
	}, []string{"client: 2501 lines in the package"}},

	{"functions", "at the limit", one("client/a.go", "package client\n// F has\n// a long\n// comment.\n"+function("func F()", maxFunctionLines)+"func assembly()\n"), nil},
	{"functions", "above it", one("client/a.go", "package client\n"+function("func (t *T) F()", maxFunctionLines+1)), []string{"a.go:2: T.F: 81 lines"}},
	{"functions", "above it in a test", one("client/a_test.go", "package client\n"+function("func TestF()", maxFunctionLines+1)), []string{"TestF"}},
	{"functions", "above it in a package variable", one("client/a.go", "package client\n"+function("var f = func()", maxFunctionLines+1)), []string{"function literal"}},

	{"parameters", "at the limit", one("client/a.go", "package client\nfunc (t *T) F(a, b, c int, d, e string) (x, y, z, u, v, w int)"), nil},
	{"parameters", "above it", one("client/a.go", "package client\nfunc F(a, b, c int, d, e, f string)\ntype I interface{ M(int, int, int, int, int, int) }\nvar g = func(a, b, c, d, e, f int) {}"), []string{"a.go:2: 6 parameters", "a.go:3", "a.go:4"}},

	{"interfaces", "at the limit", one("client/a.go", "package client\ntype I interface { A(); B(); C(); D(); E(); F(); G(); io.Reader; J }"), nil},
	{"interfaces", "above it", one("client/a.go", "package client\ntype I interface { A(); B(); C(); D(); E(); F(); G(); H() }"), []string{"8 methods"}},

	{"documentation", "comments", map[string]string{
		"client/doc.go": "// Package client is.\npackage client",
		"client/a.go": "package client\n// F does.\nfunc F() {}\n// T is.\ntype T int\n// M does.\nfunc (t T) M() {}\nfunc (t hidden) M() {}\ntype hidden int\n" +
			"// Limits.\nconst (\n\tA = 1\n\tB = 2\n)\nconst (\n\t// C is.\n\tC = 1\n\tD = 2 // D is.\n)\n// The types.\ntype (\n\t// U is.\n\tU int\n)\nfunc f() {}\nvar v = []int{1}",
		"client/a_test.go": "package client\nfunc TestF() {}",
	}, nil},
	{"documentation", "none", one("client/a.go", "package client\nfunc F() {}\ntype T int\nfunc (t *T) M() {}\nconst A = 1\nvar V = []int{1}"), []string{"no package comment", "F has", "T has", "T.M has", "A has", "V has"}},
	{"documentation", "one comment for several types", one("client/a.go", "// Package client is.\npackage client\n// These are.\ntype (\n\tT int\n)"), []string{"T has"}},
	{"documentation", "a directive only", one("client/a.go", "// Package client is.\npackage client\n//go:noinline\nfunc F() {}"), []string{"F has"}},

	{"variables", "errors, tables and embeds", map[string]string{
		"client/a.go": `package client
var ErrA = errors.New("a")
var (
	errB = newError(1)
	ErrC = &Error{Code: 1}
	ErrD = wire.ErrD
)
var table = map[string]int{"a": 1}
var list = [...]string{"a"}
var pattern = regexp.MustCompile("a")
var mode = func() cbor.EncMode { return nil }()
var mode2 = mustMode(1)
var words = sync.OnceValue(func() []string { return nil })
var text = base32.StdEncoding.WithPadding(base32.NoPadding)
var label = []byte("a")
//go:embed a.txt
var embed string
var (
	//go:embed *.sql
	files embed.FS
)
var _ Store = (*T)(nil)
const Five = 5
func (t *T) F(list []string) { list[0] = "b"; table := map[string]int{}; table["a"]++; t.table["b"] = 2; delete(table, "a") }`,
		"client/a_test.go": "package client\nvar update = flag.Bool(\"update\", false, \"\")\nvar state int",
	}, nil},
	{"variables", "state", one("client/a.go", "package client\nvar count int\nvar mu sync.Mutex\nvar lock = &sync.RWMutex{}\nvar pool = sync.Pool{New: f}\nvar cache = map[string]int{}\nvar made = make(map[string]int)\n"+
		"var now = time.Now\nvar five = 5\nvar hook = func() {}\nvar queue = make(chan int)\nvar out = &bytes.Buffer{}\nvar thing = NewThing()\nvar Error = newThing()"), []string{
		"count has no value", "mu has no value", "lock is a sync.RWMutex", "pool is a sync.Pool", "cache is empty", "made is made by make", "now is neither",
		"five is neither", "hook is neither", "queue is made", "out is a bytes.Buffer", "thing is made by NewThing", "Error is made by newThing"}},
	{"variables", "a table that somebody changes", map[string]string{
		"client/a.go": "package client\nvar table = map[string]int{\"a\": 1}\nvar list = []T{{1}}\nvar ErrA = errors.New(\"a\")",
		"client/b.go": "package client\nfunc init() { table[\"b\"] = 2 }\nfunc f() { delete(table, \"a\") }\nfunc g() { list[0].n++ }\nfunc h() { ErrA = nil }\nfunc i() { copy(list[1:], nil) }",
	}, []string{"init changes the package variable table", "f changes", "g changes the package variable list", "h changes", "i changes"}},

	{"names", "what they are about", one("client/home/a.go", "package home"), nil},
	{"names", "about nothing", map[string]string{
		"client/util/a.go":      "package util",
		"client/x/a.go":         "package helpers",
		"protocol/common/a.go":  "package codec",
		"store/misc/a_test.go":  "package misc_test",
		"ui/types/a.go":         "package types",
		"gateway/shared/a.go":   "package shared",
		"gateway/commonly/a.go": "package commonly",
	}, []string{"called util", "called helpers", "called shared", "called common", "called misc", "called types"}},

	{"sleeps", "in a bubble, or in the program", map[string]string{
		"client/a_test.go": "package client\nimport (\n\t\"testing/synctest\"\n\t\"time\"\n)\nfunc TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) { time.Sleep(time.Hour) }) }",
		"client/a.go":      "package client\nimport \"time\"\nfunc f() { time.Sleep(1) }",
	}, nil},
	{"sleeps", "on the real clock", one("client/a_test.go", "package client\nimport (\n\t\"testing/synctest\"\n\t\"time\"\n)\nfunc TestX(t *testing.T) { synctest.Test(t, f) }\nfunc TestY(t *testing.T) { time.Sleep(time.Hour) }"), []string{"a_test.go:7: time.Sleep"}},

	{"folders", "the house", map[string]string{"cmd/a/a.go": "package main", "docs/a.md": "", ".ci/run": "", "bin/zms": "", "testdata/a.json": "", "README.md": ""}, nil},
	{"folders", "another room", map[string]string{"pkg/a.go": "package pkg", "internal/a/a.go": "package a", ".idea/a": ""}, []string{".idea: ", "internal: ", "pkg: "}},

	{"promises", "none", one("client/a.go", "package client\n// Masto"+"don, hexx"+"x.\nvar _ = \"0x"+"xx\""), nil},
	{"promises", "in code, comments and tests", map[string]string{
		"client/a.go":      "package client\n// " + "TO" + "DO: more.\nvar _ = \"not " + "implemented\"\nvar _ = context." + "TO" + "DO()",
		"client/a_test.go": "package client\n// fix" + "me\n// X" + "XX",
	}, []string{"a.go:2: ", "a.go:3: ", "a.go:4: ", "a_test.go:2: ", "a_test.go:3: "}},

	{"screen thread", "one file", one("ui/thread.go", "package ui\nimport \"fyne.io/fyne/v2\"\nfunc f() { fyne.Do(g); fyne.DoAndWait(g) }"), nil},
	{"screen thread", "a second one", map[string]string{
		"ui/a.go":        "package ui\nimport \"fyne.io/fyne/v2\"\nfunc f() { fyne.Do(g) }",
		"ui/widget/b.go": "package widget\nimport \"fyne.io/fyne/v2\"\nfunc f() { fyne.Do(g) }",
	}, []string{"ui/widget/b.go:3: "}},
}

// TestRules holds every rule against small trees that break it and against ones that do not.
func TestRules(t *testing.T) {
	content, broken := map[string]bool{}, map[string]bool{}
	for _, f := range fixtures {
		t.Run(f.rule+"/"+f.name, func(t *testing.T) { testFixture(t, f) })
		if len(f.want) == 0 {
			content[f.rule] = true
		} else {
			broken[f.rule] = true
		}
	}
	for _, r := range rules {
		if !content[r.name] || !broken[r.name] {
			t.Errorf("the rule %q needs a fixture that breaks it and one that does not", r.name)
		}
		if r.reason == "" {
			t.Errorf("the rule %q has no reason", r.name)
		}
	}
	for _, a := range importTable {
		if a.reason == "" {
			t.Errorf("the entry %q of the import table has no reason", a.folder)
		}
	}
}

func testFixture(t *testing.T, f fixture) {
	found := findings(t, f.rule, f.files)
	if len(found) != len(f.want) {
		t.Fatalf("%d findings, want %d:\n%v", len(found), len(f.want), found)
	}
	for i, want := range f.want {
		if !strings.Contains(found[i].String(), want) {
			t.Errorf("finding %d is %q, want %q in it", i, found[i], want)
		}
	}
}

// findings loads a tree from memory and returns what the named rule says of it.
func findings(t *testing.T, name string, files map[string]string) []finding {
	t.Helper()
	root := fstest.MapFS{}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		root[path] = &fstest.MapFile{Data: []byte(files[path])}
	}
	loaded, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(rules, func(r rule) bool { return r.name == name })
	if i < 0 {
		t.Fatalf("there is no rule %q", name)
	}
	return rules[i].find(loaded)
}

// TestWireSwitches checks that a listed function may be long, and that an entry without need is a finding.
func TestWireSwitches(t *testing.T) {
	root := fstest.MapFS{"protocol/wire/a.go": {Data: []byte("package wire\n" + function("func (f *Frame) parse()", maxFunctionLines+1))}}
	loaded, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{"protocol/wire.Frame.parse": "one case a frame"}
	if found := longFunctions(loaded, listed); len(found) != 0 {
		t.Errorf("a listed function is found: %v", found)
	}
	listed["protocol/wire.Frame.gone"] = "one case a frame"
	if found := longFunctions(loaded, listed); len(found) != 1 || !strings.Contains(found[0].text, "Frame.gone") {
		t.Errorf("an entry without need gives %v", found)
	}
}

// TestLoad checks which files the rules see: those that the go command compiles under some tags.
func TestLoad(t *testing.T) {
	loaded, err := load(fstest.MapFS{
		"client/a.go":            {Data: []byte("//go:build windows\n\npackage client")},
		"client/testdata/a.go":   {Data: []byte("no Go at all")},
		"bin/a.go":               {Data: []byte("no Go at all")},
		".git/a.go":              {Data: []byte("no Go at all")},
		"client/_old/a.go":       {Data: []byte("no Go at all")},
		"protocol/bin/a_test.go": {Data: []byte("package bin")},
	})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range loaded.files {
		paths = append(paths, f.path)
	}
	if want := []string{"client/a.go", "protocol/bin/a_test.go"}; !slices.Equal(paths, want) {
		t.Errorf("files %v, want %v", paths, want)
	}
	if _, err := load(fstest.MapFS{"client/a.go": {Data: []byte("no Go at all")}}); err == nil {
		t.Error("a file that does not parse is passed over")
	}
}
