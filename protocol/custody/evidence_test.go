package custody

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// sampleFile holds everything that a file can hold.
func sampleFile() *File {
	f := newFramers(1)
	a, d := f.mailbox()
	f.m.enrol(a, f.lks[1])
	p := f.m.submit(a, d.drop, f.envs[:3]...)
	f.m.ack(a, f.lks[0], 5)
	f.m.about(a, d.drop, p[1])
	return f.m.book.file(f.m.node.Public())
}

func TestFilesAreExact(t *testing.T) {
	text := sampleFile().Encode()
	f, err := ParseFile(text)
	if err != nil {
		t.Fatal(err)
	}
	if again := f.Encode(); !bytes.Equal(again, text) {
		t.Errorf("the file does not encode back:\n%s", again)
	}
	for n := range text {
		if _, err := ParseFile(text[:n]); !errors.Is(err, wire.ErrTruncated) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
	for _, tail := range []string{"\n", "x", "END\n", string(text)} {
		if _, err := ParseFile(append(bytes.Clone(text), tail...)); !errors.Is(err, wire.ErrTrailing) {
			t.Errorf("with %q behind it: %v", tail, err)
		}
	}
	lines := bytes.Split(text, []byte("\n"))
	for i, line := range lines {
		if len(line) > lineWidth || i > 0 && i < len(lines)-3 && len(line) != lineWidth {
			t.Errorf("line %d has %d characters", i, len(line))
		}
	}
	windows := bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	if f, err := ParseFile(windows); err != nil || !bytes.Equal(f.Encode(), text) {
		t.Errorf("with the line ends of Windows: %v", err)
	}
	if empty, err := ParseFile((&File{Node: testNode().Public()}).Encode()); err != nil || empty.Node != testNode().Public() {
		t.Errorf("a file of nothing: %v", err)
	}
}

// TestOrderMeansNothing: the same evidence is the same file.
func TestOrderMeansNothing(t *testing.T) {
	f := sampleFile()
	text := f.Encode()
	r := rand.New(rand.NewPCG(1, 1))
	for range 10 {
		f.Receipts = append(slices.Clone(f.Receipts), f.Receipts...)
		f.Objects = append(slices.Clone(f.Objects), f.Objects[0])
		r.Shuffle(len(f.Receipts), func(i, k int) { f.Receipts[i], f.Receipts[k] = f.Receipts[k], f.Receipts[i] })
		r.Shuffle(len(f.Objects), func(i, k int) { f.Objects[i], f.Objects[k] = f.Objects[k], f.Objects[i] })
		if !bytes.Equal(f.Encode(), text) {
			t.Fatal("another order or a repeated item makes another file")
		}
		f.Receipts = f.Receipts[:len(f.Receipts)/2+1]
		f, _ = ParseFile(text)
	}
}

// textOf is the text of a file whose content is a CBOR item of its own.
func textOf(item any) []byte {
	text := base64.RawURLEncoding.EncodeToString(wire.Marshal(item))
	var b strings.Builder
	b.WriteString(fileHead + "\n")
	for len(text) > 0 {
		n := min(len(text), lineWidth)
		b.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	b.WriteString(fileEnd + "\n")
	return []byte(b.String())
}

func TestParseFileRefuses(t *testing.T) {
	f := sampleFile()
	record := func(change func(r *fileRecord)) []byte {
		g, err := ParseFile(f.Encode())
		if err != nil {
			t.Fatal(err)
		}
		r := &fileRecord{fileVersion, g.Node, g.Receipts, g.Heads, g.States, g.Runs, g.Objects}
		change(r)
		return textOf(r)
	}
	good := string(f.Encode())
	row := (&wire.Push{Position: wire.At(1, 1)}).Row()
	for name, c := range map[string]struct {
		text []byte
		want error
	}{
		"as it is":             {record(func(*fileRecord) {}), nil},
		"something else":       {[]byte("Dear Sir or Madam,\n"), wire.ErrWrongKind},
		"another first line":   {[]byte(strings.Replace(good, "EVIDENCE 1", "EVIDENCE 2", 1)), wire.ErrWrongKind},
		"too large":            {make([]byte, MaxFile+1), wire.ErrTooLarge},
		"a blank in the text":  {[]byte(strings.Replace(good, "A", " ", 1)), wire.ErrMalformed},
		"padding":              {[]byte(strings.Replace(good, "\nEND", "=\nEND", 1)), wire.ErrMalformed},
		"other lines":          {[]byte(strings.Replace(good, good[20:40], good[20:30]+"\n"+good[30:40], 1)), wire.ErrNotCanonical},
		"another version":      {record(func(r *fileRecord) { r.Version = 2 }), wire.ErrVersion},
		"another order":        {record(func(r *fileRecord) { slices.Reverse(r.Receipts) }), wire.ErrNotCanonical},
		"one twice":            {record(func(r *fileRecord) { r.Heads = append(r.Heads, r.Heads[0]) }), wire.ErrNotCanonical},
		"no CBOR":              {textOf(7), wire.ErrMalformed},
		"a field missing":      {textOf(map[int]int{1: 1}), wire.ErrNotCanonical},
		"too many receipts":    {record(func(r *fileRecord) { r.Receipts = slices.Repeat(r.Receipts[:1], MaxStatements+1) }), wire.ErrValue},
		"too many states":      {record(func(r *fileRecord) { r.States = slices.Repeat(r.States[:1], maxStates+1) }), wire.ErrValue},
		"too many runs":        {record(func(r *fileRecord) { r.Runs = slices.Repeat([]Run{{Rows: row}}, maxRuns+1) }), wire.ErrValue},
		"too many objects":     {record(func(r *fileRecord) { r.Objects = slices.Repeat(r.Objects[:1], MaxStatements+1) }), wire.ErrValue},
		"a run without rows":   {record(func(r *fileRecord) { r.Runs = []Run{{}} }), wire.ErrValue},
		"half a row":           {record(func(r *fileRecord) { r.Runs = []Run{{Rows: row[:60]}} }), wire.ErrValue},
		"a long path":          {record(func(r *fileRecord) { r.Heads[0].Path = make([][32]byte, 33) }), wire.ErrValue},
		"a short signature":    {record(func(r *fileRecord) { r.Heads[0].Sig = r.Heads[0].Sig[:63] }), wire.ErrValue},
		"no proof":             {record(func(r *fileRecord) { r.Heads[0] = nil }), wire.ErrMalformed},
		"no state":             {record(func(r *fileRecord) { r.States[0] = nil }), wire.ErrMalformed},
		"text in lower case":   {[]byte(strings.ToLower(good)), wire.ErrWrongKind},
		"a first line and END": {[]byte(fileHead + "\n" + fileEnd + "\n"), wire.ErrTruncated},
		"nothing inside":       {[]byte(fileHead + "\n\n" + fileEnd + "\n"), wire.ErrTruncated},
	} {
		_, err := ParseFile(c.text)
		if !errors.Is(err, c.want) && (err != nil || c.want != nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestFilesNameNobody: a file holds node key, hashes, account tags and login keys,
// and nothing that leads to people.
func TestFilesNameNobody(t *testing.T) {
	f := sampleFile()
	f.Objects = nil // enrolments show the account key, which exists at this gateway only
	raw := wire.Marshal(fileRecord{fileVersion, f.Node, f.Receipts, f.Heads, f.States, f.Runs, f.Objects})
	mk := newFramers(1).mks[0].Public()
	if bytes.Contains(raw, mk[:]) {
		t.Error("the account key stands in a file without enrolments")
	}
}

// vectorOf is one file with what comes of it.
type vectorOf struct {
	Name    string   `json:"name"`
	Verdict string   `json:"verdict"`
	Fault   string   `json:"fault,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
	File    string   `json:"file"`
}

// TestEvidenceVectors holds files and verdicts to testdata/evidence.json.
func TestEvidenceVectors(t *testing.T) {
	files := map[string]*File{"everything, and no fault": sampleFile()}
	for name, l := range lies() {
		files[name] = l.make(newFramers(1))
		left := l.make(newFramers(1))
		l.without(left)
		files[name+": not all of it"] = left
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var got []vectorOf
	for _, name := range names {
		text := files[name].Encode()
		f, err := ParseFile(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		report, err := Judge(f)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got = append(got, vectorOf{name, report.Verdict.String(), report.Fault.String(), report.Reasons, string(text)})
	}
	b, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	const path = "testdata/evidence.json"
	if *update {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, want) {
		t.Errorf("%s differs from what this code makes; -update writes it anew", path)
	}
}

func TestWords(t *testing.T) {
	for v, want := range map[Verdict]string{Nothing: "nothing", Custody: "custody", Incomplete: "incomplete", Guilty: "guilty", 200: "guilty"} {
		if v.String() != want {
			t.Errorf("%d is %q", v, v)
		}
	}
	if Fault(0).String() != "" || Fault(99).String() != "" || Withheld.String() != "withheld" {
		t.Error("words of faults")
	}
	if s := (Statement{listRows, 2, 9}).String() + ", " + (Statement{List: listStates, Index: 1}).String(); s != "rows 2 at 9, states 1" {
		t.Error(s)
	}
}

// FuzzParseFile: what parses encodes to the same bytes, but for line ends, and can
// be judged without harm.
func FuzzParseFile(f *testing.F) {
	f.Add(sampleFile().Encode())
	for _, l := range lies() {
		f.Add(l.make(newFramers(1)).Encode())
	}
	f.Add([]byte(fileHead + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := ParseFile(b)
		if err != nil {
			return
		}
		if !bytes.Equal(file.Encode(), bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))) {
			t.Fatal("a file does not encode back to its bytes")
		}
		if report, err := Judge(file); err == nil && report.Node != file.Node {
			t.Fatal("the report is about another gateway")
		}
	})
}

// FuzzJudge changes the content of files below the text: whoever is convicted is
// the gateway whose statements they are, and of an honest one nothing changed in
// the file makes a guilty one.
func FuzzJudge(f *testing.F) {
	honest := newModel(0x11).node.Public()
	raw := func(x *File) []byte {
		return wire.Marshal(fileRecord{fileVersion, x.Node, x.Receipts, x.Heads, x.States, x.Runs, x.Objects})
	}
	f.Add(raw(sampleFile()))
	f.Add(wire.Marshal(fileRecord{Version: fileVersion, Node: key.NodePublic{1}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r fileRecord
		if wire.Unmarshal(b, &r, MaxFile) != nil {
			return
		}
		report, err := Judge(&File{r.Node, r.Receipts, r.Heads, r.States, r.Runs, r.Objects})
		if err == nil && report.Verdict == Guilty && report.Node == honest {
			t.Fatalf("an honest gateway is convicted: %s", report.Reasons)
		}
	})
}
