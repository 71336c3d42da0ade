package key

import (
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// secrets is one value of every type that hides its bytes, made of the bytes
// that secretBytes lists, and the type's zero.
func secrets() map[string]struct{ value, zero any } {
	b := count(0xd1, 32)
	seed := [32]byte(b)
	return map[string]struct{ value, zero any }{
		"Seed":          {must(SeedFrom(b)), Seed{}},
		"DeviceSecret":  {must(DeviceSecretFrom(b)), DeviceSecret{}},
		"DropSecret":    {must(DropSecretFrom(b)), DropSecret{}},
		"Capability":    {must(CapabilityFrom(b)), Capability{}},
		"AddressSecret": {must(AddressSecretFrom(b[:16])), AddressSecret{}},
		"DoorSecret":    {must(DoorSecretFrom(b[:16])), DoorSecret{}},
		"Invite":        {must(InviteFrom(b[:16])), Invite{}},
		"DHPrivate":     {must(DHPrivateFrom(b)), DHPrivate{}},
		"PrekeyPrivate": {must(PrekeyPrivateFrom(b)), PrekeyPrivate{}},
		"RelayPrivate":  {must(RelayPrivateFrom(b)), RelayPrivate{}},
		"Private":       {PrivateFromSeed[Login](seed), Private[Login]{}},
		"BlindPrivate":  {blindedSecret(), ProfilePrivate{}},
	}
}

func blindedSecret() ProfilePrivate {
	return Blind[Profile](PrivateFromSeed[Identity]([32]byte(count(0xd1, 32))), [32]byte{1}, ContextBlindProfile)
}

// secretBytes are the byte strings that no output may hold a part of.
func secretBytes() [][]byte {
	p := blindedSecret()
	return [][]byte{count(0xd1, 32), p.scalar.show().Bytes(), p.prefix.show()[:]}
}

// traces are four bytes in a row of a secret in any usual form: as they are, and in lower-case text.
var traces = sync.OnceValues(func() (raw, text []string) {
	for _, secret := range secretBytes() {
		for i := 0; i+4 <= len(secret); i++ {
			b := secret[i : i+4]
			numbers := make([]string, 4)
			for j, c := range b {
				numbers[j] = strconv.Itoa(int(c))
			}
			raw = append(raw, string(b))
			text = append(text, hex.EncodeToString(b), fmt.Sprintf("% x", b), fmt.Sprintf("%# x", b),
				fmt.Sprintf("%#x, %#x, %#x, %#x", b[0], b[1], b[2], b[3]),
				strings.Join(numbers, " "), strings.Join(numbers, ", "), strings.Join(numbers, ","))
		}
	}
	return raw, text
})

// leaks reports whether an output shows four bytes in a row of a secret.
func leaks(output string) bool {
	raw, text := traces()
	lower := strings.ToLower(output)
	return slices.ContainsFunc(raw, func(s string) bool { return strings.Contains(output, s) }) ||
		slices.ContainsFunc(text, func(s string) bool { return strings.Contains(lower, s) })
}

// outer holds a secret where fmt may ask it how to print, and where it may not.
type outer struct {
	Open   any
	hidden any
}

func TestLeaksFindsLeaks(t *testing.T) {
	b := count(0xd1, 32)
	for _, format := range []string{"%v", "%x", "% x", "%d", "%#v", "%s"} {
		if !leaks(fmt.Sprintf(format, b)) {
			t.Errorf("leaks does not see the bytes printed with %s", format)
		}
	}
	if leaks("[secret] 0xc000012345 {}") {
		t.Error("leaks sees bytes where there are none")
	}
}

// TestSecretsAreNotPrinted tries every verb on the secret, a pointer to it, and
// structs that hold it in exported, unexported and typed unexported fields.
func TestSecretsAreNotPrinted(t *testing.T) {
	for name, s := range secrets() {
		pointer := reflect.New(reflect.TypeOf(s.value))
		pointer.Elem().Set(reflect.ValueOf(s.value))
		typed := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "F", Type: reflect.TypeOf(s.value)}})).Elem()
		typed.Field(0).Set(reflect.ValueOf(s.value))
		holders := map[string]any{
			"itself": s.value, "pointer": pointer.Interface(), "slice": []any{s.value}, "map": map[string]any{"k": s.value},
			"fields": outer{s.value, s.value}, "pointer to fields": &outer{s.value, pointer.Interface()}, "typed field": typed.Interface(),
		}
		seen := map[string]bool{} // most flags change nothing
		for how, v := range holders {
			for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
				for _, flags := range []string{"", "+", "#", " ", "-20", "020", "+#"} {
					format := "%" + flags + string(verb)
					text := fmt.Sprintf(format, v)
					if !seen[text] && leaks(text) {
						t.Fatalf("%s: %s of %s shows %s", name, format, how, text)
					}
					seen[text] = true
				}
			}
			if text := fmt.Sprint(v) + fmt.Sprintln(v); leaks(text) {
				t.Fatalf("%s: Sprint of %s shows %s", name, how, text)
			}
		}
		if text := fmt.Sprintf("%v %s %x %d %#v %+v", s.value, s.value, s.value, s.value, s.value, s.value); text != strings.TrimSpace(strings.Repeat("[secret] ", 6)) {
			t.Errorf("%s is printed as %q", name, text)
		}
		for _, method := range []string{"String", "GoString"} {
			if got := reflect.ValueOf(s.value).MethodByName(method).Call(nil)[0].String(); got != "[secret]" {
				t.Errorf("%s.%s is %q", name, method, got)
			}
		}
	}
}

// typedFields holds secrets in unexported fields of their own types, as the state of a session does.
type typedFields struct {
	seed    Seed
	secret  AddressSecret
	key     IdentityPrivate
	profile ProfilePrivate
	ratchet DHPrivate
}

func TestSecretsAreNotPrintedFromUnexportedFields(t *testing.T) {
	v := typedFields{
		must(SeedFrom(count(0xd1, 32))), must(AddressSecretFrom(count(0xd1, 16))),
		PrivateFromSeed[Identity]([32]byte(count(0xd1, 32))), blindedSecret(), must(DHPrivateFrom(count(0xd1, 32))),
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "% x"} {
		for _, holder := range []any{v, &v, []typedFields{v}, map[int]*typedFields{1: &v}} {
			if text := fmt.Sprintf(format, holder); leaks(text) {
				t.Errorf("%s shows %s", format, text)
			}
		}
	}
}

func TestSecretsAreNotLogged(t *testing.T) {
	for name, s := range secrets() {
		var out bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			log := slog.New(handler)
			log.Info("m", "value", s.value, "inside", outer{s.value, s.value}, "group", slog.GroupValue(slog.Any("x", s.value)))
			log.With("value", s.value).Error(fmt.Sprint(s.value))
		}
		if leaks(out.String()) {
			t.Errorf("%s is logged: %s", name, out.String())
		}
		if n := strings.Count(out.String(), "[secret]"); n < 8 {
			t.Errorf("%s: only %d values stand as [secret] in %s", name, n, out.String())
		}
	}
}

func TestSecretsAreNotMarshalled(t *testing.T) {
	encoders := map[string]func(any) ([]byte, error){
		"json": json.Marshal, "cbor": cbor.Marshal, "xml": xml.Marshal,
		"gob": func(v any) ([]byte, error) {
			var out bytes.Buffer
			err := gob.NewEncoder(&out).Encode(v)
			return out.Bytes(), err
		},
	}
	for name, s := range secrets() {
		for format, encode := range encoders {
			for _, v := range []any{s.value, &s.value, struct{ K any }{s.value}, []any{s.value}} {
				b, err := encode(v)
				if leaks(string(b)) {
					t.Errorf("%s in %s: %x", name, format, b)
				}
				if err == nil {
					t.Errorf("%s is written as %s without an error: %q", name, format, b)
				}
				if (format == "json" || format == "cbor") && !errors.Is(err, errMarshalSecret) {
					t.Errorf("%s in %s: %v", name, format, err)
				}
			}
		}
	}
}

// TestSecretsCannotBeCompared: == on two secrets does not compile, and panics behind an interface.
func TestSecretsCannotBeCompared(t *testing.T) {
	for name, s := range secrets() {
		if reflect.TypeOf(s.value).Comparable() {
			t.Errorf("%s can be compared with ==", name)
		}
		if reflect.TypeOf(s.value) != reflect.TypeOf(s.zero) {
			t.Errorf("%s: value and zero are of different types", name)
		}
	}
}

// TestSecretsAreComplete: every struct type of the package that hides bytes is among those tested.
func TestSecretsAreComplete(t *testing.T) {
	hidden := map[string]bool{"opaque": true, "secret32": true, "secret16": true}
	entries := must(os.ReadDir("."))
	var found []string
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file := must(parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0))
		ast.Inspect(file, func(node ast.Node) bool {
			declared, ok := node.(*ast.TypeSpec)
			if !ok || !declared.Name.IsExported() {
				return true
			}
			if s, ok := declared.Type.(*ast.StructType); ok && len(s.Fields.List) > 0 {
				first := s.Fields.List[0]
				if id, ok := first.Type.(*ast.Ident); ok && len(first.Names) == 0 && hidden[id.Name] {
					found = append(found, declared.Name.Name)
				}
			}
			return true
		})
	}
	for _, name := range found {
		if _, ok := secrets()[name]; !ok {
			t.Errorf("%s hides bytes and is not tested here", name)
		}
	}
	if len(found) != len(secrets()) {
		t.Errorf("%d types hide bytes, %d are tested", len(found), len(secrets()))
	}
}

// TestSecretBytes: a stored secret comes back, with its own copy of the bytes, and only in its size.
func TestSecretBytes(t *testing.T) {
	b := count(1, 32)
	s := must(SeedFrom(b))
	b[0] = 99
	s.Bytes()[1] = 99
	if !bytes.Equal(s.Bytes(), count(1, 32)) || !s.Equal(count(1, 32)) || s.Equal(b) || s.Equal(nil) || s.IsZero() {
		t.Error("a secret shares its bytes")
	}
	a := must(AddressSecretFrom(count(1, 16)))
	a.Bytes()[0] = 99
	if !bytes.Equal(a.Bytes(), count(1, 16)) || !a.Equal(count(1, 16)) || a.Equal(count(2, 16)) || a.Equal(count(1, 15)) || a.IsZero() {
		t.Error("a short secret shares its bytes")
	}
	zero := must(DoorSecretFrom(make([]byte, 16)))
	if !zero.IsZero() || !zero.Equal(make([]byte, 16)) || len(zero.Bytes()) != 16 || !reflect.DeepEqual(zero, DoorSecret{}) {
		t.Error("sixteen zeros are not the unset secret")
	}
	if !(Seed{}).IsZero() || !(Seed{}).Equal(make([]byte, 32)) || !reflect.DeepEqual(must(SeedFrom(make([]byte, 32))), Seed{}) {
		t.Error("32 zeros are not the unset secret")
	}
	for n := range 40 {
		b := make([]byte, n)
		_, err1 := SeedFrom(b)
		_, err2 := InviteFrom(b)
		if errors.Is(err1, ErrSecretSize) == (n == 32) || errors.Is(err2, ErrSecretSize) == (n == 16) {
			t.Errorf("%d bytes: %v, %v", n, err1, err2)
		}
	}
}

// TestNewSecrets: fresh secrets are set and differ.
func TestNewSecrets(t *testing.T) {
	seen := map[string]bool{}
	for range 4 {
		for _, b := range [][]byte{
			NewSeed().Bytes(), NewDeviceSecret().Bytes(), NewDropSecret().Bytes(), NewAddressSecret().Bytes(),
			NewDoorSecret().Bytes(), NewInvite().Bytes(), NewDHPrivate().Bytes(), NewPrekeyPrivate().Bytes(),
			NewRelayPrivate().Bytes(),
			NewPrivate[Device]().Seed(),
		} {
			if seen[string(b)] || bytes.Equal(b, make([]byte, len(b))) {
				t.Fatalf("%x was made twice or is zero", b)
			}
			seen[string(b)] = true
		}
	}
}
