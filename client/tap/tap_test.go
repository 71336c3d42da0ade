package tap

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zeroms/client/home"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
	"zeroms/protocol/wire/jsonframe"
)

var update = flag.Bool("update", false, "write the table in docs/protocol/json.md anew from the code")

const document = "../../docs/protocol/json.md"

// field is one field of a frame or body under the name of its rule.
type field struct {
	name  string
	value jsonframe.Value
}

// fieldsOf are all fields of a record; lists get an element to look at.
func fieldsOf(under string, r jsonframe.Record) (out []field) {
	for _, f := range r {
		name := under + "." + f.Name
		switch v := f.Value.(type) {
		case jsonframe.Record:
			out = append(out, fieldsOf(f.Name, v)...)
		case jsonframe.List:
			if item, ok := v.At(0).(jsonframe.Record); ok {
				out = append(out, fieldsOf(name, item)...)
				continue
			}
			if code, ok := v.At(0).(*uint16); ok {
				out = append(out, field{name, code})
				continue
			}
			out = append(out, field{name, v})
		default:
			out = append(out, field{name, v})
		}
	}
	return out
}

// full fills everything that a value holds with random bytes.
func full(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		full(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "_" {
				full(v.Field(i))
			}
		}
	case reflect.Array:
		rand.Read(v.Slice(0, v.Len()).Bytes())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(make([]byte, 64))
			rand.Read(v.Bytes())
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range v.Len() {
			if item := v.Index(i); item.Kind() == reflect.Array {
				for j := range item.Len() {
					item.Index(j).SetUint(7)
				}
			} else {
				full(item)
			}
		}
	case reflect.String:
		v.SetString("a detail")
	case reflect.Bool:
		v.SetBool(true)
	default:
		v.SetUint(3)
	}
}

// bodyOf is the kind of signed body that a frame's object has, with its name; nil for other frames.
func bodyOf(p wire.Payload) (string, any) {
	switch p.(type) {
	case *wire.Register, *wire.EnrolmentChange:
		return "enrolment", &wire.Enrolment{}
	case *wire.DropPut, *wire.DoorPut, *wire.DropDelete:
		return "drop_object", &wire.DropObject{}
	case *wire.Refused:
		return "refusal", &wire.Refusal{}
	case *wire.State:
		return "drop_state", &wire.DropState{}
	}
	return "", nil
}

// filled is a frame of a type, and its body if it has one, full of random bytes.
func filled(of wire.Type) (wire.Payload, any) {
	p := jsonframe.Empty(of)
	full(reflect.ValueOf(p))
	_, body := bodyOf(p)
	if body != nil {
		full(reflect.ValueOf(body))
		object := reflect.ValueOf(p).Elem().FieldByName("Object").Addr().Interface().(*wire.Object)
		object.Body = wire.Marshal(body)
	}
	return p, body
}

// TestEveryFieldHasARule: each field of each frame and signed body was decided on, and nothing else was.
func TestEveryFieldHasARule(t *testing.T) {
	var all []field
	for _, of := range jsonframe.Types() {
		p, body := filled(of)
		name, _ := jsonframe.Name(of)
		all = append(all, fieldsOf(name, jsonframe.Fields(p))...)
		if body != nil {
			under, _ := bodyOf(p)
			all = append(all, fieldsOf(under, jsonframe.Body(body))...)
		}
	}
	fit := map[how][]string{
		value: {"uint8", "uint16", "uint32", "uint64", "bool", "string", "Fixed", "[]byte"}, moment: {"uint64"}, named: {"uint8", "uint16"}, count: {"List", "[]byte"},
		hidden: {"uint32"}, done: {"uint64"},
		place: {"Fixed"}, mark: {"Fixed"}, drop: {"Fixed"}, hash: {"Fixed"}, digest: {"[]byte"}, size: {"Fixed", "[]byte"}, body: {"[]byte"}, leaf: {"[]byte"},
	}
	used := map[string]bool{}
	for _, f := range all {
		used[f.name] = true
		r, ok := rules[f.name]
		kind := reflect.TypeOf(f.value)
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		of := kind.Name()
		if kind == reflect.TypeFor[[]byte]() {
			of = "[]byte"
		}
		if !ok || r.why == "" || !slices.Contains(fit[r.how], of) {
			t.Errorf("%s (%s) has the rule %+v: decide in rules.go what may be seen of it", f.name, of, r)
		}
	}
	for name := range rules {
		if !used[name] {
			t.Errorf("the rule %s is about no field", name)
		}
	}
}

// encodings are the ways in which bytes could stand in a text, without their last characters, which depend on what follows.
func encodings(b []byte) (out []string) {
	out = append(out, hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), fmt.Sprint(b), strings.Trim(fmt.Sprint(b), "[]"), fmt.Sprintf("% x", b))
	for shift := range 3 { // a part of a longer text begins anywhere
		if part := b[min(shift, len(b)):]; len(part) >= 6 {
			part = part[:len(part)/3*3]
			out = append(out, base64.StdEncoding.EncodeToString(part), base64.URLEncoding.EncodeToString(part))
		}
	}
	for shift := range 5 {
		if part := b[min(shift, len(b)):]; len(part) >= 5 {
			text := base32.StdEncoding.EncodeToString(part[:len(part)/5*5])
			out = append(out, text, strings.ToLower(text))
		}
	}
	return out
}

// holds reports whether a text shows any 8 bytes in a row of b.
func holds(text string, b []byte) bool {
	for i := 0; i+8 <= len(b); i++ {
		for _, e := range encodings(b[i : i+8]) {
			if strings.Contains(text, e) {
				return true
			}
		}
	}
	return false
}

// seen is a frame as a Watcher gets it.
func seen(t *testing.T, message []byte) (*Frame, string) {
	t.Helper()
	h := New()
	w := h.Watch()
	defer w.Close()
	h.Sight(home.Sighting{Endpoint: link.Endpoint{Host: "gw.example", Port: 443}, Out: true, Message: message})
	f, lost, err := w.Next(t.Context())
	if err != nil || lost != 0 {
		t.Fatal(lost, err)
	}
	text, err := json.Marshal(f.Fields)
	if err != nil {
		t.Fatal(err)
	}
	return f, string(text) + f.Raw
}

// TestNothingSecretIsShown: of each field that is not to be seen, nothing is, whatever way of writing bytes one looks for.
func TestNothingSecretIsShown(t *testing.T) {
	for _, of := range jsonframe.Types() {
		p, inside := filled(of)
		name, _ := jsonframe.Name(of)
		message := wire.AppendFrame(nil, 77, p)
		f, text := seen(t, message)
		if f.Type != name || f.ID != 77 || f.Size != len(message) || f.Problem != nil || !json.Valid([]byte(f.Raw)) || !strings.HasPrefix(f.Raw, `["`+name+`",77,{`) {
			t.Errorf("%s: %+v", name, f)
		}
		all := fieldsOf(name, jsonframe.Fields(p))
		if inside != nil {
			under, _ := bodyOf(p)
			all = append(all, fieldsOf(under, jsonframe.Body(inside))...)
		}
		for _, field := range all {
			var b []byte
			switch v := field.value.(type) {
			case jsonframe.Fixed:
				b = v
			case *[]byte:
				b = *v
			}
			switch rules[field.name].how {
			case value:
				if len(b) > 0 && !strings.Contains(text, hex.EncodeToString(b)) {
					t.Errorf("%s is not shown", field.name)
				}
			case hash:
				if !strings.Contains(text, hex.EncodeToString(b[:8])) || holds(text, b[8:]) {
					t.Errorf("%s is not shown with its first 8 bytes", field.name)
				}
			case body: // its fields are looked at by themselves
			default:
				if holds(text, b) {
					t.Errorf("%s is shown: %s", field.name, text)
				}
			}
		}
		for _, shown := range f.Fields {
			switch shown.Value.(type) {
			case uint64, bool, string:
			default:
				t.Errorf("%s is a %T", shown.Name, shown.Value)
			}
		}
	}
}

// TestFindsWhatItLooksFor: the search of the test above sees bytes in every way of writing them.
func TestFindsWhatItLooksFor(t *testing.T) {
	secret := make([]byte, 32)
	rand.Read(secret)
	for _, text := range []string{
		hex.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret), base64.StdEncoding.EncodeToString(append([]byte{1}, secret...)),
		base32.StdEncoding.EncodeToString(append([]byte{1, 2, 3}, secret...)), fmt.Sprint(secret), fmt.Sprintf("% x", secret[5:20]), hex.EncodeToString(secret[20:28]),
	} {
		if !holds("x"+text+"y", secret) {
			t.Errorf("%s is not found", text)
		}
	}
	if other := make([]byte, 32); holds(hex.EncodeToString(secret), append(other, 9)) {
		t.Error("something else is found")
	}
}

func fieldNamed(t *testing.T, f *Frame, name string) any {
	t.Helper()
	for _, shown := range f.Fields {
		if shown.Name == name {
			return shown.Value
		}
	}
	t.Fatalf("%s has no field %s: %v", f.Type, name, f.Fields)
	return nil
}

// TestWhatIsShown looks at frames as a person would.
func TestWhatIsShown(t *testing.T) {
	node := key.PrivateFromSeed[key.Node]([32]byte{1})
	login := key.PrivateFromSeed[key.Login]([32]byte{2})
	drop := key.DropID{3}
	dropHash, envelope := sha256.Sum256(drop[:]), make([]byte, 1024)
	envelopeHash := sha256.Sum256(envelope)
	const now = 1_790_000_000_000
	receipt := &custody.Receipt{Node: node.Public(), DropHash: dropHash, Start: [32]byte{4}, K: 7, EnvelopeHash: envelopeHash, Head: [32]byte{5}, Time: now, Kept: now + 1}
	head := &custody.Head{Account: key.AccountTag{6}, Position: wire.At(1_790_000_000, 9), R: [32]byte{7}}
	object := wire.Sign(login, key.ContextMailbox, &wire.DropObject{Op: wire.OpDropPut, Drop: drop, Time: now})
	h := New()
	w := h.Watch()
	defer w.Close()
	say := func(p wire.Payload) *Frame {
		h.Sight(home.Sighting{Message: wire.AppendFrame(nil, 1, p)})
		f, _, err := w.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	submit := say(&wire.Submit{Drop: drop, Envelope: envelope})
	mark := fieldNamed(t, submit, "drop").(string)
	if len(mark) != 7 || mark[0] != '~' {
		t.Fatalf("the mark %q", mark)
	}
	digest := fmt.Sprintf("#%x", envelopeHash[:8])
	commit := say(&wire.Commit{Time: now, Items: []wire.CommitItem{{ID: 1, Leaf: receipt.Append(nil)}, {Leaf: head.Append(nil)}, {Leaf: []byte("??")}}})
	push := say(&wire.Push{Kind: wire.RowEnvelope, Drop: drop, Hash: envelopeHash, Payload: envelope, Position: wire.At(1_790_000_000, 258), Time: now})
	put := say(&wire.DropPut{Object: object, Capability: [32]byte{9}})
	for _, c := range []struct {
		frame *Frame
		name  string
		want  any
	}{
		{submit, "mac", "16 bytes"}, {submit, "envelope", "1024 bytes " + digest}, {submit, "work", "empty"},
		{commit, "items.0.id", uint64(1)}, {commit, "path", "0 elements"}, {commit, "items.2.leaf", "2 bytes"}, {commit, "time", "2026-09-21T14:13:20.000Z"},
		{push, "drop", mark}, {push, "hash", digest}, {push, "kind", "envelope"}, {push, "position", "1790000000/258"}, {push, "d", "zeros"},
		{put, "object.op", "drop_put"}, {put, "object.drop", mark}, {put, "object.capability_hash", "32 bytes"}, {put, "object.sig", "64 bytes"}, {put, "capability", "32 bytes"},
		{say(&wire.Failure{Code: wire.CodeBusy, Detail: "wait"}), "code", "busy"},
		{say(&wire.Failure{Code: 999, Detail: "wait"}), "code", "error-999"},
		{say(&wire.Push{Kind: 77}), "kind", "77"},
		{say(&wire.Welcome{}), "cursor", "none"},
		{say(&wire.ServerHello{Limits: wire.Limits{Frame: 5}}), "limits.frame", uint64(5)},
		{say(&wire.DropPut{Object: wire.Object{Body: []byte("no body")}}), "object.body", "7 bytes"},
	} {
		if got := fieldNamed(t, c.frame, c.name); got != c.want {
			t.Errorf("%s %s is shown as %v, want %v", c.frame.Type, c.name, got, c.want)
		}
	}
	if text := fieldNamed(t, commit, "items.0.leaf").(string); !strings.HasPrefix(text, "receipt: drop "+mark+", k 7, envelope "+digest+", ") {
		t.Errorf("the receipt is shown as %s", text)
	}
	if text := fieldNamed(t, commit, "items.1.leaf").(string); !strings.HasPrefix(text, "head: account ~") || !strings.Contains(text, "position 1790000000/9") {
		t.Errorf("the head is shown as %s", text)
	}
	if want := `["submit",1,{"drop":"` + mark + `","mac":"zeros`; strings.HasPrefix(submit.Raw, want) {
		t.Errorf("raw: %s", submit.Raw)
	}
	other := h.Watch()
	defer other.Close()
	h.Sight(home.Sighting{Message: wire.AppendFrame(nil, 1, &wire.Submit{Drop: drop})})
	f, _, err := other.Next(t.Context())
	if err != nil || fieldNamed(t, f, "drop") == mark {
		t.Errorf("another Watcher has the same mark %s, %v", mark, err)
	}
	if f, _, err := w.Next(t.Context()); err != nil || fieldNamed(t, f, "drop") != mark {
		t.Errorf("the same drop has another mark: %v", err)
	}
	large := &wire.Commit{Items: make([]wire.CommitItem, 100)}
	if f := say(large); fieldNamed(t, f, "items.more") != "84 elements" || !json.Valid([]byte(f.Raw)) {
		t.Errorf("100 items: %s", f.Raw)
	}
}

// TestWhatIsShownOfTheNetwork looks at what is asked of and said about the network of gateways.
func TestWhatIsShownOfTheNetwork(t *testing.T) {
	h := New()
	w := h.Watch()
	defer w.Close()
	say := func(p wire.Payload) *Frame {
		h.Sight(home.Sighting{Message: wire.AppendFrame(nil, 1, p)})
		f, _, err := w.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	envelope := make([]byte, 1024)
	name := [32]byte{8}
	get := say(&wire.RecordGet{Name: name, Day: 20_717, Fresh: true})
	nameMark := fieldNamed(t, get, "name").(string)
	put := say(&wire.DepositPut{Items: []wire.Deposit{{Name: name, Day: 20_717, First: 29_832_981, Last: 29_834_111, Record: make([]byte, 1024)}}})
	held := say(&wire.Deposits{Items: []wire.Deposited{{Name: name, Day: 20_717, Seq: 3, Holders: 12, Stored: 1_790_000_000_000}}})
	for _, c := range []struct {
		frame *Frame
		name  string
		want  any
	}{
		{get, "day", uint64(20_717)}, {get, "fresh", true}, {say(&wire.Record{Record: make([]byte, 1024)}), "record", "1024 bytes"},
		{put, "items.0.name", nameMark}, {put, "items.0.first", "a number"}, {put, "items.0.last", "a number"}, {put, "items.0.record", "1024 bytes"},
		{held, "items.0.name", nameMark}, {held, "items.0.seq", "a number"}, {held, "items.0.holders", uint64(12)},
		{held, "items.0.stored", "done"}, {held, "items.0.verified", "not yet"},
		{say(&wire.Stored{Codes: []uint16{0, 53}}), "codes.0", "held"}, {say(&wire.Stored{Codes: []uint16{0, 53}}), "codes.1", "stamp"},
		{say(&wire.Published{Holders: []uint8{1, 2}}), "holders", "2 elements"}, {say(&wire.Gateways{Objects: [][]byte{{1}}}), "objects", "1 elements"},
		{say(&wire.Forward{Host: "gw.example", Port: 443}), "host", "gw.example"}, {say(&wire.Forward{Relay: wire.Relay{N: 5, Sealed: envelope}}), "n", uint64(5)},
		{say(&wire.Forward{Relay: wire.Relay{Sealed: envelope}}), "sealed", "1024 bytes"},
	} {
		if got := fieldNamed(t, c.frame, c.name); got != c.want {
			t.Errorf("%s %s is shown as %v, want %v", c.frame.Type, c.name, got, c.want)
		}
	}
}

// TestNoWayToARecord: who has records, their names, places, moments and stamps finds none of them in what is shown, not even by hashing.
func TestNoWayToARecord(t *testing.T) {
	record, name, place, sealedBytes := make([]byte, wire.RecordSize), [32]byte{}, [32]byte{}, make([]byte, 2304)
	for _, b := range [][]byte{record, name[:], place[:], sealedBytes} {
		rand.Read(b)
	}
	stamp := make([]byte, wire.WorkSize)
	rand.Read(stamp)
	items := []wire.StoreItem{{Record: record, Stamp: stamp}}
	relay := wire.Relay{Channel: [16]byte(place[:16]), Encapsulation: make([]byte, wire.EncapsulationSize), Sealed: sealedBytes}
	rand.Read(relay.Encapsulation)
	const first, last, stored, seq = 29_832_981, 29_834_111, 1_789_978_860_123, 4_021_987_654
	private := [][]byte{record, name[:], place[:], place[:16], sealedBytes, stamp, relay.Encapsulation}
	for _, b := range private[:len(private):len(private)] {
		private = append(private, sum(b), sum(b[:len(b)-1]))
	}
	for _, p := range []wire.Payload{
		&wire.FindNode{Target: place}, &wire.FindValue{Key: place}, &wire.Value{Record: record}, &wire.Store{Items: items}, &wire.Publish{Items: items},
		&wire.RecordGet{Name: name, Day: 20_717}, &wire.Record{Record: record}, &relay, &wire.Forward{Relay: relay}, &wire.Forwarded{Channel: relay.Channel, Sealed: sealedBytes},
		&wire.DepositPut{Items: []wire.Deposit{{Name: name, Day: 20_717, First: first, Last: last, Record: record}}},
		&wire.Deposits{Items: []wire.Deposited{{Name: name, Day: 20_717, Seq: seq, Stored: stored, Verified: stored}}},
	} {
		_, text := seen(t, wire.AppendFrame(nil, 5, p))
		for _, b := range private {
			if holds(text, b) {
				t.Errorf("%T: %s", p, text)
			}
		}
		for _, number := range []uint64{first, last, stored, seq} {
			if strings.Contains(text, fmt.Sprint(number)) || strings.Contains(text, wire.Time(number).Format("15:04:05")) {
				t.Errorf("%T shows %d: %s", p, number, text)
			}
		}
	}
}

func sum(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}

// TestDetailsGiveNothingAway: a gateway could put what it knows of us into the text of an error.
func TestDetailsGiveNothingAway(t *testing.T) {
	for text, want := range map[string]string{
		"busy for 3 s":                                 "busy for 3 s",
		"invite 0123456789abcdef is used up":           "invite (16 characters) is used up",
		"not-canonical: frame 1":                       "not-canonical: frame 1",
		"key AAECAwQFBgcICQoLDA0ODw==.":                "key (24 characters).",
		"\x1b[31mred\n" + strings.Repeat("x", 1000):    "[(199 characters)",
		"短い 说明 " + strings.Repeat("字", 16) + " " + "ö": "短い 说明 (16 characters) ö",
	} {
		f, _ := seen(t, wire.AppendFrame(nil, 0, &wire.Failure{Code: 1, Detail: text}))
		got := fieldNamed(t, f, "detail").(string)
		if text[0] == 0x1b {
			if strings.ContainsAny(got, "\x1b\n") || len(got) > 60 {
				t.Errorf("%q is shown as %q", text, got)
			}
			continue
		}
		if got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

func TestWhatIsNoFrameIsSaid(t *testing.T) {
	ok := wire.AppendFrame(nil, 1, &wire.OK{})
	for _, c := range []struct {
		message []byte
		of      string
		want    error
	}{
		{[]byte{0xff, 0xff, 0xff}, "", wire.ErrMalformed},
		{ok[:3], "", wire.ErrTruncated},
		{[]byte{0x83, 0x18, 0xfa, 0x01, 0xa0}, "type_250", wire.ErrUnexpected},
		{[]byte{0x83, 0x14, 0x01, 0xa0}, "submit", wire.ErrNotCanonical},
	} {
		f, _ := seen(t, c.message)
		if f.Type != c.of || !errors.Is(f.Problem, c.want) || len(f.Fields) != 0 || f.Raw != "" || f.Size != len(c.message) {
			t.Errorf("%x is shown as %+v", c.message, f)
		}
	}
}

// TestASlowWatcherLosesAndIsTold: it never holds anybody up, gets everything up to its bound, then how many are missing,
// then what comes later.
func TestASlowWatcherLosesAndIsTold(t *testing.T) {
	h := New()
	w := h.Watch()
	defer w.Close()
	message := bytes.Repeat(wire.AppendFrame(nil, 1, &wire.OK{}), 100)
	for range 50 {
		h.Sight(home.Sighting{Message: message}) // this would hang if it waited
	}
	next := func() (*Frame, int) {
		t.Helper()
		f, lost, err := w.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return f, lost
	}
	for i := range maxFrames {
		if f, lost := next(); lost != 0 || f.Type != "ok" {
			t.Fatalf("after %d frames: %+v, %d lost", i, f, lost)
		}
	}
	if f, lost := next(); f != nil || lost != 5000-maxFrames {
		t.Fatalf("%+v, %d lost", f, lost)
	}
	// The bound in bytes, and what comes after a loss in its place.
	large := wire.AppendFrame(nil, 1, &wire.Submit{Envelope: make([]byte, 64<<10)})
	fit := maxBytes / len(large)
	for range fit + 3 {
		h.Sight(home.Sighting{Message: large})
	}
	for range 2 {
		next()
	}
	h.Sight(home.Sighting{Message: message[:len(message)/100]})
	for range fit - 2 {
		if f, lost := next(); lost != 0 || f.Type != "submit" {
			t.Fatalf("%+v, %d lost", f, lost)
		}
	}
	if f, lost := next(); f != nil || lost != 3 {
		t.Fatalf("%+v, %d lost", f, lost)
	}
	if f, lost := next(); lost != 0 || f.Type != "ok" {
		t.Fatalf("%+v, %d lost", f, lost)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := w.Next(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("then %v", err)
	}
}

// TestTheEnd: what was said before is shown, then that it was all, also to whoever waits already.
func TestTheEnd(t *testing.T) {
	h := New()
	w, waits := h.Watch(), h.Watch()
	defer w.Close()
	defer waits.Close()
	got := make(chan error, 1)
	go func() {
		_, _, err := waits.Next(t.Context())
		for err == nil {
			_, _, err = waits.Next(t.Context())
		}
		got <- err
	}()
	h.Sight(home.Sighting{Message: wire.AppendFrame(nil, 1, &wire.OK{})})
	h.End()
	if f, _, err := w.Next(t.Context()); err != nil || f.Type != "ok" {
		t.Errorf("%+v, %v", f, err)
	}
	if f, _, err := w.Next(t.Context()); !errors.Is(err, ErrEnded) {
		t.Errorf("%+v, %v", f, err)
	}
	if err := <-got; !errors.Is(err, ErrEnded) {
		t.Error(err)
	}
}

// TestNobodyWatches: then a message costs nothing, before the first Watcher and after the last.
func TestNobodyWatches(t *testing.T) {
	h := New()
	message := wire.AppendFrame(nil, 1, &wire.OK{})
	free := func(when string) {
		t.Helper()
		if n := testing.AllocsPerRun(100, func() { h.Sight(home.Sighting{Message: message}) }); n != 0 {
			t.Errorf("%s: %v allocations", when, n)
		}
	}
	free("before")
	a, b := h.Watch(), h.Watch()
	h.Sight(home.Sighting{Message: message})
	for _, w := range []*Watcher{a, b} {
		if f, _, err := w.Next(t.Context()); err != nil || f.Type != "ok" {
			t.Error(f, err)
		}
	}
	a.Close()
	h.Sight(home.Sighting{Message: message})
	if _, ok := a.take(); ok {
		t.Error("a closed Watcher gets frames")
	}
	if _, ok := b.take(); !ok {
		t.Error("the other one gets none")
	}
	b.Close()
	b.Close()
	free("after")
}

// TestManyLinksManyWatchers: for the race detector, with Watchers that come and go.
func TestManyLinksManyWatchers(t *testing.T) {
	h := New()
	message := bytes.Repeat(wire.AppendFrame(nil, 1, &wire.OK{}), 10)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				h.Sight(home.Sighting{Message: message})
			}
		})
		all.Go(func() {
			for range 20 {
				w := h.Watch()
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				for {
					if _, _, err := w.Next(ctx); err != nil {
						break
					}
				}
				cancel()
				w.Close()
			}
		})
	}
	all.Wait()
}

// TestTheDocumentHasTheTable: what is shown of each field stands in docs/protocol/json.md.
func TestTheDocumentHasTheTable(t *testing.T) {
	words := map[how]string{
		value: "the value", moment: "the time", named: "its name", place: "incarnation and index", mark: "a mark", drop: "a mark", hash: "8 bytes of it",
		hidden: "nothing", done: "whether it happened",
		digest: "its size and 8 bytes of its SHA-256", size: "its size", count: "how many", body: "its fields", leaf: "what it states",
	}
	var table strings.Builder
	table.WriteString("| field | what is shown | why |\n|---|---|---|\n")
	last := ""
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range rules {
			if !yield(name) {
				return
			}
		}
	}) {
		r := rules[name]
		fmt.Fprintf(&table, "| %s | %s | %s |\n", name, words[r.how], r.why)
		last = name
	}
	b, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	const head = "| field | what is shown | why |\n"
	before, rest, ok := strings.Cut(string(b), head)
	end := strings.Index(rest, "\n\n")
	if !ok || end < 0 {
		t.Fatalf("%s has no table", document)
	}
	if *update {
		if err := os.WriteFile(document, []byte(before+table.String()+rest[end+1:]), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !strings.Contains(string(b), table.String()+"\n") {
		t.Errorf("the table of %s, up to %s, is not the code's: run the test with -update", document, last)
	}
}

func FuzzSight(f *testing.F) {
	for _, of := range jsonframe.Types() {
		p, _ := filled(of)
		f.Add(wire.AppendFrame(nil, 1, p))
	}
	f.Add([]byte{0x83})
	f.Fuzz(func(t *testing.T, message []byte) {
		h := New()
		w := h.Watch()
		defer w.Close()
		h.Sight(home.Sighting{Message: message})
		for {
			one, ok := w.take()
			if !ok {
				return
			}
			if shown := w.show(&one); shown.Problem == nil && !json.Valid([]byte(shown.Raw)) {
				t.Errorf("%x is shown as %s", message, shown.Raw)
			}
		}
	})
}
