package engine

import (
	"zeroms/client/history"
	"zeroms/client/inspect"
	"zeroms/client/profile"
	"zeroms/client/view"
	"zeroms/protocol/message"
)

// Read is up to where all contacts but removed ones have read, by number.
func (e *Engine) Read() (out []view.ReadUpto) {
	for _, c := range e.sortedContacts() {
		if c.State != profile.Removed {
			out = append(out, view.ReadUpto{Contact: c.ID, Seq: c.Conv.ReadUpto(e.ownParty()), At: c.ReadAt})
		}
	}
	return out
}

// Details is a message with everything that is known of its way and its proof. Errors:
// history.ErrNotFound.
func (e *Engine) Details(id message.ID) (view.Details, error) {
	m, err := e.history.Find(id)
	if err != nil {
		return view.Details{}, err
	}
	c := e.contacts[m.Contact]
	if c == nil || m.ID != id {
		return view.Details{}, history.ErrNotFound
	}
	w := inspect.Witness{Self: e.account.Self.User, Own: e.account.Self.List, Contact: &c.Contact}
	for _, h := range e.account.Homes() {
		w.Homes = append(w.Homes, h.Address)
	}
	return w.Details(m, e.described(m)), nil
}

// Pair is what both ends of a conversation are known to have. Errors: ErrNoContact.
func (e *Engine) Pair(id view.ContactID) (*inspect.Pair, error) {
	c, err := e.contact(id)
	if err != nil {
		return nil, err
	}
	this, _ := e.account.Self.List.Device(e.account.Self.Device)
	p := &inspect.Pair{
		Contact: c.ID, Peer: c.User, Conv: c.Conv.Clone(), Self: e.ownParty(), Later: this.Added > 1,
		Missing: c.Repair.States(), Acked: c.Acked,
	}
	if c.List != nil {
		p.List = c.List.Clone()
	}
	for _, d := range e.dispatch.Devices(c) {
		p.Peers = append(p.Peers, c.Party(d))
	}
	return p, nil
}
