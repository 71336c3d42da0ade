package custody

import (
	"crypto/sha256"
	"encoding/binary"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// row is one row of a run with the rolling head after it.
type row struct {
	position wire.Position
	kind     uint8
	drop     key.DropID
	k        uint32
	hash, d  [32]byte
	time     uint64
	r        [32]byte
}

// parseRun reads the rows of a run and computes the rolling heads. It proves
// nothing yet. Errors: ErrTruncated for a broken row or none at all; ErrValue for
// rows that can't follow each other: indexes go up by one, incarnations only with
// a start row.
func parseRun(run *Run) ([]row, error) {
	if len(run.Rows) == 0 || len(run.Rows)%wire.RowSize != 0 {
		return nil, wire.ErrTruncated
	}
	rows := make([]row, 0, len(run.Rows)/wire.RowSize)
	r := run.R
	for b := run.Rows; len(b) > 0; b = b[wire.RowSize:] {
		next := parseRow(b[:wire.RowSize])
		r = wire.NextHead(r, b[:wire.RowSize])
		next.r = r
		if next.kind > wire.RowObject || next.position.Index() == 0 {
			return nil, wire.ErrValue.Because("row")
		}
		if n := len(rows); n > 0 && !follows(&rows[n-1], &next) {
			return nil, wire.ErrValue.Because("rows that do not follow each other")
		}
		rows = append(rows, next)
	}
	return rows, nil
}

// parseRow reads position 12 | kind 1 | drop 16 | k 4 | hash 32 | D 32 | time 8.
func parseRow(b []byte) (out row) {
	b = cut(out.position[:], b)
	out.kind, b = b[0], b[1:]
	b = cut(out.drop[:], b)
	out.k, b = binary.BigEndian.Uint32(b), b[4:]
	b = cut(out.hash[:], b)
	b = cut(out.d[:], b)
	out.time = binary.BigEndian.Uint64(b)
	return out
}

func follows(a, b *row) bool {
	was, is := a.position.Incarnation(), b.position.Incarnation()
	return b.position.Index() == a.position.Index()+1 && (is == was || is > was && b.kind == wire.RowStart)
}

// view is what a run shows of the log of one account: the rows up to the last
// signed place. Later rows of the run are nobody's word.
type view struct {
	run    int // in File.Runs
	tag    key.AccountTag
	before [32]byte // the rolling head before the first row
	rows   []row
}

// at is the row with an index, nil if the view does not show it.
func (v *view) at(index uint64) *row {
	first := v.rows[0].position.Index()
	if index < first || index-first >= uint64(len(v.rows)) {
		return nil
	}
	return &v.rows[index-first]
}

// shows reports whether the view shows that the log hashed to r at a place.
func (v *view) shows(p wire.Position, r [32]byte) bool {
	x := v.at(p.Index())
	return x != nil && x.position == p && x.r == r
}

// enrolled is a login key in the log: the row that enrolled it, and the index up
// to which it is known to be so still.
type enrolled struct {
	from wire.Position
	sure uint64
}

// enrolments follows the login keys of an account along a view up to a place. It
// begins with none; base adds those that the gateway signed to be enrolled at a
// row. blind is the index of the last row whose object is not there: it may have
// removed any that is not sure after it.
func (v *view) enrolments(upto wire.Position, objects map[[32]byte]*wire.Enrolment, base map[wire.Position][]wire.CursorState) (set map[key.LoginPublic]enrolled, blind uint64) {
	set = make(map[key.LoginPublic]enrolled)
	for i := range v.rows {
		x := &v.rows[i]
		if after(x.position, upto) {
			break
		}
		index := x.position.Index()
		if x.kind == wire.RowObject && x.drop == (key.DropID{}) {
			if e := objects[x.hash]; e != nil {
				change(set, x, e, v.tag)
			} else {
				blind = index
			}
		}
		for _, c := range base[x.position] {
			at, ok := set[c.Login]
			if !ok || at.sure < blind {
				at.from = c.From
			}
			at.sure = index
			set[c.Login] = at
		}
	}
	return set, blind
}

// change applies an enrolment's row. An object of another account changes
// nothing: no owner signed it.
func change(set map[key.LoginPublic]enrolled, x *row, e *wire.Enrolment, tag key.AccountTag) {
	if key.AccountTagOf(e.Account) != tag {
		return
	}
	switch e.Op {
	case wire.OpEnrol:
		if _, ok := set[e.Login]; !ok {
			set[e.Login] = enrolled{x.position, x.position.Index()}
		}
	case wire.OpRemove:
		delete(set, e.Login)
	case wire.OpClose:
		clear(set)
	}
}

// parseEnrolments reads the objects of a file by the hashes that rows hold of
// them. One that its account did not sign stands for nothing, and so does one
// that is no enrolment: it is kept as an enrolment without an operation.
func parseEnrolments(objects []wire.Object) map[[32]byte]*wire.Enrolment {
	out := make(map[[32]byte]*wire.Enrolment, len(objects))
	for _, o := range objects {
		e := new(wire.Enrolment)
		if wire.Unmarshal(o.Body, e, wire.MaxObject) != nil || e.Account.Check() != nil ||
			!e.Account.Verify(key.ContextEnrol, o.Body, o.Sig) {
			e = new(wire.Enrolment)
		}
		out[sha256.Sum256(o.Encode())] = e
	}
	return out
}
