package tap

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"zeroms/protocol/custody"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
	"zeroms/protocol/wire/jsonframe"
)

// maxShown is how many elements of a list are shown.
const maxShown = 16

// Frame is a frame of a link without its secrets.
type Frame struct {
	Time     time.Time
	Endpoint link.Endpoint // where the link leads
	Home     bool          // to a home gateway, else as a guest
	Out      bool          // it was sent, else it came
	Type     string        // the name of its type; empty for what is no frame
	ID       uint64
	Size     int // in bytes, as CBOR
	// Fields are what is shown of its fields, those of records and lists too:
	// "limits.frame", "items.0.id".
	Fields []Field
	// Raw is the frame as JSON would carry it (docs/protocol/json.md), with what is
	// shown in place of what is.
	Raw string
	// Problem tells why it can't be read.
	Problem error
}

// Field is what is shown of a field: a number (uint64), a truth value or a text.
type Field struct {
	Name  string
	Value any
}

// show reads a frame and leaves out what is not to be seen.
func (w *Watcher) show(f *frame) *Frame {
	out := &Frame{Time: f.at, Endpoint: f.endpoint, Home: f.home, Out: f.out, ID: f.frame.ID, Size: f.size, Problem: f.wrong}
	if f.wrong != nil {
		return out
	}
	name, ok := jsonframe.Name(f.frame.Type)
	if !ok {
		out.Type, out.Problem = "type_"+strconv.Itoa(int(f.frame.Type)), wire.ErrUnexpected
		return out
	}
	out.Type = name
	p := jsonframe.Empty(f.frame.Type)
	if err := f.frame.Decode(p); err != nil {
		out.Problem = err
		return out
	}
	s := shower{w: w, of: p}
	s.record("", name, jsonframe.Fields(p))
	out.Fields = s.fields
	out.Raw = fmt.Sprintf(`["%s",%d,%s]`, name, f.frame.ID, s.raw.String())
	return out
}

// shower walks through the fields of a frame.
type shower struct {
	w      *Watcher
	of     wire.Payload
	fields []Field
	raw    strings.Builder
}

// record shows fields; at is the path in front of their names, and under is the
// first part of the names of their rules.
func (s *shower) record(at, under string, r jsonframe.Record) {
	s.raw.WriteByte('{')
	for i, f := range r {
		if i > 0 {
			s.raw.WriteByte(',')
		}
		s.raw.WriteString(`"` + f.Name + `":`)
		s.value(at+f.Name, under+"."+f.Name, f.Value)
	}
	s.raw.WriteByte('}')
}

// value shows what is at a place by its rule.
func (s *shower) value(at, name string, v jsonframe.Value) {
	switch v := v.(type) {
	case jsonframe.Record:
		s.record(at+".", name[strings.LastIndexByte(name, '.')+1:], v) // limits and object are the same everywhere
	case jsonframe.List:
		if rules[name].how == count {
			s.put(at, fmt.Sprintf("%d elements", v.Len()))
			return
		}
		s.list(at, name, v)
	case *bool:
		if rules[name].how == value {
			s.put(at, *v)
			return
		}
		s.put(at, "true or false")
	case *string:
		if rules[name].how == value {
			s.put(at, leaveOut(*v))
			return
		}
		s.put(at, sized(len(*v)))
	case jsonframe.Fixed:
		s.bytes(at, name, v)
	case *[]byte:
		s.bytes(at, name, *v)
	default:
		s.number(at, name, v)
	}
}

func (s *shower) list(at, name string, l jsonframe.List) {
	s.raw.WriteByte('[')
	for i := range min(l.Len(), maxShown) {
		if i > 0 {
			s.raw.WriteByte(',')
		}
		if r, ok := l.At(i).(jsonframe.Record); ok {
			s.record(fmt.Sprintf("%s.%d.", at, i), name, r)
			continue
		}
		s.value(fmt.Sprintf("%s.%d", at, i), name, l.At(i))
	}
	if more := l.Len() - maxShown; more > 0 {
		s.raw.WriteByte(',')
		s.put(at+".more", fmt.Sprintf("%d elements", more))
	}
	s.raw.WriteByte(']')
}

// put shows a text, a number or a truth value.
func (s *shower) put(at string, v any) {
	s.fields = append(s.fields, Field{at, v})
	b, _ := json.Marshal(v) // of texts and numbers
	s.raw.Write(b)
}

func (s *shower) number(at, name string, v jsonframe.Value) {
	n, err := strconv.ParseUint(string(jsonframe.AppendValue(nil, v)), 10, 64)
	switch rules[name].how {
	case value:
		s.put(at, n)
	case moment:
		s.put(at, stamp(n))
	case named:
		s.put(at, nameOf(name, n))
	case done:
		s.put(at, map[bool]string{false: "not yet", true: "done"}[n > 0])
	default: // hidden, and whatever has no rule
		s.put(at, "a number")
	}
	if err != nil {
		panic("tap: " + name + " is no number")
	}
}

func (s *shower) bytes(at, name string, b []byte) {
	switch rules[name].how {
	case value:
		s.put(at, hex.EncodeToString(b))
	case place:
		s.put(at, position(b))
	case mark:
		s.put(at, s.w.mark(b))
	case drop:
		h := sha256.Sum256(b)
		s.put(at, s.w.markUnless(zero(b), h[:]))
	case hash:
		s.put(at, "#"+hex.EncodeToString(b[:min(8, len(b))]))
	case digest:
		s.put(at, digested(b))
	case body:
		s.body(at, b)
	case leaf:
		s.put(at, s.leaf(b))
	case count:
		s.put(at, fmt.Sprintf("%d elements", len(b)))
	default: // size, and whatever has no rule
		s.put(at, sized(len(b)))
	}
}

// body shows the fields of a signed body; which one it is, the frame tells.
func (s *shower) body(at string, b []byte) {
	var under string
	var into any
	switch s.of.(type) {
	case *wire.Register, *wire.EnrolmentChange:
		under, into = "enrolment", &wire.Enrolment{}
	case *wire.DropPut, *wire.DoorPut, *wire.DropDelete:
		under, into = "drop_object", &wire.DropObject{}
	case *wire.Refused:
		under, into = "refusal", &wire.Refusal{}
	case *wire.State:
		under, into = "drop_state", &wire.DropState{}
	}
	if into == nil || wire.Unmarshal(b, into, wire.MaxFrame) != nil {
		s.put(at, sized(len(b)))
		return
	}
	s.record(strings.TrimSuffix(at, "body"), under, jsonframe.Body(into))
}

// leaf says what a leaf of a commit states.
func (s *shower) leaf(b []byte) string {
	if r, err := custody.ParseReceipt(b); err == nil {
		return fmt.Sprintf("receipt: drop %s, k %d, envelope #%x, d %s, taken %s, kept until %s",
			s.w.mark(r.DropHash[:]), r.K, r.EnvelopeHash[:8], s.w.mark(r.Head[:]), stamp(r.Time), stamp(r.Kept))
	}
	if h, err := custody.ParseHead(b); err == nil {
		return fmt.Sprintf("head: account %s, position %s, r %s", s.w.mark(h.Account[:]), position(h.Position[:]), s.w.mark(h.R[:]))
	}
	return sized(len(b))
}

// mark is the mark of a value.
func (w *Watcher) mark(b []byte) string { return w.markUnless(zero(b), b) }

func (w *Watcher) markUnless(zeros bool, b []byte) string {
	if zeros {
		return "zeros"
	}
	m := hmac.New(sha256.New, w.key[:])
	m.Write(b)
	return "~" + hex.EncodeToString(m.Sum(nil)[:3])
}

func zero(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) }

func sized(n int) string {
	switch n {
	case 0:
		return "empty"
	case 1:
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

func digested(b []byte) string {
	if len(b) == 0 {
		return "empty"
	}
	h := sha256.Sum256(b)
	return fmt.Sprintf("%s #%x", sized(len(b)), h[:8])
}

func position(b []byte) string {
	if len(b) != wire.PositionSize || zero(b) {
		return "none"
	}
	p := wire.Position(b)
	return fmt.Sprintf("%d/%d", p.Incarnation(), p.Index())
}

func stamp(ms uint64) string { return wire.Time(ms).Format("2006-01-02T15:04:05.000Z") }

// nameOf is the name of a number of one of the protocol's tables.
func nameOf(of string, n uint64) string {
	names := map[string][]string{
		"push.kind":      {"start", "envelope", "door", "object"},
		"enrolment.op":   {"", "enrol", "remove", "close"},
		"drop_object.op": {"", "", "", "", "drop_put", "drop_delete", "door_put"},
	}[of]
	switch {
	case of == "stored.codes" && n == 0:
		return "held"
	case (strings.HasSuffix(of, ".code") || of == "stored.codes") && n <= 0xffff:
		return wire.Lookup(wire.Code(n)).Name
	case n < uint64(len(names)) && names[n] != "":
		return names[n]
	}
	return strconv.FormatUint(n, 10)
}

// leaveOut is a text of the other side without what can't be printed, and without
// words that are long enough to be keys: it knows some of ours.
func leaveOut(text string) string {
	const key = 16 // characters, of which no secret has fewer in any alphabet
	failure := (&wire.Failure{Detail: text}).Err().(*wire.Error)
	var out strings.Builder
	rest := []rune(failure.Detail)
	for len(rest) > 0 {
		n := 0
		for n < len(rest) && (unicode.IsLetter(rest[n]) || unicode.IsDigit(rest[n]) || strings.ContainsRune("+/-_=", rest[n])) {
			n++
		}
		switch {
		case n >= key:
			fmt.Fprintf(&out, "(%d characters)", n)
		case n > 0:
			out.WriteString(string(rest[:n]))
		default:
			n = 1
			out.WriteRune(rest[0])
		}
		rest = rest[n:]
	}
	return out.String()
}
