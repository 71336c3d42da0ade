package link_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"zeroms/protocol/link"
)

// socksServer is a SOCKS5 proxy (RFC 1928) for tests.
type socksServer struct {
	listener       net.Listener
	user, password string            // the only ones it lets in; empty: whoever comes
	open           bool              // it takes a client without a login too
	hosts          map[string]string // where names are, as host:port
	knows          map[string][]byte // what it answers who resolves

	mu    sync.Mutex
	asked []string            // guarded by mu: host:port of every request
	pairs map[string][]string // guarded by mu: user:password of every login, by host:port
	out   map[string]bool     // guarded by mu: own addresses of its connections
}

// serveSocks runs the proxy until the test ends.
func serveSocks(t *testing.T, change func(*socksServer)) *socksServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &socksServer{listener: l, hosts: map[string]string{}, pairs: map[string][]string{}, out: map[string]bool{}}
	if change != nil {
		change(s)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

func (s *socksServer) proxy() *link.Proxy {
	return &link.Proxy{Host: "127.0.0.1", Port: uint16(s.listener.Addr().(*net.TCPAddr).Port), User: s.user, Password: s.password}
}

func (s *socksServer) serve(conn net.Conn) {
	defer conn.Close()
	host, pair, err := s.greet(conn)
	if err != nil {
		return
	}
	if name, ok := strings.CutSuffix(host, ":0"); ok { // somebody resolves
		if s.knows == nil || s.knows[name] == nil {
			_, _ = conn.Write([]byte{5, 4, 0, 1, 0, 0, 0, 0, 0, 0})
			return
		}
		_, _ = conn.Write(append(append([]byte{5, 0, 0, 1}, s.knows[name]...), 0, 0))
		return
	}
	s.mu.Lock()
	s.asked = append(s.asked, host)
	s.pairs[host] = append(s.pairs[host], pair)
	to, known := s.hosts[host]
	s.mu.Unlock()
	if !known {
		to = host
	}
	out, err := net.Dial("tcp", to)
	if err != nil {
		_, _ = conn.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	defer out.Close()
	s.mu.Lock()
	s.out[out.LocalAddr().String()] = true
	s.mu.Unlock()
	_, _ = conn.Write(append([]byte{5, 0, 0, 3, 5}, "proxy\x00\x50"...)) // an answer with a name
	go func() {
		_, _ = io.Copy(out, conn)
		out.Close()
	}()
	_, _ = io.Copy(conn, out)
}

// greet does the login and reads the request.
func (s *socksServer) greet(conn net.Conn) (host, pair string, err error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(conn, head); err != nil || head[0] != 5 {
		return "", "", errors.New("no greeting")
	}
	methods := make([]byte, head[1])
	if _, err := io.ReadFull(conn, methods); err != nil {
		return "", "", err
	}
	switch {
	case s.open && s.user == "" && bytes.IndexByte(methods, 0) >= 0:
		_, _ = conn.Write([]byte{5, 0})
	case bytes.IndexByte(methods, 2) >= 0:
		_, _ = conn.Write([]byte{5, 2})
		if pair, err = s.login(conn); err != nil {
			return "", "", err
		}
	default:
		_, _ = conn.Write([]byte{5, 0xff})
		return "", "", errors.New("no method")
	}
	return readRequest(conn, pair)
}

func (s *socksServer) login(conn net.Conn) (string, error) {
	field := func() string {
		var n [1]byte
		_, _ = io.ReadFull(conn, n[:])
		b := make([]byte, n[0])
		_, _ = io.ReadFull(conn, b)
		return string(b)
	}
	var version [1]byte
	_, _ = io.ReadFull(conn, version[:])
	user, password := field(), field()
	if s.user != "" && (user != s.user || password != s.password) {
		_, _ = conn.Write([]byte{1, 1})
		return "", errors.New("refused")
	}
	_, _ = conn.Write([]byte{1, 0})
	return user + ":" + password, nil
}

func readRequest(conn net.Conn, pair string) (string, string, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(conn, head); err != nil {
		return "", "", err
	}
	var host string
	switch head[3] {
	case 1, 4:
		b := make([]byte, map[byte]int{1: 4, 4: 16}[head[3]])
		_, _ = io.ReadFull(conn, b)
		host = net.IP(b).String()
	case 3:
		var n [1]byte
		_, _ = io.ReadFull(conn, n[:])
		b := make([]byte, n[0])
		_, _ = io.ReadFull(conn, b)
		host = string(b)
	}
	port := make([]byte, 2)
	_, err := io.ReadFull(conn, port)
	return net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(port)))), pair, err
}

func (s *socksServer) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// noLookups makes every lookup of a name in this process fail the test.
func noLookups(t *testing.T) {
	t.Helper()
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(_ context.Context, _, address string) (net.Conn, error) {
		t.Errorf("a name was looked up at %s", address)
		return nil, errors.New("no lookups")
	}}
	t.Cleanup(func() { net.DefaultResolver = before })
}

// TestEverythingGoesThroughTheProxy: names are the proxy's to look up, an onion
// address is one more name, and the gateway sees nobody but the proxy.
func TestEverythingGoesThroughTheProxy(t *testing.T) {
	noLookups(t)
	for _, login := range []struct{ user, password string }{{"", ""}, {"alice", "secret"}} {
		g := listen(t, nil)
		s := serveSocks(t, func(s *socksServer) { s.user, s.password = login.user, login.password })
		d := dialer(t, link.Config{Proxy: s.proxy()})
		at := g.listener.Addr().String()
		for _, host := range []string{"127.0.0.1", "gateway.invalid", "zmsexample2345abcdefghijklmnopqrstuvwxyzabcdefghijklmnop.onion", "2001:db8::1"} {
			e := g.endpoint()
			e.Host = host
			s.hosts[e.Addr()] = at
			near, err := d.Dial(t.Context(), e)
			if err != nil {
				t.Fatalf("%s: %v", host, err)
			}
			far := <-g.accepted
			if near.Node() != g.node.Public() {
				t.Errorf("%s: the pin was not proven", host)
			}
			go func() { _ = near.Send(t.Context(), []byte("hello")) }()
			if got, err := far.Recv(t.Context()); err != nil || string(got) != "hello" {
				t.Errorf("%s: %q, %v", host, got, err)
			}
			cut(near)
			if asked := s.requests(); asked[len(asked)-1] != e.Addr() {
				t.Errorf("%s: the proxy was asked for %s", host, asked[len(asked)-1])
			}
			if pair := s.pairs[e.Addr()][0]; login.user != "" && pair != "alice:secret" {
				t.Errorf("the proxy was shown %s", pair)
			}
		}
	}
}

// TestGatewaysAreKeptApart: each gateway has its own pair at the proxy, the same
// for all its connections and addresses, and other pairs the next time.
func TestGatewaysAreKeptApart(t *testing.T) {
	s := serveSocks(t, nil)
	var gateways []*gateway
	for range 3 {
		gateways = append(gateways, listen(t, nil))
	}
	pairs := map[string]int{}
	for range 2 {
		d := dialer(t, link.Config{Proxy: s.proxy()})
		for _, g := range gateways {
			e := g.endpoint()
			for range 2 {
				near, err := d.Dial(t.Context(), e)
				if err != nil {
					t.Fatal(err)
				}
				cut(near)
			}
			own := s.pairs[e.Addr()]
			if last := own[len(own)-2:]; last[0] != last[1] || len(last[0]) < 20 {
				t.Errorf("one gateway is shown as %q", last)
			}
			pairs[own[len(own)-1]]++
			if strings.Contains(own[0], fmt.Sprintf("%x", e.Node[:4])) {
				t.Error("the pair names the gateway")
			}
		}
	}
	if len(pairs) != 6 {
		t.Errorf("three gateways, two times, have %d pairs", len(pairs))
	}
	open := serveSocks(t, func(s *socksServer) { s.open = true })
	near, err := dialer(t, link.Config{Proxy: open.proxy()}).Dial(t.Context(), gateways[0].endpoint())
	if err != nil {
		t.Fatalf("a proxy that wants no login: %v", err)
	}
	cut(near)
}

// scripted is somebody who says this to whoever connects, after having read
// something, and hangs up or stays.
func scripted(t *testing.T, stay bool, says ...string) *link.Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			go func() {
				for _, text := range says {
					_, _ = conn.Read(make([]byte, 1024))
					_, _ = io.WriteString(conn, text)
				}
				if stay {
					_, _ = io.Copy(io.Discard, conn)
				}
				conn.Close()
			}()
		}
	}()
	return &link.Proxy{Host: "127.0.0.1", Port: uint16(l.Addr().(*net.TCPAddr).Port)}
}

// TestProxiesThatFail: whatever the proxy does, the gateway hears nothing and the
// error says what is wrong with whom.
func TestProxiesThatFail(t *testing.T) {
	noLookups(t)
	g := listen(t, nil)
	gone := scripted(t, false)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Port = uint16(closed.Addr().(*net.TCPAddr).Port)
	closed.Close()
	login := serveSocks(t, func(s *socksServer) { s.user, s.password = "alice", "secret" })
	wrong, none := login.proxy(), login.proxy()
	wrong.Password = "guess"
	none.User, none.Password = "", ""
	unwanted := serveSocks(t, func(s *socksServer) { s.open = true }).proxy()
	withLogin := scripted(t, false, "\x05\xff")
	withLogin.User, withLogin.Password = "alice", "secret"
	chosen := scripted(t, false, "\x05\x00")
	chosen.User, chosen.Password = "alice", "secret"
	for _, c := range []struct {
		name  string
		proxy *link.Proxy
		is    error
		says  string
	}{
		{"nobody listens", gone, link.ErrProxy, "is it running"},
		{"hangs up", scripted(t, false), link.ErrProxy, "hung up"},
		{"a web server", scripted(t, false, "HTTP/1.1 400 Bad Request\r\n\r\n"), link.ErrProxy, "no SOCKS5 proxy"},
		{"SOCKS4", scripted(t, false, "\x00\x5b\x00\x00\x00\x00\x00\x00"), link.ErrProxy, "no SOCKS5 proxy"},
		{"an answer cut short", scripted(t, false, "\x05"), link.ErrProxy, "hung up"},
		{"another login", scripted(t, false, "\x05\xff"), link.ErrProxy, "another login"},
		{"no login by password", withLogin, link.ErrProxy, "leave them out"},
		{"a login nobody offered", scripted(t, false, "\x05\x01"), link.ErrProxy, "was not offered"},
		{"no login though it was asked for", chosen, link.ErrProxy, "was not offered"},
		{"login refused", wrong, link.ErrProxy, "refused the user"},
		{"login made up", none, link.ErrProxy, "refused the user"},
		{"login of another version", scripted(t, false, "\x05\x02", "\x05\x00"), link.ErrProxy, "refused the user"},
		{"login cut short", scripted(t, false, "\x05\x02", "\x01"), link.ErrProxy, "hung up"},
		{"refused by rules", scripted(t, false, "\x05\x00", "\x05\x02\x00\x01"), link.ErrProxyRefused, "rules forbid"},
		{"refused by the host", scripted(t, false, "\x05\x00", "\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"), link.ErrProxyRefused, "is it running"},
		{"no such onion", scripted(t, false, "\x05\x00", "\x05\xf0\x00\x01\x00\x00\x00\x00\x00\x00"), link.ErrProxyRefused, "onion service was not found"},
		{"refused with an odd number", scripted(t, false, "\x05\x00", "\x05\x63\x00\x01"), link.ErrProxyRefused, "did not name"},
		{"an answer of another version", scripted(t, false, "\x05\x00", "\x04\x00\x00\x01"), link.ErrProxy, "no SOCKS5 proxy"},
		{"an odd address", scripted(t, false, "\x05\x00", "\x05\x00\x00\x09\x00\x00"), link.ErrProxy, "can't be understood"},
		{"an address cut short", scripted(t, false, "\x05\x00", "\x05\x00\x00\x04\x00\x00"), link.ErrProxy, "hung up"},
		{"a name cut short", scripted(t, false, "\x05\x00", "\x05\x00\x00\x03"), link.ErrProxy, "hung up"},
		{"silence", scripted(t, true), link.ErrProxy, "in time"},
		{"silence after the login", scripted(t, true, "\x05\x00"), link.ErrProxy, "in time"},
		{"silence in the answer", scripted(t, true, "\x05\x00", "\x05\x00\x00\x01\x00"), link.ErrProxy, "in time"},
		{"garbage instead of the gateway", scripted(t, false, "\x05\x00", "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00 what is this"), nil, "not a ZeroMS gateway"},
		{"a bad host", &link.Proxy{Host: "proxy.invalid", Port: 1}, link.ErrProxy, ""},
	} {
		timeout := 20 * time.Second
		if strings.HasPrefix(c.name, "silence") {
			timeout = 200 * time.Millisecond
		}
		if c.name == "a bad host" {
			net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
				return nil, errors.New("no lookups")
			}}
		}
		_, err := dialer(t, link.Config{Proxy: c.proxy, Timeout: timeout}).Dial(t.Context(), g.endpoint())
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "alice") {
			t.Errorf("%s: the error tells the login: %v", c.name, err)
		}
	}
	if _, err := dialer(t, link.Config{Proxy: unwanted}).Dial(t.Context(), g.endpoint()); err != nil {
		t.Errorf("a proxy that works: %v", err)
	}
	<-g.accepted // the handler may begin after the dialler knows of the link
	if n := len(g.accepted); n != 0 {
		t.Errorf("the gateway saw %d links, and one went through a proxy", 1+n)
	}
}

func TestContextEndsADialThroughAProxy(t *testing.T) {
	g := listen(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	d := dialer(t, link.Config{Proxy: scripted(t, true, "\x05\x00")})
	go func() {
		_, err := d.Dial(ctx, g.endpoint())
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

// TestWhereNoWayLeads: these are refused before anybody is connected to or asked.
func TestWhereNoWayLeads(t *testing.T) {
	noLookups(t)
	s := serveSocks(t, nil)
	node := listen(t, nil).node.Public()
	for _, c := range []struct {
		e       link.Endpoint
		proxied bool
		is      error
	}{
		{link.Endpoint{Host: "abc.onion", Port: 1, Node: node[:]}, false, link.ErrOnion},
		{link.Endpoint{Host: "ABC.ONION", Port: 1, Node: node[:]}, false, link.ErrOnion},
		{link.Endpoint{Host: "fe80::1", Port: 1, Node: node[:]}, false, link.ErrZone},
		{link.Endpoint{Host: "fe80::1%eth0", Port: 1, Node: node[:]}, false, link.ErrZone},
		{link.Endpoint{Host: "fe80::1%eth0", Port: 1, Node: node[:]}, true, link.ErrZone},
		{link.Endpoint{Host: "::1%lo", Port: 1, Node: node[:]}, true, link.ErrZone},
		{link.Endpoint{Host: "127.0.0.1", Port: 1, Plain: true}, true, link.ErrPlain},
		{link.Endpoint{Host: "localhost", Port: 1, Plain: true}, true, link.ErrPlain},
		{link.Endpoint{Host: strings.Repeat("a", 256), Port: 1, Node: node[:]}, true, link.ErrProxyRefused},
	} {
		config := link.Config{}
		if c.proxied {
			config.Proxy = s.proxy()
		}
		if _, err := dialer(t, config).Dial(t.Context(), c.e); !errors.Is(err, c.is) {
			t.Errorf("%s: %v", c.e, err)
		}
	}
	if asked := s.requests(); len(asked) > 0 {
		t.Errorf("the proxy was asked for %q", asked)
	}
}

// TestTheProxyLooksUp: nobody else is asked for an address, whatever the proxy says.
func TestTheProxyLooksUp(t *testing.T) {
	noLookups(t)
	s := serveSocks(t, func(s *socksServer) { s.knows = map[string][]byte{"gateway.test": {192, 0, 2, 7}} })
	d := dialer(t, link.Config{Proxy: s.proxy(), Timeout: 200 * time.Millisecond})
	if found, err := d.Resolve(t.Context(), "gateway.test"); err != nil || len(found) != 1 || found[0].String() != "192.0.2.7" {
		t.Errorf("%v, %v", found, err)
	}
	if found, err := d.Resolve(t.Context(), "other.test"); !errors.Is(err, link.ErrProxyRefused) {
		t.Errorf("%v, %v", found, err)
	}
	for _, c := range []struct {
		proxy *link.Proxy
		is    error
	}{
		{scripted(t, false, "\x05\x00", "\x05\x07\x00\x01\x00\x00\x00\x00\x00\x00"), link.ErrProxyRefused},
		{scripted(t, false, "\x05\x00", "\x05\x00\x00\x03\x01a\x00\x00"), link.ErrProxyRefused},
		{scripted(t, false), link.ErrProxy},
		{scripted(t, true), link.ErrProxy},
	} {
		d := dialer(t, link.Config{Proxy: c.proxy, Timeout: 200 * time.Millisecond})
		if found, err := d.Resolve(t.Context(), "gateway.test"); !errors.Is(err, c.is) {
			t.Errorf("%v, %v", found, err)
		}
	}
}

func TestParseProxy(t *testing.T) {
	for text, want := range map[string]link.Proxy{
		"socks5://127.0.0.1:9050":         {Host: "127.0.0.1", Port: 9050},
		"socks5://[::1]:9050":             {Host: "::1", Port: 9050},
		"socks5h://tor.example:1080/":     {Host: "tor.example", Port: 1080},
		"socks5://alice:s%40cret@h:65535": {Host: "h", Port: 65535, User: "alice", Password: "s@cret"},
	} {
		p, err := link.ParseProxy(text)
		if err != nil || *p != want {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for _, shown := range []string{p.String(), fmt.Sprint(p), fmt.Sprintf("%+v %#v %s", p, p, p), p.LogValue().String()} {
			if strings.Contains(shown, "alice") || strings.Contains(shown, "cret") {
				t.Errorf("%s is printed as %s", text, shown)
			}
		}
		if again, err := link.ParseProxy(p.String()); err != nil || again.Addr() != p.Addr() {
			t.Errorf("%s is %s, which is %v (%v)", text, p, again, err)
		}
	}
	long := strings.Repeat("a", 256)
	for _, text := range []string{
		"", "127.0.0.1:9050", "http://127.0.0.1:9050", "socks4://h:1", "socks5://h", "socks5://h:0", "socks5://h:65536", "socks5://:9050",
		"socks5:h:1", "socks5://h:1/path", "socks5://h:1?x=1", "socks5://h:1#x", "socks5://alice@h:1", "socks5://:secret@h:1", "socks5://a:@h:1",
		"socks5://" + long + ":b@h:1", "socks5://a:" + long + "@h:1", "socks5://a b:1", "socks5://h%2F:1", "socks5://h:x",
	} {
		if p, err := link.ParseProxy(text); !errors.Is(err, link.ErrProxyAddress) {
			t.Errorf("%q is %v (%v)", text, p, err)
		}
	}
	if _, err := link.NewDialer(link.Config{Proxy: &link.Proxy{Host: "h"}}); !errors.Is(err, link.ErrProxyAddress) {
		t.Errorf("a proxy without a port: %v", err)
	}
}
