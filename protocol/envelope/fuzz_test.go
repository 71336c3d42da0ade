package envelope

import (
	"bytes"
	"testing"
)

func FuzzParseEnvelope(f *testing.F) {
	for _, devices := range []int{1, 3, 8} {
		env, err := Pack([]Record{record(20, 30), record(1, 0)}, slots(1), devices)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(env)
	}
	f.Fuzz(func(t *testing.T, env []byte) {
		before := bytes.Clone(env)
		e, err := Parse(env)
		if err != nil {
			return
		}
		for n, tag := range e.Tags() {
			if at := slotsAt + n*SlotSize; !bytes.Equal(tag[:], env[at:at+TagSize]) {
				t.Fatal("a tag is not where the layout has it")
			}
			_, _ = e.OpenHeader(n, slot(0).I, slot(0).HeaderKey)
			if records, err := e.OpenBody(n, slot(0).MessageKey); err == nil {
				if _, err := sizeOf(records); err != nil {
					t.Fatal("opened records that nobody may pack")
				}
			}
		}
		if !bytes.Equal(before, env) {
			t.Fatal("opening changed the envelope")
		}
	})
}

func FuzzParseInit(f *testing.F) {
	env, err := PackInit(&Init{Hint: [8]byte{7}}, []Record{record(20, 30)}, slot(0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(env)
	f.Fuzz(func(t *testing.T, env []byte) {
		in, e, err := ParseInit(env)
		if err != nil {
			return
		}
		head := append(append(append([]byte{kindInit}, in.Hint[:]...), in.Enc[:]...), in.Sealed[:]...)
		if !bytes.Equal(head, env[:len(head)]) || !IsInit(env) {
			t.Fatal("the parts are not the envelope's")
		}
		_, _ = e.OpenHeader(0, slot(0).I, slot(0).HeaderKey)
		_, _ = e.OpenBody(0, slot(0).MessageKey)
	})
}

func FuzzRecords(f *testing.F) {
	f.Add(appendRecords(nil, []Record{record(3, 4), record(5, 6)}))
	f.Add(append(appendRecords(nil, []Record{record(1024, 0)}), 0, 0, 0))
	f.Fuzz(func(t *testing.T, body []byte) {
		records, err := parseRecords(body)
		if err != nil {
			return
		}
		if _, err := sizeOf(records); err != nil {
			t.Fatal("records that nobody may pack")
		}
		again := appendRecords(nil, records)
		again = append(again, make([]byte, max(0, len(body)-len(again)))...)
		if !bytes.Equal(again, body) {
			t.Fatal("another body gives the same records")
		}
	})
}
