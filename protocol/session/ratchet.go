package session

import (
	"encoding/binary"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// HeaderSize is the size of a ratchet header: dh 32 | pn 2 | pqid 2 | base 4.
const HeaderSize = 40

// MaxUnanswered is the number of messages of one chain, without a step by the
// peer, after which the sender makes a new init.
const MaxUnanswered = 1000

// maxPN is the largest pn; it stands for itself or more.
const maxPN = 65535

// Session is the state of one session at one moment. Send and Receive return
// the next state and leave this one as it was. It prints nothing.
type Session struct {
	opaque

	// static
	th           [32]byte // names the session on both sides
	encHash      [32]byte // H(enc) of its init
	gen          uint32
	initiator    bool
	peerIdentity key.IdentityPublic
	peerDevice   key.DevicePublic
	created      uint64 // ms

	// the root and the exchange keys
	root   [32]byte
	dh     key.DHPrivate // DHs
	peerDH key.DHPublic  // DHr
	heard  uint64        // ms, when the last message opened; 0 before the first

	// the sending chain
	canSend  bool     // false for a responder that received nothing yet
	sendHead [32]byte // HKs
	sendCK   [32]byte
	sendN    uint32
	sendPrev uint32   // messages of the chain before
	sendNext [32]byte // NHKs

	// the receiving chains
	recvNo   uint32 // of the current chain; 0 before the first
	recv     window // over HKr, from the next index
	recvCK   [32]byte
	recvNext window // over NHKr, from 0
	skipped  []*skippedGroup

	pq healing

	// while the initiator waits for a reply
	init      *InitMessage
	initUntil uint64 // ms, expiry of the bundle it was made from

	// derived from dh and sendHead
	dhPublic   key.DHPublic
	sendTags   tagger
	sendHeader [32]byte // hk
}

// Header is a ratchet header in the clear.
type Header struct {
	DH   key.DHPublic // ratchet key of the chain
	PN   uint16       // messages of the sender's chain before; 65535: that or more
	PQ   uint16       // post-quantum secret that is mixed in; 0 none
	Base uint32       // lowest seq of the conversation addressed to this device (protocol.md 4)
}

// ParseHeader cuts a header into its fields; every value of them is possible.
func ParseHeader(h [HeaderSize]byte) (p Header) {
	copy(p.DH[:], h[:])
	p.PN = binary.BigEndian.Uint16(h[32:])
	p.PQ = binary.BigEndian.Uint16(h[34:])
	p.Base = binary.BigEndian.Uint32(h[36:])
	return p
}

// Encode is the 40 bytes.
func (p Header) Encode() (h [HeaderSize]byte) {
	copy(h[:], p.DH[:])
	binary.BigEndian.PutUint16(h[32:], p.PN)
	binary.BigEndian.PutUint16(h[34:], p.PQ)
	binary.BigEndian.PutUint32(h[36:], p.Base)
	return h
}

// initiator is the state of a after the handshake: HKs = HKa, NHKr = NHKb,
// DHs = e_a, and one root step with DH(e_a, ratchet_b) at once.
func initiator(who *parties, th [32]byte, k sessionKeys, ephemeral key.DHPrivate, ratchet key.DHPublic) (*Session, error) {
	shared, err := ephemeral.Shared(ratchet)
	if err != nil {
		return nil, wire.ErrPublicKey.Because("ratchet key")
	}
	s := &Session{
		th: th, gen: who.gen, initiator: true, peerIdentity: who.responder, peerDevice: who.device,
		peerDH: ratchet, canSend: true, recvNext: newWindow(k.nextB, 0),
	}
	s.setDH(ephemeral)
	s.root, s.sendCK, s.sendNext = rootStep(k.root, shared, nil)
	s.setSendHead(k.headA)
	return s, nil
}

// responder is the state of b after the handshake: NHKr = HKa, NHKs = NHKb,
// DHs = ratchet_b. The first message has to come with e_a.
func responder(who *parties, th [32]byte, k sessionKeys, ratchet key.DHPrivate) *Session {
	s := &Session{
		th: th, gen: who.gen, peerIdentity: who.initiator, peerDevice: who.signer,
		root: k.root, peerDH: who.ephemeral, sendNext: k.nextB, recvNext: newWindow(k.headA, 0),
	}
	s.setDH(ratchet)
	return s
}

// rootStep is RK | CK | NHK = KDF("root", DH | pq, -, salt RK, 96). pq is the
// secret that the headers of the chain name, 32 bytes or nothing.
func rootStep(root, shared [32]byte, pq []byte) (next, ck, nextHead [32]byte) {
	out := key.KDF(key.LabelRoot, key.Join(shared[:], pq), nil, root[:], 96)
	copy(next[:], out)
	copy(ck[:], out[32:])
	copy(nextHead[:], out[64:])
	return next, ck, nextHead
}

func messageKey(ck [32]byte) [32]byte   { return key.MAC(ck[:], []byte{1}) }
func nextChainKey(ck [32]byte) [32]byte { return key.MAC(ck[:], []byte{2}) }

// setSendHead begins a sending chain under HKs.
func (s *Session) setSendHead(head [32]byte) {
	s.sendHead, s.sendTags, s.sendHeader = head, taggerOf(head), headerKeyOf(head)
}

func (s *Session) setDH(p key.DHPrivate) { s.dh, s.dhPublic = p, p.Public() }

// ID is th, which names the session on both sides.
func (s *Session) ID() [32]byte { return s.th }

// Gen is the generation that the initiator chose.
func (s *Session) Gen() uint32 { return s.gen }

// Initiator reports whether this side made the init.
func (s *Session) Initiator() bool { return s.initiator }

// EncHash is H(enc) of the session's init.
func (s *Session) EncHash() [32]byte { return s.encHash }

// Peer returns the other side's identity and device key.
func (s *Session) Peer() (key.IdentityPublic, key.DevicePublic) { return s.peerIdentity, s.peerDevice }

// Created is when this side made or accepted the init.
func (s *Session) Created() time.Time { return wire.Time(s.created) }

// Heard is when the last message opened; ok is false before the first.
func (s *Session) Heard() (at time.Time, ok bool) { return wire.Time(s.heard), s.heard != 0 }

// Confirmed reports whether a message of the peer was opened. Until then an
// initiator repeats Init with everything it sends.
func (s *Session) Confirmed() bool { return s.heard != 0 }

// Init is the init to repeat; nil once the session is confirmed, and for a
// responder.
func (s *Session) Init() *InitMessage { return s.init }

// CanSend reports whether there is a sending chain: a responder has to receive
// first.
func (s *Session) CanSend() bool { return s.canSend }

// NeedsInit reports whether 1000 messages went out without a step by the peer,
// or the ids of own post-quantum keys are used up, so that a new session is
// due. Sending goes on meanwhile.
func (s *Session) NeedsInit() bool { return s.sendN >= MaxUnanswered || s.nextPQID() == 0 }

// Skipped is the number of keys kept for messages that were jumped over.
func (s *Session) Skipped() (n int) {
	for _, g := range s.skipped {
		n += len(g.keys)
	}
	return n
}

// Expire drops the keys of messages that were jumped over 32 days ago, and an
// own post-quantum key that was not answered in 3 days. It returns the session
// itself if there are none.
func (s *Session) Expire(now time.Time) *Session {
	next := *s
	if next.dropOld(now); len(next.skipped) == len(s.skipped) && next.pq.own == s.pq.own {
		return s
	}
	return &next
}

// Send takes the next message key. base goes into the header. Errors:
// ErrUnexpected for a responder that received nothing yet, ErrLimit at the end
// of a chain.
func (s *Session) Send(base uint32, now time.Time) (*Session, SendSlot, error) {
	if !s.canSend {
		return nil, SendSlot{}, wire.ErrUnexpected.Because("a session that only received its init can't send")
	}
	if s.sendN >= maxIndex {
		return nil, SendSlot{}, wire.ErrLimit.Because("messages of a chain")
	}
	next := *s
	next.dropOld(now)
	header := Header{DH: s.dhPublic, PN: uint16(min(s.sendPrev, maxPN)), PQ: s.pq.sendID, Base: base}
	slot := SendSlot{
		Tag: s.sendTags.tag(s.sendN), I: s.sendN, HeaderKey: s.sendHeader,
		MessageKey: messageKey(s.sendCK), Header: header.Encode(),
	}
	next.sendCK = nextChainKey(s.sendCK)
	next.sendN++
	return &next, slot, nil
}

// HeaderKey is hk for the slot at a place; ok is false if nothing can be
// received there.
func (s *Session) HeaderKey(at Place) (hk [32]byte, ok bool) {
	switch {
	case at.Chain == s.recvNo+1 && at.I < MaxSearch:
		return s.recvNext.headerKey, true
	case at.Chain == s.recvNo && s.recvNo > 0 && at.I >= s.recv.from && at.I-s.recv.from < MaxSearch && at.I < maxIndex:
		return s.recv.headerKey, true
	}
	g, _ := s.findSkipped(at)
	if g < 0 {
		return hk, false
	}
	return s.skipped[g].headerKey, true
}

// Search looks for tags up to ahead places (at most 1100) in the current and
// the next receiving chain and among the messages jumped over. slot is the
// position in tags. It is what remains for an envelope that no Index knows.
func (s *Session) Search(tags []Tag, ahead int) (slot int, at Place, ok bool) {
	ahead = min(ahead, MaxSearch)
	wanted := make(map[Tag]int, len(tags))
	for n, t := range tags {
		wanted[t] = n
	}
	look := func(chain uint32, w window) bool {
		for begin := 0; begin < ahead; begin += TagsAhead { // by portions, as most are found early
			first := w.from + uint32(begin)
			for k, t := range w.tagger.tags(first, min(TagsAhead, ahead-begin)) {
				if n, found := wanted[t]; found {
					slot, at, ok = n, Place{Chain: chain, I: first + uint32(k)}, true
					return true
				}
			}
		}
		return false
	}
	if s.recvNo > 0 && look(s.recvNo, s.recv) || look(s.recvNo+1, s.recvNext) {
		return slot, at, ok
	}
	for _, g := range s.skipped {
		for _, k := range g.keys {
			if n, found := wanted[k.tag]; found {
				return n, Place{Chain: g.chain, I: k.i}, true
			}
		}
	}
	return 0, Place{}, false
}

// Receive takes the message key for the place of a slot whose header was opened
// with HeaderKey. The caller keeps the next state only if the body opens too.
// Errors: ErrReplayed for a place without a key, ErrOpen for a new chain whose
// pqid names no secret that waits, ErrPublicKey for an exchange that is all
// zeros, ErrValue for a header that contradicts what the peer sent before.
func (s *Session) Receive(at Place, header [HeaderSize]byte, now time.Time) (*Session, [32]byte, error) {
	var none [32]byte
	h := ParseHeader(header)
	if _, ok := s.HeaderKey(at); !ok {
		return nil, none, wire.ErrReplayed.Because("no key for this place")
	}
	next := *s
	next.dropOld(now)
	next.heard = max(wire.Millis(now), 1)
	next.init, next.initUntil = nil, 0
	if at.Chain <= s.recvNo && (at.Chain < s.recvNo || at.I < s.recv.from) {
		mk, err := next.takeSkipped(at)
		if err != nil {
			return nil, none, err
		}
		return &next, mk, nil
	}
	if at.Chain == s.recvNo && (h.DH != s.peerDH || h.PQ != s.pq.recvID) {
		return nil, none, wire.ErrValue.Because("ratchet key or post-quantum secret changed inside a chain")
	}
	if at.Chain > s.recvNo {
		if err := next.step(h, now); err != nil {
			return nil, none, err
		}
	}
	next.skipTo(at.I, now)
	mk := messageKey(next.recvCK)
	next.recvCK = nextChainKey(next.recvCK)
	next.recv = next.recv.slide(at.I + 1)
	return &next, mk, nil
}

// step ends the current receiving chain at pn and begins the next one, then a
// sending chain with a new ratchet key. Each of the two root steps takes the
// post-quantum secret that the headers of its chain name.
func (s *Session) step(h Header, now time.Time) error {
	pn := uint32(h.PN)
	switch {
	case s.recvNo == 0 && pn != 0:
		return wire.ErrValue.Because("pn of a first chain")
	case s.recvNo > 0 && pn < min(s.recv.from, maxPN):
		return wire.ErrValue.Because("pn below what was received")
	case s.recvNo == 0 && !s.initiator && h.DH != s.peerDH:
		return wire.ErrValue.Because("ratchet key is not that of the init")
	case (s.recvNo > 0 || s.initiator) && h.DH == s.peerDH:
		return wire.ErrValue.Because("ratchet key of the chain before")
	case s.recvNo == maxIndex:
		return wire.ErrLimit.Because("chains of a session")
	}
	if s.recvNo > 0 {
		s.skipTo(pn, now)
	}
	shared, err := s.dh.Shared(h.DH)
	if err != nil {
		return wire.ErrPublicKey.Because("ratchet key")
	}
	theirs, err := s.takePending(h.PQ)
	if err != nil {
		return err
	}
	root, recvCK, recvNext := rootStep(s.root, shared, theirs)
	s.recvNo++
	s.recv, s.recvCK = s.recvNext, recvCK
	s.peerDH = h.DH
	s.setDH(key.NewDHPrivate())
	if shared, err = s.dh.Shared(h.DH); err != nil {
		return wire.ErrPublicKey.Because("ratchet key")
	}
	sendHead, ours := s.sendNext, s.takeReady()
	s.root, s.sendCK, s.sendNext = rootStep(root, shared, ours)
	if s.recvNo == 1 || theirs != nil || ours != nil {
		s.wait(now)
	}
	s.recvNext = newWindow(recvNext, 0)
	s.sendPrev, s.sendN, s.canSend = s.sendN, 0, true
	s.setSendHead(sendHead)
	return nil
}
