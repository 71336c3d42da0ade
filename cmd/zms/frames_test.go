package main

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	"zeroms/store/chat"
)

// secrets are byte strings by what they are.
type secrets map[string][]byte

// checkDiscreet checks that a file shows nothing of what profiles keep: no byte string of any of their rows, nothing that
// follows from their secrets at their gateways, no name and no text. Only gateways' keys and hosts may be there.
func checkDiscreet(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	output, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	if bytes.Count(output, []byte{'\n'}) < 3 {
		ts.Fatalf("%s has next to nothing in it", args[0])
	}
	looked := 0
	for _, name := range args[1:] {
		all, public := holdings(ts, name)
		for what, secret := range all {
			if len(secret) < 8 || public[string(secret)] || len(bytes.Trim(secret, "\x00")) == 0 {
				continue
			}
			looked++
			for _, text := range written(secret) {
				if bytes.Contains(output, []byte(text)) {
					ts.Fatalf("%s shows %s of %s as %s", args[0], what, name, text)
				}
			}
		}
	}
	if looked < 50 {
		ts.Fatalf("only %d secrets were looked for", looked)
	}
}

// holdings are what a profile keeps and what follows from it, and the keys and hosts of gateways among it.
func holdings(ts *testscript.TestScript, name string) (all secrets, public map[string]bool) {
	db, err := chat.Open(context.Background(), ts.MkAbs(name), chat.NoPassphrase())
	ts.Check(err)
	rows, err := db.Load(context.Background())
	ts.Check(err)
	ts.Check(db.Close())
	all, public = secrets{}, map[string]bool{}
	var self *profile.Self
	var homes []*profile.Home
	var people []profile.Contact
	var cards []*profile.Card
	for i, r := range rows {
		all.items(fmt.Sprintf("row %d of table %d", i, r.Table), r.Data)
		switch r.Table {
		case profile.TableSelf:
			self, err = profile.ParseSelf(r)
		case profile.TableHome:
			var h *profile.Home
			h, err = profile.ParseHome(r)
			homes = append(homes, h)
		case profile.TableContact:
			var c profile.Contact
			c, err = profile.ParseContact(r)
			people = append(people, c)
		case profile.TableCard:
			var k *profile.Card
			k, err = profile.ParseCard(r)
			cards = append(cards, k)
		}
		ts.Check(err)
	}
	all["the identity's key"], all["the user ID"] = self.Identity.Seed(), self.User[:]
	nodes := map[key.NodePublic]key.Network{}
	for _, h := range homes {
		nodes[h.Address.Node] = h.Address.Network
		public[h.Address.Host], public[string(h.Packed)] = true, true // the latter is key, address and port
	}
	for _, c := range people {
		all["a name"], all["another name"] = []byte(c.Alias), []byte(c.Called)
		for _, g := range append(c.Gateways, c.Leases...) {
			public[g.Host] = true
			if node := g.Node(); !node.IsZero() {
				nodes[node] = c.Network
			}
		}
	}
	for node, network := range nodes {
		hash := key.GatewayHashOf(node)
		public[string(node[:])], public[string(hash[:])] = true, true
		all.at(self, people, cards, key.Place{Network: network, Node: node})
	}
	return all, public
}

// at adds what the secrets are at a gateway.
func (s secrets) at(self *profile.Self, people []profile.Contact, cards []*profile.Card, p key.Place) {
	account, login, cursor := self.Seed.Mailbox(p.Node), self.Secret.Login(p.Node), self.Secret.Cursor(p.Node)
	mk, lk := account.Public(), login.Public()
	tag := key.AccountTagOf(mk)
	at := fmt.Sprintf(" at %x", p.Node[:4])
	s["the account's key"+at], s["the account's public key"+at], s["the account's tag"+at] = account.Seed(), mk[:], tag[:]
	s["the login key"+at], s["the public login key"+at], s["the cursor"+at] = login.Seed(), lk[:], cursor[:]
	for _, c := range people {
		for who, w := range map[string]key.DropSecret{"mine": c.Mine, "theirs": c.Theirs} {
			if w.IsZero() {
				continue
			}
			drop, capability := w.Drop(p.Node)
			hash := capability.Hash()
			which := fmt.Sprintf(" of drop %s with %d%s", who, c.ID, at)
			s["the id"+which], s["the capability"+which], s["its hash"+which] = drop[:], capability.Bytes(), hash[:]
		}
		if name, err := key.ProfileName(c.User, c.Secret, p); err == nil {
			s[fmt.Sprintf("the profile of %d%s", c.ID, at)] = name[:]
		}
	}
	own := key.ProfileSigner(self.Identity, self.Address, p).Public()
	s["the own profile"+at] = own[:]
	for i, k := range cards {
		x := k.Door.DoorKey(p.Node)
		door := key.DoorOf(own, x)
		s[fmt.Sprintf("x of card %d%s", i, at)], s[fmt.Sprintf("the door of card %d%s", i, at)] = x[:], door[:]
		s[fmt.Sprintf("the capability of card %d%s", i, at)] = k.Door.Capability(p.Node).Bytes()
	}
}

// items adds all byte strings and texts in CBOR, those within byte strings too.
func (s secrets) items(what string, b []byte) {
	var v any
	if wire.Unmarshal(b, &v, len(b)) != nil {
		return
	}
	n := 0
	var walk func(v any)
	walk = func(v any) {
		n++
		switch v := v.(type) {
		case []byte:
			s[fmt.Sprintf("%s, item %d", what, n)] = v
			if len(v) > 16 {
				s.items(fmt.Sprintf("%s, in item %d", what, n), v)
			}
		case string:
			s[fmt.Sprintf("%s, text %d", what, n)] = []byte(v)
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[any]any:
			for _, item := range v {
				walk(item)
			}
		}
	}
	walk(v)
}

// written are the usual ways of writing bytes, of the whole and of its ends. Of hashes of sealed contents 8 bytes may be shown, so
// a part of more is looked for.
func written(secret []byte) (texts []string) {
	const part = 12
	parts := [][]byte{secret}
	if len(secret) > part {
		parts = append(parts, secret[:part], secret[len(secret)-part:], secret[len(secret)/2-part/2:len(secret)/2+part/2])
	}
	for _, b := range parts {
		texts = append(texts, string(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), fmt.Sprintf("% x", b), strings.Trim(fmt.Sprint(b), "[]"))
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			for shift := range 3 {
				texts = append(texts, e.EncodeToString(b[shift:shift+(len(b)-shift)/3*3]))
			}
		}
		for shift := range min(5, len(b)-5) {
			text := base32.StdEncoding.EncodeToString(b[shift : shift+(len(b)-shift)/5*5])
			texts = append(texts, text, strings.ToLower(text))
		}
	}
	return texts
}
