package channel

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/cryptotest"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

var update = flag.Bool("update", false, "write the vectors and the worked example anew")

const (
	vectorFile = "testdata/channel.json"
	document   = "../../docs/protocol/forward.md"
	begin      = "<!-- worked example, written by the tests -->\n```text\n"
	end        = "```\n<!-- end -->\n"
)

// vector is named values in the order of the document.
type vector struct {
	names  []string
	values map[string]string
}

func (v *vector) add(name string, value []byte) {
	v.names = append(v.names, name)
	v.values[name] = hex.EncodeToString(value)
}

// example is the values as the document shows them: those of up to 128 bytes, of larger ones the SHA-256.
func (v *vector) example() string {
	var out strings.Builder
	for _, name := range v.names {
		value := v.values[name]
		if len(value) > 256 {
			b, _ := hex.DecodeString(value)
			h := sha256.Sum256(b)
			name, value = fmt.Sprintf("SHA-256(%s)", name), hex.EncodeToString(h[:])
		}
		fmt.Fprintf(&out, "%s = %s\n", name, value)
	}
	return out.String()
}

// fixed is the target of the vectors.
func fixed(t *testing.T) gateway {
	t.Helper()
	count := make([]byte, 32)
	for i := range count {
		count[i] = byte(i)
	}
	kem, err := key.RelayPrivateFrom(count)
	if err != nil {
		t.Fatal(err)
	}
	node := key.PrivateFromSeed[key.Node]([32]byte(bytes.Repeat([]byte{0x11}, 32)))
	return gateway{at: key.Place{Network: key.Network{'t', 'e', 's', 't'}, Node: node.Public()}, kem: kem}
}

// makeVector runs a channel of two requests with fixed randomness: a submission with its answer, and a profile read
// that the target has heard before.
func makeVector(t *testing.T) *vector {
	cryptotest.SetGlobalRandom(t, 7)
	v := &vector{values: map[string]string{}}
	g := fixed(t)
	public := g.kem.Public()
	s := g.open(t)
	v.add("kem.private", g.kem.Bytes())
	v.add("kem.public", public[:])
	v.add("info", info(g.at))
	v.add("encapsulation", s.encapsulation)
	kf, kb := g.secrets(t, s)
	v.add("kf", kf)
	v.add("kb", kb)
	v.add("channel", s.id[:])
	v.exchange(t, g, s, submit(class1), commit())
	v.exchange(t, g, s, &wire.ProfileGet{Name: key.ProfilePublic{0xaa}}, wire.FailureOf(wire.ErrNoProfile))
	return v
}

func (v *vector) exchange(t *testing.T, g gateway, s *Sender, ask, reply wire.Payload) {
	out := seal(t, s, ask)
	name := fmt.Sprintf("request.%d", out.N)
	_, nonce, aad := s.requests(out.N)
	v.add(name+".frame", wire.AppendFrame(nil, RequestID, ask))
	v.add(name+".nonce", nonce)
	v.add(name+".aad", aad)
	v.add(name+".sealed", out.Sealed)
	first := &wire.Relay{Channel: s.id, Encapsulation: s.encapsulation, Sealed: make([]byte, class1+wire.ForwardPadding-wire.EncapsulationSize)}
	r := g.accept(t, first) // of another request of the channel: only the encapsulation counts
	q := unseal(t, r, out)
	back := answer(t, r, q, reply)
	name = fmt.Sprintf("answer.%d", out.N)
	_, aad = r.answers(out.N, new(besideAnswer))
	v.add(name+".frame", wire.AppendFrame(nil, answerID(reply.Type()), reply))
	v.add(name+".nonce", back.Nonce[:])
	v.add(name+".aad", aad)
	v.add(name+".sealed", back.Sealed)
	if _, err := s.Answer(back); err != nil {
		t.Fatal(err)
	}
	s.Done(out.N)
}

func TestVectors(t *testing.T) {
	v := makeVector(t)
	got, err := json.MarshalIndent(v.values, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(vectorFile, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		head, rest, _ := strings.Cut(string(text), begin)
		_, tail, _ := strings.Cut(rest, end)
		if err := os.WriteFile(document, []byte(head+begin+v.example()+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(append(got, '\n'), want) {
		t.Error("the code makes other bytes than the vectors hold")
	}
	if !strings.Contains(string(text), begin+v.example()+end) {
		t.Errorf("the worked example of %s is not that of the vectors", document)
	}
}

// TestVectorOpens: the kept bytes open with nothing but the kept keys, so they are not only what this code repeats.
func TestVectorOpens(t *testing.T) {
	b, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]string
	if err := json.Unmarshal(b, &values); err != nil {
		t.Fatal(err)
	}
	of := func(name string) []byte {
		v, err := hex.DecodeString(values[name])
		if err != nil || len(v) == 0 {
			t.Fatalf("no vector %s: %v", name, err)
		}
		return v
	}
	first := &wire.Relay{Channel: [16]byte(of("channel")), Encapsulation: of("encapsulation"), Sealed: of("request.0.sealed")}
	r := fixed(t).accept(t, first)
	second := &wire.Relay{Channel: first.Channel, N: 1, Sealed: of("request.1.sealed")}
	for i, in := range []*wire.Relay{first, second} {
		q := unseal(t, r, in)
		if want := of(fmt.Sprintf("request.%d.frame", i)); !bytes.Equal(wire.Marshal(q.Frame), want) {
			t.Errorf("request %d is another frame", i)
		}
	}
}

// TestDocumented: the numbers in the document are the code's.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	number := func(n int) string {
		if s := fmt.Sprint(n); len(s) > 3 {
			return s[:len(s)-3] + "," + s[len(s)-3:]
		}
		return fmt.Sprint(n)
	}
	for _, row := range []string{
		fmt.Sprintf("| life of a channel | %d h |", int(Life.Hours())),
		fmt.Sprintf("| requests of a channel without answer, from the oldest on | %d |", Ahead),
		fmt.Sprintf("| n that the exit remembers, from the highest down | %d |", Window),
		fmt.Sprintf("| requests of a channel in all | %s |", number(MaxRequests)),
		fmt.Sprintf("| answer to 1, 16 and 64 KiB | %s |", number(AnswerSmall)),
		fmt.Sprintf("| answer to 4 KiB | %s |", number(AnswerLarge)),
		fmt.Sprintf("| 1 KiB | %s | %s |", number(class1+wire.ForwardPadding-wire.EncapsulationSize), number(class1+wire.ForwardPadding)),
		fmt.Sprintf("| 4 KiB | %s | %s |", number(class4+wire.ForwardPadding-wire.EncapsulationSize), number(class4+wire.ForwardPadding)),
		fmt.Sprintf("| 16 KiB | %s | %s |", number(class16+wire.ForwardPadding-wire.EncapsulationSize), number(class16+wire.ForwardPadding)),
		fmt.Sprintf("| 64 KiB | %s | %s |", number(class64+wire.ForwardPadding-wire.EncapsulationSize), number(class64+wire.ForwardPadding)),
	} {
		if !strings.Contains(string(text), row) {
			t.Errorf("the document does not say %q", row)
		}
	}
}
