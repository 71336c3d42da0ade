package session

import (
	"bytes"
	"crypto/mlkem"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"zeroms/protocol/envelope"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

var update = flag.Bool("update", false, "write the vectors and the worked example anew")

const (
	vectorFile = "testdata/session.json"
	document   = "../../docs/protocol/session.md"
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

// example is the values as the document shows them: those of up to 128 bytes,
// of larger ones the SHA-256.
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

// makeVector sets up a session through a door and sends nine texts with fixed
// randomness; the third arrives after the fourth, and the session is healed
// after the sixth.
func makeVector(t *testing.T) *vector {
	cryptotest.SetGlobalRandom(t, 7)
	now := start()
	v := &vector{values: map[string]string{}}
	a, b := newSide(now), newSide(now)
	door := key.NewDoorSecret()
	b.doors[door.CardID()] = door
	pre := b.prekeys[0]
	p := a.params(t, b, now)
	p.Door = door
	made, m, err := Initiate(p, now)
	if err != nil {
		t.Fatal(err)
	}
	ik, dsk := a.identity.Public(), a.device.Public()
	v.add("a.IK.seed", a.identity.Seed())
	v.add("a.IK", ik[:])
	v.add("a.DSK.seed", a.device.Seed())
	v.add("a.DSK", dsk[:])
	ik, dsk = b.identity.Public(), b.device.Public()
	v.add("b.IK.seed", b.identity.Seed())
	v.add("b.IK", ik[:])
	v.add("b.DSK.seed", b.device.Seed())
	v.add("b.DSK", dsk[:])
	v.add("b.SPK.seed", pre.spk.Bytes())
	v.add("b.SPK", pre.body.SPK[:])
	v.add("b.ratchet.private", pre.ratchet.Bytes())
	v.add("b.bundle", pre.Bundle())
	hash := pre.object.Hash()
	v.add("H(bundle)", hash[:])
	v.add("gen", wire.Uint32(p.Gen))
	v.add("flags", []byte{FlagDoor})
	v.add("door-secret", door.Bytes())
	v.add("W", p.Drop.Bytes())
	v.add("lease", p.Leases[0][:])
	v.add("list-entry", p.ListEntry)
	v.add("e_a.private", made.dh.Bytes())
	v.add("hint", m.Hint[:])
	v.add("enc", m.Enc[:])
	v.add("th", made.th[:])
	v.add("block", openBlock(t, b, m))
	v.add("sealed", m.Sealed[:])
	r, err := pre.spk.Recipient(m.Enc[:], initInfo(hash, b.identity.Public(), pre.body.Device))
	if err != nil {
		t.Fatal(err)
	}
	exported, _ := r.Export(exporterSession, 32)
	v.add("exported", exported)
	k := deriveSession(exported, door, made.th)
	v.add("RK", k.root[:])
	v.add("HKa", k.headA[:])
	v.add("NHKb", k.nextB[:])
	a.add(t, made, now)
	v.talk(t, a, b, now)
	return v
}

// talk adds the six messages with the keys of their receiver afterwards, and
// three more with a healing before them.
func (v *vector) talk(t *testing.T, a, b *side, now time.Time) {
	var waiting []byte
	for n, from := range []*side{a, b, a, a, b, a, b, a, b} {
		if n == 6 {
			v.heal(t, a, b, now)
		}
		to := b
		if from == b {
			to = a
		}
		name := fmt.Sprintf("%d.", n+1)
		text := fmt.Sprintf("text %d", n+1)
		_, slot, err := from.set.Sending().Send(77, now) // what send is going to use
		if err != nil {
			t.Fatal(err)
		}
		env := from.send(t, text, now)
		v.add(name+"header", slot.Header[:])
		v.add(name+"i", wire.Uint32(slot.I))
		v.add(name+"tag", slot.Tag[:])
		v.add(name+"hk", slot.HeaderKey[:])
		v.add(name+"mk", slot.MessageKey[:])
		v.add(name+"envelope", env)
		if n == 2 {
			waiting = env
			continue
		}
		to.deliver(t, env, text, now)
		if n == 3 {
			to.deliver(t, waiting, "text 3", now)
		}
		s := to.set.Sending()
		v.add(name+"receiver.RK", s.root[:])
		v.add(name+"receiver.DHs.private", s.dh.Bytes())
		v.add(name+"receiver.CKr", s.recvCK[:])
		v.add(name+"receiver.CKs", s.sendCK[:])
		v.add(name+"receiver.NHKr", s.recvNext.head[:])
		v.add(name+"receiver.NHKs", s.sendNext[:])
	}
}

// heal adds a key of a and its answer.
func (v *vector) heal(t *testing.T, a, b *side, now time.Time) {
	k := a.offer(t, now)
	seed := a.set.Sending().pq.own.seed
	c := b.answer(t, k, now)
	secret := b.set.Sending().pq.pending.secret
	a.finish(t, c, now)
	v.add("pq.th", k.Session[:])
	v.add("pq.pqid", wire.Uint32(uint32(k.ID))[2:])
	v.add("pq.seed", seed[:])
	v.add("pq.key", k.Key[:])
	v.add("pq.key-hash", c.KeyHash[:])
	v.add("pq.ciphertext", c.Ciphertext[:])
	v.add("pq.secret", secret[:])
	v.add("pq.confirm", c.Confirm[:])
}

func TestVectors(t *testing.T) {
	v := makeVector(t)
	encoded, err := json.MarshalIndent(v.values, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	encoded = append(encoded, '\n')
	if *update {
		if err := os.WriteFile(vectorFile, encoded, 0o644); err != nil {
			t.Fatal(err)
		}
		writeExample(t, v)
	}
	stored, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(stored, encoded) {
		t.Errorf("%s differs from what the code makes", vectorFile)
	}
	doc, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(doc), begin+v.example()+end) {
		t.Errorf("the worked example of %s is not that of the vectors", document)
	}
}

func writeExample(t *testing.T, v *vector) {
	doc, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(doc), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the worked example", document)
	}
	if err := os.WriteFile(document, []byte(before+begin+v.example()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// stored reads the values of the file.
func storedVector(t *testing.T) func(name string) []byte {
	file, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]string
	if err := json.Unmarshal(file, &values); err != nil {
		t.Fatal(err)
	}
	return func(name string) []byte {
		b, err := hex.DecodeString(values[name])
		if err != nil || len(b) == 0 {
			t.Fatalf("%s: %v", name, err)
		}
		return b
	}
}

// TestVectorsOpen goes through the stored vector as the responder would, with
// nothing but its private keys and what arrives.
func TestVectorsOpen(t *testing.T) {
	get := storedVector(t)
	now := start()
	b := newSide(now)
	b.identity = key.PrivateFromSeed[key.Identity]([32]byte(get("b.IK.seed")))
	b.device = key.PrivateFromSeed[key.Device]([32]byte(get("b.DSK.seed")))
	object, err := wire.ParseObject(get("b.bundle"), MaxBundle)
	if err != nil {
		t.Fatal(err)
	}
	st := prekeyState{Version: stateVersion, SPK: [32]byte(get("b.SPK.seed")), Ratchet: [32]byte(get("b.ratchet.private")), Body: object.Body, Sig: [64]byte(object.Sig)}
	pre, err := DecodePrekey(wire.Marshal(st))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseBundle(pre.Bundle(), b.device.Public(), now); err != nil {
		t.Fatal(err)
	}
	b.prekeys = []*Prekey{pre}
	door, _ := key.DoorSecretFrom(get("door-secret"))
	b.doors[door.CardID()] = door
	b.deliver(t, get("1.envelope"), "text 1", now)
	s := b.set.Sending()
	if id := s.ID(); !bytes.Equal(id[:], get("th")) || s.Gen() != uint32(now.Unix()) || !bytes.Equal(s.recvCK[:], get("1.receiver.CKr")) ||
		!bytes.Equal(s.recvNext.head[:], get("1.receiver.NHKr")) {
		t.Error("the session is another one")
	}
	if !bytes.Equal(b.block.Drop.Bytes(), get("W")) || !bytes.Equal(b.block.ListEntry, get("list-entry")) || !bytes.Equal(b.block.Leases[0][:], get("lease")) {
		t.Error("the block is another one")
	}
}

// TestVectorSteps recomputes the chains of the stored vector from its root key
// and exchange keys, by the formulas and not by the code of this package.
func TestVectorSteps(t *testing.T) {
	get := storedVector(t)
	private := func(name string) key.DHPrivate {
		p, err := key.DHPrivateFrom(get(name))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	root := func(salt []byte, mine key.DHPrivate, theirs key.DHPublic, pq ...byte) (rk, ck, nhk []byte) {
		dh, err := mine.Shared(theirs)
		if err != nil {
			t.Fatal(err)
		}
		out := key.KDF("root", append(dh[:], pq...), nil, salt, 96)
		return out[:32], out[32:64], out[64:]
	}
	check := func(n int, head, ck []byte) (next []byte) {
		name := fmt.Sprintf("%d.", n)
		hk, tk := key.KDF32("header", head), key.KDF32("tag", head)
		mk, tag, chain := key.MAC(ck, []byte{1}), key.MAC(tk[:], get(name+"i")), key.MAC(ck, []byte{2})
		if !bytes.Equal(hk[:], get(name+"hk")) || !bytes.Equal(mk[:], get(name+"mk")) || !bytes.Equal(tag[:8], get(name+"tag")) {
			t.Errorf("message %d: the keys are others", n)
		}
		e, err := envelope.Parse(get(name + "envelope"))
		if n == 1 {
			_, e, err = envelope.ParseInit(get("1.envelope"))
		}
		if err != nil {
			t.Fatal(err)
		}
		for slot, have := range e.Tags() {
			if bytes.Equal(have[:], tag[:8]) {
				records, err := e.OpenBody(slot, mk)
				if err != nil || string(records[0].Body) != fmt.Sprintf("text %d", n) {
					t.Errorf("message %d: %v", n, err)
				}
			}
		}
		return chain[:]
	}
	ea, rb := private("e_a.private"), private("b.ratchet.private")
	b1, a1, b2 := private("1.receiver.DHs.private"), private("2.receiver.DHs.private"), private("4.receiver.DHs.private")
	rk, ck, nhkA := root(get("RK"), ea, rb.Public())
	check(1, get("HKa"), ck)
	rk, ck, nhkB := root(rk, b1, ea.Public())
	check(2, get("NHKb"), ck)
	rk, ck, nhkA2 := root(rk, a1, b1.Public())
	ck = check(3, nhkA, ck)
	check(4, nhkA, ck)
	rk, ck, nhkB2 := root(rk, b2, a1.Public())
	check(5, nhkB, ck)
	a2, b3, a3 := private("5.receiver.DHs.private"), private("6.receiver.DHs.private"), private("7.receiver.DHs.private")
	rk, ck, nhkA3 := root(rk, a2, b2.Public())
	check(6, nhkA2, ck)
	rk, ck, nhkB3 := root(rk, b3, a2.Public())
	check(7, nhkB2, ck)
	rk, ck, _ = root(rk, a3, b3.Public(), get("pq.secret")...)
	check(8, nhkA3, ck)
	_, ck, _ = root(rk, private("8.receiver.DHs.private"), a3.Public())
	check(9, nhkB3, ck)
	for n, want := range map[int]uint16{7: 0, 8: 2, 9: 0} {
		if h := ParseHeader([HeaderSize]byte(get(fmt.Sprintf("%d.header", n)))); h.PQ != want {
			t.Errorf("message %d names %d", n, h.PQ)
		}
	}
}

// TestVectorHealing goes through the stored exchange by crypto/mlkem and the
// formulas.
func TestVectorHealing(t *testing.T) {
	get := storedVector(t)
	private, err := mlkem.NewDecapsulationKey768(get("pq.seed"))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := private.Decapsulate(get("pq.ciphertext"))
	if err != nil || !bytes.Equal(secret, get("pq.secret")) {
		t.Fatalf("the secret is another one: %v", err)
	}
	hash, confirm := sha256.Sum256(get("pq.key")), key.KDF("pq-confirm", secret, nil, nil, 8)
	if !bytes.Equal(private.EncapsulationKey().Bytes(), get("pq.key")) || !bytes.Equal(hash[:8], get("pq.key-hash")) ||
		!bytes.Equal(confirm, get("pq.confirm")) || !bytes.Equal(get("th")[:8], get("pq.th")) || !bytes.Equal(get("pq.pqid"), []byte{0, 2}) {
		t.Error("the key, its hash or the confirmation is another one")
	}
}
