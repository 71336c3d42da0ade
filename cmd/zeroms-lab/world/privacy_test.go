package world_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"

	"zeroms/client"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link/memlink"
	"zeroms/protocol/message"
)

// needles are byte strings to look for in many bytes at once, and what each is.
type needles struct {
	what  map[string]string
	by    map[uint32][]string // by the first four bytes
	first [1 << 16]bool       // by the first two
	max   int
}

// shortest is the size in bytes below which a needle would be found by chance.
const shortest = 8

// add looks for a value itself.
func (n *needles) add(what string, value []byte) {
	if len(value) < shortest {
		return
	}
	if n.what == nil {
		n.what, n.by = map[string]string{}, map[uint32][]string{}
	}
	s := string(value)
	if _, known := n.what[s]; known {
		return
	}
	n.what[s] = what
	n.first[binary.BigEndian.Uint16(value)] = true
	head := binary.BigEndian.Uint32(value)
	n.by[head] = append(n.by[head], s)
	n.max = max(n.max, len(s))
}

// bytes looks for a value and its usual texts; of a long one the first half of
// 32 bytes is enough.
func (n *needles) bytes(what string, value []byte) {
	if len(value) < shortest {
		return
	}
	value = value[:min(len(value), 16)]
	whole := value[:len(value)/3*3] // what follows does not change these digits
	n.add(what, value)
	n.add(what+" in hex", []byte(hex.EncodeToString(value)))
	n.add(what+" in HEX", []byte(strings.ToUpper(hex.EncodeToString(value))))
	n.add(what+" in base64", []byte(base64.RawStdEncoding.EncodeToString(whole)))
	n.add(what+" in base64url", []byte(base64.RawURLEncoding.EncodeToString(whole)))
	n.base32(what, value)
}

// base32 looks for the digits of the value that nothing behind it changes.
func (n *needles) base32(what string, value []byte) {
	text := key.Base32(value[:len(value)/5*5])
	n.add(what+" in base32", []byte(text))
	n.add(what+" in small base32", []byte(strings.ToLower(text)))
}

// hashed looks for a value, its texts, and its hashes and their texts.
func (n *needles) hashed(what string, value []byte) {
	n.bytes(what, value)
	h256, h512 := sha256.Sum256(value), sha512.Sum512(value)
	n.bytes("SHA-256 of "+what, h256[:])
	n.bytes("SHA-512 of "+what, h512[:])
}

// text looks for a text, as it may stand in memory, JSON or a log, and its hashes.
func (n *needles) text(what, text string) {
	if text == "" {
		return
	}
	n.hashed(what, []byte(text))
	begin := []rune(text)
	begin = begin[:min(len(begin), 24)]
	n.add(what, []byte(string(begin)))
	n.add(what+" as JSON", []byte(strings.Trim(strconv.QuoteToASCII(string(begin)), `"`)))
	var wide []byte
	for _, u := range utf16.Encode(begin) {
		wide = binary.LittleEndian.AppendUint16(wide, u)
	}
	n.add(what+" in UTF-16", wide)
}

// find returns what occurs in content.
func (n *needles) find(content []byte) (found []string) {
	for i := 0; i+shortest <= len(content); i++ {
		if !n.first[binary.BigEndian.Uint16(content[i:])] {
			continue
		}
		for _, s := range n.by[binary.BigEndian.Uint32(content[i:])] {
			if bytes.HasPrefix(content[i:], []byte(s)) && !slices.Contains(found, n.what[s]) {
				found = append(found, n.what[s])
			}
		}
	}
	return found
}

// profile looks for everything in a profile that is nobody else's business.
func (n *needles) profile(who string, t *thief) {
	me := t.self
	n.hashed(who+"'s identity key", me.User[:])
	n.text(who+"'s user ID", key.UserIDText(me.User))
	n.text(who+"'s user ID in hex", hex.EncodeToString(me.User[:]))
	n.text(who+"'s name", me.Name)
	n.bytes(who+"'s seed", me.Seed.Bytes())
	n.bytes(who+"'s private identity key", me.Identity.Seed())
	n.bytes(who+"'s device secret", me.Secret.Bytes())
	n.bytes(who+"'s private device key", me.Signer.Seed())
	signer := me.Signer.Public()
	n.hashed(who+"'s device key", signer[:])
	n.hashed(who+"'s device id", me.Device[:])
	n.hashed(who+"'s address secret", me.Address.Bytes())
	for _, e := range me.Entries {
		n.hashed(who+"'s device list", e)
	}
	for _, k := range t.cards {
		n.hashed("a door secret of "+who, k.Door.Bytes())
		n.bytes("a card id of "+who, k.ID[:])
	}
	for _, p := range t.prekeys {
		n.bytes("a prekey bundle of "+who, p.Bundle())
		id := p.ID()
		n.bytes("a prekey id of "+who, id[:])
	}
	for _, c := range t.contacts {
		n.bytes("a drop secret", c.Mine.Bytes())
		if !c.Theirs.IsZero() {
			n.bytes("a drop secret", c.Theirs.Bytes())
		}
		n.text("an alias", c.Alias)
		n.text("a safety number", key.SafetyNumber(me.User, c.User))
		safety := key.SafetyHash(me.User, c.User)
		n.bytes("a safety number's hash", safety[:])
		conv := message.ConvPair(me.User, c.User)
		n.bytes("a conversation's id", conv[:])
	}
	for _, m := range t.history {
		n.message(m.ID, m.Signed, m.Salt[:], m.Body)
		body, err := message.ParseBody(m.Kind, m.Body)
		if text, ok := body.(*message.Text); err == nil && ok {
			n.text("a text", text.Text)
		}
		if name, ok := body.(*message.Name); err == nil && ok {
			n.text("a name", name.Name)
		}
	}
}

// message looks for the parts of one message.
func (n *needles) message(id message.ID, signed, salt, body []byte) {
	n.hashed("a message id", id[:])
	n.hashed("a signed header", signed)
	n.add("a signature", signed[len(signed)-32:])
	n.bytes("a salt", salt)
	n.hashed("a body", body)
	hash := message.BodyHash([message.SaltSize]byte(salt), body)
	n.hashed("a body hash", hash[:])
}

// card looks for a card's text.
func (n *needles) card(text string) {
	k, err := card.Parse(text)
	if err != nil {
		panic(err)
	}
	n.text("a card", text)
	n.text("a card's secrets in its text", text[60:])
	n.text("a card's name", k.Name)
}

// control checks that a scan of these kinds of bytes can find anything at all.
func (n *needles) control(t *testing.T, content []byte) {
	t.Helper()
	for s, what := range n.what {
		middle := len(content) / 2
		planted := slices.Concat(content[:middle][max(0, middle-64):], []byte(s), content[middle:][:min(64, len(content)-middle)])
		if !slices.Contains(n.find(planted), what) {
			t.Fatalf("a planted needle was not found: %s", what)
		}
	}
}

// The people of these tests, with names that nothing else is called.
const (
	aurelia = "Aurelia Vandermeer"
	jingshu = "欧阳静姝与她的灯塔"
	corvin  = "Corvin the stranger"
)

// confidential is what they say.
func confidential() []string {
	return []string{
		"the harbour at dusk, bring both lanterns",
		"今晚八点在老码头见面，请带上两盏灯笼，别告诉任何人。",
		strings.Repeat("a long letter about the lighthouse keeper; ", 100),
		"приходи один, пароль прежний",
	}
}

func TestGatewaysLearnNothingAboutPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := new(wiretap)
		s := newStage(t, world.Config{Wrap: tap.wrap, Links: memlink.Config{Latency: 20 * time.Millisecond}})
		g1, g2 := s.gateway(), s.gateway()
		alice, bob, stranger := s.person(aurelia, g1), s.person(jingshu, g2, g1), s.person(corvin, g2)
		look := new(needles)
		for _, p := range []*world.Person{alice, bob, stranger} {
			c, err := p.Client.Card(t.Context())
			s.must(err)
			look.card(c.Text)
		}
		ba := s.add(bob, alice)
		ab := s.from(alice, bob).ID
		_, err := alice.Client.Accept(t.Context(), ab)
		s.must(err)
		for _, text := range confidential() {
			s.send(alice, ab, text)
			s.send(bob, ba, "Re: "+text)
		}
		s.send(stranger, s.add(stranger, alice), "you do not know me, but I know the lighthouse")
		for range confidential() {
			s.must(alice.Client.MarkRead(t.Context(), ab))
			s.must(bob.Client.MarkRead(t.Context(), ba))
			pause(time.Minute)
		}
		last := confidential()[len(confidential())-1]
		s.state(alice, ab, last, client.Read)
		s.state(bob, ba, "Re: "+last, client.Read)
		if c := s.from(alice, stranger); c.State != client.Requested || c.Name != corvin {
			t.Fatalf("the stranger's request: %+v", c)
		}
		for _, p := range []*world.Person{alice, bob, stranger} {
			look.profile(p.Name, s.steal(p))
		}
		traffic := bytes.Join(tap.heard(), nil)
		look.control(t, traffic)
		if found := look.find(traffic); found != nil {
			t.Errorf("gateways were told %s", strings.Join(found, ", "))
		}
		known := drops(s.steal(bob), g2.Address().Node)
		if known.find(traffic) == nil {
			t.Error("not even a drop occurs in the traffic: this looks at the wrong bytes")
		}
		for _, g := range []*world.Gateway{g1, g2} {
			disk := directory(t, filepath.Dir(g.Path()))
			if found := look.find(disk); found != nil {
				t.Errorf("a gateway's disk holds %s", strings.Join(found, ", "))
			}
			if g == g2 && known.find(disk) == nil {
				t.Error("not even a drop occurs on the disk: this looks at the wrong bytes")
			}
		}
	})
}

// heard is everything that was said over links, in either direction.
func (w *wiretap) heard() [][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.messages)
}

// drops is what a gateway has to know of a profile: the drops of contacts there.
func drops(t *thief, at key.NodePublic) *needles {
	n := new(needles)
	for _, c := range t.contacts {
		id, _ := c.Mine.Drop(at)
		n.add("a drop", id[:])
	}
	return n
}

// directory is the content of all files in a directory.
func directory(t *testing.T, dir string) (out []byte) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !f.Type().IsRegular() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(fmt.Errorf("%s: %w", f.Name(), err))
		}
		out = append(out, content...)
	}
	return out
}
