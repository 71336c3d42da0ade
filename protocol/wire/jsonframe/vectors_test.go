package jsonframe

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"testing"

	"zeroms/protocol/wire"
)

var update = flag.Bool("update", false, "write testdata/frames.json anew from the code")

// vector is one frame in both encodings.
type vector struct {
	Name string `json:"name"`
	CBOR string `json:"cbor"` // in hex
	JSON string `json:"json"`
}

func read[T any](t testing.TB, file string) (out []T) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func vectors(t testing.TB) []vector { return read[vector](t, "testdata/frames.json") }

// extra are frames beyond those of package wire: values at the ends of their ranges.
func extra() map[string][]byte {
	var all [256]byte
	for i := range all {
		all[i] = byte(i)
	}
	const most = 1<<64 - 1
	return map[string][]byte{
		"error-text":    wire.AppendFrame(nil, most, &wire.Failure{Code: 65535, Detail: "\x00\b\t\n\v\f\r\x1f \"\\/\x7f<&>ä—\u2028字😀"}),
		"submit-all":    wire.AppendFrame(nil, 1, &wire.Submit{Envelope: all[:]}),
		"hello-largest": wire.AppendFrame(nil, most, &wire.ServerHello{Version: 65535, Time: most, Limits: wire.Limits{Frame: 1<<32 - 1, Retention: most, RegisterBits: 255}}),
		"commit-ids":    wire.AppendFrame(nil, 0, &wire.Commit{Leaves: 3, Items: []wire.CommitItem{{ID: 1<<53 + 1}, {ID: most, Index: 1<<32 - 1}}}),
	}
}

// TestVectors holds every frame of wire's vectors, and some more, to testdata/frames.json byte for byte, both ways.
func TestVectors(t *testing.T) {
	type frame struct{ Name, Hex string }
	frames := read[frame](t, "../testdata/frames.json")
	more := extra()
	for _, name := range []string{"error-text", "submit-all", "hello-largest", "commit-ids"} {
		frames = append(frames, frame{name, hex.EncodeToString(more[name])})
	}
	var made []vector
	for _, f := range frames {
		text, err := Text(unhex(t, f.Hex))
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		made = append(made, vector{f.Name, f.Hex, string(text)})
	}
	if *update {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := errors.Join(e.Encode(made), os.WriteFile("testdata/frames.json", b.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	file := vectors(t)
	if !slices.Equal(file, made) {
		t.Errorf("testdata/frames.json holds %d frames, the code makes %d, and they differ: run the test with -update", len(file), len(made))
	}
	for _, v := range file {
		got, err := CBOR([]byte(v.JSON), wire.MaxMessage)
		if err != nil || !bytes.Equal(got, unhex(t, v.CBOR)) {
			t.Errorf("%s is read as %x, %v", v.Name, got, err)
		}
	}
}

// TestMessages: a message of all frames is their texts on lines of their own, and back.
func TestMessages(t *testing.T) {
	var message, text []byte
	for i, v := range vectors(t) {
		if i > 0 {
			text = append(text, '\n')
		}
		message, text = append(message, unhex(t, v.CBOR)...), append(text, v.JSON...)
	}
	if got, err := Text(message); err != nil || !bytes.Equal(got, text) {
		t.Errorf("the message is written as %s, %v", got, err)
	}
	if got, err := CBOR(text, len(message)); err != nil || !bytes.Equal(got, message) {
		t.Errorf("the text is read as %x, %v", got, err)
	}
	if _, err := CBOR(text, len(message)-1); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("a message above its limit: %v", err)
	}
	r, n := NewReader(text), 0
	for ; r.More(); n++ {
		frame, err := r.Next([]byte("before"))
		if err != nil || string(frame) != "before"+string(unhex(t, vectors(t)[n].CBOR)) {
			t.Fatalf("frame %d: %x, %v", n, frame, err)
		}
	}
	if n != len(vectors(t)) {
		t.Errorf("%d frames", n)
	}
}
