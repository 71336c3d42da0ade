package inspect

import (
	"zeroms/client/delivery"
	"zeroms/client/view"
)

// Gap describes what is missing of a contact's messages or lost, at the end of the
// conversation.
func Gap(contact view.ContactID, m delivery.Missing) view.Gap {
	g := view.Gap{
		Contact: contact, Device: m.From.Device, From: m.Range.From, To: m.Range.To, Since: m.Since, Asked: m.Asked, AskedAt: m.LastAsked,
		Until: m.Later, State: view.GapNoticed, Height: view.TopHeight,
	}
	switch {
	case m.Gone:
		g.State = view.GapGone
	case !m.Later.IsZero():
		g.State = view.GapLater
	case m.Asked > 0:
		g.State = view.GapAsking
	}
	return g
}
