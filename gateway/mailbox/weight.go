package mailbox

// What accounts take in memory beside their rows, in bytes, with their places in
// maps.
const (
	accountBytes = 2 << 10
	loginBytes   = 512
	dropBytes    = 512
)

// Weight is about what the account takes in memory; Mailbox.mu is held for it and
// for Shed, Free and Forget.
func (a *account) Weight() int {
	n := accountBytes + loginBytes*a.logins.Known() + dropBytes*len(a.drops) + a.log.Bytes()
	if a.intake != nil {
		n += a.intake.Bytes() + a.waiting.Bytes()
	}
	for _, s := range a.sessions {
		n += accountBytes + s.window.Bytes()
	}
	return n
}

// Shed lets go of what the Store has too. Links that wait for rows read them from
// there.
func (a *account) Shed() {
	if !a.log.Displacing() {
		a.intake, a.waiting = nil, nil
	}
	for id, d := range a.drops {
		if !d.dirty && !d.inFlight && !a.box.exclusive.Held(id) {
			delete(a.drops, id)
			delete(a.box.drops, id)
		}
	}
	a.log.Trim(a.log.Durable.Index(), 0)
}

// Free reports whether nothing and nobody needs the account in memory.
func (a *account) Free() bool {
	return !a.dirty && !a.inFlight && len(a.sessions) == 0 && !a.box.exclusive.Held(a.tag) && !a.box.exclusive.Held(a)
}

// Forget takes the account out of memory.
func (a *account) Forget() { a.box.forget(a) }
