package mailbox

import (
	"context"
	"time"

	"zeroms/gateway/mailbox/ledger"
	"zeroms/gateway/mailbox/logins"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// claimEvery is how long an acknowledgement that comes too fast (ledger.Pace) waits
// until its signature is checked.
const claimEvery = ledger.PaceEvery

// judgeNow reports whether a signature is to be checked at once, and counts that;
// mu is held. It is too where much waits for being let go of.
func (s *Session) judgeNow(now time.Time) bool {
	return s.account.log.Waiting() > s.account.quota/2 || s.judged.Take(now)
}

// claim is the newest acknowledgement of a login key whose signature is not
// checked yet.
type claim struct {
	session *Session
	ack     *wire.Ack
	mark    Mark
}

// signed checks the signature of an acknowledgement.
func (s *Session) signed(ack *wire.Ack) bool {
	transcript := wire.AckTranscript(s.account.tag, s.cursor, ack.Upto, ack.R)
	return s.login.Verify(key.ContextMailboxAck, transcript, ack.Sig)
}

// claim notes an acknowledgement to be checked later; mu is held.
func (m *Mailbox) claim(s *Session, l *logins.Login, ack *wire.Ack, mark Mark) {
	m.claims[l] = &claim{s, ack, mark}
	s.account.trim()
	select {
	case m.unchecked <- struct{}{}:
	default:
	}
}

// move moves a cursor to an acknowledgement whose signature holds; mu is held.
func (m *Mailbox) move(a *account, l *logins.Login, mark Mark, sig []byte) {
	l.Acked, l.Sig = mark, sig
	a.logins.Touch(l.Key)
	a.raiseFloor()
	a.trim()
	m.markDirty(a)
	m.schedule(m.cfg.Timing.AckFlush)
}

// loopClaims checks what was claimed, until ctx ends.
func (m *Mailbox) loopClaims(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.unchecked:
		}
		timer.Reset(claimEvery)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		m.judge()
	}
}

// judge checks the newest acknowledgement of every login key that claimed one.
func (m *Mailbox) judge() {
	m.mu.Lock()
	claims := m.claims
	m.claims = make(map[*logins.Login]*claim)
	m.mu.Unlock()
	for l, c := range claims {
		m.check(l, c)
	}
}

// judgeOne checks what one login key has claimed.
func (m *Mailbox) judgeOne(a *account, login key.LoginPublic) {
	m.mu.Lock()
	l := a.logins.Of(login)
	c := m.claims[l]
	delete(m.claims, l)
	m.mu.Unlock()
	if c != nil {
		m.check(l, c)
	}
}

// check moves the cursor to what was claimed if its signature holds. Else the link
// ends, and the cursor stays where it was. A link's cursor is moved by that link
// only, or what it was told at its beginning would not be true.
func (m *Mailbox) check(l *logins.Login, c *claim) {
	if !c.session.signed(c.ack) {
		c.session.port.Close(wire.ErrSignature)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a := c.session.account
	if now := a.session(l.Key); now != nil && now != c.session {
		return // a newer link was welcomed at the old place, and acknowledges again from there
	}
	if !a.gone && a.logins.Of(l.Key) == l && c.mark.Index() > l.Acked.Index() {
		m.move(a, l, c.mark, c.ack.Sig)
	}
}
