package mailbox_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

var update = flag.Bool("update", false, "write testdata/mailbox.json anew")

func seed[R key.Role](b byte) key.Private[R] {
	return key.PrivateFromSeed[R]([32]byte(bytes.Repeat([]byte{b}, 32)))
}

// vectors runs one account from its registration to its first acknowledgement
// with fixed keys and the clock of a bubble, which begins at 946684800000.
func vectors(t *testing.T) map[string]string {
	v := map[string][]byte{}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newMemory(), func(c *mailbox.Config) { c.Node = seed[key.Node](0x11) })
		w.node = w.cfg.Node
		d := w.stranger(seed[key.Mailbox](0x21))
		d.lk, d.cursor = seed[key.Login](0x22), key.CursorID(bytes.Repeat([]byte{0x23}, 8))
		registration := d.registration(nil)
		w.box.Register(1, registration, d.port)
		settle()
		d.attach()
		secret, err := key.DropSecretFrom(bytes.Repeat([]byte{0x24}, 32))
		if err != nil {
			t.Fatal(err)
		}
		var drop testDrop
		drop.id, drop.cap = secret.Drop(w.node.Public())
		object := d.dropObject(wire.OpDropPut, drop)
		d.dropPut(drop)
		settle()
		env := bytes.Repeat([]byte{0x01}, 1<<10)
		hash := sha256.Sum256(env)
		mac := drop.cap.Authenticate(drop.id, hash)
		p := w.port()
		p.submitAs(9, drop, env)
		settle()
		tag, mk, lk := d.tag(), d.mk.Public(), d.lk.Public()
		v["mailbox-key"], v["login-key"], v["account-tag"] = mk[:], lk[:], tag[:]
		v["enrolment"], v["drop-object"] = registration.Object.Encode(), object.Encode()
		v["drop"], v["capability"] = drop.id[:], drop.cap.Bytes()
		v["envelope-hash"], v["mac"], v["receipt"] = hash[:], mac[:], p.receipts[9]
		for i, row := range d.pull() {
			r := wire.NextHead(stateBefore(d, len(d.got)-i), row.Row())
			v[fmt.Sprintf("row-%d", i+1)], v[fmt.Sprintf("head-%d", i+1)] = row.Row(), r[:]
		}
		v["start-payload"] = d.got[0].Payload
		v["ack-transcript"] = wire.AckTranscript(tag, d.cursor, d.at, d.r)
		v["ack-sig"] = d.ackOf(d.at, d.r).Sig
		d.ack()
		wait(3 * time.Second) // the acknowledgement is durable
		d.sess.StateGet(99, &wire.StateGet{
			Drop: drop.id, Asked: [32]byte(bytes.Repeat([]byte{0x25}, 32)), K: 1, D0: d.got[2].D,
		})
		v["state"] = d.port.answers[99].(*wire.State).Object.Encode()
	})
	out := map[string]string{}
	for name, b := range v {
		out[name] = hex.EncodeToString(b)
	}
	return out
}

func TestVectors(t *testing.T) {
	path := filepath.Join("testdata", "mailbox.json")
	got := vectors(t)
	if *update {
		b, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, want) {
		t.Errorf("the vectors differ:\n%v\nwant\n%v", got, want)
	}
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "protocol", "mailbox.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(doc), "## Worked example")
	squeezed := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, example)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !strings.Contains(squeezed, want[name]) {
			t.Errorf("the document's worked example does not show %s: %s", name, want[name])
		}
	}
}
