package engine

import (
	"crypto/sha256"

	"zeroms/client/account"
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
		file := &custody.File{Node: node, Receipts: []*custody.Proof{proof}, States: []*wire.State{s}}
		if state, err := custody.VerifyState(s, node); err == nil {
			file.Runs = e.rowsAbout(node, state)
		}
		e.convict(file, profile.Evidence{Contact: c.ID, Device: b.Device, Seq: b.Seq})
	})
	if err != nil {
		e.inquiries--
	}
	return err
}

// rowsAbout are the rows of our copy of the log at the place where a gateway
// says that an envelope stands, up to the end of what the state speaks of.
func (e *Engine) rowsAbout(node key.NodePublic, s *wire.DropState) []custody.Run {
	from, to := s.AskedRow.Index(), s.Head.Index()
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

// convict keeps a file that proves a fault. about names the message that brought
// it to light.
func (e *Engine) convict(f *custody.File, about profile.Evidence) {
	x := evidence.Find(f, e.now)
	if x == nil || e.evidence[x.ID] != nil {
		return
	}
	x.Contact, x.Device, x.Seq = about.Contact, about.Device, about.Seq
	e.evidence[x.ID] = x
	e.put = append(e.put, x.Row())
	e.log.Error("a gateway is convicted of a fault; see zms evidence", "gateway", x.Node.String(), "fault", x.Fault)
	if h := e.account.Home(x.Node); h != nil {
		e.emit(view.GatewayChanged{Gateway: e.gateway(h)})
	}
	if c := e.contacts[x.Contact]; c != nil {
		at := message.Range{From: x.Seq, To: x.Seq}
		e.emit(view.GapChanged{Gap: view.Gap{
			Contact: c.ID, Device: x.Device, From: at.From, To: at.To, State: view.GapProven, Height: view.TopHeight, Since: e.now,
		}})
	}
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
