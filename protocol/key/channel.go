package key

// RequestKey (kf) is the secret by which the sender of a channel seals its
// requests (docs/protocol/forward.md).
type RequestKey struct{ secret32 }

// AnswerKey (kb) is the secret by which the other end of a channel seals its
// answers.
type AnswerKey struct{ secret32 }

// RequestKeyFrom takes the 32 bytes that were exported for requests.
func RequestKeyFrom(b []byte) (RequestKey, error) {
	s, err := parse32(b)
	return RequestKey{s}, err
}

// AnswerKeyFrom takes the 32 bytes that were exported for answers.
func AnswerKeyFrom(b []byte) (AnswerKey, error) {
	s, err := parse32(b)
	return AnswerKey{s}, err
}
