package selection

import (
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestDisplays(t *testing.T) {
	for text, want := range map[string]display{
		":0": {"", 0}, ":1.0": {"", 1}, "unix:2": {"", 2}, "unix/pc:3": {"", 3}, "localhost:10.0": {"localhost", 10}, "tcp/pc:4": {"pc", 4},
		"[::1]:5": {"::1", 5}, "/run/x/org.xquartz:0": {"/run/x/org.xquartz:0", 0},
	} {
		if got, err := parseDisplay(text); err != nil || got != want {
			t.Errorf("%q is %v: %v", text, got, err)
		}
	}
	for _, text := range []string{"", "pc", ":", ":x", ":-1", ":99999", "pc:.0"} {
		if got, err := parseDisplay(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func authority(entries ...entry) (b []byte) {
	for _, e := range entries {
		b = binary.BigEndian.AppendUint16(b, e.family)
		for _, part := range []string{string(e.address), e.number, e.name, string(e.secret)} {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(part))), part...)
		}
	}
	return b
}

func TestSecretOfTheServerIsFound(t *testing.T) {
	file := filepath.Join(t.TempDir(), "authority")
	far, near := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, &net.UnixAddr{Name: "/tmp/x"}
	six := &net.TCPAddr{IP: net.ParseIP("2001:db8::1")}
	b := authority(
		entry{familyLocal, []byte("pc"), "0", "XDM-AUTHORIZATION-1", []byte("other way")},
		entry{familyLocal, []byte("other"), "0", cookieName, []byte("other host")},
		entry{familyLocal, []byte("pc"), "0", cookieName, []byte("local")},
		entry{familyIPv4, []byte{192, 0, 2, 1}, "10", cookieName, []byte("far")},
		entry{familyIPv6, six.IP.To16(), "10", cookieName, []byte("six")},
		entry{familyAny, nil, "7", cookieName, []byte("any")},
		entry{familyLocal, []byte("pc"), "", cookieName, []byte("every")},
	)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s := settings{authority: file, host: "pc"}
	for _, c := range []struct {
		number int
		at     net.Addr
		want   string
	}{{0, near, "local"}, {10, far, "far"}, {10, six, "six"}, {7, far, "any"}, {3, near, "every"}, {3, far, ""}} {
		if got := s.cookie(display{number: c.number}, c.at); string(got) != c.want {
			t.Errorf("%d at %v: %q", c.number, c.at, got)
		}
	}
	s.authority = filepath.Join(t.TempDir(), "none")
	if got := s.cookie(display{}, near); got != nil {
		t.Errorf("without a file: %q", got)
	}
}

func TestCutEntryIsNone(t *testing.T) {
	whole := authority(entry{familyLocal, []byte("pc"), "0", cookieName, []byte("secret")})
	for n := range whole {
		if _, _, ok := nextEntry(whole[:n]); ok {
			t.Errorf("%d of %d bytes are an entry", n, len(whole))
		}
	}
	if e, rest, ok := nextEntry(append(whole, 1)); !ok || string(e.secret) != "secret" || len(rest) != 1 {
		t.Errorf("%v, %d bytes left", e, len(rest))
	}
}

func FuzzAuthority(f *testing.F) {
	f.Add(authority(entry{familyLocal, []byte("pc"), "0", cookieName, []byte("secret")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, rest, ok := nextEntry(b)
		if !ok {
			return
		}
		if again := append(authority(e), rest...); string(again) != string(b) {
			t.Errorf("%x is written as %x", b, again)
		}
	})
}
