package world_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/edwards25519"

	"zeroms/client"
	"zeroms/client/home"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/device"
	"zeroms/protocol/envelope"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/session"
	"zeroms/protocol/wire"
)

// victims are alice and bob, who are friends, and alice's gateway: whatever
// somebody else does must leave what they have alone.
type victims struct {
	*stage
	at, bobs   *world.Gateway // alice's and bob's
	alice, bob *world.Person
	ab, ba     client.ContactID
	lines      int // that both have to see
}

func newVictims(t *testing.T, wrap func(string, home.Dialer) home.Dialer) *victims {
	t.Helper()
	v := &victims{stage: newStage(t, world.Config{Wrap: wrap})}
	v.at, v.bobs = v.gateway(), v.gateway()
	v.alice, v.bob = v.person("alice", v.at), v.person("bob", v.bobs)
	v.ab, v.ba = v.add(v.alice, v.bob), v.add(v.bob, v.alice)
	v.talk()
	pause(time.Minute)
	return v
}

// talk has alice and bob say something each; both transcripts have to agree.
func (v *victims) talk() {
	v.t.Helper()
	for _, p := range []*world.Person{v.alice, v.bob} {
		if p.Ended() {
			v.t.Fatalf("%s's client ended: %v", p.Name, p.Err())
		}
	}
	v.lines += 2
	a, b := fmt.Sprint("alice ", v.lines), fmt.Sprint("bob ", v.lines)
	v.send(v.alice, v.ab, a)
	v.send(v.bob, v.ba, b)
	v.agree()
	v.state(v.alice, v.ab, a, client.Delivered)
	v.state(v.bob, v.ba, b, client.Delivered)
}

// agree waits for both transcripts to be complete and the same.
func (v *victims) agree() {
	v.t.Helper()
	for end := time.Now().Add(20 * time.Minute); time.Now().Before(end); pause(2 * time.Second) {
		synctest.Wait()
		one, two := v.texts(v.alice, v.ab), v.texts(v.bob, v.ba)
		if len(one) == v.lines && slices.Equal(one, two) {
			return
		}
	}
	v.t.Fatalf("alice and bob do not see the same %d lines:\n%q\n%q", v.lines, v.texts(v.alice, v.ab), v.texts(v.bob, v.ba))
}

// belongings is what a person's contacts and history are now.
type belongings struct {
	Contacts []client.Contact
	Lines    map[client.ContactID][]client.Message
}

func (s *stage) belongings(p *world.Person) belongings {
	s.t.Helper()
	all, err := p.Client.Contacts(context.Background())
	s.must(err)
	b := belongings{all, map[client.ContactID][]client.Message{}}
	for _, c := range all {
		b.Lines[c.ID] = s.messages(p, c.ID)
	}
	return b
}

func settle() {
	pause(2 * time.Second)
	synctest.Wait()
}

// spared asserts that what is done changes nothing a person has, and that so
// many envelopes were counted as ignored.
func (s *stage) spared(p *world.Person, name string, ignored uint64, act func()) {
	s.t.Helper()
	synctest.Wait()
	before, count := s.belongings(p), s.status(p).Ignored
	act()
	settle()
	if p.Ended() {
		s.t.Fatalf("%s: %s's client ended: %v", name, p.Name, p.Err())
	}
	if after := s.belongings(p); !reflect.DeepEqual(before, after) {
		s.t.Errorf("%s: %s had\n%+v\nand has\n%+v", name, p.Name, before, after)
	}
	if got := s.status(p).Ignored - count; got != ignored {
		s.t.Errorf("%s: %d envelopes were ignored, want %d", name, got, ignored)
	}
}

// foe is a crook whom alice accepted.
type foe struct {
	*crook
	*talk
	of    *victims
	id    client.ContactID
	w     key.DropSecret // of the drop that alice gave them
	chain *chain
	card  card.Card // alice's
}

func (v *victims) foe(leases ...session.Lease) *foe {
	v.t.Helper()
	f := &foe{crook: v.crook(), of: v, card: v.stage.card(v.alice)}
	f.chain = f.crook.chain(f.card.User)
	p := f.params(f.card, v.at)
	p.Leases = leases
	f.talk = f.initiate(p)
	env := f.seal(f.chain.text("hello"))
	f.put(endpoint(v.at), door(f.card, v.at, env))
	v.wait(time.Minute, "alice hears of a crook", func() bool {
		all, err := v.alice.Client.Contacts(context.Background())
		v.must(err)
		for _, c := range all {
			if c.User == f.user() {
				f.id = c.ID
			}
		}
		return f.id != 0
	})
	_, err := v.alice.Client.Accept(context.Background(), f.id)
	v.must(err)
	pause(30 * time.Second)
	for _, c := range v.steal(v.alice).contacts {
		if c.ID == f.id {
			f.w = c.Mine
		}
	}
	return f
}

// pack seals records on the foe's session without an init.
func (f *foe) pack(base uint32, records ...envelope.Record) []byte {
	f.t.Helper()
	next, slot, err := f.s.Send(base, time.Now())
	f.must(err)
	f.s = next
	env, err := envelope.Pack(records, []envelope.Slot{envelope.Slot(slot)}, 1)
	f.must(err)
	return env
}

// drop puts an envelope into the drop that alice gave the foe.
func (f *foe) drop(env []byte) {
	f.t.Helper()
	f.put(endpoint(f.of.at), drop(f.w, f.of.at, env))
}

// say has the foe bring records to alice.
func (f *foe) say(base uint32, records ...envelope.Record) {
	f.t.Helper()
	f.drop(f.pack(base, records...))
}

// heard asserts that the foe's honest messages still arrive.
func (f *foe) heard(text string) {
	f.t.Helper()
	f.say(1, f.chain.text(text))
	settle()
	f.line(f.of.alice, f.id, text)
}

// odd is an Ed25519 key in whatever encoding its maker likes; what it signs
// passes plain verification although honest code can't make such a key.
type odd struct {
	scalar *edwards25519.Scalar
	public [32]byte
}

// torsion8 is a point of order eight.
const torsion8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"

func oddKey() odd {
	var wide [64]byte
	_, _ = rand.Read(wide[:])
	a, _ := new(edwards25519.Scalar).SetUniformBytes(wide[:])
	return odd{a, [32]byte(new(edwards25519.Point).ScalarBaseMult(a).Bytes())}
}

func smallPoint() *edwards25519.Point {
	b, _ := hex.DecodeString(torsion8)
	p, err := new(edwards25519.Point).SetBytes(b)
	if err != nil {
		panic(err)
	}
	return p
}

// torsioned adds a point of order eight to an honest key.
func torsioned() odd { return twisted(oddKey()) }

func twisted(k odd) odd {
	p, _ := new(edwards25519.Point).SetBytes(k.public[:])
	k.public = [32]byte(p.Add(p, smallPoint()).Bytes())
	return k
}

// small is a key of order eight, for which nobody needs a secret.
func small() odd {
	return odd{edwards25519.NewScalar(), [32]byte(smallPoint().Bytes())}
}

// notCanonical is the neutral point with y = p+1.
func notCanonical() odd {
	b := bytes.Repeat([]byte{0xff}, 32)
	b[0], b[31] = 0xee, 0x7f
	return odd{edwards25519.NewScalar(), [32]byte(b)}
}

// sign makes a signature that ed25519.Verify takes: it tries until the small
// part of the key cancels.
func (k odd) sign(ctx key.Context, x []byte) []byte {
	h := sha256.Sum256(x)
	m := key.Join([]byte(ctx), []byte{0}, h[:])
	for {
		nonce := oddKey()
		sum := sha512.Sum512(key.Join(nonce.public[:], k.public[:], m))
		c, _ := new(edwards25519.Scalar).SetUniformBytes(sum[:])
		s := new(edwards25519.Scalar).MultiplyAdd(c, k.scalar, nonce.scalar)
		if sig := key.Join(nonce.public[:], s.Bytes()); ed25519.Verify(k.public[:], m, sig) {
			return sig
		}
	}
}

// forgery is an init made by hand, field by field, with its first message.
type forgery struct {
	identity, device odd
	bundle           *session.Bundle
	peer             key.IdentityPublic
	door             key.DoorSecret
	e                key.DHPublic
	shared           [32]byte // DH(e, ratchet of the bundle)
	suite, flags     byte
	gen              uint32
	card             key.CardID
	w                [32]byte
	leases           []byte // with their count
	entry            []byte
	origin           [32]byte // H(entry)
	listN            uint32
	padding          byte // the last byte of the block
	spoilSig         byte
	header           session.Header
	text             string
}

// forge is an honest stranger's init, to spoil.
func (g *guest) forge(k card.Card, at *world.Gateway) *forgery {
	f := &forgery{
		identity: oddKey(), device: oddKey(), bundle: g.bundle(k, at), peer: k.User, door: k.Door,
		suite: session.Suite, flags: session.FlagDoor, gen: uint32(time.Now().Unix()), card: k.Door.CardID(),
		w: [32]byte{1, 2, 3}, leases: []byte{0}, text: "forged",
	}
	f.exchange()
	f.list()
	return f
}

func (f *forgery) exchange() {
	private := key.NewDHPrivate()
	f.e = private.Public()
	f.shared, _ = private.Shared(f.bundle.Ratchet)
	f.header = session.Header{DH: f.e, Base: 1}
}

// zeroDH makes the exchange all zeros, which both sides would know.
func (f *forgery) zeroDH(low key.DHPublic) {
	f.e, f.shared = low, [32]byte{}
	f.header.DH = low
	private, _ := ecdh.X25519().GenerateKey(rand.Reader)
	public, err := ecdh.X25519().NewPublicKey(low[:])
	if err != nil {
		panic(err)
	}
	if _, err := private.ECDH(public); err == nil {
		panic("not of low order")
	}
}

type entryBody struct {
	User    [32]byte            `cbor:"1,keyasint"`
	N       uint32              `cbor:"2,keyasint"`
	Prev    [32]byte            `cbor:"3,keyasint"`
	Time    uint64              `cbor:"4,keyasint"`
	Devices []device.Device     `cbor:"5,keyasint"`
	Revoked []device.Revocation `cbor:"6,keyasint"`
	Next    []byte              `cbor:"7,keyasint"`
}

type entryJoin struct {
	_   struct{} `cbor:",toarray"`
	ID  key.DeviceID
	Sig []byte
}

type entrySigned struct {
	_     struct{} `cbor:",toarray"`
	Body  []byte
	Sig   []byte
	Joins []entryJoin
}

// list makes the first device list entry of the forgery's two keys.
func (f *forgery) list() {
	dsk := key.DevicePublic(f.device.public)
	id := key.DeviceIDOf(dsk)
	body := wire.Marshal(entryBody{
		User: f.identity.public, N: 1, Time: wire.Millis(time.Now()),
		Devices: []device.Device{{DSK: dsk, ID: id, Role: device.Full, Added: 1}},
	})
	join := f.device.sign(key.ContextDeviceJoin, key.Join(f.identity.public[:], wire.Uint32(1), make([]byte, 32), dsk[:]))
	f.entry = wire.Marshal(entrySigned{
		Body: body, Sig: f.identity.sign(key.ContextDeviceList, body), Joins: []entryJoin{{ID: id, Sig: join}},
	})
	f.origin, f.listN = sha256.Sum256(body), 1
}

// block is the 1200 bytes, signed.
func (f *forgery) block(th [32]byte) []byte {
	b := key.Join(f.identity.public[:], f.device.public[:], f.e[:], wire.Uint32(f.gen), []byte{f.flags}, f.card[:], f.w[:],
		f.leases, binary.BigEndian.AppendUint16(nil, uint16(len(f.entry))), f.entry)
	h := sha256.Sum256(b)
	sig := f.device.sign(key.ContextInit, key.Join(th[:], h[:]))
	sig[5] ^= f.spoilSig
	b = append(b, sig...)
	b = append(b, make([]byte, session.BlockSize-len(b))...)
	b[len(b)-1] = f.padding
	return b
}

// message is the first of the forger's chain.
func (f *forgery) message() (r envelope.Record) {
	r.Body, _ = message.EncodeBody(&message.Text{Text: f.text})
	conv := message.ConvPair(key.IdentityPublic(f.identity.public), f.peer)
	h := message.Header{
		Version: message.Version, Conv: conv, Device: key.DeviceIDOf(key.DevicePublic(f.device.public)), Seq: 1,
		Prev: message.First(f.origin, conv), Time: wire.Millis(time.Now()), Kind: message.KindText,
		BodyHash: message.BodyHash(r.Salt, r.Body), ListN: f.listN, ListHash: [16]byte(f.origin[:16]),
	}
	o := wire.Object{Body: wire.Marshal(h)}
	o.Sig = f.device.sign(key.ContextMessage, key.Join(o.Body, f.identity.public[:], f.peer[:]))
	r.Message = o.Encode()
	return r
}

// seal is the init envelope, by the letter of docs/protocol/session.md.
func (f *forgery) seal() []byte {
	hash, dsk := f.bundle.Hash(), f.bundle.Device
	dev, own := key.DeviceIDOf(dsk), key.DeviceIDOf(key.DevicePublic(f.device.public))
	enc, sender, err := f.bundle.SPK.Sender(key.Join([]byte(key.PrefixInitInfo), []byte{0}, hash[:], f.peer[:], dev[:]))
	if err != nil {
		panic(err)
	}
	th := key.Hash(key.PrefixTranscript, []byte{f.suite}, wire.Uint32(f.gen), []byte{f.flags}, f.identity.public[:], own[:],
		f.device.public[:], f.peer[:], dev[:], dsk[:], hash[:], enc, f.e[:])
	exported, err := sender.Export("zms/1/"+string(key.LabelSession), 32)
	if err != nil {
		panic(err)
	}
	sealed, err := sender.Seal(hash[:], f.block(th))
	if err != nil {
		panic(err)
	}
	secret := make([]byte, 16)
	if f.flags&session.FlagDoor != 0 {
		secret = f.door.Bytes()
	}
	k := key.KDF(key.LabelSession, key.Join(exported, secret), nil, th[:], 96)
	chain := key.KDF(key.LabelRoot, f.shared[:], nil, k[:32], 96)[32:64]
	tk := key.KDF32(key.LabelTag, k[32:64])
	tag := key.MAC(tk[:], wire.Uint32(0))
	slot := envelope.Slot{
		Tag: [8]byte(tag[:8]), HeaderKey: key.KDF32(key.LabelHeader, k[32:64]), MessageKey: key.MAC(chain, []byte{1}),
		Header: f.header.Encode(),
	}
	in := &envelope.Init{Hint: envelope.Hint(&f.bundle.SPK, enc), Enc: [key.EncapsulatedSize]byte(enc), Sealed: [session.SealedSize]byte(sealed)}
	env, err := envelope.PackInit(in, []envelope.Record{f.message()}, slot)
	if err != nil {
		panic(err)
	}
	return env
}

func TestForgedInitsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVictims(t, nil)
		g, k := v.guest(), v.stage.card(v.alice)
		old := g.forge(k, v.at)
		for _, c := range []struct {
			name  string
			spoil func(f *forgery)
		}{
			{"torsioned identity key", func(f *forgery) { f.identity = torsioned(); f.list() }},
			{"torsioned device key", func(f *forgery) { f.device = torsioned(); f.list() }},
			{"identity key of small order", func(f *forgery) { f.identity = small(); f.list() }},
			{"device key of small order", func(f *forgery) { f.device = small(); f.list() }},
			{"identity key not canonical", func(f *forgery) { f.identity = notCanonical(); f.list() }},
			{"device key not canonical", func(f *forgery) { f.device = notCanonical(); f.list() }},
			{"device key torsioned after it was listed", func(f *forgery) { f.device = twisted(f.device) }},
			{"exchange of all zeros", func(f *forgery) { f.zeroDH(key.DHPublic{}) }},
			{"exchange key one", func(f *forgery) { f.zeroDH(key.DHPublic{1}) }},
			{"gen 0", func(f *forgery) { f.gen = 0 }},
			{"gen a week ahead", func(f *forgery) { f.gen += 7 * 86400 }},
			{"the last gen", func(f *forgery) { f.gen = 1<<32 - 1 }},
			{"another suite", func(f *forgery) { f.suite = 2 }},
			{"no drop secret", func(f *forgery) { f.w = [32]byte{} }},
			{"an unknown flag", func(f *forgery) { f.flags |= 4 }},
			{"no door flag at a door", func(f *forgery) { f.flags, f.card = 0, key.CardID{} }},
			{"a card without the flag", func(f *forgery) { f.flags = 0 }},
			{"the flag without a card", func(f *forgery) { f.card = key.CardID{} }},
			{"another card", func(f *forgery) { f.card[3] ^= 1 }},
			{"another door secret", func(f *forgery) { f.door = key.NewDoorSecret() }},
			{"a door secret of one's own", func(f *forgery) { f.door = key.NewDoorSecret(); f.card = f.door.CardID() }},
			{"another person's bundle", func(f *forgery) { f.bundle = g.bundle(v.stage.card(v.bob), v.bobs); f.exchange() }},
			{"sealed to another person", func(f *forgery) { f.peer = v.stage.card(v.bob).User }},
			{"a spoilt signature", func(f *forgery) { f.spoilSig = 1 }},
			{"signed by another device", func(f *forgery) { f.device = oddKey() }},
			{"no list entry", func(f *forgery) { f.entry = nil }},
			{"a list entry of garbage", func(f *forgery) { f.entry = bytes.Repeat([]byte{0xa5}, 200) }},
			{"half a list entry", func(f *forgery) { f.entry = f.entry[:len(f.entry)/2] }},
			{"a list entry with a byte behind", func(f *forgery) { f.entry = append(f.entry, 0) }},
			{"another identity's list entry", func(f *forgery) { f.entry, f.origin = old.entry, old.origin }},
			{"another identity than the list's", func(f *forgery) { f.identity = oddKey() }},
			{"three leases", func(f *forgery) { f.leases = append([]byte{3}, make([]byte, 3*52)...) }},
			{"bytes behind the block", func(f *forgery) { f.padding = 1 }},
			{"another ratchet key in the header", func(f *forgery) { f.header.DH = key.NewDHPrivate().Public() }},
			{"pn in the first chain", func(f *forgery) { f.header.PN = 1 }},
			{"a post-quantum secret", func(f *forgery) { f.header.PQ = 2 }},
			{"a base above the message", func(f *forgery) { f.header.Base = 2 }},
			{"no text", func(f *forgery) { f.text = "" }},
		} {
			f := g.forge(k, v.at)
			c.spoil(f)
			v.spared(v.alice, c.name, 1, func() { g.put(endpoint(v.at), door(k, v.at, f.seal())) })
		}
		f := g.forge(k, v.at)
		g.put(endpoint(v.at), door(k, v.at, f.seal()))
		settle()
		all, err := v.alice.Client.Contacts(context.Background())
		v.must(err)
		if last := all[len(all)-1]; len(all) != 2 || last.User != f.identity.public || last.State != client.Requested {
			t.Fatalf("the forger's honest init was not taken: %+v", all)
		}
		v.line(v.alice, all[1].ID, "forged")
		v.talk()
	})
}

// draft is the foe's next message, to spoil before and after it is signed.
type draft struct {
	f                 *foe
	h                 message.Header
	salt              [16]byte
	body              []byte
	sender, recipient key.IdentityPublic
	signer            key.DevicePrivate
	base              uint32
	after             func(r *envelope.Record)
}

// fields is a body by its field numbers.
type fields = map[uint64]any

// draft is an honest text, or any kind of message with any body.
func (f *foe) draft(kind message.Kind, body any) *draft {
	ref := f.list.Ref()
	d := &draft{f: f, body: wire.Marshal(body), sender: f.user(), recipient: f.card.User, signer: f.signer, base: 1}
	d.h = message.Header{
		Version: message.Version, Conv: message.ConvPair(f.user(), f.card.User), Device: key.DeviceIDOf(f.signer.Public()),
		Time: wire.Millis(time.Now()), Kind: kind, ListN: ref.N, ListHash: ref.Hash,
	}
	if !kind.Side() {
		d.h.Seq, d.h.Prev = f.chain.seq+1, f.chain.prev
	}
	return d
}

// record signs the draft; keep makes it the newest of the foe's chain.
func (d *draft) record(keep bool) envelope.Record {
	d.h.BodyHash = message.BodyHash(d.salt, d.body)
	o := wire.Object{Body: wire.Marshal(d.h)}
	o.Sig = d.signer.Sign(key.ContextMessage, key.Join(o.Body, d.sender[:], d.recipient[:]))
	if keep {
		d.f.chain.seq, d.f.chain.prev = d.h.Seq, key.Hash(key.PrefixMessageID, o.Body, o.Sig)
	}
	r := envelope.Record{Message: o.Encode(), Salt: d.salt, Body: d.body}
	if d.after != nil {
		d.after(&r)
	}
	return r
}

// spoilt is a message that has to be refused.
type spoilt struct {
	name  string
	kind  message.Kind
	body  any
	spoil func(d *draft)
}

// fine is the body of a text.
func fine() fields { return fields{1: "forged"} }

func spoiltHeaders(v *victims) []spoilt {
	bob := v.stage.card(v.bob).User
	text := func(name string, spoil func(d *draft)) spoilt { return spoilt{name, message.KindText, fine(), spoil} }
	tips := func(t ...message.Tip) func(d *draft) { return func(d *draft) { d.h.Tips = t } }
	a, b := key.DeviceID{1}, key.DeviceID{2}
	nine := make([]message.Tip, 9)
	for i := range nine {
		nine[i] = message.Tip{Device: key.DeviceID{byte(i + 1)}, Seq: 1}
	}
	return []spoilt{
		text("another body", func(d *draft) { d.after = func(r *envelope.Record) { r.Body = wire.Marshal(fields{1: "other"}) } }),
		text("another salt", func(d *draft) { d.after = func(r *envelope.Record) { r.Salt[0]++ } }),
		text("a spoilt signature", func(d *draft) { d.after = func(r *envelope.Record) { r.Message[len(r.Message)-1]++ } }),
		text("half a message", func(d *draft) { d.after = func(r *envelope.Record) { r.Message = r.Message[:90] } }),
		text("a byte behind the message", func(d *draft) { d.after = func(r *envelope.Record) { r.Message = append(r.Message, 0) } }),
		text("noise", func(d *draft) { d.after = func(r *envelope.Record) { r.Message = bytes.Repeat([]byte{0x5a}, 300) } }),
		text("another conversation's id", func(d *draft) { d.h.Conv[0]++ }),
		text("the conversation of alice and bob", func(d *draft) { d.h.Conv = message.ConvPair(d.recipient, bob) }),
		text("for bob", func(d *draft) { d.recipient, d.h.Conv = bob, message.ConvPair(d.sender, bob) }),
		text("for bob inside the signature", func(d *draft) { d.recipient = bob }),
		text("from bob inside the signature", func(d *draft) { d.sender = bob }),
		text("as if from bob", func(d *draft) { d.sender, d.h.Conv = bob, message.ConvPair(bob, d.recipient) }),
		text("signed by another key", func(d *draft) { d.signer = key.NewPrivate[key.Device]() }),
		text("from alice's device", func(d *draft) { d.h.Device = v.status(v.alice).Device }),
		text("from bob's device", func(d *draft) { d.h.Device = v.status(v.bob).Device }),
		text("another version", func(d *draft) { d.h.Version = 2 }),
		text("no kind", func(d *draft) { d.h.Kind = 0 }),
		text("no device list", func(d *draft) { d.h.ListN = 0 }),
		text("another prev", func(d *draft) { d.h.Prev[7]++ }),
		text("seq 0", func(d *draft) { d.h.Seq = 0 }),
		text("a base above the message", func(d *draft) { d.base = d.h.Seq + 1 }),
		text("the highest base", func(d *draft) { d.base = math.MaxUint32 }),
		text("a tip without seq", tips(message.Tip{Device: a})),
		text("two tips of one device", tips(message.Tip{Device: b, Seq: 1}, message.Tip{Device: b, Seq: 2})),
		text("nine tips", tips(nine...)),
		text("a tip of its own device", func(d *draft) { d.h.Tips = []message.Tip{{Device: d.h.Device, Seq: 1}} }),
		{"a side message in the chain", message.KindHeads, fields{1: a[:], 2: a[:], 3: []any{}}, func(d *draft) { d.h.Seq = 9 }},
		{"a side message with a prev", message.KindHeads, fields{1: a[:], 2: a[:], 3: []any{}}, func(d *draft) { d.h.Prev = d.f.chain.prev }},
	}
}

func spoiltBodies() []spoilt {
	none := func(*draft) {}
	zero, other := make([]byte, 8), []byte{1, 2, 3, 4, 5, 6, 7, 8}
	drop32 := bytes.Repeat([]byte{1}, 32)
	cases := []spoilt{
		{"an empty text", message.KindText, fields{1: ""}, none},
		{"a text too long", message.KindText, fields{1: strings.Repeat("x", message.MaxText+1)}, none},
		{"a reply to zeros", message.KindText, fields{1: "x", 2: make([]byte, 16)}, none},
		{"a text of no text", message.KindText, fields{1: 7}, none},
		{"a body of noise", message.KindText, fine(), func(d *draft) { d.body = bytes.Repeat([]byte{0xff}, 40) }},
		{"no body", message.KindText, fine(), func(d *draft) { d.body = nil }},
		{"a byte behind the body", message.KindText, fine(), func(d *draft) { d.body = append(d.body, 0) }},
		{"no read marks", message.KindRead, fields{1: []any{}}, none},
		{"a read mark of 0", message.KindRead, fields{1: []any{[]any{other, 0}}}, none},
		{"read marks out of order", message.KindRead, fields{1: []any{[]any{other, 1}, []any{zero, 1}}}, none},
		{"drops without secret", message.KindDrops, fields{1: make([]byte, 32), 2: []any{}, 3: make([]byte, 16)}, none},
		{"drops of half a secret", message.KindDrops, fields{1: make([]byte, 16), 2: []any{}, 3: make([]byte, 16)}, none},
		{"17 leases", message.KindDrops, fields{1: drop32, 2: slices.Repeat([]any{[]byte{1}}, 17), 3: make([]byte, 16)}, none},
		{"an ack of nothing", message.KindAck, fields{1: zero, 2: other, 3: []any{}}, none},
		{"an ack below its base", message.KindAck, fields{1: zero, 2: other, 3: []any{[]any{other, 5, 4, []any{}}}}, none},
		{"a hole beyond the ack", message.KindAck, fields{1: zero, 2: other, 3: []any{[]any{other, 1, 4, []any{[]any{3, 9}}}}}, none},
		{"an ack for another device", message.KindAck, fields{1: other, 2: other, 3: []any{[]any{other, 1, 4, []any{}}}}, none},
		{"heads for another device", message.KindHeads, fields{1: other, 2: other, 3: []any{}}, none},
		{"a head of 0", message.KindHeads, fields{1: zero, 2: other, 3: []any{[]any{other, 0, make([]byte, 16)}}}, none},
	}
	for _, name := range []string{"\x1b[2Jbob", "bob\nalice", "\x7f", "a\u0085", "\x00", strings.Repeat("x", message.MaxName+1)} {
		cases = append(cases, spoilt{fmt.Sprintf("the name %q", name), message.KindProfile, fields{1: name}, none})
	}
	return cases
}

func TestSpoiltMessagesOfAContactAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVictims(t, nil)
		f := v.foe()
		for i, c := range slices.Concat(spoiltHeaders(v), spoiltBodies()) {
			d := f.draft(c.kind, c.body)
			c.spoil(d)
			v.spared(v.alice, c.name, 1, func() { f.say(d.base, d.record(false)) })
			if i%8 == 0 {
				f.heard(fmt.Sprint("honest ", i))
			}
		}
		f.say(1, f.draft(message.KindText, fields{1: "the draft itself is fine"}).record(true))
		f.heard("at last")
		f.line(v.alice, f.id, "the draft itself is fine")
		v.talk()
	})
}

func TestRidersThatAreNoSideMessagesAreLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVictims(t, nil)
		f := v.foe()
		other := []byte{1, 2, 3, 4, 5, 6, 7, 8}
		main := f.chain.text("main")
		second := f.draft(message.KindText, fields{1: "smuggled"}).record(false)
		ack := f.draft(message.KindAck, fields{1: other, 2: other, 3: []any{[]any{other, 1, 4, []any{}}}}).record(false)
		f.say(1, main, second, ack, envelope.Record{Message: []byte{1}, Body: []byte{2}})
		settle()
		if got := v.texts(v.alice, f.id); !slices.Equal(got, []string{"hello", "main"}) {
			t.Errorf("alice sees %q", got)
		}
		f.heard("next")
		v.talk()
	})
}

// kept is a strange but valid message that alice has to keep.
func (f *foe) kept(name string, d *draft) client.Message {
	f.t.Helper()
	before := f.messages(f.of.alice, f.id)
	ignored := f.status(f.of.alice).Ignored
	f.say(d.base, d.record(true))
	settle()
	after := f.messages(f.of.alice, f.id)
	if len(after) != len(before)+1 || f.status(f.of.alice).Ignored != ignored {
		f.t.Fatalf("%s: alice had %d lines and has %d", name, len(before), len(after))
	}
	for _, m := range after {
		if m.Seq == d.h.Seq && !m.Outgoing {
			return m
		}
	}
	f.t.Fatalf("%s: there is no line %d", name, d.h.Seq)
	return client.Message{}
}

func TestStrangeMessagesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVictims(t, nil)
		f := v.foe()
		for name, d := range map[string]func() *draft{
			"a later kind":             func() *draft { return f.draft(message.Kind(40), fields{1: "?"}) },
			"a kind of no body at all": func() *draft { return f.draft(message.Kind(60_000), fields{}) },
			"a text with a new field":  func() *draft { return f.draft(message.KindText, fields{1: "new", 9: []byte{1}}) },
		} {
			if m := f.kept(name, d()); !m.Unknown || m.Text != "" {
				t.Errorf("%s: %+v", name, m)
			}
		}
		// A side kind of a later version leaves nothing behind.
		v.spared(v.alice, "a later side kind", 0, func() { f.say(1, f.draft(message.Kind(100), fields{1: "?"}).record(false)) })

		tipped := f.draft(message.KindText, fields{1: "tips"})
		tipped.h.Tips = []message.Tip{{Device: key.DeviceID{1}, Seq: 7}, {Device: v.status(v.alice).Device, Seq: 1 << 30}, {Device: v.status(v.bob).Device, Seq: 1}}
		if m := f.kept("tips to unknown messages", tipped); m.Text != "tips" {
			t.Errorf("%+v", m)
		}
		f.heard("after the tips")

		far := f.draft(message.KindText, fields{1: "the last seq"})
		seq, prev := f.chain.seq, f.chain.prev
		far.h.Seq, far.h.Prev = math.MaxUint32, [32]byte{9}
		f.kept("the last seq", far)
		f.chain.seq, f.chain.prev = seq, prev
		f.heard("back at the lower end")
		v.must(v.alice.Stop())
		v.must(v.alice.Start())
		pause(time.Minute)
		f.heard("after a restart")
		v.talk()
	})
}

func TestGapsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVictims(t, nil)
		f := v.foe()
		first := f.chain.seq
		for i := range uint32(300) {
			f.chain.seq = first + 1 + 2*i // one is left out each time
			f.say(1, f.chain.text(fmt.Sprint("gap ", i)))
			pause(10 * time.Millisecond)
		}
		settle()
		lines, ignored := len(v.texts(v.alice, f.id)), v.status(v.alice).Ignored
		if lines != 257 || ignored != 44 {
			t.Errorf("%d lines were kept, %d ignored", lines, ignored)
		}
		v.must(v.alice.Stop())
		v.must(v.alice.Start())
		pause(time.Minute)
		if n := len(v.texts(v.alice, f.id)); n != lines {
			t.Errorf("after a restart %d lines", n)
		}
		v.talk()
	})
}

func TestNothingIsDeliveredOrReadBeforeItWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVictims(t, nil)
		node := v.bobs.Address().Node
		lease, err := address.Lease{Node: node, Host: v.bobs.Host, Port: 443}.Encode52()
		v.must(err)
		f := v.foe(lease) // where no drop of theirs is: nothing that alice sends is taken
		mine := v.status(v.alice).Device
		zero, nonce := make([]byte, 8), []byte{1, 2, 3, 4, 5, 6, 7, 8}
		for _, upto := range []uint32{1 << 20, math.MaxUint32} {
			f.say(1, f.draft(message.KindAck, fields{1: zero, 2: nonce, 3: []any{[]any{mine[:], 1, upto, []any{}}}}).record(false))
			f.say(1, f.draft(message.KindRead, fields{1: []any{[]any{mine[:], upto}}}).record(true))
		}
		settle()
		v.send(v.alice, f.id, "not yet")
		pause(10 * time.Minute)
		if m := v.line(v.alice, f.id, "not yet"); m.Submitted.IsZero() || m.State != client.Queued {
			t.Errorf("a message that nobody has is %s", m.State)
		}
		f.say(1, f.draft(message.KindAck, fields{1: zero, 2: nonce, 3: []any{[]any{mine[:], 1, math.MaxUint32, []any{}}}}).record(false))
		settle()
		if m := v.line(v.alice, f.id, "not yet"); m.State != client.Delivered { // whoever claims to have it is believed
			t.Errorf("an acknowledged message is %s", m.State)
		}
		f.heard("next")
		v.talk()
	})
}

func TestForkedContactStaysFrozen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVictims(t, nil)
		f := v.foe()
		f.heard("one")
		rival := f.draft(message.KindText, fields{1: "another one"})
		rival.h.Seq = f.chain.seq
		rival.h.Prev = message.First(originOf(f), rival.h.Conv)
		before := v.messages(v.alice, f.id)
		f.say(1, rival.record(false))
		settle()
		if v.contact(v.alice, f.id).Problem == "" {
			t.Error("alice is not told")
		}
		v.must(v.alice.Stop())
		v.must(v.alice.Start())
		pause(time.Minute)
		for i := range 3 {
			f.say(1, f.chain.text(fmt.Sprint("more ", i)))
		}
		settle()
		after := v.messages(v.alice, f.id)
		if len(after) != len(before) || after[0].ID != before[0].ID || v.status(v.alice).Ignored != 3 {
			t.Errorf("alice had %d lines and has %d; %d were ignored", len(before), len(after), v.status(v.alice).Ignored)
		}
		v.talk()
	})
}

// originOf is H of the entry that added the foe's device.
func originOf(f *foe) [32]byte {
	origin, _ := f.list.Origin(key.DeviceIDOf(f.signer.Public()))
	return origin
}

// parcelTo finds what bob submitted to alice's gateway last.
func (v *victims) parcelTo(tap *wiretap) parcel {
	v.t.Helper()
	all := tap.by(v.bob)
	if len(all) == 0 {
		v.t.Fatal("bob submitted nothing")
	}
	return all[len(all)-1]
}

func TestEnvelopesInOtherPlacesAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := new(wiretap)
		v := newVictims(t, tap.wrap)
		f, second := v.foe(), v.foe()
		carol := v.person("carol", v.at)
		ofCarol := v.stage.card(carol)
		pause(time.Minute)

		fresh := func(change func(p *session.InitParams)) []byte {
			p := f.params(f.card, v.at)
			change(&p)
			return f.initiate(p).seal(f.draft(message.KindText, fine()).record(false))
		}
		plain := func(p *session.InitParams) { p.Door = key.DoorSecret{} }
		recorded := v.parcelTo(tap).Envelope
		for _, c := range []struct {
			name    string
			ignored uint64
			env     []byte
			w       key.DropSecret
		}{
			{"a door's init at a drop", 1, fresh(func(*session.InitParams) {}), f.w},
			{"one contact's init in another's drop", 1, fresh(plain), second.w},
			{"one contact's envelope in another's drop", 1, f.pack(1, f.draft(message.KindText, fine()).record(false)), second.w},
			{"bob's envelope in a foe's drop, known by its hash", 0, recorded, f.w},
			{"bob's envelope with a flipped bit", 1, flip(recorded, 700), f.w},
			{"noise of 1 KiB", 1, noise(1<<10, 0x01, 2), f.w},
			{"noise of 4 KiB", 1, noise(4<<10, 0x01, 16), f.w},
			{"noise of 64 KiB", 1, noise(64<<10, 0x01, 16), f.w},
			{"no slots", 1, noise(1<<10, 0x01, 0), f.w},
			{"255 slots", 1, noise(1<<10, 0x01, 255), f.w},
			{"an init of noise", 1, noise(4<<10, 0x81, 7), f.w},
		} {
			v.spared(v.alice, c.name, c.ignored, func() { f.put(endpoint(v.at), drop(c.w, v.at, c.env)) })
		}
		v.spared(carol, "alice's init at carol's door", 1, func() {
			f.put(endpoint(v.at), door(ofCarol, v.at, fresh(func(*session.InitParams) {})))
		})
		v.spared(v.alice, "an ordinary envelope at a door", 0, func() {
			if a := f.ask(endpoint(v.at), door(f.card, v.at, recorded)); a.Receipt != nil {
				t.Error("the gateway took it")
			}
		})
		v.spared(v.alice, "another person's signed message", 1, func() { f.say(1, second.chain.text("stolen")) })

		f.gen = uint32(time.Now().Unix())
		f.drop(fresh(plain)) // where it belongs
		settle()
		f.line(v.alice, f.id, "forged")
		v.talk()
	})
}

func flip(env []byte, at int) []byte {
	out := bytes.Clone(env)
	out[at] ^= 4
	return out
}

func noise(size int, first ...byte) []byte {
	out := make([]byte, size)
	copy(out, first)
	for i := len(first); i < size; i++ {
		out[i] = byte(i*7 + i>>8)
	}
	return out
}

// TestEnvelopeThatIsStolenOnItsWayStillArrives: a gateway holds bob's envelope
// back while somebody else brings it to another place first.
func TestEnvelopeThatIsStolenOnItsWayStillArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := new(wiretap)
		v := newVictims(t, tap.wrap)
		f := v.foe()
		pause(time.Minute)
		v.talk() // bob's link to alice's gateway is open again
		settle()
		v.Net.Partition(v.bob.Host(), v.at.Host)
		n := len(tap.by(v.bob))
		v.send(v.bob, v.ba, "held back")
		v.lines++
		settle()
		if len(tap.by(v.bob)) == n {
			t.Fatal("bob's envelope did not leave")
		}
		stolen := v.parcelTo(tap).Envelope
		v.spared(v.alice, "in a foe's drop", 1, func() { f.drop(stolen) })
		v.Net.Heal(v.bob.Host(), v.at.Host)
		v.agree()
		v.talk()
	})
}

// replaceDevice gives the foe another device in place of the first.
func (f *foe) replaceDevice() {
	f.t.Helper()
	ik, newest, next := f.seed.Identity(), f.list.Newest(), key.NewPrivate[key.Device]()
	e, err := f.list.Next(ik, device.Change{
		Revoke: []key.DeviceID{key.DeviceIDOf(f.signer.Public())},
		Join:   &device.Join{DSK: next.Public(), Role: device.Full, Sig: device.SignJoin(next, ik.Public(), newest.N+1, newest.Hash())},
	}, time.Now())
	f.must(err)
	_, err = f.list.Accept(e)
	f.must(err)
	f.signer, f.entry = next, e.Encode()
	f.chain = f.crook.chain(f.card.User)
}

// again is an init to the drop that alice gave, with a list entry.
func (f *foe) again(entry []byte) *talk {
	p := f.params(f.card, f.of.at)
	p.Door, p.ListEntry = key.DoorSecret{}, entry
	return f.initiate(p)
}

func TestOldDeviceListsTakeNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVictims(t, nil)
		f := v.foe()
		stale, lost := f.entry, f.signer
		f.replaceDevice()
		f.talk = f.again(f.entry)
		f.drop(f.seal(f.chain.text("from the new device")))
		settle()
		f.line(v.alice, f.id, "from the new device")

		revoked := func(name string) {
			current := f.signer
			f.signer = lost
			defer func() { f.signer = current }()
			for list, entry := range map[string][]byte{"old": stale, "new": f.entry} {
				env := f.again(entry).seal(f.crook.chain(f.card.User).text("let me back in"))
				v.spared(v.alice, name+" with the "+list+" list", 1, func() { f.drop(env) })
			}
		}
		revoked("the revoked device")
		f.talk = f.again(stale) // the list that does not name this device yet
		f.drop(f.seal(f.chain.text("with the old list")))
		settle()
		f.line(v.alice, f.id, "with the old list")
		revoked("the revoked device after that")
		f.heard("on we go")
		v.talk()
	})
}
