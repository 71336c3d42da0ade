package session

import (
	"encoding/binary"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// stateVersion is the version of the stored forms.
//
//	1  the first version
//	2  with what heals a session
const stateVersion = 2

// Size limits of the stored forms, in bytes. A session takes about 0.7 KiB,
// 1.2 KiB more while a post-quantum secret waits, 2.3 KiB more while its init
// is repeated, and 44 bytes for each key kept for a message that was jumped
// over: at most 91 KiB.
const (
	MaxState    = 256 << 10 // a session
	MaxSetState = (1 + MaxOlder) * (MaxState + 8)
)

// The bits of sessionState.Role.
const (
	roleInitiator = 1 << 0
	roleCanSend   = 1 << 1

	skippedSize = 4 + 8 + 32 // i | tag | mk
	initSize    = 8 + key.EncapsulatedSize + SealedSize
	pendingSize = pqSecretSize + 8 + PQCiphertextSize
)

// sessionState is a session in sealed storage. Chains that do not exist are
// zeros; times are in ms.
type sessionState struct {
	Version      uint8              `cbor:"1,keyasint"`
	TH           [32]byte           `cbor:"2,keyasint"`
	EncHash      [32]byte           `cbor:"3,keyasint"`
	Gen          uint32             `cbor:"4,keyasint"`
	Role         uint8              `cbor:"5,keyasint"`
	PeerIdentity key.IdentityPublic `cbor:"6,keyasint"`
	PeerDevice   key.DevicePublic   `cbor:"7,keyasint"`
	Created      uint64             `cbor:"8,keyasint"`
	Heard        uint64             `cbor:"9,keyasint"`
	Root         [32]byte           `cbor:"10,keyasint"`
	DH           [32]byte           `cbor:"11,keyasint"`
	PeerDH       key.DHPublic       `cbor:"12,keyasint"`
	SendHead     [32]byte           `cbor:"13,keyasint"`
	SendCK       [32]byte           `cbor:"14,keyasint"`
	SendN        uint32             `cbor:"15,keyasint"`
	SendPrev     uint32             `cbor:"16,keyasint"`
	SendNext     [32]byte           `cbor:"17,keyasint"`
	RecvNo       uint32             `cbor:"18,keyasint"`
	RecvHead     [32]byte           `cbor:"19,keyasint"`
	RecvCK       [32]byte           `cbor:"20,keyasint"`
	RecvN        uint32             `cbor:"21,keyasint"`
	RecvNext     [32]byte           `cbor:"22,keyasint"`
	Skipped      []groupState       `cbor:"23,keyasint"`
	Init         []byte             `cbor:"24,keyasint"` // hint | enc | sealed, or nothing
	InitUntil    uint64             `cbor:"25,keyasint"`
	PQ           pqState            `cbor:"26,keyasint"`
}

// pqState is what heals a session. Own has the id Last, Ready as well, and
// Pending the id PeerLast.
type pqState struct {
	_        struct{} `cbor:",toarray"`
	At       uint64
	Chain    uint32
	Last     uint16
	Own      []byte // seed 64, or nothing
	Made     uint64 // ms, of Own
	Ready    []byte // secret 32, or nothing
	PeerLast uint16
	Pending  []byte // secret 32 | SHA-256(key)[:8] | ciphertext 1088, or nothing
	SendID   uint16
	RecvID   uint16
}

// groupState is the keys of one jump.
type groupState struct {
	_         struct{} `cbor:",toarray"`
	Chain     uint32
	HeaderKey [32]byte
	At        uint64
	Keys      []byte // each i 4 | tag 8 | mk 32, i ascending
}

// Encode is the session for sealed storage, at most MaxState bytes. It holds
// the keys of the moment and none that were used or replaced.
func (s *Session) Encode() []byte {
	st := sessionState{
		Version: stateVersion, TH: s.th, EncHash: s.encHash, Gen: s.gen,
		PeerIdentity: s.peerIdentity, PeerDevice: s.peerDevice, Created: s.created, Heard: s.heard,
		Root: s.root, PeerDH: s.peerDH,
		SendHead: s.sendHead, SendCK: s.sendCK, SendN: s.sendN, SendPrev: s.sendPrev, SendNext: s.sendNext,
		RecvNo: s.recvNo, RecvHead: s.recv.head, RecvCK: s.recvCK, RecvN: s.recv.from, RecvNext: s.recvNext.head,
		InitUntil: s.initUntil, PQ: s.pq.encode(),
	}
	if s.initiator {
		st.Role |= roleInitiator
	}
	if s.canSend {
		st.Role |= roleCanSend
	}
	copy(st.DH[:], s.dh.Bytes())
	for _, g := range s.skipped {
		st.Skipped = append(st.Skipped, g.encode())
	}
	if s.init != nil {
		st.Init = key.Join(s.init.Hint[:], s.init.Enc[:], s.init.Sealed[:])
	}
	return st.encode()
}

func (g *skippedGroup) encode() groupState {
	out := make([]byte, 0, len(g.keys)*skippedSize)
	for _, k := range g.keys {
		out = binary.BigEndian.AppendUint32(out, k.i)
		out = append(out, k.tag[:]...)
		out = append(out, k.mk[:]...)
	}
	return groupState{Chain: g.chain, HeaderKey: g.headerKey, At: g.at, Keys: out}
}

// DecodeSession restores a session that Encode made. Errors: ErrVersion,
// ErrPublicKey, ErrValue for a state that no session can have, and those of
// wire.Unmarshal.
func DecodeSession(b []byte) (*Session, error) {
	var st sessionState
	if err := wire.Unmarshal(b, &st, MaxState); err != nil {
		return nil, err
	}
	if st.Version != stateVersion {
		return nil, wire.ErrVersion
	}
	if err := st.check(); err != nil {
		return nil, err
	}
	s := &Session{
		th: st.TH, encHash: st.EncHash, gen: st.Gen, initiator: st.Role&roleInitiator != 0,
		peerIdentity: st.PeerIdentity, peerDevice: st.PeerDevice, created: st.Created, heard: st.Heard,
		root: st.Root, peerDH: st.PeerDH, canSend: st.Role&roleCanSend != 0,
		sendCK: st.SendCK, sendN: st.SendN, sendPrev: st.SendPrev, sendNext: st.SendNext,
		recvNo: st.RecvNo, recvCK: st.RecvCK, recvNext: newWindow(st.RecvNext, 0), initUntil: st.InitUntil,
	}
	dh, err := key.DHPrivateFrom(st.DH[:])
	if err != nil {
		return nil, err
	}
	s.setDH(dh)
	if s.canSend {
		s.setSendHead(st.SendHead)
	}
	if s.recvNo > 0 {
		s.recv = newWindow(st.RecvHead, st.RecvN)
	}
	if len(st.Init) > 0 {
		s.init = new(InitMessage)
		copy(s.init.Hint[:], st.Init)
		copy(s.init.Enc[:], st.Init[8:])
		copy(s.init.Sealed[:], st.Init[8+key.EncapsulatedSize:])
	}
	for _, g := range st.Skipped {
		s.skipped = append(s.skipped, g.decode())
	}
	s.pq = st.PQ.decode()
	return s, nil
}

// check refuses what Encode can't have made of a session.
func (st *sessionState) check() error {
	if st.PeerIdentity.Check() != nil || st.PeerDevice.Check() != nil {
		return wire.ErrPublicKey.Because("stored session")
	}
	initiator, canSend := st.Role&roleInitiator != 0, st.Role&roleCanSend != 0
	received := st.RecvNo > 0
	waiting := initiator && !received
	var zero [32]byte
	switch {
	case st.Role&^(roleInitiator|roleCanSend) != 0 || st.Gen == 0:
	case canSend != (initiator || received) || received != (st.Heard != 0):
	case st.SendN > maxIndex || st.SendPrev > maxIndex || st.RecvN > maxIndex || st.RecvNo > maxIndex:
	case !canSend && (st.SendHead != zero || st.SendCK != zero || st.SendN|st.SendPrev != 0):
	case !received && (st.RecvHead != zero || st.RecvCK != zero || st.RecvN != 0):
	case waiting != (len(st.Init) == initSize) || waiting != (len(st.Init) != 0) || !waiting && st.InitUntil != 0:
	case !st.PQ.fits(initiator, st.RecvNo):
	default:
		return st.checkSkipped()
	}
	return wire.ErrValue.Because("stored session")
}

// fits reports whether a session of this role that received so many chains can
// have it.
func (p *pqState) fits(initiator bool, recvNo uint32) bool {
	own, ready, pending := len(p.Own) != 0, len(p.Ready) != 0, len(p.Pending) != 0
	id := func(initiator bool, id uint16) bool { return id == 0 || pqIDOf(initiator, id) }
	switch {
	case (p.At == 0) != (recvNo == 0) || (p.Chain == 0) != (recvNo == 0) || p.Chain > recvNo:
	case recvNo == 0 && (p.Last != 0 || p.PeerLast != 0):
	case !id(initiator, p.Last) || !id(!initiator, p.PeerLast) || !id(initiator, p.SendID) || !id(!initiator, p.RecvID):
	case own && len(p.Own) != pqSeedSize || ready && len(p.Ready) != pqSecretSize || pending && len(p.Pending) != pendingSize:
	case own && ready || (own || ready) && p.Last == 0 || pending && p.PeerLast == 0 || !own && p.Made != 0:
	case p.SendID > p.Last || p.SendID != 0 && p.SendID == p.Last && (own || ready):
	case p.RecvID > p.PeerLast || p.RecvID != 0 && p.RecvID == p.PeerLast && pending:
	default:
		return true
	}
	return false
}

func (h *healing) encode() pqState {
	p := pqState{At: h.at, Chain: h.chain, Last: h.last, PeerLast: h.peerLast, SendID: h.sendID, RecvID: h.recvID}
	if h.own != nil {
		p.Own, p.Made = h.own.seed[:], h.own.made
	}
	if h.ready != nil {
		p.Ready = h.ready[:]
	}
	if w := h.pending; w != nil {
		p.Pending = key.Join(w.secret[:], w.keyHash[:], w.ciphertext[:])
	}
	return p
}

func (p *pqState) decode() healing {
	h := healing{at: p.At, chain: p.Chain, last: p.Last, peerLast: p.PeerLast, sendID: p.SendID, recvID: p.RecvID}
	if len(p.Own) > 0 {
		h.own = &ownKey{seed: [pqSeedSize]byte(p.Own), made: p.Made}
	}
	if len(p.Ready) > 0 {
		h.ready = (*[pqSecretSize]byte)(p.Ready)
	}
	if len(p.Pending) > 0 {
		h.pending = new(pendingSecret)
		copy(h.pending.secret[:], p.Pending)
		copy(h.pending.keyHash[:], p.Pending[pqSecretSize:])
		copy(h.pending.ciphertext[:], p.Pending[pqSecretSize+8:])
	}
	return h
}

// checkSkipped applies the limits and the order of the skipped keys.
func (st *sessionState) checkSkipped() error {
	total := 0
	for _, g := range st.Skipped {
		n := len(g.Keys) / skippedSize
		total += n
		if n == 0 || n > MaxSkip || len(g.Keys)%skippedSize != 0 || g.Chain == 0 || g.Chain > st.RecvNo || total > MaxSkipped {
			return wire.ErrValue.Because("skipped keys of a stored session")
		}
		end := uint32(maxIndex)
		if g.Chain == st.RecvNo {
			end = st.RecvN
		}
		for k := 0; k < n; k++ {
			i := binary.BigEndian.Uint32(g.Keys[k*skippedSize:])
			if i >= end || k > 0 && i <= binary.BigEndian.Uint32(g.Keys[(k-1)*skippedSize:]) {
				return wire.ErrValue.Because("skipped keys of a stored session")
			}
		}
	}
	return nil
}

func (g *groupState) decode() *skippedGroup {
	out := &skippedGroup{chain: g.Chain, headerKey: g.HeaderKey, at: g.At}
	for b := g.Keys; len(b) > 0; b = b[skippedSize:] {
		k := skippedKey{i: binary.BigEndian.Uint32(b)}
		copy(k.tag[:], b[4:])
		copy(k.mk[:], b[12:])
		out.keys = append(out.keys, k)
	}
	return out
}

// setState is a Set in sealed storage.
type setState struct {
	Version  uint8    `cbor:"1,keyasint"`
	Highest  uint32   `cbor:"2,keyasint"`
	Sessions [][]byte `cbor:"3,keyasint"` // each as of Session.Encode, the preferred one first
}

// Encode is the set for sealed storage, at most MaxSetState bytes.
func (t *Set) Encode() []byte {
	st := setState{Version: stateVersion, Highest: t.highest}
	for _, s := range t.sessions {
		st.Sessions = append(st.Sessions, s.Encode())
	}
	return wire.Marshal(st)
}

// DecodeSet restores a set that Encode made. Errors: those of DecodeSession.
func DecodeSet(b []byte) (*Set, error) {
	var st setState
	if err := wire.Unmarshal(b, &st, MaxSetState); err != nil {
		return nil, err
	}
	if st.Version != stateVersion {
		return nil, wire.ErrVersion
	}
	if len(st.Sessions) > 1+MaxOlder {
		return nil, wire.ErrValue.Because("stored sessions")
	}
	t := &Set{highest: st.Highest}
	for n, one := range st.Sessions {
		s, err := DecodeSession(one)
		if err != nil {
			return nil, err
		}
		if s.gen > t.highest || !s.initiator && !s.Confirmed() ||
			n > 0 && (before(t.sessions[n-1], s) >= 0 || s.peerDevice != t.sessions[0].peerDevice || s.peerIdentity != t.sessions[0].peerIdentity) {
			return nil, wire.ErrValue.Because("stored sessions")
		}
		t.sessions = append(t.sessions, s)
	}
	return t, nil
}
