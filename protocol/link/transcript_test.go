package link_test

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
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

var update = flag.Bool("update", false, "write testdata/transcript.json and the transcript in docs/protocol/link.md")

const (
	vectorFile = "testdata/transcript.json"
	document   = "../../docs/protocol/link.md"
)

// vector is one value of the worked transcript.
type vector struct {
	Name string `json:"name"`
	Hex  string `json:"hex"`
}

func fill(b byte) (out [32]byte) {
	copy(out[:], bytes.Repeat([]byte{b}, len(out)))
	return out
}

// transcript is the worked transcript of a hello and a login, every value of it
// derived from fixed ones.
func transcript(t *testing.T) []vector {
	t.Helper()
	nodePrivate := key.PrivateFromSeed[key.Node](fill(0x01))
	node := nodePrivate.Public()
	cert, err := link.Certificate(nodePrivate)
	if err != nil {
		t.Fatal(err)
	}
	certHash := sha256.Sum256(cert.Certificate[0])
	hash := key.GatewayHashOf(node)
	network := key.Network{'z', 'm', 's', '1'}
	client := wire.AppendFrame(nil, 0, &wire.ClientHello{
		MinVersion: 1, MaxVersion: 1, Network: network, Random: fill(0x02), Node: node[:],
	})
	server := wire.AppendFrame(nil, 0, &wire.ServerHello{
		Version: 1, Network: network, Random: fill(0x03), Node: node, Time: 1767225600000,
		Limits: wire.Limits{
			Frame: wire.MaxFrame, Message: wire.MaxMessage, InFlight: 64, PushWindow: 1 << 20,
			Retention: uint64(wire.MaxRetention / time.Second), Quota: 256 << 20,
			Drops: 10_000, Doors: 64, Devices: 8, Profiles: 8,
		},
	})
	exporter := fill(0x04)
	login := key.PrivateFromSeed[key.Login](fill(0x05))
	signed := wire.LoginTranscript(node, exporter, sha256.Sum256(client), sha256.Sum256(server))
	sig := login.Sign(key.ContextLogin, signed)
	account := key.PrivateFromSeed[key.Mailbox](fill(0x06)).Public()
	tag, acked := key.AccountTagOf(account), wire.At(1767225600, 7)
	ack := wire.AckTranscript(tag, key.CursorID(bytes.Repeat([]byte{0x08}, 8)), acked, fill(0x07))
	welcome := &wire.Welcome{Tag: tag, Cursor: acked, R: fill(0x07), Used: 1024, Quota: 256 << 20, Sig: login.Sign(key.ContextMailboxAck, ack)}
	out := []vector{
		{"node key", hex.EncodeToString(node[:])},
		{"gateway hash", hex.EncodeToString(hash[:])},
		{"SHA-256(certificate)", hex.EncodeToString(certHash[:])},
		{"client hello", hex.EncodeToString(client)},
		{"server hello", hex.EncodeToString(server)},
		{"exporter", hex.EncodeToString(exporter[:])},
		{"login key", login.Public().String()},
		{"login transcript", hex.EncodeToString(signed)},
		{"signature", hex.EncodeToString(sig)},
		{"login", hex.EncodeToString(wire.AppendFrame(nil, 1, &wire.Login{Key: login.Public(), Sig: sig}))},
		{"acknowledgement signed before", hex.EncodeToString(ack)},
		{"welcome", hex.EncodeToString(wire.AppendFrame(nil, 1, welcome))},
		{"busy, to request 2", hex.EncodeToString(wire.AppendFrame(nil, 2, wire.FailureOf(wire.ErrBusy)))},
		{"draining, to none", hex.EncodeToString(wire.AppendFrame(nil, 0, wire.FailureOf(wire.ErrDraining)))},
	}
	if !login.Public().Verify(key.ContextLogin, signed, sig) {
		t.Fatal("the transcript's own signature is not valid")
	}
	return out
}

// render prints the transcript as it stands in the document.
func render(vectors []vector) string {
	var b strings.Builder
	b.WriteString("```transcript\n")
	for _, v := range vectors {
		fmt.Fprintf(&b, "%s\n", v.Name)
		for rest := v.Hex; rest != ""; {
			n := min(96, len(rest))
			fmt.Fprintf(&b, "    %s\n", rest[:n])
			rest = rest[n:]
		}
	}
	b.WriteString("```\n")
	return b.String()
}

func TestTranscriptIsThatOfTheVectorsAndTheDocument(t *testing.T) {
	vectors := transcript(t)
	want, err := json.MarshalIndent(vectors, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	doc, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(doc), "```transcript\n")
	_, after, ended := strings.Cut(rest, "```\n")
	if !ok || !ended {
		t.Fatalf("%s holds no transcript", document)
	}
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(document, []byte(before+render(vectors)+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from what this code makes:\n%s", vectorFile, want)
	}
	if !strings.Contains(string(doc), render(vectors)) {
		t.Errorf("%s holds another transcript than\n%s", document, render(vectors))
	}
}

// TestTranscriptDecodes reads the frames of the vectors back, so that they are
// checked by the decoder and not only by the encoder that made them.
func TestTranscriptDecodes(t *testing.T) {
	raw, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	frames := map[string]wire.Payload{
		"client hello": &wire.ClientHello{}, "server hello": &wire.ServerHello{}, "login": &wire.Login{},
		"welcome": &wire.Welcome{}, "busy, to request 2": &wire.Failure{}, "draining, to none": &wire.Failure{},
	}
	for _, v := range vectors {
		p, ok := frames[v.Name]
		if !ok {
			continue
		}
		delete(frames, v.Name)
		b, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		f, rest, err := wire.NextFrame(b)
		if err != nil || len(rest) != 0 {
			t.Fatalf("%s: %v, %d bytes left", v.Name, err, len(rest))
		}
		if err := f.Decode(p); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
		if again := wire.AppendFrame(nil, f.ID, p); !bytes.Equal(again, b) {
			t.Errorf("%s: encodes back to %x", v.Name, again)
		}
	}
	for name := range frames {
		t.Errorf("the vectors hold no %s", name)
	}
}
