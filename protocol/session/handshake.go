package session

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// SealedSize is the size of a sealed block: 1200 + 16.
const SealedSize = BlockSize + 16

// exporterSession is the exporter context of the HPKE set-up (RFC 9180 section 5.3).
const exporterSession = "zms/1/" + string(key.LabelSession)

// InitMessage is the handshake as it travels in an init envelope; it converts
// to and from envelope.Init. It is sealed once and repeated byte for byte.
type InitMessage struct {
	Hint   [8]byte // Hash("zms/1/hint", SPK public | enc)[:8]
	Enc    [key.EncapsulatedSize]byte
	Sealed [SealedSize]byte
}

// Hash is H(enc) = SHA-256(enc), by which an init that was opened before is
// known.
func (m *InitMessage) Hash() [32]byte { return sha256.Sum256(m.Enc[:]) }

func hintOf(spk *key.PrekeyPublic, enc []byte) (h [8]byte) {
	full := key.Hash(key.PrefixHint, spk[:], enc)
	copy(h[:], full[:])
	return h
}

// InitParams is what an initiator puts into a handshake.
type InitParams struct {
	Identity  key.IdentityPublic // own IK
	Signer    key.DevicePrivate  // own DSK
	Peer      key.IdentityPublic // the other side's IK, whose device list holds Bundle.Device
	Bundle    *Bundle            // from ParseBundle
	Door      key.DoorSecret     // of the card whose door gets the init; zero for a contact's drop
	Resync    bool               // own ratchet was lost
	Gen       uint32             // from Set.NextGen
	Drop      key.DropSecret     // W for the other side to answer to
	Leases    []Lease            // at most 2
	ListEntry []byte             // newest entry of the own device list, 1 to 864 bytes
}

// parties is what th binds; every side is named on purpose.
type parties struct {
	gen       uint32
	flags     uint8
	initiator key.IdentityPublic
	signer    key.DevicePublic // DSK_a
	responder key.IdentityPublic
	device    key.DevicePublic // DSK_b
	bundle    [32]byte         // H(bundle_b)
	ephemeral key.DHPublic     // e_a
}

// transcript is th.
func (p *parties) transcript(enc []byte) [32]byte {
	devA, devB := key.DeviceIDOf(p.signer), key.DeviceIDOf(p.device)
	var gen [4]byte
	binary.BigEndian.PutUint32(gen[:], p.gen)
	return key.Hash(key.PrefixTranscript, []byte{Suite}, gen[:], []byte{p.flags},
		p.initiator[:], devA[:], p.signer[:], p.responder[:], devB[:], p.device[:],
		p.bundle[:], enc, p.ephemeral[:])
}

// initInfo is the info of the HPKE set-up: it names the bundle and the device,
// so that an init for another one does not open.
func initInfo(bundle [32]byte, ik key.IdentityPublic, dev key.DeviceID) []byte {
	return key.Join([]byte(key.PrefixInitInfo), []byte{0}, bundle[:], ik[:], dev[:])
}

// sessionKeys are the secrets that both sides derive: RK | HKa | NHKb.
type sessionKeys struct{ root, headA, nextB [32]byte }

func deriveSession(exported []byte, door key.DoorSecret, th [32]byte) (k sessionKeys) {
	out := key.KDF(key.LabelSession, key.Join(exported, door.Bytes()), nil, th[:], 96)
	copy(k.root[:], out)
	copy(k.headA[:], out[32:])
	copy(k.nextB[:], out[64:])
	return k
}

// Initiate sets up a session with the device of a bundle. The message is
// repeated with everything that is sent on the session until it is Confirmed
// (Session.Init gives it again). Errors: ErrExpired if the bundle is over,
// ErrPublicKey for unusable keys in it, ErrValue for parameters outside of
// their limits or a session with oneself.
func Initiate(p InitParams, now time.Time) (*Session, *InitMessage, error) {
	if p.Bundle == nil || p.Signer.IsZero() || p.Signer.Public() == p.Bundle.Device {
		return nil, nil, wire.ErrValue.Because("parties of a session")
	}
	if p.Bundle.expired(now) {
		return nil, nil, wire.ErrExpired.Because("prekey bundle")
	}
	ephemeral := key.NewDHPrivate()
	b := &Block{
		Identity: p.Identity, Device: p.Signer.Public(), Ephemeral: ephemeral.Public(), Gen: p.Gen,
		Card: p.Door.CardID(), Drop: p.Drop, Leases: p.Leases, ListEntry: p.ListEntry,
	}
	if !p.Door.IsZero() {
		b.Flags |= FlagDoor
	}
	if p.Resync {
		b.Flags |= FlagResync
	}
	if err := b.check(); err != nil {
		return nil, nil, err
	}
	// (enc, S) = HPKE.NewSender(SPK_b, "zms/1/init" | 0x00 | H(bundle_b) | IK_b | dev_b)
	hash := p.Bundle.hash
	enc, s, err := p.Bundle.SPK.Sender(initInfo(hash, p.Peer, key.DeviceIDOf(p.Bundle.Device)))
	if err != nil {
		return nil, nil, wire.ErrPublicKey.Because("prekey")
	}
	who := parties{p.Gen, b.Flags, b.Identity, b.Device, p.Peer, p.Bundle.Device, hash, b.Ephemeral}
	th := who.transcript(enc)
	exported, err := s.Export(exporterSession, 32)
	if err != nil {
		return nil, nil, wire.ErrPublicKey.Because("prekey")
	}
	// sealed = S.Seal(aad H(bundle_b), block)
	sealed, err := s.Seal(hash[:], b.seal(p.Signer, th))
	if err != nil {
		return nil, nil, wire.ErrPublicKey.Because("prekey")
	}
	m := &InitMessage{Hint: hintOf(&p.Bundle.SPK, enc), Enc: [key.EncapsulatedSize]byte(enc), Sealed: [SealedSize]byte(sealed)}
	next, err := initiator(&who, th, deriveSession(exported, p.Door, th), ephemeral, p.Bundle.Ratchet)
	if err != nil {
		return nil, nil, err
	}
	next.created = wire.Millis(now)
	next.encHash, next.init, next.initUntil = m.Hash(), m, wire.Millis(p.Bundle.Expires)
	return next, m, nil
}

// AcceptParams is what a responder opens inits with.
type AcceptParams struct {
	Identity key.IdentityPublic // own IK
	Device   key.DevicePublic   // own DSK
	Prekeys  []*Prekey          // those whose EraseAt has not come
	// Door finds the door secret of an own card that was not revoked.
	Door func(key.CardID) (key.DoorSecret, bool)
}

// prekey finds the prekey that an init was made to.
func (p *AcceptParams) prekey(m *InitMessage, now time.Time) *Prekey {
	for _, k := range p.Prekeys {
		if k.body.Device == key.DeviceIDOf(p.Device) && now.Before(k.EraseAt()) && hintOf(&k.body.SPK, m.Enc[:]) == m.Hint {
			return k
		}
	}
	return nil
}

// Accept opens an init and returns the session, which can send once its first
// slot was received, and what the initiator handed over. The caller checks
// that m.Hash() is new, that the block's list entry is a valid one of
// block.Identity that lists block.Device, and adds the session to that device's
// Set once the first slot and its body opened. Errors: ErrOpen if it was made
// for another key, device, identity or bundle, or changed; ErrPublicKey,
// ErrValue, ErrNotCanonical for a wrong block; ErrSignature; ErrExpired for a
// card that is not known (any more); ErrUnexpected for an init of one's own.
func Accept(p AcceptParams, m *InitMessage, now time.Time) (*Session, *Block, error) {
	pre := p.prekey(m, now)
	if pre == nil {
		return nil, nil, wire.ErrOpen.Because("no prekey for this init")
	}
	hash := pre.object.Hash()
	r, err := pre.spk.Recipient(m.Enc[:], initInfo(hash, p.Identity, pre.body.Device))
	if err != nil {
		return nil, nil, wire.ErrOpen.Because("encapsulation of an init")
	}
	raw, err := r.Open(hash[:], m.Sealed[:])
	if err != nil {
		return nil, nil, wire.ErrOpen.Because("block of an init")
	}
	b, signed, err := parseBlock(raw)
	if err != nil {
		return nil, nil, err
	}
	if b.Device == p.Device {
		return nil, nil, wire.ErrUnexpected.Because("an init of this device itself")
	}
	who := parties{b.Gen, b.Flags, b.Identity, b.Device, p.Identity, p.Device, hash, b.Ephemeral}
	th := who.transcript(m.Enc[:])
	if !b.Device.Verify(key.ContextInit, signedInit(th, raw[:signed]), raw[signed:signed+key.SignatureSize]) {
		return nil, nil, wire.ErrSignature
	}
	door, err := p.doorOf(b)
	if err != nil {
		return nil, nil, err
	}
	exported, err := r.Export(exporterSession, 32)
	if err != nil {
		return nil, nil, wire.ErrOpen
	}
	next := responder(&who, th, deriveSession(exported, door, th), pre.ratchet)
	next.created = wire.Millis(now)
	next.encHash = m.Hash()
	return next, b, nil
}

// doorOf is the door secret that the block names, zero if it names none.
func (p *AcceptParams) doorOf(b *Block) (d key.DoorSecret, err error) {
	if b.Flags&FlagDoor == 0 {
		return d, nil
	}
	ok := false
	if p.Door != nil {
		d, ok = p.Door(b.Card)
	}
	if !ok || d.CardID() != b.Card {
		return d, wire.ErrExpired.Because("the card that the init was made with is not known")
	}
	return d, nil
}
