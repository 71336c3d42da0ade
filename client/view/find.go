package view

import (
	"errors"
	"fmt"

	"zeroms/client/profile"
	"zeroms/protocol/key"
)

// Errors of Find.
var (
	// ErrNoContact is returned for somebody who is not known.
	ErrNoContact = errors.New("client: there is no such contact; see contacts and requests")
	// ErrSeveral is returned for a name that several have.
	ErrSeveral = errors.New("client: several contacts have this name; use their number (#1, #2, ... in contacts)")
)

// Find looks a contact up by #number, name or user ID text. A name means somebody who
// was removed only if nobody else has it. Errors: ErrNoContact, ErrSeveral.
func Find(all []Contact, who string) (hit Contact, err error) {
	id, noID := key.ParseUserID(who)
	removed := func(c Contact) bool { return c.State == profile.Removed }
	found := false
	for _, c := range all {
		if noID == nil && c.User == id || fmt.Sprintf("#%d", c.ID) == who {
			return c, nil
		}
		switch {
		case c.Name != who, found && removed(c) && !removed(hit):
		case found && removed(c) == removed(hit):
			err = ErrSeveral
		default:
			hit, found, err = c, true, nil
		}
	}
	if !found {
		return Contact{}, ErrNoContact
	}
	if err != nil {
		return Contact{}, err
	}
	return hit, nil
}
