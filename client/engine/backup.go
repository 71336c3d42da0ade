package engine

import (
	"zeroms/client/account"
	"zeroms/client/backup"
	"zeroms/protocol/key"
)

// Safe is what the safe at a home is to be: who the user is, their homes, cards
// and contacts, for the day on which nothing is left but the 24 words.
func (h host) Safe(at key.Place, known [32]byte) *account.Safe {
	e := h.e
	m := backup.Members{Self: e.account.Self}
	for _, k := range e.account.Cards() {
		m.Cards = append(m.Cards, k.Card)
	}
	for _, g := range e.account.Homes() {
		m.Homes = append(m.Homes, g.Home)
	}
	for _, c := range e.sortedContacts() {
		m.Contacts = append(m.Contacts, &c.Contact)
	}
	s, err := backup.NewSafe(m, e.now)
	if err != nil {
		e.log.Error("the safe could not be packed", "error", err)
		return nil
	}
	if s.Digest() == known {
		return nil
	}
	seed := e.account.Self.Seed
	return &account.Safe{Signer: key.SafeSigner(seed, at), Blob: s.Seal(seed, at), Print: s.Digest()}
}
