package account

import (
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Notice is what an Account has to tell its Host: SetBack, LogLost or Fault.
type Notice interface{ notice() }

// SetBack tells that this profile is an older copy of itself: a newer state of
// it has acknowledged what this one never saw. Nothing may be sent from it any
// more: keys and places of messages would be used twice.
type SetBack struct{}

// LogLost tells that a home's log was cut, as after its restoration from a
// backup: what was in custody there may be gone, and so may the drops.
type LogLost struct{ Node key.NodePublic }

// Fault is a contradiction in what a home has signed, as it can be shown to
// others (docs/protocol/evidence.md).
type Fault struct {
	Node key.NodePublic
	Kind FaultKind
	// Heads are two encoded custody.Proofs, the earlier one first.
	Heads [2][]byte
	// Rows lead from before the start of the later incarnation to the second head,
	// if that stands above the first; nil: the heads say it all.
	Rows *Extract
}

// FaultKind says what a gateway did.
type FaultKind uint8

// The kinds of a Fault.
const (
	// FaultFork: two heads for one position.
	FaultFork FaultKind = 1
	// FaultRollback: a signed head is not part of the log any more.
	FaultRollback FaultKind = 2
)

func (SetBack) notice() {}
func (LogLost) notice() {}
func (Fault) notice()   {}

// HeadSeen holds a signed head against what else was signed, and against the
// rows: a head for a position that was processed must hash alike.
func (a *Account) HeadSeen(ev home.Head) {
	h := a.homes[ev.Gateway]
	if h == nil || !h.Up {
		return
	}
	head := profile.Head{Position: ev.Head.Position, R: ev.Head.R, Proof: ev.Proof}
	h.headed, h.newest = true, head.Position
	for _, known := range []profile.Head{h.Head, h.pending} {
		if known.Known() && known.Position == head.Position && known.R != head.R {
			a.host.Report(Fault{Node: ev.Gateway, Kind: FaultFork, Heads: [2][]byte{known.Proof, head.Proof}})
			a.distrust(h, problemHead)
			return
		}
	}
	if h.Head.Known() && before(head.Position, h.Head.Position) {
		a.lost(h)
	}
	if head.Position.Index() > h.Position.Index() {
		h.pending = head
		a.prove(h, head)
		return
	}
	if known, ok := a.logs[ev.Gateway].mark(head.Position.Index()); ok && known != (mark{head.Position, head.R}) ||
		head.Position == h.Position && head.R != h.R {
		a.distrust(h, problemHead)
		return
	}
	a.confirm(h, head)
}

// before reports whether a newer head contradicts that the log only grows: it
// stands below an older one, or at its index in another incarnation.
func before(newer, older wire.Position) bool {
	return newer.Index() < older.Index() || newer.Index() == older.Index() && newer != older
}

// confirm takes a head that the rows agree with as the newest.
func (a *Account) confirm(h *Home, head profile.Head) {
	a.prove(h, head)
	if !h.Head.Known() || head.Position.Index() >= h.Head.Position.Index() {
		h.Head, h.dirty = head, true
	}
}

// agrees holds a row that comes next against the signed heads. A row that
// begins a later incarnation below a signed head shows that the log was cut.
func (a *Account) agrees(h *Home, row *wire.Push, r [32]byte) bool {
	at := row.Position
	if h.Head.Known() && at.Index() <= h.Head.Position.Index() && at.Incarnation() > h.Head.Position.Incarnation() {
		a.lost(h)
	}
	if h.Head.Known() && at.Index() == h.Head.Position.Index() && (mark{h.Head.Position, h.Head.R}) != (mark{at, r}) {
		return false
	}
	if p := h.pending; p.Known() && at.Index() == p.Position.Index() {
		if (mark{p.Position, p.R}) != (mark{at, r}) {
			return false
		}
		h.reached = true
	}
	return true
}

// lost takes note, once a connection, that a home's log was cut. What was
// signed before is kept until it can be proven; whatever was registered or
// stored there is put again.
func (a *Account) lost(h *Home) {
	if h.cut {
		return
	}
	node := h.Address.Node
	a.log.Error("a gateway's log lost rows", "gateway", node.String(), "signed", h.Head.Position.Index())
	h.cut, h.dirty = true, true
	if h.Head.Known() {
		h.Fallen, h.Head = h.Head, profile.Head{}
	}
	h.Lost = a.host.Now()
	h.Published, h.Public, h.Safe = [32]byte{}, [32]byte{}, [32]byte{}
	for _, k := range a.cards {
		if k.Doors[node] || k.Blobs[node] {
			delete(k.Doors, node)
			delete(k.Blobs, node)
			k.dirty = true
		}
	}
	h.Problem = a.standing(h)
	a.host.Report(LogLost{node})
	a.host.Changed(h)
	if h.Up {
		a.host.Ask(home.Request{To: h.Target(), Payload: &wire.HeadGet{}}, func(home.Answered) {})
		a.Register(h)
	}
}

// prove hands over what shows that a signed head is not part of the log any
// more, once a head of a later incarnation is there.
func (a *Account) prove(h *Home, head profile.Head) {
	was := h.Fallen
	if !was.Known() || head.Position.Incarnation() <= was.Position.Incarnation() {
		return
	}
	fault := Fault{Node: h.Address.Node, Kind: FaultRollback, Heads: [2][]byte{was.Proof, head.Proof}}
	if head.Position.Index() > was.Position.Index() {
		if fault.Rows = a.restartRows(h, was, head); fault.Rows == nil {
			return
		}
	}
	h.Fallen, h.dirty = profile.Head{}, true
	a.host.Report(fault)
}

// restartRows are the rows from the start of the incarnation that left a head
// behind, to a later head; nil: they are not all here yet, or not any more.
func (a *Account) restartRows(h *Home, was, head profile.Head) *Extract {
	l := a.logs[h.Address.Node]
	if reached, ok := l.mark(head.Position.Index()); !ok || reached != (mark{head.Position, head.R}) {
		return nil
	}
	for i := was.Position.Index(); i > 0; i-- {
		row := l.row(i)
		if row == nil {
			return nil
		}
		if wire.Position(row).Incarnation() <= was.Position.Incarnation() {
			return nil
		}
		if row[wire.PositionSize] == wire.RowStart {
			return l.extract(i, head.Position.Index())
		}
	}
	return nil
}
