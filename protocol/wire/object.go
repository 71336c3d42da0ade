package wire

import (
	"crypto/sha256"

	"zeroms/protocol/key"
)

// Object is a signed object as it travels: [body bstr, sig bstr(64)].
type Object struct {
	_    struct{} `cbor:",toarray"`
	Body []byte
	Sig  []byte
}

// Sign encodes body and signs the bytes under ctx.
func Sign[R key.Role](k key.Private[R], ctx key.Context, body any) Object {
	b := Marshal(body)
	return Object{Body: b, Sig: k.Sign(ctx, b)}
}

// Verify checks the signature under ctx over the very bytes received, then
// decodes them strictly into the struct body points to. Errors: ErrSignature,
// or Unmarshal's.
func Verify[R key.Role](o Object, k key.Public[R], ctx key.Context, body any) error {
	if !k.Verify(ctx, o.Body, o.Sig) {
		return ErrSignature
	}
	return Unmarshal(o.Body, body, MaxFrame)
}

// ParseObject reads an object of at most max bytes; its signature is not
// checked yet. Errors: Unmarshal's.
func ParseObject(b []byte, max int) (Object, error) {
	var o Object
	if err := Unmarshal(b, &o, max); err != nil {
		return Object{}, err
	}
	if len(o.Sig) != key.SignatureSize {
		return Object{}, ErrMalformed
	}
	return o, nil
}

// Encode is the object's bytes on the wire.
func (o Object) Encode() []byte { return Marshal(o) }

// Hash is H(object) = SHA-256(body).
func (o Object) Hash() [32]byte { return sha256.Sum256(o.Body) }
