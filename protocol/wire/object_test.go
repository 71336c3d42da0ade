package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"zeroms/protocol/key"
)

func TestObject(t *testing.T) {
	var k sampleKeys
	o := k.enrolment()
	pub := k.account().Public()
	var body Enrolment
	if err := Verify(o, pub, key.ContextEnrol, &body); err != nil || body.Op != OpEnrol || body.Account != pub || body.Time != sampleTime {
		t.Fatalf("%+v, %v", body, err)
	}
	if o.Hash() != sha256.Sum256(o.Body) {
		t.Error("H(object) is not SHA-256 of the body")
	}
	back, err := ParseObject(o.Encode(), MaxObject)
	if err != nil || !bytes.Equal(back.Body, o.Body) || !bytes.Equal(back.Sig, o.Sig) {
		t.Errorf("parsed %+v, %v", back, err)
	}
	fails(t, "another context", Verify(o, pub, key.ContextMailbox, &body), ErrSignature)
	fails(t, "another key", Verify(o, key.NewPrivate[key.Mailbox]().Public(), key.ContextEnrol, &body), ErrSignature)
	for i := range o.Body {
		changed := Object{Body: bytes.Clone(o.Body), Sig: o.Sig}
		changed.Body[i] ^= 1
		fails(t, "changed body", Verify(changed, pub, key.ContextEnrol, &body), ErrSignature)
	}
	for i := range o.Sig {
		changed := Object{Body: o.Body, Sig: bytes.Clone(o.Sig)}
		changed.Sig[i] ^= 1
		fails(t, "changed signature", Verify(changed, pub, key.ContextEnrol, &body), ErrSignature)
	}
}

// TestObjectBodyIsStrict: a good signature does not make a loose body acceptable.
func TestObjectBodyIsStrict(t *testing.T) {
	k := sampleKeys{}.account()
	good := sampleKeys{}.enrolment().Body
	signed := func(body []byte) Object { return Object{Body: body, Sig: k.Sign(key.ContextEnrol, body)} }
	for what, c := range map[string]struct {
		body []byte
		want error
	}{
		"trailing":   {append(bytes.Clone(good), 0), ErrTrailing},
		"truncated":  {good[:len(good)-1], ErrTruncated},
		"empty":      {nil, ErrTruncated},
		"other kind": {Marshal(&Refusal{}), ErrMalformed},
		"too large":  {make([]byte, MaxFrame+1), ErrTooLarge},
		"long map":   {append([]byte{0xb8, 0x05}, good[1:]...), ErrNotCanonical},
	} {
		var body Enrolment
		fails(t, what, Verify(signed(c.body), k.Public(), key.ContextEnrol, &body), c.want)
	}
}

// TestSignatureBeforeBody: nothing is decoded before the signature is good.
func TestSignatureBeforeBody(t *testing.T) {
	body := Enrolment{Time: 7}
	o := sampleKeys{}.enrolment()
	o.Sig = make([]byte, key.SignatureSize)
	fails(t, "bad signature", Verify(o, sampleKeys{}.account().Public(), key.ContextEnrol, &body), ErrSignature)
	if body != (Enrolment{Time: 7}) {
		t.Error("the body was decoded")
	}
}

func TestParseObject(t *testing.T) {
	o := sampleKeys{}.enrolment()
	b := o.Encode()
	for n := range b {
		_, err := ParseObject(b[:n], MaxObject)
		fails(t, "prefix", err, ErrTruncated)
	}
	_, err := ParseObject(append(bytes.Clone(b), 0), MaxObject)
	fails(t, "trailing", err, ErrTrailing)
	_, err = ParseObject(b, len(b)-1)
	fails(t, "too large", err, ErrTooLarge)
	if _, err := ParseObject(b, len(b)); err != nil {
		t.Errorf("of the greatest size: %v", err)
	}
	for _, n := range []int{0, 1, 63, 65, 128} {
		_, err = ParseObject(Object{Body: o.Body, Sig: make([]byte, n)}.Encode(), MaxObject)
		fails(t, "length of the signature", err, ErrMalformed)
	}
	object, _ := parse(b, "")
	for _, n := range object.all() {
		for _, w := range n.wrongs(nil) {
			n.raw = w.raw
			wrongBytes := object.encode()
			n.raw = nil
			_, err := ParseObject(wrongBytes, MaxObject)
			fails(t, w.what, err, w.want...)
		}
	}
}

// zeros is a byte string of n zeros after the key of its field, in hex.
func zeros(field string, n int) string {
	return field + hex.EncodeToString(append(head(2, uint64(n), -1), make([]byte, n)...))
}

// TestObjectBodies: the bodies of all signed objects keep their form.
func TestObjectBodies(t *testing.T) {
	var k sampleKeys
	for _, c := range []struct {
		body, fresh any
		want        string
	}{
		{&Enrolment{OpRemove, k.account().Public(), key.LoginPublic{}, key.CursorID{1, 2, 3, 4, 5, 6, 7, 8}, 9}, &Enrolment{},
			"a50102025820" + k.account().Public().String() + "035820" + key.LoginPublic{}.String() + "0448010203040506070805" + "09"},
		{&DropObject{Op: OpDropPut, Time: 300}, &DropObject{},
			"a50104025820" + key.LoginPublic{}.String() + "0350" + key.DropID{}.String() + "045820" + key.LoginPublic{}.String() + "0519012c"},
		{&Refusal{Code: CodeDoorFull, Time: 1 << 32, Bits: 21}, &Refusal{},
			"a6015820" + key.LoginPublic{}.String() + "025820" + key.LoginPublic{}.String() + "035820" + key.LoginPublic{}.String() + "041827051b00000001000000000615"},
		{&DropState{Low: 1, K: 300, AskedK: 2, Cursors: []CursorState{{Cursor: key.CursorID{1, 2, 3, 4, 5, 6, 7, 8}, Upto: At(1, 2)}}}, &DropState{},
			"b0" + zeros("01", 32) + zeros("02", 32) + zeros("03", 32) + zeros("04", 32) + zeros("05", 12) + "0601" + "0719012c" + zeros("08", 32) +
				zeros("09", 12) + zeros("0a", 32) + "0b00" + zeros("0c", 32) + "0d02" + zeros("0e", 32) + zeros("0f", 12) +
				"1081" + "86" + zeros("", 32) + "480102030405060708" + zeros("", 12) + "4c000000010000000000000002" + zeros("", 32) + zeros("", 32)},
		{&DropState{D0: [32]byte{1}, Start: At(1, 2), Time: 3, Cursors: []CursorState{}}, &DropState{},
			"b0" + zeros("01", 32) + zeros("02", 32) + zeros("03", 32) + "04582001" + strings.Repeat("00", 31) + "054c000000010000000000000002" + "0600" + "0700" +
				zeros("08", 32) + zeros("09", 12) + zeros("0a", 32) + "0b03" + zeros("0c", 32) + "0d00" + zeros("0e", 32) + zeros("0f", 12) + "1080"},
	} {
		b := Marshal(c.body)
		if want := unhex(t, c.want); !bytes.Equal(b, want) {
			t.Errorf("%T is %x, not %x", c.body, b, want)
		}
		if err := Unmarshal(b, c.fresh, MaxObject); err != nil || !bytes.Equal(Marshal(c.fresh), b) {
			t.Errorf("%T: %v", c.body, err)
		}
		body, _ := parse(b, "")
		for _, n := range body.all() {
			for _, w := range n.wrongs(nil) {
				n.raw = w.raw
				wrongBytes := body.encode()
				n.raw = nil
				fails(t, w.what, Unmarshal(wrongBytes, c.fresh, MaxObject), w.want...)
			}
		}
	}
}
