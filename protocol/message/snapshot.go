package message

import (
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// maxSnapshot bounds a stored state: 64 chains with all their gaps.
const maxSnapshot = 4 << 20

// stateVersion is the version of stored states.
const stateVersion = 2

// maxHeight is far above what a conversation reaches.
const maxHeight = 1 << 31

// snapshot is a stored state. The parties are stored to notice a row of another
// conversation; the list and its origin come from the caller.
type snapshot struct {
	Version uint8        `cbor:"1,keyasint"`
	Conv    ConvID       `cbor:"2,keyasint"`
	Device  key.DeviceID `cbor:"3,keyasint"`
	Chains  []chain      `cbor:"4,keyasint"`
	Pending []node       `cbor:"5,keyasint"`
	Targets []target     `cbor:"6,keyasint"`
	Top     uint32       `cbor:"7,keyasint"`
	Turn    uint64       `cbor:"8,keyasint"`
}

// Snapshot is the state for storage, some hundred bytes where nothing is
// missing. It holds no text and no secret, but tells who wrote when to whom.
func (c *Conversation) Snapshot() []byte {
	return wire.Marshal(snapshot{
		Version: stateVersion, Conv: c.id, Device: c.cfg.Device, Chains: c.chains, Pending: c.pending, Targets: c.targets, Top: c.top, Turn: c.turn,
	})
}

// Restore is the conversation whose state was stored. The archive must hold
// all that was stored with it. Errors: those of wire.Unmarshal,
// wire.ErrVersion, wire.ErrWrongRecipient (of another conversation or device),
// wire.ErrValue.
func Restore(cfg Config, b []byte) (*Conversation, error) {
	var s snapshot
	if isOtherVersion(b, stateVersion) {
		return nil, wire.ErrVersion.Because("conversation state")
	}
	if err := wire.Unmarshal(b, &s, maxSnapshot); err != nil {
		return nil, err
	}
	c := &Conversation{cfg: cfg, id: conv(cfg.Self, cfg.Peer), chains: s.Chains, pending: s.Pending, targets: s.Targets, top: s.Top, turn: s.Turn}
	switch {
	case s.Version != stateVersion:
		return nil, wire.ErrVersion.Because("conversation state")
	case s.Conv != c.id || s.Device != cfg.Device:
		return nil, wire.ErrWrongRecipient.Because("conversation state")
	case !c.valid():
		return nil, wire.ErrValue.Because("conversation state")
	}
	return c, nil
}

// valid finds a stored state that no conversation wrote.
func (c *Conversation) valid() bool {
	if len(c.chains) == 0 || len(c.chains) > maxDevices || len(c.pending) > MaxPending || len(c.targets) > maxDevices || c.top > maxHeight {
		return false
	}
	own := &c.chains[0]
	if own.Peer || own.Device != c.cfg.Device || own.Base != 1 || len(own.Holes) != 0 || own.frozen() {
		return false
	}
	parties := map[Party]bool{}
	for i := range c.chains {
		ch := &c.chains[i]
		if parties[c.party(ch)] || !ch.check() || c.stray(ch.Peer) {
			return false
		}
		parties[c.party(ch)] = true
	}
	return c.validPending() && c.validTargets()
}

// stray tells whether a device counts as the peer's where there is no peer.
func (c *Conversation) stray(peer bool) bool { return peer && c.cfg.Peer == c.cfg.Self }

func (c *Conversation) validPending() bool {
	ids := map[ID]bool{}
	for _, n := range c.pending {
		ok := int(n.Chain) < len(c.chains) && c.chains[n.Chain].has(n.Seq) && n.Height > n.Floor && n.Height <= maxHeight && len(n.Deps) > 0 && len(n.Deps) <= MaxTips+1
		if !ok || ids[n.ID] {
			return false
		}
		ids[n.ID] = true
	}
	return true
}

func (c *Conversation) validTargets() bool {
	parties := map[Party]bool{}
	for _, t := range c.targets {
		p := Party{User: c.user(t.Peer), Device: t.Device}
		if parties[p] || t.Base == 0 || len(t.Done) > maxDone || len(t.Said) > maxSaid || c.stray(t.Peer) || !apart(t.Done, 1, c.chains[0].Head+1) || !apart(t.Said, 1, c.chains[0].Head+1) {
			return false
		}
		parties[p] = true
	}
	return true
}
