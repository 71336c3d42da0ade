package jsonframe

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// one checks what a text may be: refused with an error of the table, or taken, and then it is JSON and exactly what
// its frames are written as.
func one(t testing.TB, text []byte) (taken bool) {
	t.Helper()
	message, err := CBOR(text, wire.MaxMessage)
	if err != nil {
		var known *wire.Error
		if !errors.As(err, &known) {
			t.Errorf("%q is refused with %v, which is no error of the table", text, err)
		}
		return false
	}
	again, err := Text(message)
	if err != nil || !bytes.Equal(again, text) {
		t.Errorf("%q is taken, and written again as %q, %v", text, again, err)
	}
	if len(message) > len(text) {
		t.Errorf("%q is %d bytes, and its CBOR %d", text, len(text), len(message))
	}
	lines := json.NewDecoder(bytes.NewReader(text))
	for {
		var frame []any
		switch err := lines.Decode(&frame); {
		case err == io.EOF:
			return true
		case err != nil || len(frame) != 3:
			t.Errorf("%q is taken and is no JSON of three elements: %v", text, err)
			return true
		}
	}
}

func TestEveryPrefixFails(t *testing.T) {
	for _, v := range vectors(t) {
		for n := range len(v.JSON) {
			if _, err := CBOR([]byte(v.JSON[:n]), wire.MaxMessage); !errors.Is(err, wire.ErrTruncated) {
				t.Fatalf("%s cut to %d characters: %v", v.Name, n, err)
			}
			two := []byte(v.JSON + "\n" + v.JSON[:n])
			if _, err := CBOR(two, wire.MaxMessage); !errors.Is(err, wire.ErrTruncated) {
				t.Fatalf("%s, and again cut to %d characters: %v", v.Name, n, err)
			}
			if _, err := CBOR([]byte(v.JSON[:n]+"\n"+v.JSON), wire.MaxMessage); err == nil {
				t.Fatalf("%s cut to %d characters is taken when another follows", v.Name, n)
			}
		}
		for _, end := range []string{" ", "\n", ",", "]", "\x00", "\r", "x"} {
			if _, err := CBOR([]byte(v.JSON+end), wire.MaxMessage); err == nil {
				t.Errorf("%s is taken with %q behind it", v.Name, end)
			}
		}
	}
}

// TestEveryChange changes each character of each vector, leaves it out, or puts one in front of it: what is taken then
// is another text with a meaning of its own.
func TestEveryChange(t *testing.T) {
	taken := 0
	for _, v := range vectors(t) {
		text := []byte(v.JSON)
		if len(text) > 350 {
			continue // of the same kinds as the shorter ones, and much slower
		}
		for i := range text {
			variants := [][]byte{append(bytes.Clone(text[:i]), text[i+1:]...)}
			for _, c := range []byte(" \t\r\n\"\\/,:[]{}0-+.eAaZz_=u1n\x00\x7f\xff") {
				changed := bytes.Clone(text)
				changed[i] = c
				variants = append(variants, changed, append(append(bytes.Clone(text[:i]), c), text[i:]...))
			}
			for _, variant := range variants {
				if !bytes.Equal(variant, text) && one(t, variant) {
					taken++
				}
			}
		}
	}
	if taken == 0 {
		t.Error("no change of a character of a byte string was taken: nothing was tried")
	}
}

// submit is a valid text with one part replaced.
func submit(t testing.TB, part, by string) string {
	t.Helper()
	const text = `["submit",7,{"drop":"YGFiY2RlZmdoaWprbG1ubw","mac":"4OHi4-Tl5ufo6err7O3u7w","envelope":"AAEC","work":""}]`
	if !strings.Contains(text, part) {
		t.Fatalf("the text has no %s", part)
	}
	return strings.Replace(text, part, by, 1)
}

// refusal is a text that no frame is written as.
type refusal struct {
	what, text string
	want       error
	says       string
}

func refused(t *testing.T, all []refusal) {
	t.Helper()
	for _, c := range all {
		_, err := CBOR([]byte(c.text), wire.MaxMessage)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %v with %q", c.what, err, c.want, c.says)
		}
		one(t, []byte(c.text))
	}
}

func TestRefusedFrames(t *testing.T) {
	refused(t, []refusal{
		{"nothing", "", wire.ErrTruncated, "frame 1"},
		{"an empty line", "\n" + submit(t, "7", "8"), wire.ErrNotCanonical, "frame 1"},
		{"a line feed at the end", submit(t, "7", "8") + "\n", wire.ErrTruncated, "frame 2"},
		{"a number for the type", submit(t, `"submit"`, `20`), wire.ErrMalformed, `["`},
		{"an unknown type", submit(t, `"submit"`, `"submitt"`), wire.ErrMalformed, "no frame of this name"},
		{"a type in capitals", submit(t, `"submit"`, `"Submit"`), wire.ErrMalformed, "no frame of this name"},
		{"space in front", " " + submit(t, "7", "8"), wire.ErrNotCanonical, "white space"},
		{"space behind a comma", submit(t, `,"mac"`, `, "mac"`), wire.ErrNotCanonical, "white space"},
		{"space behind a colon", submit(t, `"mac":`, `"mac": `), wire.ErrNotCanonical, "white space"},
		{"space in front of a colon", submit(t, `"mac":`, `"mac" :`), wire.ErrNotCanonical, "no colon"},
		{"space behind the type", submit(t, `,7`, `, 7`), wire.ErrNotCanonical, "white space"},
		{"a carriage return at the end", submit(t, `7`, `7`) + "\r", wire.ErrTrailing, "more than a frame"},
		{"two frames on a line", submit(t, "7", "7") + submit(t, "7", "8"), wire.ErrTrailing, "more than a frame"},
		{"a frame that goes over lines", submit(t, `,"mac"`, ",\n\"mac\""), wire.ErrNotCanonical, "a line feed within a frame"},
		{"a fourth element", submit(t, `}]`, `},1]`), wire.ErrMalformed, "]"},
		{"an array for the fields", submit(t, `{"drop"`, `["drop"`), wire.ErrMalformed, "{"},
		{"null for the fields", `["ok",1,null]`, wire.ErrMalformed, "{"},
		{"null", submit(t, `"AAEC"`, `null`), wire.ErrMalformed, `submit.envelope`},
		{"a number for bytes", submit(t, `"AAEC"`, `1`), wire.ErrMalformed, `submit.envelope`},
		{"text for a number", submit(t, `7`, `"7"`), wire.ErrMalformed, "a whole number"},
		{"a negative number", submit(t, `7`, `-7`), wire.ErrMalformed, "a whole number"},
		{"a fraction", submit(t, `7`, `7.0`), wire.ErrMalformed, ","},
		{"an exponent", submit(t, `7`, `7e0`), wire.ErrMalformed, ","},
		{"a 0 in front", submit(t, `7`, `07`), wire.ErrMalformed, "0 in front"},
		{"a number of 65 bits", submit(t, `7`, `18446744073709551616`), wire.ErrMalformed, "above 18446744073709551615"},
		{"a number of 17 bits", `["error",1,{"code":65536,"detail":""}]`, wire.ErrMalformed, "error.code, character 25: a number above 65535"},
		{"the words of the message for a number", `["ok",a whole number,{}]`, wire.ErrMalformed, "a whole number"},
		{"a field twice", submit(t, `"mac":`, `"drop":`), wire.ErrMalformed, "the field drop twice"},
		{"a field twice at the end", submit(t, `"work":""`, `"work":"","work":""`), wire.ErrMalformed, "the field work twice"},
		{"a field missing", submit(t, `"envelope":"AAEC",`, ``), wire.ErrNotCanonical, "envelope is missing"},
		{"the last field missing", submit(t, `,"work":""`, ``), wire.ErrNotCanonical, "work is missing"},
		{"the first field missing", submit(t, `"drop":"YGFiY2RlZmdoaWprbG1ubw",`, ``), wire.ErrNotCanonical, "drop is missing"},
		{"no field", `["submit",7,{}]`, wire.ErrNotCanonical, "drop is missing"},
		{"fields in another order", submit(t, `"envelope":"AAEC","work":""`, `"work":"","envelope":"AAEC"`), wire.ErrNotCanonical, "envelope is missing or not in its place"},
		{"an unknown field", submit(t, `"mac":`, `"mack":`), wire.ErrMalformed, "unknown name"},
		{"an unknown field at the end", submit(t, `"work":""`, `"work":"","x":1`), wire.ErrMalformed, "unknown name"},
		{"a comma at the end", submit(t, `"work":""`, `"work":"",`), wire.ErrMalformed, `"`},
		{"no comma between the brackets", `["submit",7,{"drop":"YGFiY2RlZmdoaWprbG1ubw""mac":""}]`, wire.ErrMalformed, "a field"},
		{"a field of a frame without fields", `["ok",1,{"x":1}]`, wire.ErrMalformed, "}"},
		{"a name with an escape", submit(t, `"mac":`, `"m\u0061c":`), wire.ErrMalformed, "unknown name"},
	})
	if !one(t, []byte(submit(t, "7", "7"))) {
		t.Error("the text that was changed is refused itself")
	}
}

func TestRefusedValues(t *testing.T) {
	long := strings.Repeat("A", 4*(wire.MaxFrame/3)+8)
	path := strings.Repeat(`"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",`, wire.MaxElements)
	get := `["record_get",1,{"name":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","day":1,"fresh":true}]`
	if !one(t, []byte(get)) || !one(t, []byte(strings.Replace(get, "true", "false", 1))) {
		t.Error("truth values are refused")
	}
	commit := `["commit",0,{"leaves":0,"time":0,"sig":"","path":[%s],"items":[]}]`
	refused(t, []refusal{
		{"padding", submit(t, `"AAEC"`, `"AA=="`), wire.ErrMalformed, "base64url"},
		{"padding of a fixed length", submit(t, `bG1ubw"`, `bG1ubw=="`), wire.ErrNotCanonical, "16 bytes, which are 22 characters"},
		{"the other base64", submit(t, `4OHi4-Tl`, `4OHi4+Tl`), wire.ErrMalformed, "base64url"},
		{"bits that count for nothing", submit(t, `"AAEC"`, `"AAECAAB"`), wire.ErrMalformed, "base64url"},
		{"such bits in a fixed length", submit(t, `bG1ubw`, `bG1ubx`), wire.ErrMalformed, "base64url"},
		{"a single character", submit(t, `"AAEC"`, `"A"`), wire.ErrMalformed, "base64url"},
		{"a carriage return in base64", submit(t, `"AAEC"`, "\"AAE\rC\""), wire.ErrMalformed, "base64url"},
		{"a carriage return in a fixed length", submit(t, `bG1ubw`, "bG1ub\r"), wire.ErrMalformed, "base64url"},
		{"an escape in base64", submit(t, `"AAEC"`, `"AAE\u0043"`), wire.ErrMalformed, "base64url"},
		{"a fixed length one short", submit(t, `bG1ubw"`, `bG1u"`), wire.ErrNotCanonical, "16 bytes"},
		{"a byte string above any frame", submit(t, `AAEC`, long), wire.ErrTooLarge, "submit.envelope"},
		{"a frame above its limit", submit(t, `AAEC`, strings.Repeat("A", 4*wire.MaxFrame/3)), wire.ErrTooLarge, "frame 1"},
		{"too many elements", fmt.Sprintf(commit, path+path[:len(path)/wire.MaxElements-1]), wire.ErrMalformed, "too many elements"},
		{"a comma at the end of a list", fmt.Sprintf(commit, path[:46]), wire.ErrMalformed, "commit.path"},
		{"a list without commas", fmt.Sprintf(commit, path[:45]+path[:45]), wire.ErrMalformed, "]"},
		{"text that is no UTF-8", `["error",1,{"code":1,"detail":"` + "\xff" + `"}]`, wire.ErrMalformed, "UTF-8"},
		{"a raw control character", `["error",1,{"code":1,"detail":"` + "\t" + `"}]`, wire.ErrMalformed, "control character"},
		{"a letter escaped", `["error",1,{"code":1,"detail":"\u0041"}]`, wire.ErrNotCanonical, "escaped"},
		{"a slash escaped", `["error",1,{"code":1,"detail":"\/"}]`, wire.ErrNotCanonical, "escaped"},
		{"a tab escaped at length", `["error",1,{"code":1,"detail":"\u0009"}]`, wire.ErrNotCanonical, "escaped"},
		{"an escape in capitals", `["error",1,{"code":1,"detail":"\u001F"}]`, wire.ErrNotCanonical, "escaped"},
		{"half a pair", `["error",1,{"code":1,"detail":"\ud83d"}]`, wire.ErrNotCanonical, "escaped"},
		{"no hex", `["error",1,{"code":1,"detail":"\u00x1"}]`, wire.ErrMalformed, "hex"},
		{"an escape that does not exist", `["error",1,{"code":1,"detail":"\a"}]`, wire.ErrMalformed, "escape"},
		{"a number for a truth value", strings.Replace(get, "true", "1", 1), wire.ErrMalformed, "record_get.fresh"},
		{"a truth value in quotes", strings.Replace(get, "true", `"true"`, 1), wire.ErrMalformed, "record_get.fresh"},
		{"half a truth value", strings.Replace(get, "true", "tru", 1), wire.ErrMalformed, "true"},
		{"a truth value in capitals", strings.Replace(get, "true", "True", 1), wire.ErrMalformed, "false"},
		{"a truth value and more", strings.Replace(get, "true", "trueish", 1), wire.ErrMalformed, "}"},
		{"null for a truth value", strings.Replace(get, "true", "null", 1), wire.ErrMalformed, "false"},
		{"a byte order mark", "\ufeff" + submit(t, "7", "7"), wire.ErrMalformed, `["`},
		{"a text above any message", strings.Repeat("x", wire.MaxMessage+1), wire.ErrTooLarge, ""},
	})
	if !one(t, []byte(fmt.Sprintf(commit, ""))) {
		t.Error("the text that was changed is refused itself")
	}
}

// TestErrorsRepeatNothing: an error goes to the other side and to logs; what was in the text stays out of it.
func TestErrorsRepeatNothing(t *testing.T) {
	const secret = "c2VjcmV0IG1hdHRlcg"
	for _, v := range vectors(t) {
		for i := range v.JSON {
			text := v.JSON[:i] + secret + v.JSON[i:]
			for _, text := range []string{text, text[:i+len(secret)]} {
				_, err := CBOR([]byte(text), wire.MaxMessage)
				if err == nil {
					continue
				}
				if strings.Contains(err.Error(), secret[:6]) {
					t.Fatalf("%s: %v", v.Name, err)
				}
				if f := wire.FailureOf(err); f.Err().Error() != err.Error() {
					t.Fatalf("%s: %q does not fit into an error frame", v.Name, err)
				}
			}
		}
	}
}

func TestNoFramesOfThisKindInCBOR(t *testing.T) {
	for _, c := range []struct {
		what    string
		message []byte
		want    error
	}{
		{"nothing", nil, wire.ErrTruncated},
		{"an unknown type", []byte{0x83, 0x18, 0xfa, 0x00, 0xa0}, wire.ErrUnexpected},
		{"a payload of another type", []byte{0x83, 0x14, 0x01, 0xa0}, wire.ErrNotCanonical},
		{"half a frame", []byte{0x83, 0x14}, wire.ErrTruncated},
		{"too much", make([]byte, wire.MaxMessage+1), wire.ErrTooLarge},
	} {
		if text, err := Text(c.message); !errors.Is(err, c.want) || text != nil {
			t.Errorf("%s: %q, %v; want %v", c.what, text, err, c.want)
		}
	}
	dst := []byte("before")
	if out, err := AppendFrame(dst, wire.Frame{Type: 250}); err == nil || string(out) != "before" {
		t.Errorf("%q, %v", out, err)
	}
}

// TestRequestsFit: whatever a client may ask of a gateway has no more characters than a frame has bytes, and so fits
// into a message to any gateway.
func TestRequestsFit(t *testing.T) {
	object := wire.Object{Body: make([]byte, wire.MaxObject), Sig: make([]byte, key.SignatureSize)}
	claim := make([]byte, key.SignatureSize)
	for _, p := range []wire.Payload{
		&wire.Submit{Envelope: make([]byte, wire.MaxEnvelope), Work: make([]byte, wire.WorkSize)},
		&wire.ProfilePut{Blob: make([]byte, wire.MaxProfile), Claim: claim},
		&wire.Register{Object: object, Invite: make([]byte, 16), Work: make([]byte, wire.WorkSize)},
		&wire.DoorPut{Object: object, Claim: claim},
		&wire.DropPut{Object: object},
		&wire.Forward{
			Host: strings.Repeat("a", wire.MaxHost), Port: 65535,
			Relay: wire.Relay{N: 1<<32 - 1, Encapsulation: make([]byte, wire.EncapsulationSize), Sealed: make([]byte, wire.MaxSealed-wire.EncapsulationSize)},
		},
		&wire.DescriptorGet{Node: make([]byte, 32), Host: strings.Repeat("a", wire.MaxHost), Port: 65535},
		deposits(66),
	} {
		text, err := Text(wire.AppendFrame(nil, 1<<64-1, p))
		if err != nil || len(text) > wire.MaxFrame {
			t.Errorf("a %T of %d characters, %v", p, len(text), err)
		}
	}
}

// deposits is the largest request to deposit n records.
func deposits(n int) *wire.DepositPut {
	p := &wire.DepositPut{Items: make([]wire.Deposit, n)}
	for i := range p.Items {
		p.Items[i] = wire.Deposit{Day: 1<<32 - 1, First: 1<<32 - 1, Last: 1<<32 - 1, Record: make([]byte, wire.RecordSize)}
	}
	return p
}

// TestDepositsFit: all that a request to deposit may hold is more characters than a frame has bytes; the document says how many fit.
func TestDepositsFit(t *testing.T) {
	text, err := Text(wire.AppendFrame(nil, 1<<64-1, deposits(wire.MaxDeposits)))
	if err != nil || len(text) <= wire.MaxFrame || len(text) != 119_008 {
		t.Errorf("%d deposits are %d characters, %v", wire.MaxDeposits, len(text), err)
	}
	if text, err := Text(wire.AppendFrame(nil, 1<<64-1, deposits(67))); err != nil || len(text) <= wire.MaxFrame {
		t.Errorf("67 deposits are %d characters, %v", len(text), err)
	}
}

func FuzzText(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.JSON))
		f.Add([]byte(v.JSON + "\n" + v.JSON))
	}
	f.Add([]byte(submit(f, "AAEC", base64.StdEncoding.EncodeToString([]byte("?>")))))
	f.Fuzz(func(t *testing.T, text []byte) { one(t, text) })
}

func FuzzMessage(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(unhex(f, v.CBOR))
		f.Add(bytes.Repeat(unhex(f, v.CBOR), 2))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		text, err := Text(message)
		if err != nil {
			var known *wire.Error
			if !errors.As(err, &known) {
				t.Errorf("%x: %v", message, err)
			}
			return
		}
		again, err := CBOR(text, len(message))
		if err != nil || !bytes.Equal(again, message) {
			t.Errorf("%x is written as %s, and read as %x, %v", message, text, again, err)
		}
	})
}

func BenchmarkSubmit(b *testing.B) {
	for _, size := range []int{0, 1 << 10, 64 << 10} {
		message := wire.AppendFrame(nil, 1, &wire.Submit{Envelope: make([]byte, size)})
		text, _ := Text(message)
		b.Run(fmt.Sprintf("read/%d", size), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := CBOR(text, wire.MaxMessage); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("write/%d", size), func(b *testing.B) {
			b.SetBytes(int64(len(message)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Text(message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
