package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// The types of rows about links.
const (
	TypeFrame = "frame"
	TypeLost  = "lost"
)

// Where a frame goes.
const (
	FrameOut = "out"
	FrameIn  = "in"
)

// Frame is a frame of a link between the profile and a gateway, without its
// secrets (docs/protocol/json.md says what is left out).
type Frame struct {
	// `frame`.
	Type string `json:"type"`
	// time.
	Time time.Time `json:"time"`
	// `out` or `in`.
	Direction string `json:"direction"`
	// host:port.
	Gateway string `json:"gateway"`
	// whether it is one of the profile's own.
	Home bool `json:"home"`
	// the type of the frame; empty for bytes that are none.
	Name string `json:"name"`
	// its request id.
	ID uint64 `json:"id"`
	// bytes.
	Size int `json:"size"`
	// what is shown of its fields: numbers and texts.
	Fields FrameFields `json:"fields"`
	// with `--raw`: the frame as JSON would carry it, with what is shown of its fields.
	Raw string `json:"raw,omitempty"`
	// why it can't be read, if so.
	Problem string `json:"problem,omitempty"`
}

// Lost tells that frames came faster than they were read here.
type Lost struct {
	// `lost`.
	Type string `json:"type"`
	// so many frames came faster than they were read here.
	Count int `json:"count"`
}

func (*Frame) row() {}
func (*Lost) row()  {}

// FrameFields are the fields of a frame in their order; JSON has them as one
// object.
type FrameFields []FrameField

// FrameField is what is shown of a field: a number (uint64) or a text.
type FrameField struct {
	Name  string
	Value any
}

// MarshalJSON writes the fields in their order.
func (f FrameFields) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	out.WriteByte('{')
	for i, field := range f {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := e.Encode(field.Name); err != nil {
			return nil, err
		}
		out.WriteByte(':')
		if err := e.Encode(field.Value); err != nil {
			return nil, err
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// UnmarshalJSON reads the fields in their order.
func (f *FrameFields) UnmarshalJSON(text []byte) error {
	*f = nil
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("the fields of a frame are no object")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		v, err := d.Token()
		if err != nil {
			return err
		}
		if n, ok := v.(json.Number); ok {
			if v, err = strconv.ParseUint(n.String(), 10, 64); err != nil {
				return err
			}
		}
		switch v.(type) {
		case uint64, string:
		default:
			return fmt.Errorf("a field of a frame is neither a number nor a text")
		}
		*f = append(*f, FrameField{name.(string), v})
	}
	return nil
}
