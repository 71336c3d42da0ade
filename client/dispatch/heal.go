package dispatch

import (
	"zeroms/client/sessions"
	"zeroms/protocol/message"
	"zeroms/protocol/session"
	"zeroms/protocol/wire"
)

// offerPQ offers a post-quantum key on the lane's session when one is due
// (docs/protocol/session.md). If it is lost the session asks for another one.
func (d *Dispatcher) offerPQ(c *Contact, l Lane) {
	s := d.book.Get(l).Set.Sending()
	if s == nil || !s.PQDue(d.now()) || d.toDrop(c) == nil {
		return
	}
	next, offer, err := s.PQOffer(d.now())
	if err != nil {
		d.log.Warn("a post-quantum key could not be offered", "error", err)
		return
	}
	d.book.Replace(l, next)
	d.tellOn(c, l, next, &message.PQKey{Side: Addressed(l.Device), Session: offer.Session, PQID: offer.ID, Key: offer.Key[:]}, func(error) {})
}

// AnswerPQ answers the key that came on a session, on that session.
func (d *Dispatcher) AnswerPQ(c *Contact, o *sessions.Opened, b *message.PQKey) error {
	s := d.book.Get(o.Lane).Set.Find(o.Session())
	if s == nil {
		return wire.ErrUnexpected
	}
	next, answer, err := s.PQAnswer(session.PQKey{Session: b.Session, ID: b.PQID, Key: [message.PQKeySize]byte(b.Key)}, d.now())
	if err != nil {
		return err
	}
	d.book.Replace(o.Lane, next)
	d.tellOn(c, o.Lane, next, &message.PQCiphertext{
		Side: Addressed(o.Lane.Device), Session: answer.Session, PQID: answer.ID, KeyHash: answer.KeyHash,
		Ciphertext: answer.Ciphertext[:], Confirm: answer.Confirm,
	}, func(error) {})
	return nil
}

// FinishPQ takes the ciphertext that answers an own key.
func (d *Dispatcher) FinishPQ(o *sessions.Opened, b *message.PQCiphertext) error {
	s := d.book.Get(o.Lane).Set.Find(o.Session())
	if s == nil {
		return wire.ErrUnexpected
	}
	next, err := s.PQFinish(session.PQCiphertext{
		Session: b.Session, ID: b.PQID, KeyHash: b.KeyHash, Ciphertext: [message.PQCipherSize]byte(b.Ciphertext), Confirm: b.Confirm,
	}, d.now())
	if err == nil {
		d.book.Replace(o.Lane, next)
	}
	return err
}
