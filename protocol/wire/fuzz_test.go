package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/big"
	"testing"

	"zeroms/protocol/key"
)

// fuzzFamily feeds frames to all payload types of a family: what is decoded is
// encoded again to the same bytes, and no other type takes it.
func fuzzFamily(f *testing.F, family string) {
	var of []sample
	for _, s := range samples() {
		if s.family == family {
			of = append(of, s)
			b := s.frame()
			f.Add(b)
			f.Add(b[:len(b)-1])
			f.Add(append(b, 0))
		}
	}
	if len(of) == 0 {
		f.Fatalf("no sample is of the family %s", family)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, rest, err := NextFrame(b)
		for _, s := range of {
			if err == nil {
				p := s.fresh()
				decodeErr := frame.Decode(p)
				if decodeErr == nil && !bytes.Equal(AppendFrame(nil, frame.ID, p), b[:len(b)-len(rest)]) {
					t.Errorf("%x is encoded again as %x", b, AppendFrame(nil, frame.ID, p))
				}
				if checked := Check(p); decodeErr == nil && checked != nil {
					fails(t, "the limits", checked, ErrValue, ErrTooLarge)
				}
				if decodeErr == nil && p.Type() != frame.Type {
					t.Errorf("a frame of type %d was taken for %d", frame.Type, p.Type())
				}
			}
			p := s.fresh()
			if Unmarshal(b, p, MaxFrame) == nil && !bytes.Equal(Marshal(p), b) {
				t.Errorf("payload %x is encoded again as %x", b, Marshal(p))
			}
		}
	})
}

func FuzzHello(f *testing.F)   { fuzzFamily(f, "hello") }
func FuzzLogin(f *testing.F)   { fuzzFamily(f, "login") }
func FuzzMailbox(f *testing.F) { fuzzFamily(f, "mailbox") }
func FuzzSubmit(f *testing.F)  { fuzzFamily(f, "submit") }
func FuzzPush(f *testing.F)    { fuzzFamily(f, "push") }
func FuzzProfile(f *testing.F) { fuzzFamily(f, "profile") }
func FuzzAnswer(f *testing.F)  { fuzzFamily(f, "answer") }
func FuzzState(f *testing.F)   { fuzzFamily(f, "state") }
func FuzzDHT(f *testing.F)     { fuzzFamily(f, "dht") }
func FuzzForward(f *testing.F) { fuzzFamily(f, "forward") }

// FuzzFrames: the frames of a message are the message, and each keeps to its limit.
func FuzzFrames(f *testing.F) {
	var all []byte
	for _, s := range samples() {
		f.Add(s.frame())
		all = AppendFrame(all, s.id, s.payload)
	}
	f.Add(all)
	f.Add([]byte{0x83, 0x18, 0xff, 0x00, 0xa0})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		frames, err := Frames(b)
		if err != nil {
			if frames != nil {
				t.Errorf("%d frames came with %v", len(frames), err)
			}
			return
		}
		var again []byte
		for _, frame := range frames {
			one := Marshal(frame)
			if len(one) > MaxFrame {
				t.Errorf("a frame of %d bytes", len(one))
			}
			again = append(again, one...)
		}
		if !bytes.Equal(again, b) {
			t.Errorf("%x came apart into %x", b, again)
		}
	})
}

// FuzzObject: an object and its body have one encoding each.
func FuzzObject(f *testing.F) {
	var k sampleKeys
	for _, o := range []Object{k.enrolment(), k.drop(OpDropDelete), k.refusal(), k.state(), k.noState(), {Sig: make([]byte, 64)}} {
		f.Add(o.Encode())
		f.Add(o.Body)
	}
	account := k.account().Public()
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, body := range []any{&Enrolment{}, &DropObject{}, &Refusal{}, &DropState{}} {
			if Unmarshal(b, body, MaxObject) == nil && !bytes.Equal(Marshal(body), b) {
				t.Errorf("body %x is encoded again as %x", b, Marshal(body))
			}
		}
		o, err := ParseObject(b, MaxObject)
		if err != nil {
			return
		}
		if !bytes.Equal(o.Encode(), b) || len(o.Sig) != key.SignatureSize {
			t.Errorf("%x is encoded again as %x", b, o.Encode())
		}
		var body Enrolment
		if Verify(o, account, key.ContextEnrol, &body) == nil && !bytes.Equal(Marshal(&body), o.Body) {
			t.Errorf("body %x is encoded again as %x", o.Body, Marshal(&body))
		}
	})
}

// zeroBits counts the zero bits at the front of a hash in another way than the code.
func zeroBits(h [32]byte) int { return 256 - new(big.Int).SetBytes(h[:]).BitLen() }

// FuzzWork: work of any bytes is counted or refused by name, and its bits are those of the hash.
func FuzzWork(f *testing.F) {
	var k sampleKeys
	now := Time(sampleTime)
	subject := RegisterWork(k.node().Public(), k.account().Public())
	f.Add(subject, k.work(subject))
	f.Add(subject, k.work(subject)[:11])
	f.Add([]byte{}, make([]byte, WorkSize))
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, subject, work []byte) {
		n, err := WorkBits(subject, work, now)
		if err != nil {
			fails(t, "refused", err, ErrValue, ErrExpired)
			if n != 0 || len(work) == WorkSize && errors.Is(err, ErrValue) {
				t.Errorf("%x: %d bits came with %v", work, n, err)
			}
			return
		}
		day, first := binary.BigEndian.Uint32(work), binary.BigEndian.Uint64(work[4:])
		if today := WorkDay(now); day+1 < today || day > today+1 {
			t.Errorf("work of day %d was taken on day %d", day, today)
		}
		if n != zeroBits(sha256.Sum256(key.Join(subject, work))) {
			t.Errorf("%x has %d bits", work, n)
		}
		if again, nonce, ok := SearchWork(subject, n, day, first, 1); !ok || nonce != first || !bytes.Equal(again, work) {
			t.Errorf("%x of %d bits is not found where it is: %x", work, n, again)
		}
		if _, next, ok := SearchWork(subject, n+1, day, first, 1); ok || next != first+1 {
			t.Errorf("%x has %d bits and passes for one more", work, n)
		}
	})
}

// FuzzItem: any item that is taken has one encoding, whatever Go makes of it.
func FuzzItem(f *testing.F) {
	for _, s := range samples() {
		f.Add(Marshal(s.payload))
	}
	for _, item := range []string{"f90000", "f6", "f5", "3bffffffffffffffff", "a3010018640020f4", "c100", "5f4100ff", "a1f500", "a1420102f4"} {
		f.Add(unhex(f, item))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v any
		if Unmarshal(b, &v, MaxFrame) != nil {
			return
		}
		if again := Marshal(v); !bytes.Equal(again, b) || !plain(b) {
			t.Errorf("%x is encoded again as %x", b, again)
		}
	})
}
