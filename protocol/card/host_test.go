package card

import (
	"strings"
	"testing"

	"zeroms/protocol/wire"
)

func TestHosts(t *testing.T) {
	good := []string{
		"a", "localhost", "gateway", "a.example", "a-b.example", "7.example", "3dprinter", "xn--bcher-kva.example",
		"1.2.3.4", "127.0.0.1", "255.255.255.254", "[::1]", "[2001:db8::7]", "[fe80::1]", "a.b.c.d.e",
		strings.Repeat("a", 63) + ".example", strings.Repeat("a.", 124) + "a",
	}
	for _, host := range good {
		if err := checkHost(host); err != nil {
			t.Errorf("%q is refused: %v", host, err)
		}
	}
	bad := []string{
		"", ".", "a.", ".a", "a..b", "-a", "a-", "a.-b", "A", "a_b", "a b", "a/b", "a:1", "a@b", "bücher.example", "a%41",
		"1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.0x4", "0x7f000001", "2130706433", "1.2.3.4.", "0.0.0.0",
		"224.0.0.1", "255.255.255.255", "::1", "[::1", "::1]", "[]", "[1.2.3.4]", "[::ffff:1.2.3.4]", "[2001:DB8::7]",
		"[2001:db8:0::7]", "[fe80::1%eth0]", "[::]", "[ff02::1]", "[[::1]]", strings.Repeat("a", 64), "\x00", "a\n",
	}
	for _, host := range bad {
		if err := checkHost(host); err == nil {
			t.Errorf("%q is accepted", host)
		}
	}
	wants(t, checkHost(strings.Repeat("a.", 125)), wire.ErrTooLarge)
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "[::1]": true,
		"a.localhost": false, "localhost.example": false, "128.0.0.1": false, "[::2]": false, "10.0.0.1": false, "": false,
	} {
		if Loopback(host) != want {
			t.Errorf("Loopback(%q) is %v", host, !want)
		}
	}
}

func TestNames(t *testing.T) {
	good := []string{"", "a", "Zoë", "李雷", "عمر", "👩‍👩‍👧", "a b", "O'Neil <x>", strings.Repeat("é", 32)}
	for _, name := range good {
		if err := CheckName(name); err != nil {
			t.Errorf("%q is refused: %v", name, err)
		}
	}
	bad := []string{
		" ", " a", "a ", "a\t", "\u00a0a", "a\u3000", "a\nb", "a\x00b", "a\x7fb", "a\u0085b", "\x80", "a\xc3", "a\u2028b", "a\u2029b",
		"a\u202eb", "a\u202ab", "a\u2066b", "a\u2069b", "\ufeffa", "a\U000e0041", "\u200b", "\u200d\u200d", "\xed\xa0\x80",
	}
	for _, name := range bad {
		if err := CheckName(name); err == nil {
			t.Errorf("%q is accepted", name)
		}
	}
	wants(t, CheckName(strings.Repeat("x", MaxName+1)), wire.ErrTooLarge)
}

func TestEndpoints(t *testing.T) {
	for _, g := range []struct {
		host  string
		port  uint16
		short string
		long  string
	}{
		{"a.example", 443, "a.example", "a.example:443"},
		{"a.example", 80, "a.example:80", "a.example:80"},
		{"[::1]", 443, "[::1]", "[::1]:443"},
		{"[::1]", 65535, "[::1]:65535", "[::1]:65535"},
	} {
		if got := shortEndpoint(g.host, g.port); got != g.short {
			t.Errorf("short form %q, want %q", got, g.short)
		}
		host, port, err := splitEndpoint(g.short)
		if err != nil || host != g.host || port != g.port {
			t.Errorf("%q splits to %q %d %v", g.short, host, port, err)
		}
		if got := (Gateway{Host: g.host, Port: g.port}).Endpoint(); got != g.long {
			t.Errorf("endpoint %q, want %q", got, g.long)
		}
	}
}
