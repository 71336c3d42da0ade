package message

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the test vectors anew")

// vectors are the values of testdata/message.json.
type vectors struct {
	What      string          `json:"what"`
	Sender    string          `json:"sender"`
	Recipient string          `json:"recipient"`
	DSK       string          `json:"device_seed"`
	ConvPair  string          `json:"conv_pair"`
	ConvSelf  string          `json:"conv_self_of_sender"`
	Origin    string          `json:"origin"`
	First     string          `json:"first"`
	Messages  []messageVector `json:"messages"`
	Bodies    []bodyVector    `json:"bodies"`
}

type messageVector struct {
	What    string `json:"what"`
	Kind    uint16 `json:"kind"`
	Salt    string `json:"salt"`
	Body    string `json:"body"`
	Message string `json:"message"`
	ID      string `json:"id"`
}

type bodyVector struct {
	Kind uint16 `json:"kind"`
	Name string `json:"name"`
	Body string `json:"body"`
}

func makeVectors(t *testing.T) vectors {
	a, b := newPair()
	sender, recipient, c := a.cfg.Self, a.cfg.Peer, a.conv.ID()
	self, org, first := ConvSelf(sender), a.cfg.Origin, First(a.cfg.Origin, c)
	v := vectors{
		What:   "device 1 of sender writes to recipient at 1760000000123 ms; its list is n 3, hash 01 00..00",
		Sender: hex.EncodeToString(sender[:]), Recipient: hex.EncodeToString(recipient[:]), DSK: hex.EncodeToString(a.dsk.Seed()),
		ConvPair: hex.EncodeToString(c[:]), ConvSelf: hex.EncodeToString(self[:]), Origin: hex.EncodeToString(org[:]), First: hex.EncodeToString(first[:]),
	}
	salt := [SaltSize]byte(bytes.Repeat([]byte{0xcc}, SaltSize))
	put := func(what string, kind Kind, body []byte, out Out, err error) {
		if err != nil {
			t.Fatal(err)
		}
		v.Messages = append(v.Messages, messageVector{
			what, uint16(kind), hex.EncodeToString(salt[:]), hex.EncodeToString(body), hex.EncodeToString(out.Signed), out.ID.String(),
		})
	}
	text := (&Text{Text: "hello"}).encode()
	out, err := a.conv.Append(KindText, text, salt, start, a.dsk)
	put("the first message", KindText, text, out, err)
	a.accept(t, b.write(t, "answer"))
	out, err = a.conv.Append(KindText, text, salt, start, a.dsk)
	put("the second one, after a message of device 2", KindText, text, out, err)
	ack, _ := a.conv.Ack(b.party.Device, [NonceSize]byte{9})
	out, err = a.conv.Side(KindAck, ack.encode(), salt, start, a.dsk)
	put("an ack", KindAck, ack.encode(), out, err)
	for _, body := range bodies() {
		v.Bodies = append(v.Bodies, bodyVector{uint16(body.Kind()), body.Kind().String(), hex.EncodeToString(body.encode())})
	}
	return v
}

func TestVectors(t *testing.T) {
	path := filepath.Join("testdata", "message.json")
	made, err := json.MarshalIndent(makeVectors(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	made = append(made, '\n')
	if *update {
		if err := os.WriteFile(path, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, want) {
		t.Errorf("what is made now differs from %s", path)
	}
	var v vectors
	if err := json.Unmarshal(want, &v); err != nil {
		t.Fatal(err)
	}
	a, _ := newPair()
	for _, row := range v.Messages {
		raw, _ := hex.DecodeString(row.Message)
		body, _ := hex.DecodeString(row.Body)
		salt, _ := hex.DecodeString(row.Salt)
		m, err := Parse(raw)
		if err != nil {
			t.Fatalf("%s: %v", row.What, err)
		}
		if err := m.Verify(a.dsk.Public(), a.cfg.Self, a.cfg.Peer); err != nil || m.ID.String() != row.ID || uint16(m.Header.Kind) != row.Kind {
			t.Errorf("%s: %v", row.What, err)
		}
		if err := m.CheckBody([SaltSize]byte(salt), body); err != nil {
			t.Errorf("%s: %v", row.What, err)
		}
	}
	if got := documented(t, "messages[1]"); got != v.Messages[1].Message {
		t.Errorf("the example of message.md is not the vector:\n got %s\nwant %s", got, v.Messages[1].Message)
	}
	for _, i := range []int{7, 10, 12, 13} {
		if got := documented(t, fmt.Sprintf("bodies[%d]", i)); got != v.Bodies[i].Body {
			t.Errorf("the %s of message.md is not the vector:\n got %s\nwant %s", v.Bodies[i].Name, got, v.Bodies[i].Body)
		}
	}
	for _, row := range v.Bodies {
		raw, _ := hex.DecodeString(row.Body)
		if b, err := ParseBody(Kind(row.Kind), raw); err != nil || b.Kind().String() != row.Name {
			t.Errorf("%s: %v", row.Name, err)
		}
	}
}

// documented is a worked example of the document without its comments.
func documented(t *testing.T, mark string) string {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "protocol", "message.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(doc), "<!-- vector: "+mark+" -->\n```\n")
	example, _, _ = strings.Cut(example, "```")
	var b strings.Builder
	for _, line := range strings.Split(example, "\n") {
		data, _, _ := strings.Cut(line, ";")
		b.WriteString(strings.ReplaceAll(data, " ", ""))
	}
	return b.String()
}
