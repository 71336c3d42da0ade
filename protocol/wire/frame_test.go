package wire

import (
	"bytes"
	"testing"

	"zeroms/protocol/key"
)

// TestPrefixes: every proper prefix of a frame or payload is truncated.
func TestPrefixes(t *testing.T) {
	for _, s := range samples() {
		b := s.frame()
		for n := range b {
			_, _, err := NextFrame(b[:n])
			fails(t, s.name+" frame", err, ErrTruncated)
			_, err = Frames(b[:n])
			fails(t, s.name+" message", err, ErrTruncated)
		}
		raw := Marshal(s.payload)
		for n := range raw {
			fails(t, s.name+" payload", Frame{Type: s.payload.Type(), Raw: raw[:n]}.Decode(s.fresh()), ErrTruncated)
		}
	}
}

func TestTrailing(t *testing.T) {
	for _, s := range samples() {
		b := s.frame()
		for _, tail := range [][]byte{{0}, {0xff}, {0x83}, {0xf6}, {0x40}, b[:1], b} {
			f := Frame{Type: s.payload.Type(), Raw: append(Marshal(s.payload), tail...)}
			fails(t, s.name+" payload", f.Decode(s.fresh()), ErrTrailing)
			whole := append(bytes.Clone(b), tail...)
			got, rest, err := NextFrame(whole)
			if err != nil || got.ID != s.id || !bytes.Equal(rest, tail) {
				t.Errorf("%s: %x was left of %x, %v", s.name, rest, tail, err)
			}
			if len(tail) == len(b) {
				continue
			}
			_, err = Frames(whole)
			fails(t, s.name+" message", err, ErrMalformed, ErrTruncated)
		}
	}
}

// TestMessage: a message of all frames comes apart into the same frames.
func TestMessage(t *testing.T) {
	var message []byte
	for _, s := range samples() {
		message = AppendFrame(message, s.id, s.payload)
	}
	frames, err := Frames(message)
	if err != nil || len(frames) != len(samples()) {
		t.Fatalf("%d frames, %v", len(frames), err)
	}
	var again []byte
	for i, s := range samples() {
		p := s.fresh()
		if err := frames[i].Decode(p); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		again = AppendFrame(again, frames[i].ID, p)
	}
	if !bytes.Equal(again, message) {
		t.Error("the message is encoded again with other bytes")
	}
	_, err = Frames(nil)
	fails(t, "empty message", err, ErrTruncated)
}

// TestPayloadIsACopy: a payload outlives the buffer that its frame was read from.
func TestPayloadIsACopy(t *testing.T) {
	s := sampleOf(t, "submit")
	b := s.frame()
	f, _, err := NextFrame(b)
	if err != nil {
		t.Fatal(err)
	}
	var p Submit
	if err := f.Decode(&p); err != nil {
		t.Fatal(err)
	}
	clear(b)
	if !bytes.Equal(p.Envelope, count(0, 24)) {
		t.Error("the envelope shares the frame's bytes")
	}
}

func TestDecodeAnotherType(t *testing.T) {
	for _, s := range samples() {
		f, _, err := NextFrame(s.frame())
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range samples() {
			if other.payload.Type() != s.payload.Type() {
				fails(t, s.name+" as "+other.name, f.Decode(other.fresh()), ErrUnexpected)
			}
		}
	}
}

func TestNextFrameForms(t *testing.T) {
	for what, c := range map[string]struct {
		hex  string
		want error
	}{
		"nothing": {"", ErrTruncated}, "a number": {"00", ErrMalformed}, "a map": {"a0", ErrMalformed}, "no items": {"80", ErrMalformed},
		"two items": {"821832 00", ErrMalformed}, "four items": {"84183200a000", ErrMalformed}, "payload a number": {"8318320000", ErrMalformed},
		"payload a list": {"8318320080", ErrMalformed}, "payload bytes": {"8318320040", ErrMalformed}, "payload null": {"83183200f6", ErrMalformed},
		"payload tagged": {"83183200c1a0", ErrMalformed}, "negative type": {"832000a0", ErrMalformed}, "type of 9 bits": {"8319010000a0", ErrMalformed},
		"negative id": {"83183220a0", ErrMalformed}, "id as text": {"8318326100a0", ErrMalformed}, "type as float": {"83f93c0000a0", ErrMalformed},
		"type as simple value": {"83e100a0", ErrNotCanonical}, "type null": {"83f600a0", ErrNotCanonical}, "long type": {"83190032 00a0", ErrNotCanonical},
		"long id": {"831832 1800 a0", ErrNotCanonical}, "long list head": {"9803183200a0", ErrNotCanonical}, "endless list": {"9f183200a0ff", ErrMalformed},
		"endless payload": {"83183200bfff", ErrMalformed}, "text": {"68656c6c6f", ErrTruncated}, "JSON": {"5b35302c302c7b7d5d", ErrTruncated},
	} {
		f, rest, err := NextFrame(unhex(t, string(bytes.ReplaceAll([]byte(c.hex), []byte(" "), nil))))
		fails(t, what, err, c.want)
		if f.Raw != nil || f.Type != 0 || f.ID != 0 || rest != nil {
			t.Errorf("%s: an error came with frame %+v and %x", what, f, rest)
		}
	}
}

// TestUnknownType: a frame of a type that this version does not have is cut off whole.
func TestUnknownType(t *testing.T) {
	f, rest, err := NextFrame(unhex(t, "8318ff05a101f4"+"83183200a0"))
	if err != nil || f.Type != 255 || f.ID != 5 || len(rest) != 5 {
		t.Errorf("%+v, %x, %v", f, rest, err)
	}
}

func TestFrameSize(t *testing.T) {
	p := &Profile{Blob: make([]byte, MaxFrame)}
	over := len(AppendFrame(nil, 1, p)) - MaxFrame
	p.Blob = p.Blob[over:]
	largest := AppendFrame(nil, 1, p)
	if len(largest) != MaxFrame {
		t.Fatalf("%d bytes", len(largest))
	}
	if err := decodeFrame(largest, &Profile{}); err != nil {
		t.Errorf("the largest frame: %v", err)
	}
	if _, rest, err := NextFrame(append(largest, sampleOf(t, "ok").frame()...)); err != nil || len(rest) == 0 {
		t.Errorf("the largest frame with another one after it: %v", err)
	}
	p.Blob = append(p.Blob, 0)
	_, _, err := NextFrame(AppendFrame(nil, 1, p))
	fails(t, "one byte more", err, ErrTooLarge)
	_, _, err = NextFrame(AppendFrame(nil, 1, p)[:MaxFrame])
	fails(t, "the first part of one byte more", err, ErrTruncated)
	message := bytes.Repeat(largest, MaxMessage/MaxFrame)
	if frames, err := Frames(message); err != nil || len(frames) != MaxMessage/MaxFrame {
		t.Errorf("a message of largest frames: %d frames, %v", len(frames), err)
	}
}

// TestLargestContents: what the limits allow fits into a frame.
func TestLargestContents(t *testing.T) {
	state := State{Acks: make([][]byte, 256)}
	body := DropState{K: 1<<32 - 1, Low: 1<<32 - 1, AskedK: 1<<32 - 1, Time: 1<<64 - 1, Cursors: make([]CursorState, 256)}
	for i := range state.Acks {
		state.Acks[i] = make([]byte, 64)
	}
	state.Object = Sign(sampleKeys{}.node(), key.ContextDropState, &body)
	if err := Verify(state.Object, sampleKeys{}.node().Public(), key.ContextDropState, new(DropState)); err != nil {
		t.Errorf("a state with 256 cursors: %v", err)
	}
	for what, p := range map[string]Payload{
		"state": &state, "envelope": &Submit{Envelope: make([]byte, MaxEnvelope), Work: make([]byte, WorkSize)}, "pushed envelope": &Push{Payload: make([]byte, MaxEnvelope)},
		"profile": &ProfilePut{Claim: make([]byte, 64), Blob: make([]byte, MaxProfile)}, "detail": &Failure{Detail: string(make([]byte, MaxDetail))},
		"register": &Register{Object{Body: make([]byte, MaxObject), Sig: make([]byte, 64)}, make([]byte, 16), make([]byte, WorkSize)},
	} {
		if n := len(AppendFrame(nil, 1<<64-1, p)); n > MaxFrame {
			t.Errorf("%s: a frame of %d bytes", what, n)
		}
	}
}
