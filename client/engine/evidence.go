package engine

import (
	"crypto/sha256"
	"slices"

	"zeroms/client/account"
	"zeroms/client/delivery"
	"zeroms/client/evidence"
	"zeroms/client/profile"
	"zeroms/client/view"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// maxInquiries bounds the questions to gateways that are under way because of
// receipts that contacts showed.
const maxInquiries = 16

// theyShowReceipt takes a contact's receipt for an envelope with a message that
// did not come: our own gateway says that it took it. What lies in the log was
// received, and then it is the session that is broken; else the gateway is asked
// for the state of the drop, which may convict it.
func (e *Engine) theyShowReceipt(c *contact, by key.DeviceID, b *message.Receipt) error {
	proof, err := custody.ParseProof(b.Proof)
	if err != nil {
		return err
	}
	node, err := proof.Node()
	if err != nil {
		return err
	}
	if e.account.Home(node) == nil {
		return account.ErrNoHome // anybody can make a key and sign with it
	}
	receipt, err := proof.Receipt(node)
	if err != nil {
		return err
	}
	drop, _ := c.Mine.Drop(node)
	switch {
	case receipt.IsDoor() || receipt.DropHash != sha256.Sum256(drop[:]):
		return wire.ErrWrongRecipient
	case e.inquiries >= maxInquiries:
		return wire.ErrBusy
	}
	if _, _, ok := e.account.Find(receipt.EnvelopeHash); ok {
		e.dispatch.Resync(c, lane{Contact: c.ID, Device: by})
		return nil
	}
	e.inquiries++
	err = e.account.AskState(node, &wire.StateGet{Drop: drop, Asked: proof.Name(), K: receipt.K, D0: receipt.Start}, func(s *wire.State, err error) {
		e.inquiries--
		if err != nil {
			e.log.Warn("a gateway does not say what became of an envelope that it signed for", "gateway", node.String(), "error", err)
			return
		}
		q := inquiry{
			file:  &custody.File{Node: node, Receipts: []*custody.Proof{proof}, States: []*wire.State{s}},
			about: profile.Evidence{Contact: c.ID, Device: b.Device, Seq: b.Seq},
		}
		if !e.conclude(&q) && len(e.inquired) < maxInquiries {
			e.inquired = append(e.inquired, q)
		}
	})
	if err != nil {
		e.inquiries--
	}
	return err
}

// inquiry is a gateway's answer that waits for its log to get as far as the answer.
type inquiry struct {
	file  *custody.File
	about profile.Evidence
}

// conclude judges an inquiry with all that the gateway has signed and shown us. It
// reports false while our copy of the log does not go as far as the answer.
func (e *Engine) conclude(q *inquiry) bool {
	node := q.file.Node
	h := e.account.Home(node)
	state, err := custody.VerifyState(q.file.States[0], node)
	if h == nil || err != nil {
		return true
	}
	file := *q.file
	if p, err := custody.ParseProof(h.Head.Proof); err == nil {
		file.Heads = append(file.Heads, p)
	}
	file.Runs = e.rowsAbout(node, state)
	if e.convict(&file, q.about) {
		return true
	}
	return h.Position.Index() >= state.Head.Index()
}

// concludeAll judges the inquiries whose time has come.
func (e *Engine) concludeAll() {
	e.inquired = slices.DeleteFunc(e.inquired, func(q inquiry) bool { return e.conclude(&q) })
}

// rowsAbout are the rows of our copy of the log at the place where a gateway
// says that an envelope stands, up to the end of what the state speaks of.
func (e *Engine) rowsAbout(node key.NodePublic, s *wire.DropState) []custody.Run {
	from, to := s.AskedRow.Index(), s.Head.Index()
	if h := e.account.Home(node); h != nil && h.Head.Known() {
		to = max(to, h.Head.Position.Index()) // what was signed to us proves our rows, if the state does not
	}
	if from == 0 || from > to {
		return nil
	}
	return runs(e.account.Rows(node, from, to))
}

// runs is an extract of a log as evidence shows it.
func runs(x *account.Extract) []custody.Run {
	if x == nil {
		return nil
	}
	return []custody.Run{{R: x.R, Rows: x.Rows}}
}

// keepFault keeps what the account found in a gateway's signed heads.
func (e *Engine) keepFault(f account.Fault) {
	file := &custody.File{Node: f.Node, Runs: runs(f.Rows)}
	for _, b := range f.Heads {
		if p, err := custody.ParseProof(b); err == nil {
			file.Heads = append(file.Heads, p)
		}
	}
	e.convict(file, profile.Evidence{})
}

// maxFaults bounds the files that are kept against one gateway: one convicts it.
const maxFaults = 64

// convict keeps a file that proves a fault, and reports whether it does. about
// names the message that brought it to light.
func (e *Engine) convict(f *custody.File, about profile.Evidence) bool {
	x := evidence.Find(f, e.now)
	if x == nil {
		return false
	}
	if e.evidence[x.ID] != nil || e.faults(x.Node) >= maxFaults {
		return true
	}
	x.Contact, x.Device, x.Seq = about.Contact, about.Device, about.Seq
	c := e.contacts[x.Contact]
	if c == nil || e.lacking(c, x.Device, x.Seq) == nil {
		x.Contact, x.Device, x.Seq, c = 0, key.DeviceID{}, 0, nil // it came, or never was missing
	}
	e.evidence[x.ID] = x
	e.put = append(e.put, x.Row())
	e.log.Error("a gateway is convicted of a fault; see zms evidence", "gateway", x.Node.String(), "fault", x.Fault)
	if h := e.account.Home(x.Node); h != nil {
		e.emit(view.GatewayChanged{Gateway: e.gateway(h)})
	}
	if c != nil {
		if m := e.lacking(c, x.Device, x.Seq); m.Gone {
			e.emit(view.GapChanged{Gap: e.gap(c, *m)})
		}
	}
	return true
}

// lacking is what a message of a contact is missing or gone with; nil: it is not.
func (e *Engine) lacking(c *contact, device key.DeviceID, seq uint32) *delivery.Missing {
	for _, m := range c.Repair.States() {
		if m.From == c.Party(device) && m.Range.From <= seq && seq <= m.Range.To {
			return &m
		}
	}
	return nil
}

// EvidenceOf is the file that shows which gateway took an own message. Errors:
// history.ErrNotFound, evidence.ErrNoReceipt.
func (e *Engine) EvidenceOf(id message.ID) ([]byte, error) {
	m, err := e.history.Find(id)
	if err != nil {
		return nil, err
	}
	f, err := evidence.Of(m)
	if err != nil {
		return nil, err
	}
	return f.Encode(), nil
}

// EvidenceAgainst is the file with all that was found against a gateway. Error:
// evidence.ErrNoFault.
func (e *Engine) EvidenceAgainst(node key.NodePublic) ([]byte, error) {
	var all []*profile.Evidence
	for _, x := range e.evidence {
		all = append(all, x)
	}
	f, err := evidence.Against(node, all)
	if err != nil {
		return nil, err
	}
	return f.Encode(), nil
}

// faults counts what was found against a gateway.
func (e *Engine) faults(node key.NodePublic) (n int) {
	for _, x := range e.evidence {
		if x.Node == node {
			n++
		}
	}
	return n
}
