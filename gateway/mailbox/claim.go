package mailbox

import (
	"context"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// How often the signature of a session's acknowledgement is checked at once: each
// claimEvery, and claimBurst of them in advance. Checking one costs more than a
// dozen messages do, so one that comes sooner waits, for claimEvery at most.
const (
	claimEvery = 100 * time.Millisecond
	claimBurst = 8
)

// judgeNow reports whether a signature is to be checked at once, and counts that;
// mu is held. It is too where much waits for being let go of.
func (s *Session) judgeNow(now time.Time) bool {
	if s.account.log.Waiting() > s.m.cfg.Limits.Quota/2 {
		return true
	}
	if s.judged.Before(now) {
		s.judged = now
	}
	if s.judged.Sub(now) > (claimBurst-1)*claimEvery {
		return false
	}
	s.judged = s.judged.Add(claimEvery)
	return true
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
func (m *Mailbox) claim(s *Session, l *login, ack *wire.Ack, mark Mark) {
	if l.claim == nil {
		m.claims = append(m.claims, l)
	}
	l.claim = &claim{s, ack, mark}
	s.account.trim()
	select {
	case m.unchecked <- struct{}{}:
	default:
	}
}

// move moves a cursor to an acknowledgement whose signature holds; mu is held.
func (m *Mailbox) move(a *account, l *login, mark Mark, sig []byte) {
	l.acked, l.sig = mark, sig
	a.changed[l.key] = struct{}{}
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
// One that does not hold ends its link, and the cursor stays where it was.
func (m *Mailbox) judge() {
	m.mu.Lock()
	logins := m.claims
	claims := make([]*claim, len(logins))
	for i, l := range logins {
		claims[i], l.claim = l.claim, nil
	}
	m.claims = nil
	m.mu.Unlock()
	for i, l := range logins {
		c := claims[i]
		if c == nil {
			continue // a newer acknowledgement was checked at once
		}
		if !c.session.signed(c.ack) {
			c.session.port.Close(wire.ErrSignature)
			continue
		}
		m.mu.Lock()
		a := c.session.account
		if !a.gone && a.logins[l.key] == l && c.mark.Index() > l.acked.Index() {
			m.move(a, l, c.mark, c.ack.Sig)
		}
		m.mu.Unlock()
	}
}
