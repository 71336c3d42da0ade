package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"zeroms/cmd/zms/control"
)

// socks is a SOCKS5 proxy that takes whoever shows a user and a password, or the
// ones it knows. Names that end in .test, onion addresses, and 192.0.2.7, which
// all names have, are this computer.
type socks struct {
	listener net.Listener
	login    string // user:password; empty: any

	mu    sync.Mutex
	conns []net.Conn          // guarded by mu
	seen  map[string][]string // guarded by mu: logins by host:port
	more  chan struct{}       // somebody came
}

func newSocks(login string) (*socks, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &socks{listener: l, login: login, seen: map[string][]string{}, more: make(chan struct{}, 1)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.keep(conn)
			go s.serve(conn)
		}
	}()
	return s, nil
}

func (s *socks) url() string { return "socks5://" + s.listener.Addr().String() }

func (s *socks) keep(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, conn)
}

// end stops the proxy and everything that goes through it.
func (s *socks) end() {
	s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
}

func (s *socks) serve(conn net.Conn) {
	defer conn.Close()
	r := reader{conn}
	r.take(1)
	r.take(int(r.take(1)[0]))
	_, _ = conn.Write([]byte{5, 2})
	r.take(1)
	user, password := r.field(), r.field()
	if s.login != "" && user+":"+password != s.login {
		_, _ = conn.Write([]byte{1, 1})
		return
	}
	_, _ = conn.Write([]byte{1, 0})
	var host string
	switch head := r.take(4); head[3] {
	case 1:
		host = net.IP(r.take(4)).String()
	case 4:
		host = net.IP(r.take(16)).String()
	case 3:
		host = r.field()
		if head[1] == 0xf0 { // Tor's: look it up
			r.take(2)
			_, _ = conn.Write([]byte{5, 0, 0, 1, 192, 0, 2, 7, 0, 0})
			return
		}
	}
	port := strconv.Itoa(int(binary.BigEndian.Uint16(r.take(2))))
	s.mu.Lock()
	at := net.JoinHostPort(host, port)
	s.seen[at] = append(s.seen[at], user+":"+password)
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	if host == "192.0.2.7" || strings.HasSuffix(host, ".test") || strings.HasSuffix(host, ".onion") {
		host = "127.0.0.1"
	}
	out, err := net.Dial("tcp", net.JoinHostPort(host, port))
	if err != nil {
		_, _ = conn.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	defer out.Close()
	s.keep(out)
	_, _ = conn.Write([]byte{5, 0, 0, 1, 127, 0, 0, 1, 0, 80})
	go func() {
		_, _ = io.Copy(out, conn)
		out.Close()
	}()
	_, _ = io.Copy(conn, out)
}

// reader reads what it must, or zeros after the end.
type reader struct{ net.Conn }

func (r reader) take(n int) []byte {
	b := make([]byte, n)
	_, _ = io.ReadFull(r.Conn, b)
	return b
}

func (r reader) field() string { return string(r.take(int(r.take(1)[0]))) }

// logins are what was shown to the proxy for one gateway, each once.
func (s *socks) logins(pattern *regexp.Regexp) (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, logins := range s.seen {
		if pattern.MatchString(at) {
			out = append(out, logins...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// startSocks: socks NAME [USER PASSWORD].
func startSocks(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	s, err := newSocks(strings.Join(args[1:], ":"))
	ts.Check(err)
	ts.Value(sceneKey{}).(*scene).proxies[args[0]] = s
	ts.Setenv("SOCKS_"+args[0], s.url())
}

// proxied: proxied NAME REGEXP waits until the proxy was asked for such a
// host:port; with ! it must not have been asked. It prints what it was shown.
func proxied(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, false, args, 2)
	s := ts.Value(sceneKey{}).(*scene).proxies[args[0]]
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	for end := time.After(patience); ; {
		logins := s.logins(pattern)
		if neg {
			if len(logins) > 0 {
				ts.Fatalf("the proxy was asked for %s", args[1])
			}
			return
		}
		if len(logins) > 0 {
			fmt.Fprintln(ts.Stdout(), strings.Join(logins, "\n"))
			return
		}
		select {
		case <-s.more:
		case <-end:
			ts.Fatalf("the proxy was not asked for %s but for %v", args[1], s.logins(regexp.MustCompile("")))
		}
	}
}

func endSocks(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	ts.Value(sceneKey{}).(*scene).proxies[args[0]].end()
}

// gatewayAt runs a gateway that is named host for others, until the test ends. Nobody but
// the proxy knows that name, so it is part of no network, and need not work for a place in one.
func gatewayAt(t *testing.T, host string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(at)
	dir := filepath.Join(t.TempDir(), "gateway")
	p := runProgram(t, gatewayProgram(t), "run", "--data", dir, "--listen", at, "--public", host+":"+port, "--registration", "open", "--alone")
	if _, ok := p.next(regexp.MustCompile(`^ready `), time.After(patience)); !ok {
		t.Fatalf("the gateway does not start: %s", p.stderr.String())
	}
	return filepath.Join(dir, "address")
}

// TestNothingGoesAroundTheProxy runs people in this process, where every lookup
// of a name is noticed, at gateways whose names only the proxy knows: nobody can
// have been reached otherwise.
func TestNothingGoesAroundTheProxy(t *testing.T) {
	var mu sync.Mutex
	var lookups []string
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(_ context.Context, _, address string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		lookups = append(lookups, address)
		return nil, errors.New("no lookups")
	}}
	t.Cleanup(func() { net.DefaultResolver = before })
	s, err := newSocks("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.end)
	onion := strings.Repeat("zmsa", 14) + ".onion"
	ga, gb := gatewayAt(t, "a.test"), gatewayAt(t, onion)
	dir := t.TempDir()
	zms := func(args ...string) (string, string) {
		t.Helper()
		code, stdout, stderr := run(t, args...)
		if code != control.ExitOK {
			t.Fatalf("%s: %d, %s", args, code, stderr)
		}
		return stdout, stderr
	}
	alice, bob := filepath.Join(dir, "alice"), filepath.Join(dir, "bob")
	zms("--profile", alice, "--proxy", s.url(), "init", "--name", "Alice", "--no-passphrase")
	zms("--profile", bob, "--proxy", s.url(), "init", "--name", "Bob", "--no-passphrase")
	zms("--profile", alice, "gateway", "add", ga, "--wait")
	zms("--profile", bob, "gateway", "add", gb, "--wait")
	card, _ := zms("--profile", bob, "card", "show")
	zms("--profile", alice, "add", strings.TrimSpace(card))
	zms("--profile", alice, "send", "Bob", "through the proxy", "--wait", "custody")
	if requests, _ := zms("--profile", bob, "requests"); !strings.Contains(requests, "Alice") {
		t.Errorf("Bob was asked by %q", requests)
	}
	zms("--profile", bob, "accept", "1")
	zms("--profile", bob, "send", "1", "and back", "--wait", "custody")
	if history, _ := zms("--profile", alice, "history", "Bob"); !strings.Contains(history, "and back") {
		t.Errorf("Alice got %q", history)
	}
	status, _ := zms("--profile", alice, "status")
	if !strings.Contains(status, "proxy     "+s.url()) {
		t.Errorf("status says %s", status)
	}
	for _, host := range []string{`^a\.test:`, `\.onion:`} {
		if len(s.logins(regexp.MustCompile(host))) == 0 {
			t.Errorf("the proxy was not asked for %s", host)
		}
	}
	for _, login := range s.logins(regexp.MustCompile(`^a\.test:`)) {
		if slices.Contains(s.logins(regexp.MustCompile(`onion`)), login) {
			t.Error("both gateways were shown alike")
		}
	}

	// Without the proxy there is nothing.
	s.end()
	code, _, stderr := run(t, "--profile", alice, "send", "Bob", "nobody hears this", "--wait", "custody", "--timeout", "1s")
	if code != control.ExitTimeout {
		t.Errorf("a message went out without the proxy: %d, %s", code, stderr)
	}
	if status, _ = zms("--profile", alice, "status"); !strings.Contains(status, "the proxy can't be used") || !strings.Contains(status, "is it running?") {
		t.Errorf("status says %s", status)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(lookups) > 0 {
		t.Errorf("names were looked up at %q", lookups)
	}
	mu.Unlock()
	status, _ = zms("--profile", bob, "--proxy", "direct", "status")
	mu.Lock()
	if !strings.Contains(status, "an onion address is reached through Tor only") || len(lookups) > 0 {
		t.Errorf("an onion address without Tor: lookups at %q, %s", lookups, status)
	}
}
