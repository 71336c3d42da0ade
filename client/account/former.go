package account

import (
	"slices"

	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// removeFormer has a home remove the logins of devices that this one replaced:
// who has those devices could still read the mailbox and delete its drops, and
// their cursors would keep its envelopes. Each is asked for with every
// connection until it is done.
func (a *Account) removeFormer(h *Home) {
	mk := a.Self.Seed.Mailbox(h.Address.Node)
	for _, former := range h.Former {
		removal := wire.Enrolment{Op: wire.OpRemove, Account: mk.Public(), Login: former.Key, Cursor: former.Cursor, Time: wire.Millis(a.host.Now())}
		change := &wire.EnrolmentChange{Object: wire.Sign(mk, key.ContextEnrol, removal)}
		a.host.Ask(home.Request{To: h.Target(), Payload: change}, func(answer home.Answered) {
			if answer.Err != nil {
				a.log.Warn("the login of a replaced device could not be removed yet", "error", answer.Err)
				return
			}
			h.Former = slices.DeleteFunc(slices.Clone(h.Former), func(l profile.Login) bool { return l == former })
			h.dirty = true
		})
	}
}
