package wire

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"zeroms/protocol/key"
)

// TestState: a state is the gateway's word and no other object's, and the acknowledgements beside it are those it commits to.
func TestState(t *testing.T) {
	var k sampleKeys
	var p State
	if err := decodeFrame(sampleOf(t, "state").frame(), &p); err != nil {
		t.Fatal(err)
	}
	node, tag := k.node().Public(), key.AccountTagOf(k.account().Public())
	var body DropState
	if err := Verify(p.Object, node, key.ContextDropState, &body); err != nil {
		t.Fatal(err)
	}
	if body.Node != node || body.Tag != tag || body.K != 300 || body.Low != body.K+1 || body.AskedK != 299 || body.Start != At(1_789_000_000, 3) || body.D0 != [32]byte(count(0x70, 32)) {
		t.Errorf("%+v", body)
	}
	if len(body.Cursors) != 2 || len(p.Acks) != 2 || bytes.Compare(body.Cursors[0].Login[:], body.Cursors[1].Login[:]) >= 0 {
		t.Fatalf("%d cursors, %d acknowledgements", len(body.Cursors), len(p.Acks))
	}
	c := body.Cursors[0]
	if c.Ack != sha256.Sum256(p.Acks[0]) || !c.Login.Verify(key.ContextMailboxAck, AckTranscript(tag, c.Cursor, c.Upto, c.R), p.Acks[0]) {
		t.Error("the first cursor's acknowledgement is not the one beside it")
	}
	if c = body.Cursors[1]; len(p.Acks[1]) != 0 || c.Upto != (Position{}) || c.R != [32]byte{} || c.Ack != [32]byte{} {
		t.Errorf("a cursor that made no acknowledgement: %+v, %x", c, p.Acks[1])
	}
	for _, ctx := range []key.Context{key.ContextRefusal, key.ContextCommit} {
		fails(t, "a state as another object", Verify(p.Object, node, ctx, &body), ErrSignature)
	}
	fails(t, "a refusal as a state", Verify(k.refusal(), node, key.ContextDropState, &body), ErrSignature)
	fails(t, "another gateway's state", Verify(p.Object, key.NewPrivate[key.Node]().Public(), key.ContextDropState, &body), ErrSignature)
}

// bodies are the bodies of all signed objects.
func bodies() map[string][]byte {
	var k sampleKeys
	return map[string][]byte{
		"enrolment": k.enrolment().Body, "drop": k.drop(OpDropPut).Body, "refusal": k.refusal().Body, "state": k.state().Body, "unknown state": k.noState().Body,
	}
}

// freshBody is an empty body of the kind.
func freshBody(kind string) any {
	switch kind {
	case "enrolment":
		return new(Enrolment)
	case "drop":
		return new(DropObject)
	case "refusal":
		return new(Refusal)
	}
	return new(DropState)
}

// TestBodies: every proper prefix of a signed body fails, and so do trailing
// bytes, another length of any byte string and numbers beyond their field; no
// body passes for one of another kind.
func TestBodies(t *testing.T) {
	for kind, b := range bodies() {
		for n := range b {
			fails(t, kind+" prefix", Unmarshal(b[:n], freshBody(kind), MaxObject), ErrTruncated)
		}
		for _, tail := range [][]byte{{0}, {0xff}, {0xf6}, b} {
			fails(t, kind+" trailing", Unmarshal(slices.Concat(b, tail), freshBody(kind), MaxObject), ErrTrailing)
		}
		for other := range bodies() {
			if fmt.Sprintf("%T", freshBody(other)) != fmt.Sprintf("%T", freshBody(kind)) {
				fails(t, kind+" as "+other, Unmarshal(b, freshBody(other), MaxObject), ErrMalformed, ErrNotCanonical)
			}
		}
		body, _ := parse(b, "")
		for _, n := range body.all() {
			switch {
			case n.major == 2:
				for _, text := range [][]byte{append(slices.Clone(n.text), 0), n.text[:len(n.text)-1], {}} {
					n.raw = append(head(2, uint64(len(text)), -1), text...)
					fails(t, kind+" length of "+n.path, Unmarshal(body.encode(), freshBody(kind), MaxObject), ErrNotCanonical)
				}
			case n.major == 0 && !n.key:
				n.raw = head(0, 1<<64-1, -1)
				if err := Unmarshal(body.encode(), freshBody(kind), MaxObject); err != nil {
					fails(t, kind+" number "+n.path, err, ErrMalformed)
				}
			}
			n.raw = nil
		}
	}
	var s DropState
	for _, field := range []byte{6, 7, 13} { // numbers of 32 bits
		b := slices.Clone(sampleKeys{}.noState().Body)
		body, _ := parse(b, "")
		for _, n := range body.all() {
			if n.path == fmt.Sprint(field) {
				n.raw = head(0, 1<<32, -1)
			}
		}
		fails(t, fmt.Sprintf("field %d of 33 bits", field), Unmarshal(body.encode(), &s, MaxObject), ErrMalformed)
	}
}
