package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
)

func TestLineIsHarmlessAndTheSame(t *testing.T) {
	const text = "a\x1b[2J\u009b\u202e\u2028\n\x7f\U000e0041 <b>&🙂 北京"
	line, err := Line(&Message{Type: TypeMessage, Text: text})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range string(bytes.TrimSuffix(line, []byte("\n"))) {
		if !unicode.IsPrint(r) {
			t.Fatalf("the line holds %U: %s", r, line)
		}
	}
	if bytes.Count(line, []byte("\n")) != 1 {
		t.Fatalf("not one line: %q", line)
	}
	row, err := ParseRow(line)
	if err != nil {
		t.Fatal(err)
	}
	if got := row.(*Message).Text; got != text {
		t.Errorf("the text came back as %q", got)
	}
	if !strings.Contains(string(line), "<b>&🙂 北京") {
		t.Errorf("harmless characters were escaped: %s", line)
	}
}

// TestEveryRowComesBack encodes each kind of row with every field set.
func TestEveryRowComesBack(t *testing.T) {
	for _, name := range []string{
		TypeHello, TypeProfile, TypeCard, TypeGateway, TypeContact, TypeMessage, TypeChange, TypePage,
		TypeRead, TypeSafety, TypeStatus, TypeReady, TypeLagged,
		TypePhrase, TypeArchive, TypeDevice, TypeDamage, TypeGap, TypeErased, TypeEvidence, TypeVerdict, TypeFound,
	} {
		row := empty(name)
		fill(reflect.ValueOf(row).Elem())
		reflect.ValueOf(row).Elem().FieldByName("Type").SetString(name)
		line, err := Line(row)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseRow(line)
		if err != nil || !reflect.DeepEqual(row, back) {
			t.Errorf("%s came back as %+v (%v)", name, back, err)
		}
	}
}

// fill sets every field to something that is not its zero value.
func fill(v reflect.Value) {
	for _, f := range v.Fields() {
		fillOne(f)
	}
}

func fillOne(f reflect.Value) {
	if t, ok := f.Addr().Interface().(*time.Time); ok {
		*t = time.Date(2026, 11, 21, 1, 2, 3, 4e6, time.UTC)
		return
	}
	switch f.Kind() {
	case reflect.String:
		f.SetString("text")
	case reflect.Bool:
		f.SetBool(true)
	case reflect.Struct:
		fill(f)
	case reflect.Pointer:
		f.Set(reflect.New(f.Type().Elem()))
		fillOne(f.Elem())
	case reflect.Slice:
		f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		fillOne(f.Index(0))
	default:
		switch {
		case f.CanInt():
			f.SetInt(7)
		case f.CanFloat():
			f.SetFloat(7)
		default:
			f.SetUint(7)
		}
	}
}

func TestUnknownRowsPassThrough(t *testing.T) {
	const line = `{"type":"poll","question":"when?"}` + "\n"
	row, err := ParseRow([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	out, err := Line(row)
	if err != nil || string(out) != line {
		t.Errorf("got %s (%v)", out, err)
	}
}

func TestParseRequest(t *testing.T) {
	r, err := ParseRequest([]byte(`{"cmd":"send","contact":"3","text":"hi","timeout":"90s"}`))
	if err != nil || r.Cmd != CmdSend || r.Contact != "3" || r.Text != "hi" || time.Duration(r.Timeout) != 90*time.Second {
		t.Errorf("got %+v, %v", r, err)
	}
	for _, bad := range []string{
		``, `{`, `[]`, `"send"`, `{"cmd":1}`, `{"cmd":"send"} {}`, `{"cmd":"send","conact":"bob"}`,
		`{"cmd":"send","timeout":"soon"}`, `{"cmd":"send","timeout":"-1s"}`, `{"cmd":"history","n":1.5}`, `{"cmd":"send"}x`,
	} {
		_, err := ParseRequest([]byte(bad))
		if f := new(Failure); !errors.As(err, &f) || f.Name != NameUsage {
			t.Errorf("%s: %v", bad, err)
		}
	}
	whole := []byte(`{"cmd":"contacts","peek":true}`)
	for n := range whole {
		if _, err := ParseRequest(whole[:n]); err == nil {
			t.Errorf("%s was taken", whole[:n])
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(`{"cmd":"send","contact":"3","text":"hi","wait":"custody","timeout":"1m30s"}`))
	f.Add([]byte(`{"cmd":"history","n":3,"before":0,"peek":true}`))
	f.Add([]byte(`{"cmd":"passphrase","new_passphrase":""}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := ParseRequest(line)
		if err != nil {
			return
		}
		again, err := Line(r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseRequest(again)
		if err != nil || !reflect.DeepEqual(r, back) {
			t.Errorf("%+v came back as %+v (%v)", r, back, err)
		}
	})
}

func FuzzParseRow(f *testing.F) {
	f.Add([]byte(`{"type":"contact","id":1,"name":"Bob","added":"2026-11-21T01:02:03.004Z"}`))
	f.Add([]byte(`{"type":"poll","n":[1,2]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		row, err := ParseRow(line)
		if err != nil {
			return
		}
		out, err := Line(row)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseRow(out); err != nil {
			t.Errorf("%s became %s: %v (%T)", line, out, err, again)
		}
	})
}

func TestRequestKeepsPassphrases(t *testing.T) {
	empty := ""
	line, err := Line(Request{Cmd: CmdPassphrase, NewPassphrase: &empty})
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		t.Fatal(err)
	}
	if _, ok := fields["old_passphrase"]; ok {
		t.Error("no passphrase became one")
	}
	if _, ok := fields["new_passphrase"]; !ok {
		t.Error("an empty passphrase, which is refused later, became none")
	}
}
