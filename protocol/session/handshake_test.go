package session

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"zeroms/protocol/envelope"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// lowOrder is a Montgomery point of order 8 (RFC 7748 section 6.1).
func lowOrder() (p key.DHPublic) {
	b, _ := hex.DecodeString("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")
	copy(p[:], b)
	return p
}

func TestEveryByteOfABundleCounts(t *testing.T) {
	now := start()
	dsk := key.NewPrivate[key.Device]()
	p := NewPrekey(dsk, ListRef{N: 3, Hash: [16]byte{1}}, now)
	encoded := p.Bundle()
	if len(encoded) > MaxBundle {
		t.Fatalf("a bundle of %d bytes", len(encoded))
	}
	for n := range encoded {
		for _, bit := range []byte{1, 0x80} {
			changed := bytes.Clone(encoded)
			changed[n] ^= bit
			if _, err := ParseBundle(changed, dsk.Public(), now); err == nil {
				t.Fatalf("byte %d changed and the bundle passes", n)
			}
		}
		if _, err := ParseBundle(encoded[:n], dsk.Public(), now); err == nil {
			t.Fatalf("the first %d bytes pass", n)
		}
	}
	if _, err := ParseBundle(append(bytes.Clone(encoded), 0), dsk.Public(), now); !errors.Is(err, wire.ErrTrailing) {
		t.Errorf("a byte more: %v", err)
	}
	other := key.NewPrivate[key.Device]()
	if _, err := ParseBundle(encoded, other.Public(), now); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("another device's key: %v", err)
	}
}

func TestBundleFields(t *testing.T) {
	now := start()
	dsk := key.NewPrivate[key.Device]()
	p := NewPrekey(dsk, ListRef{N: 3, Hash: [16]byte{1}}, now)
	b, err := ParseBundle(p.Bundle(), dsk.Public(), now)
	if err != nil {
		t.Fatal(err)
	}
	if b.Device != dsk.Public() || b.List != p.List() || b.ID != p.ID() || b.List.N != 3 || !b.Created.Equal(now) || !b.Expires.Equal(now.Add(37*day)) {
		t.Errorf("%+v", b)
	}
	if !p.RenewAt().Equal(now.Add(7*day)) || !p.EraseAt().Equal(now.Add(69*day)) {
		t.Errorf("renewed %v, erased %v", p.RenewAt(), p.EraseAt())
	}
	for name, c := range map[string]struct {
		at   time.Time
		want error
	}{
		"the last moment":    {now.Add(38 * day), nil},
		"after it":           {now.Add(38*day + time.Millisecond), wire.ErrExpired},
		"a clock a day slow": {now.Add(-day), nil},
		"slower":             {now.Add(-day - time.Millisecond), wire.ErrClock},
	} {
		if _, err := ParseBundle(p.Bundle(), dsk.Public(), c.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		change func(*bundleBody)
		want   error
	}{
		"another suite":     {func(b *bundleBody) { b.Suite = 2 }, wire.ErrSuite},
		"suite 200":         {func(b *bundleBody) { b.Suite = 200 }, wire.ErrSuite},
		"another device":    {func(b *bundleBody) { b.Device[0]++ }, wire.ErrValue},
		"another id":        {func(b *bundleBody) { b.ID[0]++ }, wire.ErrValue},
		"a low order key":   {func(b *bundleBody) { b.Ratchet = lowOrder() }, wire.ErrPublicKey},
		"a zero key":        {func(b *bundleBody) { b.Ratchet = key.DHPublic{} }, wire.ErrPublicKey},
		"valid too long":    {func(b *bundleBody) { b.Expires++ }, wire.ErrValue},
		"never valid":       {func(b *bundleBody) { b.Expires = b.Created }, wire.ErrValue},
		"expires earlier":   {func(b *bundleBody) { b.Expires = b.Created - 1 }, wire.ErrValue},
		"made in year 9999": {func(b *bundleBody) { b.Created, b.Expires = 1<<60, 1<<60+1 }, wire.ErrClock},
	} {
		body := p.body
		c.change(&body)
		if _, err := ParseBundle(wire.Sign(dsk, key.ContextBundle, body).Encode(), dsk.Public(), now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseBundle(wire.Sign(dsk, key.ContextInit, p.body).Encode(), dsk.Public(), now); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("another context: %v", err)
	}
}

func TestEveryByteOfAnInitCounts(t *testing.T) {
	now := start()
	a, b := newSide(now), newSide(now)
	made := a.initiate(t, b, now)
	m := made.Init()
	if _, _, err := Accept(b.acceptParams(), m, now); err != nil {
		t.Fatal(err)
	}
	for n := range len(m.Enc) + len(m.Sealed) + len(m.Hint) {
		changed := *m
		switch {
		case n < len(m.Enc):
			changed.Enc[n] ^= 1 << (n % 8)
			changed.Hint = hintOf(&b.prekeys[0].body.SPK, changed.Enc[:])
		case n < len(m.Enc)+len(m.Sealed):
			changed.Sealed[n-len(m.Enc)] ^= 1 << (n % 8)
		default:
			changed.Hint[n-len(m.Enc)-len(m.Sealed)] ^= 1 << (n % 8)
		}
		if _, _, err := Accept(b.acceptParams(), &changed, now); !errors.Is(err, wire.ErrOpen) {
			t.Fatalf("byte %d changed: %v", n, err)
		}
	}
	// The unused top bit of the X25519 half of enc is bound like the others.
	changed := *m
	changed.Enc[len(m.Enc)-1] ^= 0x80
	changed.Hint = hintOf(&b.prekeys[0].body.SPK, changed.Enc[:])
	if _, _, err := Accept(b.acceptParams(), &changed, now); !errors.Is(err, wire.ErrOpen) {
		t.Fatalf("the top bit of enc changed: %v", err)
	}
}

// TestEveryByteOfAnEnvelopeCounts changes each byte of an ordinary and of an
// init envelope: nothing opens and nothing changes.
func TestEveryByteOfAnEnvelopeCounts(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	ordinary := a.send(t, "text", now)
	before := b.snapshot()
	for n := range ordinary {
		changed := bytes.Clone(ordinary)
		changed[n] ^= 1 << (n % 8)
		if text, err := b.receive(changed, now); err == nil {
			t.Fatalf("byte %d changed and %q opened", n, text)
		}
	}
	if b.snapshot() != before {
		t.Fatal("refused envelopes changed the state")
	}
	b.deliver(t, ordinary, "text", now)

	c := newSide(now)
	c.initiate(t, b, now)
	initial := c.send(t, "init", now)
	fresh := newSide(now)
	fresh.identity, fresh.device, fresh.prekeys = b.identity, b.device, b.prekeys
	before = fresh.snapshot()
	for n := 0; n < len(initial); n += 3 {
		changed := bytes.Clone(initial)
		changed[n] ^= 1 << (n % 8)
		if text, err := fresh.receive(changed, now); err == nil {
			t.Fatalf("byte %d changed and %q opened", n, text)
		}
	}
	if fresh.snapshot() != before {
		t.Fatal("refused inits changed the state")
	}
	fresh.deliver(t, initial, "init", now)
	if _, err := fresh.receive(initial, now); err == nil {
		t.Fatal("an init opened twice")
	}
}

func TestBlockIsHandedOver(t *testing.T) {
	now := start()
	a, b := newSide(now), newSide(now)
	door := key.NewDoorSecret()
	p := a.params(t, b, now)
	p.Leases, p.ListEntry, p.Resync, p.Door = []Lease{{1}, {2}}, bytes.Repeat([]byte{7}, MaxListEntry), true, door
	made, m, err := Initiate(p, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Accept(b.acceptParams(), m, now); !errors.Is(err, wire.ErrExpired) {
		t.Errorf("the card is not known: %v", err)
	}
	b.doors[door.CardID()] = key.NewDoorSecret()
	if _, _, err := Accept(b.acceptParams(), m, now); !errors.Is(err, wire.ErrExpired) {
		t.Errorf("another card's secret under this id: %v", err)
	}
	b.doors[door.CardID()] = door
	got, block, err := Accept(b.acceptParams(), m, now)
	if err != nil {
		t.Fatal(err)
	}
	if block.Identity != a.identity.Public() || block.Device != a.device.Public() || block.Gen != p.Gen ||
		block.Flags != FlagDoor|FlagResync || block.Card != door.CardID() || !block.Drop.Equal(p.Drop.Bytes()) ||
		len(block.Leases) != 2 || block.Leases[1] != p.Leases[1] || !bytes.Equal(block.ListEntry, p.ListEntry) {
		t.Error("the block is not what was handed over")
	}
	if got.ID() != made.ID() || got.EncHash() != m.Hash() || made.EncHash() != m.Hash() || got.Gen() != p.Gen || got.Initiator() || !made.Initiator() {
		t.Error("the sides do not name the session alike")
	}
	if ik, dsk := got.Peer(); ik != a.identity.Public() || dsk != a.device.Public() {
		t.Error("the responder's peer")
	}
	if ik, dsk := made.Peer(); ik != b.identity.Public() || dsk != b.device.Public() {
		t.Error("the initiator's peer")
	}
	if _, heard := got.Heard(); got.CanSend() || heard || got.Confirmed() || !got.Created().Equal(now) {
		t.Error("a responder that received nothing")
	}
	if _, _, err := got.Send(0, now); !errors.Is(err, wire.ErrUnexpected) {
		t.Errorf("sending before receiving: %v", err)
	}
	if _, err := new(Set).Add(got, now); !errors.Is(err, wire.ErrUnexpected) {
		t.Errorf("added before its first message: %v", err)
	}
}

// TestDoorSecretIsMixedIn: without the card's secret the init opens (its block
// names the card), but its first slot does not.
func TestDoorSecretIsMixedIn(t *testing.T) {
	now := start()
	a, b := newSide(now), newSide(now)
	door := key.NewDoorSecret()
	p := a.params(t, b, now)
	p.Door = door
	made, m, err := Initiate(p, now)
	if err != nil {
		t.Fatal(err)
	}
	b.doors[door.CardID()] = door
	got, _, err := Accept(b.acceptParams(), m, now)
	if err != nil {
		t.Fatal(err)
	}
	if got.recvNext.head != made.sendHead {
		t.Fatal("the sides derived different keys")
	}
	pre := b.prekeys[0]
	hash := pre.object.Hash()
	r, err := pre.spk.Recipient(m.Enc[:], initInfo(hash, b.identity.Public(), pre.body.Device))
	if err != nil {
		t.Fatal(err)
	}
	exported, _ := r.Export(exporterSession, 32)
	if k := deriveSession(exported, key.DoorSecret{}, made.th); k.headA == made.sendHead {
		t.Error("the session does not depend on the door secret")
	}
	if k := deriveSession(exported, door, [32]byte{}); k.headA == made.sendHead {
		t.Error("the session does not depend on th")
	}
}

func TestInitForSomebodyElse(t *testing.T) {
	now := start()
	a, b, c := newSide(now), newSide(now), newSide(now)
	m := a.initiate(t, b, now).Init()
	for name, p := range map[string]AcceptParams{
		"another device of the same user": {Identity: b.identity.Public(), Device: c.device.Public(), Prekeys: b.prekeys},
		"another user with this device":   {Identity: c.identity.Public(), Device: b.device.Public(), Prekeys: b.prekeys},
		"another prekey":                  {Identity: b.identity.Public(), Device: b.device.Public(), Prekeys: []*Prekey{NewPrekey(b.device, ListRef{}, now)}},
		"no prekey":                       {Identity: b.identity.Public(), Device: b.device.Public()},
	} {
		if _, _, err := Accept(p, m, now); !errors.Is(err, wire.ErrOpen) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A bundle made anew with the same keys is another bundle.
	again := *b.prekeys[0]
	again.body.ListN++
	again.object = wire.Sign(b.device, key.ContextBundle, again.body)
	p := b.acceptParams()
	p.Prekeys = []*Prekey{&again}
	if _, _, err := Accept(p, m, now); !errors.Is(err, wire.ErrOpen) {
		t.Errorf("another bundle with the same keys: %v", err)
	}
	if _, _, err := Accept(b.acceptParams(), m, now.Add(PrekeyErased)); !errors.Is(err, wire.ErrOpen) {
		t.Errorf("a prekey after 69 days: %v", err)
	}
	if _, _, err := Accept(b.acceptParams(), m, now.Add(PrekeyErased-time.Millisecond)); err != nil {
		t.Errorf("a prekey before 69 days: %v", err)
	}
}

// reseal seals a block to a prekey the way a third person could, who has the
// block and not the initiator's key.
func reseal(t *testing.T, to *side, block []byte) *InitMessage {
	t.Helper()
	pre := to.prekeys[0]
	hash := pre.object.Hash()
	enc, s, err := pre.body.SPK.Sender(initInfo(hash, to.identity.Public(), pre.body.Device))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := s.Seal(hash[:], block)
	if err != nil {
		t.Fatal(err)
	}
	return &InitMessage{Hint: hintOf(&pre.body.SPK, enc), Enc: [1120]byte(enc), Sealed: [1216]byte(sealed)}
}

// openBlock is the block of an init, as its receiver reads it.
func openBlock(t testing.TB, at *side, m *InitMessage) []byte {
	t.Helper()
	pre := at.prekeys[0]
	hash := pre.object.Hash()
	r, err := pre.spk.Recipient(m.Enc[:], initInfo(hash, at.identity.Public(), pre.body.Device))
	if err != nil {
		t.Fatal(err)
	}
	block, err := r.Open(hash[:], m.Sealed[:])
	if err != nil {
		t.Fatal(err)
	}
	return block
}

func TestResealedBlocksAreRefused(t *testing.T) {
	now := start()
	a, b, c := newSide(now), newSide(now), newSide(now)
	block := openBlock(t, b, a.initiate(t, b, now).Init())
	if _, _, err := Accept(c.acceptParams(), reseal(t, c, block), now); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("the same block to a third person: %v", err)
	}
	if _, _, err := Accept(b.acceptParams(), reseal(t, b, block), now); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("the same block again to the same one: %v", err)
	}
	_, signed, err := parseBlock(block)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{96, 99, 109, 140, 142, signed - 1} { // e_a .. gen, W, lease, list entry
		changed := bytes.Clone(block)
		changed[n] ^= 1
		if _, _, err := Accept(b.acceptParams(), reseal(t, b, changed), now); err == nil {
			t.Errorf("a block with byte %d changed passes", n)
		}
	}
	// Signed for another handshake by the initiator's own key.
	body, _, _ := parseBlock(block)
	if _, _, err := Accept(b.acceptParams(), reseal(t, b, body.seal(a.device, [32]byte{1})), now); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("a signature of another handshake: %v", err)
	}
}

func TestBlockRefuses(t *testing.T) {
	now := start()
	a := newSide(now)
	valid := func() *Block {
		return &Block{Identity: a.identity.Public(), Device: a.device.Public(), Ephemeral: key.NewDHPrivate().Public(), Gen: 1,
			Drop: key.NewDropSecret(), Leases: []Lease{{1}}, ListEntry: []byte("entry")}
	}
	raw := valid().seal(a.device, [32]byte{})
	b, signed, err := parseBlock(raw)
	if err != nil || signed != 141+1+LeaseSize+2+5 {
		t.Fatalf("signed %d: %v", signed, err)
	}
	if !bytes.Equal(b.unsigned(), raw[:signed]) {
		t.Error("a block that parses does not encode back")
	}
	for n := range raw {
		if _, _, err := parseBlock(raw[:n]); !errors.Is(err, wire.ErrMalformed) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
	if _, _, err := parseBlock(append(bytes.Clone(raw), 0)); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a byte more: %v", err)
	}
	for n := signed + 64; n < BlockSize; n++ {
		changed := bytes.Clone(raw)
		changed[n] = 1
		if _, _, err := parseBlock(changed); !errors.Is(err, wire.ErrNotCanonical) {
			t.Fatalf("byte %d after the signature: %v", n, err)
		}
	}
	set := func(at int, b ...byte) []byte {
		changed := bytes.Clone(raw)
		copy(changed[at:], b)
		return changed
	}
	low := lowOrder()
	torsion, _ := hex.DecodeString("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
	for name, c := range map[string]struct {
		raw  []byte
		want error
	}{
		"identity of small order":   {set(0, torsion...), wire.ErrPublicKey},
		"identity zero":             {set(0, make([]byte, 32)...), wire.ErrPublicKey},
		"device of small order":     {set(32, torsion...), wire.ErrPublicKey},
		"device not canonical":      {set(32, bytes.Repeat([]byte{255}, 32)...), wire.ErrPublicKey},
		"exchange key of low order": {set(64, low[:]...), wire.ErrPublicKey},
		"gen 0":                     {set(96, 0, 0, 0, 0), wire.ErrValue},
		"an unknown flag":           {set(100, 4), wire.ErrValue},
		"a door without card":       {set(100, FlagDoor), wire.ErrValue},
		"a card without door":       {set(101, 1), wire.ErrValue},
		"no drop secret":            {set(109, make([]byte, 32)...), wire.ErrValue},
		"three leases":              {set(141, 3), wire.ErrValue},
		"255 leases":                {set(141, 255), wire.ErrValue},
		"no list entry":             {set(142+LeaseSize, 0, 0), nil},
		"a list entry too long":     {set(142+LeaseSize, 3, 97), wire.ErrValue},
	} {
		_, _, err := parseBlock(c.raw)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*Block){
		"gen 0":        func(b *Block) { b.Gen = 0 },
		"no drop":      func(b *Block) { b.Drop = key.DropSecret{} },
		"three leases": func(b *Block) { b.Leases = make([]Lease, 3) },
		"no entry":     func(b *Block) { b.ListEntry = nil },
		"a long entry": func(b *Block) { b.ListEntry = make([]byte, MaxListEntry+1) },
		"unknown flag": func(b *Block) { b.Flags = 128 },
	} {
		b := valid()
		change(b)
		if err := b.check(); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTorsionedKeysAreRefused adds a component of small order to a device key.
func TestTorsionedKeysAreRefused(t *testing.T) {
	now := start()
	a, b := newSide(now), newSide(now)
	block := openBlock(t, b, a.initiate(t, b, now).Init())
	// The sum of a's device key with the point of order two (0, -1) negates both
	// coordinates, -x and -y: y' = p - y, and the sign bit flips.
	y := bytes.Clone(block[32:64])
	sign := y[31] & 0x80
	y[31] &^= 0x80
	prime, _ := hex.DecodeString("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
	borrow := 0
	for n := range y {
		d := int(prime[n]) - int(y[n]) - borrow
		borrow = 0
		if d < 0 {
			d, borrow = d+256, 1
		}
		y[n] = byte(d)
	}
	y[31] |= sign ^ 0x80
	copy(block[32:], y)
	if _, _, err := Accept(b.acceptParams(), reseal(t, b, block), now); !errors.Is(err, wire.ErrPublicKey) {
		t.Errorf("a device key with torsion: %v", err)
	}
}

func TestInitiateRefuses(t *testing.T) {
	now := start()
	a, b := newSide(now), newSide(now)
	for name, c := range map[string]struct {
		change func(*InitParams)
		at     time.Time
		want   error
	}{
		"an expired bundle": {func(*InitParams) {}, now.Add(38*day + time.Second), wire.ErrExpired},
		"no bundle":         {func(p *InitParams) { p.Bundle = nil }, now, wire.ErrValue},
		"no key":            {func(p *InitParams) { p.Signer = key.DevicePrivate{} }, now, wire.ErrValue},
		"oneself":           {func(p *InitParams) { p.Signer = b.device }, now, wire.ErrValue},
		"gen 0":             {func(p *InitParams) { p.Gen = 0 }, now, wire.ErrValue},
		"no drop secret":    {func(p *InitParams) { p.Drop = key.DropSecret{} }, now, wire.ErrValue},
		"no list entry":     {func(p *InitParams) { p.ListEntry = nil }, now, wire.ErrValue},
		"a low order key":   {func(p *InitParams) { p.Bundle.Ratchet = lowOrder() }, now, wire.ErrPublicKey},
		"a bad prekey":      {func(p *InitParams) { p.Bundle.SPK = key.PrekeyPublic(bytes.Repeat([]byte{255}, 1216)) }, now, wire.ErrPublicKey},
	} {
		p := a.params(t, b, now)
		c.change(&p)
		if _, _, err := Initiate(p, c.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// An init that came back to the device that made it.
	p := a.params(t, a, now)
	p.Signer = b.device
	_, m, err := Initiate(p, now)
	if err != nil {
		t.Fatal(err)
	}
	accept := a.acceptParams()
	accept.Device = a.device.Public()
	if _, _, err := Accept(accept, m, now); err != nil {
		t.Fatal(err)
	}
	own := openBlock(t, a, m)
	body, _, _ := parseBlock(own)
	body.Device = a.device.Public()
	if _, _, err := Accept(accept, reseal(t, a, body.seal(a.device, [32]byte{})), now); !errors.Is(err, wire.ErrUnexpected) {
		t.Errorf("an init of this device itself: %v", err)
	}
}

// forge sends with a header that the peer's program would not make.
func forge(t *testing.T, from *side, now time.Time, change func(*Header)) []byte {
	t.Helper()
	_, slot, err := from.set.Sending().Send(0, now)
	if err != nil {
		t.Fatal(err)
	}
	h := ParseHeader(slot.Header)
	change(&h)
	slot.Header = h.Encode()
	env, err := envelope.Pack(textRecord("forged"), []envelope.Slot{envelope.Slot(slot)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestHeadersThatContradict(t *testing.T) {
	now := start()
	a, b := pair(t, now) // a's next message begins a chain
	b.deliver(t, a.send(t, "x", now), "x", now)
	b.deliver(t, a.send(t, "y", now), "y", now)
	before := b.snapshot()
	for name, c := range map[string]struct {
		change func(*Header)
		want   error
	}{
		"pqid inside a chain":        {func(h *Header) { h.PQ = 2 }, wire.ErrValue},
		"another key inside a chain": {func(h *Header) { h.DH[0] ^= 1 }, wire.ErrValue},
	} {
		if _, err := b.receive(forge(t, a, now, c.change), now); !errors.Is(err, c.want) && !errors.Is(err, errNothing) {
			t.Errorf("%s: %v", name, err)
		}
		s := b.set.Sending()
		_, slot, _ := a.set.Sending().Send(0, now)
		h := ParseHeader(slot.Header)
		c.change(&h)
		if _, _, err := s.Receive(Place{s.recvNo, slot.I}, h.Encode(), now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b.snapshot() != before {
		t.Error("refused headers changed the state")
	}
	a.deliver(t, b.send(t, "step", now), "step", now)
	s := b.set.Sending()
	_, slot, _ := a.set.Sending().Send(0, now)
	for name, c := range map[string]struct {
		change func(*Header)
		want   error
	}{
		"pn below what came":       {func(h *Header) { h.PN = 1 }, wire.ErrValue},
		"the key of the old chain": {func(h *Header) { h.DH = s.peerDH }, wire.ErrValue},
		"a pqid nobody knows":      {func(h *Header) { h.PQ = 2 }, wire.ErrOpen},
		"a pqid of our own":        {func(h *Header) { h.PQ = 1 }, wire.ErrOpen},
		"the last pqid":            {func(h *Header) { h.PQ = 65535 }, wire.ErrOpen},
		"a low order key":          {func(h *Header) { h.DH = lowOrder() }, wire.ErrPublicKey},
		"a zero key":               {func(h *Header) { h.DH = key.DHPublic{} }, wire.ErrPublicKey},
	} {
		h := ParseHeader(slot.Header)
		c.change(&h)
		if _, _, err := s.Receive(Place{s.recvNo + 1, slot.I}, h.Encode(), now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, at := range []Place{{0, 0}, {s.recvNo + 2, 0}, {s.recvNo, 0}, {s.recvNo, s.recv.from + MaxSearch}, {s.recvNo + 1, MaxSearch}} {
		if _, ok := s.HeaderKey(at); ok {
			t.Errorf("a header key for %v", at)
		}
		if _, _, err := s.Receive(at, slot.Header, now); !errors.Is(err, wire.ErrReplayed) {
			t.Errorf("receiving at %v: %v", at, err)
		}
	}
}

func TestFirstHeaders(t *testing.T) {
	now := start()
	a, b := newSide(now), newSide(now)
	made := a.initiate(t, b, now)
	got, _, err := Accept(b.acceptParams(), made.Init(), now)
	if err != nil {
		t.Fatal(err)
	}
	_, slot, _ := made.Send(0, now)
	for name, change := range map[string]func(*Header){
		"not the key of the init": func(h *Header) { h.DH = key.NewDHPrivate().Public() },
		"pn of a first chain":     func(h *Header) { h.PN = 1 },
	} {
		h := ParseHeader(slot.Header)
		change(&h)
		if _, _, err := got.Receive(Place{1, 0}, h.Encode(), now); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := got.Receive(Place{1, 0}, slot.Header, now); err != nil {
		t.Error(err)
	}
}

func TestLargePN(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	b.deliver(t, a.send(t, "x", now), "x", now)
	a.deliver(t, b.send(t, "y", now), "y", now)
	s := b.set.Sending()
	_, slot, _ := a.set.Sending().Send(0, now)
	h := ParseHeader(slot.Header)
	h.PN = maxPN
	next, mk, err := s.Receive(Place{s.recvNo + 1, 0}, h.Encode(), now)
	if err != nil || mk != slot.MessageKey || next.Skipped() != MaxSkip {
		t.Fatalf("pn 65,535: %v", err)
	}
	if at := next.skipped[0].keys[MaxSkip-1].i; at != maxPN-1 {
		t.Errorf("the newest key kept is %d", at)
	}
	long := *a.set.Sending()
	long.sendPrev = 70000
	if _, slot, _ = long.Send(0, now); ParseHeader(slot.Header).PN != maxPN {
		t.Error("pn of a chain of 70,000 messages")
	}
	long.sendN = maxIndex
	if _, _, err := long.Send(0, now); !errors.Is(err, wire.ErrLimit) {
		t.Errorf("the end of a chain: %v", err)
	}
}

func TestNothingPrints(t *testing.T) {
	now := start()
	a, _ := pair(t, now)
	s := a.set.Sending()
	_, slot, _ := s.Send(0, now)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "session", s, "set", a.set, "prekey", a.prekeys[0], "slot", slot)
	text := log.String()
	for _, v := range []any{s, *s, a.set, a.prekeys[0], slot, &slot, a.set.All()} {
		text += fmt.Sprintf("%v %+v %#v %s %x", v, v, v, v, v)
	}
	for _, secret := range [][]byte{s.root[:], s.sendCK[:], slot.MessageKey[:], slot.HeaderKey[:], a.prekeys[0].body.SPK[:]} {
		if strings.Contains(text, fmt.Sprintf("%x", secret[:4])) || strings.Contains(text, fmt.Sprint(secret[:3])[1:9]) {
			t.Fatal("a secret was printed")
		}
	}
}
