package network

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// gatewayAt is the address of a gateway of a network, as text.
func gatewayAt(t *testing.T, host string, n key.Network, plain bool) string {
	t.Helper()
	a := card.Address{Node: key.NewPrivate[key.Node]().Public(), Host: host, Port: 443, Network: n, Plain: plain}
	text, err := a.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// names answers questions for TXT records out of a table, over UDP on this computer.
func names(t *testing.T, table map[string][]string) *net.Resolver {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	go func() {
		for b := make([]byte, 512); ; {
			n, from, err := socket.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(b[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			m.Response, m.Authoritative, m.Additionals = true, true, nil
			texts, there := table[q.Name.String()]
			if !there {
				m.RCode = dnsmessage.RCodeNameError
			}
			if q.Type == dnsmessage.TypeTXT {
				for _, text := range texts {
					m.Answers = append(m.Answers, dnsmessage.Resource{
						Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
						Body:   &dnsmessage.TXTResource{TXT: []string{text}},
					})
				}
			}
			if answer, err := m.Pack(); err == nil {
				socket.WriteTo(answer, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
}

// TestJoinByName: a name's TXT records are addresses, of this network and with TLS;
// others beside them do no harm, and what can't be looked up is left for later.
func TestJoinByName(t *testing.T) {
	own := key.NewPrivate[key.Node]()
	mine := card.Address{Node: own.Public(), Host: "192.0.2.9", Port: 1, Network: card.NetworkLab}
	self, err := mine.Text()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s := Setup{Node: own, At: mine, Log: slog.New(slog.NewTextHandler(&log, nil)), Resolver: names(t, map[string][]string{
		"gateways.example.org.": {
			"v=spf1 -all", gatewayAt(t, "192.0.2.1", card.NetworkLab, false), self,
			gatewayAt(t, "192.0.2.2", card.NetworkPublic, false), gatewayAt(t, "127.0.0.1", card.NetworkLab, true), gatewayAt(t, "127.0.0.7", card.NetworkLab, false),
			" " + strings.ToLower(gatewayAt(t, "two.example.org", card.NetworkLab, false)),
		},
		"mail.example.org.": {"v=spf1 -all"},
	})}
	o := Options{JoinDNS: []string{"gateways.example.org", "nowhere.example.org", "mail.example.org."}}
	found := o.named(t.Context(), s, address.LAN)
	var hosts []string
	for _, e := range found {
		hosts = append(hosts, e.Addr())
	}
	if got := strings.Join(hosts, " "); got != "192.0.2.1:443 two.example.org:443" {
		t.Errorf("found %q", got)
	}
	for _, line := range []string{"could not be looked up; it is tried again\" name=nowhere.example.org", outside + `" gateway=127.0.0.7:443 scope=lan`, "no TXT record of a name is the address of a gateway of this network\" name=mail.example.org."} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("the log does not say %q:\n%s", line, log.String())
		}
	}
}

// TestOptions: what can't work is refused, in words that say what to do.
func TestOptions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "address")
	good := gatewayAt(t, "192.0.2.1", card.NetworkPublic, false)
	if err := os.WriteFile(file, []byte(good+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, o := range map[string]Options{
		"":                            {Join: []string{good, file, strings.ToLower(good)}, JoinDNS: []string{"gw.example.org"}, Scope: "public"},
		"neither a gateway's address": {Join: []string{"gw.example.org:443"}},
		"it is no gateway's address":  {Join: []string{good[:len(good)-3]}},
		"without TLS":                 {Join: []string{gatewayAt(t, "127.0.0.1", card.NetworkLab, true)}},
		"--join-dns is a DNS name":    {JoinDNS: []string{"udp://gw"}},
		"--scope is loopback":         {Scope: "here"},
		"exclude each other":          {Alone: true, LAN: true},
		"--lan or --scope exclude":    {Alone: true, Scope: "lan"},
	} {
		err := o.Check()
		if text == "" && err != nil || text != "" && (err == nil || !strings.Contains(err.Error(), text)) {
			t.Errorf("%+v: %v, want %q", o, err, text)
		}
	}
	s := Setup{Node: key.NewPrivate[key.Node](), At: card.Address{Network: card.NetworkLab}}
	o := Options{Join: []string{good}}
	if err := o.Fits(card.NetworkLab, Place{}); !errors.Is(err, ErrUse) || !strings.Contains(err.Error(), `of the network "public", this one of "lab"`) {
		t.Errorf("another network: %v", err)
	}
	s.At.Network = card.NetworkPublic
	if found, err := o.seeds(s, address.LAN); err != nil || len(found) != 1 || found[0].Addr() != "192.0.2.1:443" {
		t.Errorf("%v, %v", found, err)
	}
}

// TestFits: what can't work in a network, or for a gateway without TLS, is refused before
// anything is opened; of several gateways the log says which are left out.
func TestFits(t *testing.T) {
	own := key.Network{'a', 'b', 'c', 'd'}
	at := func(host string, n key.Network) []string { return []string{gatewayAt(t, host, n, false)} }
	mixed := cardOf(entry("127.0.0.1", false), entry("gw.example.org", false))
	for text, c := range map[string]struct {
		n     key.Network
		plain bool
		o     Options
	}{
		"in scope lan a gateway has an address of the local network, or a public one, and 127.0.0.1:443 is none": {own, false, Options{Scope: "lan", Join: at("127.0.0.1", own)}},
		"in scope public a gateway has a public address, and 10.0.0.1:443 is none":                               {own, false, Options{Join: at("10.0.0.1", own)}},
		"and [fd00::1]:443 is none":     {card.NetworkPublic, false, Options{Join: at("[fd00::1]", card.NetworkPublic)}},
		"and printer.local:443 is none": {card.NetworkPublic, false, Options{Join: at("printer.local", card.NetworkPublic)}},
		"of a card: 127.0.0.1:443":      {card.NetworkPublic, false, Options{Join: []string{text(t, cardOf(entry("127.0.0.1", false)).Text)}}},
		"give --scope lan":              {own, false, Options{LAN: true}},
		"public addresses only":         {card.NetworkPublic, false, Options{Scope: "lan"}},
		"--plain serves: lan":           {own, true, Options{LAN: true}},
		"--plain serves: join":          {own, true, Options{Join: at("45.1.2.3", own)}},
		"--plain serves: DNS":           {own, true, Options{JoinDNS: []string{"gw.example.org"}}},
		"--plain serves: scope":         {own, true, Options{Scope: "lan"}},
	} {
		want, _, _ := strings.Cut(text, ": ")
		if want == "of a card" {
			want = "127.0.0.1:443 is none"
		}
		if err := c.o.Fits(c.n, Place{Plain: c.plain}); !errors.Is(err, ErrUse) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, c := range []struct {
		n  key.Network
		at Place
		o  Options
	}{
		{own, Place{Plain: true}, Options{Alone: true, NoUDP: true}},
		{own, Place{}, Options{Scope: "lan", LAN: true, Join: append(at("192.168.1.2", own), at("45.1.2.3", own)...)}},
		{own, Place{}, Options{Join: at("gw.example.org", own)}},
		{card.NetworkLab, Place{}, Options{NoUDP: true, Join: at("127.0.0.1", card.NetworkLab)}},
		{card.NetworkPublic, Place{}, Options{Join: []string{text(t, mixed.Text)}}},
	} {
		if err := c.o.Fits(c.n, c.at); err != nil {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
	var log bytes.Buffer
	s := Setup{Node: key.NewPrivate[key.Node](), At: card.Address{Network: own}, Log: slog.New(slog.NewTextHandler(&log, nil))}
	o := Options{Join: []string{text(t, mixed.Text)}}
	if found, err := o.seeds(s, address.Public); err != nil || len(found) != 1 || found[0].Addr() != "gw.example.org:443" {
		t.Errorf("%v, %v", found, err)
	}
	if said := log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, `outside of the network's scope and is not asked" gateway=127.0.0.1:443 scope=public`) {
		t.Errorf("%s", said)
	}
}

// TestPlace: what can be no address, or can't be listened on, is named with its flag, and
// needs no word about other programs.
func TestPlace(t *testing.T) {
	for _, c := range []struct{ listen, public, want string }{
		{"127.0.0.1:0", "", ""},
		{":443", "gw.example.org", ""},
		{"127.0.0.1:0", "2001:db8::1", ""},
		{"127.0.0.1:0", "GW.Example.org:8443", ""},
		{"127.0.0.1:0", "bad host", `--public "bad host" can't be a gateway's address: a gateway's host is a DNS name`},
		{"127.0.0.1:0", "Bad_Name!:7", `--public "Bad_Name!:7" can't`},
		{"127.0.0.1:0", "gw.example.org:https", `a port is 1 to 65535, not "https"`},
		{"127.0.0.1:0", "gw.example.org:0", "a gateway's port is 1 to 65535"},
		{"bad host:443", "", `--listen "bad host:443" can't`},
		{"127.0.0.1:99999", "", "with a port from 0 to 65535"},
		{"127.0.0.1", "", "--listen is HOST:PORT"},
		{":443", "", "--public"},
	} {
		err := Place{Listen: c.listen, Public: c.public}.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "update")) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestAdvice: who is outside of the scope of the network reads what to say instead.
func TestAdvice(t *testing.T) {
	own := key.Network{'a', 'b', 'c', 'd'}
	for _, c := range []struct {
		host  string
		name  string
		n     key.Network
		scope address.Scope
		want  string
	}{
		{"127.0.0.1", "", own, address.Public, "run it with --public and a public address, or a name that stands for one; or run all gateways of the network with --scope loopback"},
		{"[fd00::1]", "", own, address.Public, "or run all gateways of the network with --scope lan"},
		{"127.0.0.1", "", own, address.LAN, "an address of the local network, or a public one, or a name that stands for one; or run all gateways of the network with --scope loopback"},
		{"127.0.0.1", "", card.NetworkPublic, address.Public, "for a trial on this computer it is well"},
		{"10.0.0.1", "", card.NetworkPublic, address.Public, "run it with --public and a public address, or a name that stands for one"},
		{"gw.example.org", "gw.example.org", own, address.Public, "see that its name stands for a public address"},
	} {
		n := &Network{setup: Setup{At: card.Address{Host: c.host, Network: c.n}}, params: address.Parameters{Network: c.n, Scope: c.scope}, name: c.name}
		if got := n.advice(); !strings.HasSuffix(got, c.want) {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// TestNamed: a network stands in the log as --network has it, whoever writes it.
func TestNamed(t *testing.T) {
	var log bytes.Buffer
	l := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: Named}))
	l.With("network", "6f706572").Info("", "network", "oper", "network", fmt.Sprintf("%x", card.NetworkLab), "network", "tcp", "other", "6f706572")
	if !strings.HasSuffix(log.String(), "network=oper network=oper network=lab network=tcp other=6f706572\n") {
		t.Error(log.String())
	}
}

// TestKept: what is kept comes back; what is damaged is found out and made anew, and
// a place that was not worked for is none.
func TestKept(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	p, err := load(dir, logger)
	if err != nil || Check(dir) != nil || len(p.contacts()) != 0 {
		t.Fatalf("of a new directory: %+v, %v", p, err)
	}
	at := key.Place{Network: card.NetworkLab, Node: key.NewPrivate[key.Node]().Public()}
	if err := p.solve(t.Context(), at, 2, logger); err != nil || !address.Solved(key.NodeIDOf(at, p.X), 2) {
		t.Fatalf("no place: %v", err)
	}
	known := wire.Contact{Node: key.NewPrivate[key.Node]().Public(), X: 5, Addr: netip.MustParseAddrPort("127.0.0.1:9"), Transports: wire.TransportWSS}
	if err := p.save([]wire.Contact{known}); err != nil {
		t.Fatal(err)
	}
	again, err := load(dir, logger)
	if err != nil || again.X != p.X || len(again.contacts()) != 1 || again.contacts()[0] != known {
		t.Fatalf("after a restart: %+v, %v", again, err)
	}
	log.Reset()
	if err := again.solve(t.Context(), at, 2, logger); err != nil || log.Len() != 0 {
		t.Errorf("it was computed again: %v, %s", err, log.String())
	}
	path := filepath.Join(dir, placeFile)
	for _, junk := range []string{"", "{", `{"x": "seven"}`, `{"contacts": ["AAAA"]}`, "null and more"} {
		if err := os.WriteFile(path, []byte(junk), 0o600); err != nil {
			t.Fatal(err)
		}
		log.Reset()
		if p, err := load(dir, logger); err != nil || p.Solved || Check(dir) == nil || !strings.Contains(log.String(), "made anew") {
			t.Errorf("%q: %+v, %v, %s", junk, p, err, log.String())
		}
	}
	if err := os.WriteFile(path, []byte(`{"x": 1, "bits": 200, "solved": true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	forged, err := load(dir, logger)
	if err != nil {
		t.Fatal(err)
	}
	if err := forged.solve(t.Context(), at, 4, logger); err != nil || !address.Solved(key.NodeIDOf(at, forged.X), 4) {
		t.Errorf("a place that was not worked for: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&place{dir: dir}).solve(ctx, at, 24, logger); !errors.Is(err, context.Canceled) {
		t.Errorf("it goes on after its end: %v", err)
	}
}
