package custody

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Limits of a file of evidence.
const (
	MaxFile       = 4 << 20 // bytes of the text
	MaxStatements = 1024    // of each kind
	maxStates     = 256
	maxRuns       = 256
)

// The text of a file.
const (
	fileVersion = 1
	lineWidth   = 76
	fileHead    = "ZMS-EVIDENCE 1"
	fileEnd     = "END"
)

// Run is rows of one account's log that follow each other without a gap.
type Run struct {
	_ struct{} `cbor:",toarray"`
	// R is the rolling head before the first row.
	R [32]byte
	// Rows are wire.RowSize bytes each.
	Rows []byte
}

// File is signed statements of one gateway, and what they commit to by hashes, to
// be checked by anybody. It names neither people nor content. The order within
// the lists means nothing.
type File struct {
	// Node is the gateway: every signature of a gateway in the file is its.
	Node key.NodePublic
	// Receipts and Heads are leaves with their proofs.
	Receipts, Heads []*Proof
	// States are states of drops with the acknowledgements that they name.
	States []*wire.State
	// Runs are rows of logs.
	Runs []Run
	// Objects are enrolments, which rows hold the hashes of.
	Objects []wire.Object
}

// fileRecord is what the text of a file holds.
type fileRecord struct {
	Version  uint8          `cbor:"1,keyasint"`
	Node     key.NodePublic `cbor:"2,keyasint"`
	Receipts []*Proof       `cbor:"3,keyasint"`
	Heads    []*Proof       `cbor:"4,keyasint"`
	States   []*wire.State  `cbor:"5,keyasint"`
	Runs     []Run          `cbor:"6,keyasint"`
	Objects  []wire.Object  `cbor:"7,keyasint"`
}

// Encode is the file as text: a first line, base64url (RFC 4648 section 5,
// without padding) of the deterministic CBOR in lines of 76, and a last line.
// Each list ascends by its items' encodings and holds nothing twice, so that the
// same evidence is the same file.
func (f *File) Encode() []byte {
	record := fileRecord{
		fileVersion, f.Node, sorted(f.Receipts), sorted(f.Heads), sorted(f.States), sorted(f.Runs), sorted(f.Objects),
	}
	text := base64.RawURLEncoding.EncodeToString(wire.Marshal(record))
	var b bytes.Buffer
	b.WriteString(fileHead + "\n")
	for len(text) > 0 {
		n := min(len(text), lineWidth)
		b.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	b.WriteString(fileEnd + "\n")
	return b.Bytes()
}

// sorted is a list in the order of a file.
func sorted[T any](list []T) []T {
	type encoded struct {
		item  T
		bytes []byte
	}
	all := make([]encoded, len(list))
	for i, item := range list {
		all[i] = encoded{item, wire.Marshal(item)}
	}
	slices.SortFunc(all, func(a, b encoded) int { return bytes.Compare(a.bytes, b.bytes) })
	all = slices.CompactFunc(all, func(a, b encoded) bool { return bytes.Equal(a.bytes, b.bytes) })
	out := make([]T, len(all))
	for i := range all {
		out[i] = all[i].item
	}
	return out
}

// ParseFile reads a file; nothing in it is proven before Judge. What it takes
// encodes to the same bytes, but for line ends: those of Windows are taken too.
// Errors: wire.ErrTooLarge, wire.ErrWrongKind for something else,
// wire.ErrTruncated, wire.ErrTrailing, wire.ErrNotCanonical, those of
// wire.Unmarshal, wire.ErrVersion, wire.ErrValue for too many statements and for
// what has no form at all.
func ParseFile(b []byte) (*File, error) {
	if len(b) > MaxFile {
		return nil, wire.ErrTooLarge.Because("evidence")
	}
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	text, ok := strings.CutPrefix(string(b), fileHead+"\n")
	if !ok {
		if strings.HasPrefix(fileHead+"\n", string(b)) {
			return nil, wire.ErrTruncated
		}
		return nil, wire.ErrWrongKind.Because("no file of evidence")
	}
	text, rest, ok := strings.Cut(text, "\n"+fileEnd+"\n")
	switch {
	case !ok:
		return nil, wire.ErrTruncated
	case rest != "":
		return nil, wire.ErrTrailing
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(strings.ReplaceAll(text, "\n", ""))
	if err != nil {
		return nil, wire.ErrMalformed
	}
	var r fileRecord
	if err := wire.Unmarshal(raw, &r, MaxFile); err != nil {
		return nil, err
	}
	if r.Version != fileVersion {
		return nil, wire.ErrVersion
	}
	f := &File{r.Node, r.Receipts, r.Heads, r.States, r.Runs, r.Objects}
	if err := f.check(); err != nil {
		return nil, err
	}
	if !bytes.Equal(f.Encode(), b) {
		return nil, wire.ErrNotCanonical
	}
	return f, nil
}

// check bounds the lists and what they hold.
func (f *File) check() error {
	if max(len(f.Receipts), len(f.Heads), len(f.Objects)) > MaxStatements || len(f.States) > maxStates || len(f.Runs) > maxRuns {
		return wire.ErrValue.Because("statements in one file of evidence")
	}
	for _, p := range slices.Concat(f.Receipts, f.Heads) {
		if p == nil || p.check() != nil {
			return wire.ErrValue.Because("proof")
		}
	}
	if slices.Contains(f.States, nil) {
		return wire.ErrValue.Because("state")
	}
	for _, run := range f.Runs {
		if len(run.Rows) == 0 || len(run.Rows)%wire.RowSize != 0 {
			return wire.ErrValue.Because("rows")
		}
	}
	return nil
}
