package home

import (
	"crypto/sha256"
	"fmt"

	"zeroms/protocol/channel"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// What gateways sign is judged here in the same way whether it came over a link to
// them or through another gateway.

var errCannotMake = wire.ErrValue.Because("the request can't be made for this gateway")

// verdict is what an answer through a channel comes to.
type verdict struct {
	answer Answered
	more   *Request // in place of the answer: once more, with the work that is asked for
	signed uint64   // the target's clock in ms, if it signed a commit just now
}

// judge reads the frame by which a gateway answered a request through a channel. An
// error means that the gateway is at fault.
func (r Request) judge(f wire.Frame, node key.NodePublic) (v verdict, err error) {
	switch f.Type {
	case wire.TypeCommit:
		var c wire.Commit
		if err = f.Decode(&c); err != nil {
			return v, err
		}
		v.signed = c.Time
		v.answer, err = r.custody(&c, node)
	case wire.TypeRefused:
		refused, body, err := openRefusal(f, node)
		if err != nil {
			return v, err
		}
		v.answer, v.more, err = r.refusal(refused, body)
		return v, err
	case wire.TypeError:
		var failure wire.Failure
		err = f.Decode(&failure)
		v.answer = Answered{Gateway: node, Err: failure.Err()}
	case wire.TypeProfile, wire.TypeRecord:
		p := plainAnswer(f.Type)
		if err = f.Decode(p); err == nil {
			err = wire.Check(p)
		}
		v.answer = Answered{Gateway: node, Payload: p}
	default:
		err = wire.ErrUnexpected
	}
	if err != nil {
		return verdict{}, err
	}
	return v, nil
}

// custody is the answer that a commit with one receipt gives.
func (r Request) custody(c *wire.Commit, node key.NodePublic) (Answered, error) {
	if err := custody.Verify(c, node); err != nil {
		return Answered{}, err
	}
	if len(c.Items) != 1 || c.Items[0].ID != channel.RequestID {
		return Answered{}, wire.ErrUnexpected
	}
	receipt, err := custody.ParseReceipt(c.Items[0].Leaf)
	if err != nil {
		return Answered{}, err
	}
	return r.receipt(c, 0, receipt)
}

// receipt is the answer that an item of a commit gives whose signature holds: it
// must name what was submitted.
func (r Request) receipt(c *wire.Commit, item int, receipt *custody.Receipt) (Answered, error) {
	s, ok := r.Payload.(*wire.Submit)
	if !ok || !receipt.For(s.Drop, sha256.Sum256(s.Envelope)) {
		return Answered{}, wire.ErrUnexpected
	}
	proof, err := proofOf(c, item)
	if err != nil {
		return Answered{}, err
	}
	return Answered{Gateway: receipt.Node, Receipt: receipt, Proof: proof}, nil
}

// proofOf is what proves one item of a commit by itself.
func proofOf(c *wire.Commit, item int) ([]byte, error) {
	p, err := custody.ProofOf(c, item)
	if err != nil {
		return nil, err
	}
	return p.Encode(), nil
}

// openRefusal reads a signed refusal.
func openRefusal(f wire.Frame, node key.NodePublic) (*wire.Refused, *wire.Refusal, error) {
	r := &wire.Refused{}
	if err := f.Decode(r); err != nil {
		return nil, nil, err
	}
	body, err := custody.VerifyRefusal(r.Object, node)
	return r, body, err
}

// refusal is the answer that a signed refusal gives, if it names what was
// submitted, or the request with the work that it asks for.
func (r Request) refusal(refused *wire.Refused, body *wire.Refusal) (Answered, *Request, error) {
	s, ok := r.Payload.(*wire.Submit)
	if !ok || body.DropHash != sha256.Sum256(s.Drop[:]) || body.EnvelopeHash != sha256.Sum256(s.Envelope) {
		return Answered{}, nil, wire.ErrUnexpected
	}
	if more, ok := r.harder(body); ok {
		return Answered{}, &more, nil
	}
	a := Answered{Gateway: body.Node, Payload: refused, Bits: body.Bits, Err: &wire.Error{Code: body.Code}}
	if body.Bits > 0 {
		a.Err = (&wire.Error{Code: body.Code}).Because(fmt.Sprintf("%d zero bits", body.Bits))
	}
	return a, nil, nil
}
