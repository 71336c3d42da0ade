package gateway_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"zeroms/gateway"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// loud makes a world log everything.
func loud(log *logged, addresses bool) func(*options) {
	return func(o *options) {
		logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.gateway.Log, o.mailbox.Log = logger, logger
		o.gateway.LogAddresses = addresses
		o.gateway.Timing.Report = time.Second
	}
}

// spellings are the ways in which bytes may stand in a log.
func spellings(b []byte) []string {
	return []string{
		hex.EncodeToString(b[:6]), strings.ToUpper(hex.EncodeToString(b[:6])),
		base64.StdEncoding.EncodeToString(b)[:8], base64.RawURLEncoding.EncodeToString(b)[:8],
		string(b[:8]), fmt.Sprint(b[:4])[1:],
	}
}

// traffic makes everything happen that a log could tell of, and returns what must
// not stand there.
func traffic(w *world) (secrets []string) {
	w.from("203.0.113.77")
	h := newPerson()
	p, _ := w.member("phone", h)
	d := p.newDrop(h)
	w.from("2001:db8:7777::8")
	guest := w.guest("sender")
	guest.collect(guest.ask(d.submit(1 << 10)))
	wrong := d
	wrong.capability, _ = key.CapabilityFrom(make([]byte, 32))
	guest.fails(guest.ask(wrong.submit(1<<10)), wire.ErrUnknownDrop)
	guest.fails(guest.ask(guest.login(newPerson())), wire.ErrLogin)
	p.pushed(1)
	noise := w.connect("noise")
	junk := make([]byte, 300)
	rand.Read(junk)
	noise.raw(junk)
	noise.read()
	stranger := w.connect("elsewhere")
	stranger.hello(func(hello *wire.ClientHello) { hello.Network = key.Network{'x', 'x', 'x', 'x'} })
	stranger.read()
	p.conn.Close()
	guest.conn.Close()
	pass(2 * time.Second)
	mk, lk, tag, capability := h.mk.Public(), h.lk.Public(), key.AccountTagOf(h.mk.Public()), d.capability.Bytes()
	for _, b := range [][]byte{mk[:], lk[:], tag[:], capability, d.id[:], junk, w.node.Seed()} {
		secrets = append(secrets, spellings(b)...)
	}
	return append(secrets, "phone", "sender", "elsewhere")
}

func TestTheLogNamesNobodyAtAnyLevel(t *testing.T) {
	var log logged
	var secrets []string
	in(t, loud(&log, false), func(t *testing.T, w *world) { secrets = traffic(w) })
	text := log.String()
	for _, line := range []string{"link begins", "link ended", "member=true", "stats.submits", "mailbox: running", "gateway stopped"} {
		if !strings.Contains(text, line) {
			t.Errorf("nothing is tested of %q:\n%s", line, text)
		}
	}
	for _, secret := range append(secrets, "203.0.113", "2001:db8", "addr") {
		if strings.Contains(text, secret) {
			t.Errorf("the log has %q:\n%s", secret, text)
		}
	}
}

func TestTheLogHasAddressesIfAsked(t *testing.T) {
	var log logged
	var secrets []string
	in(t, loud(&log, true), func(t *testing.T, w *world) { secrets = traffic(w) })
	text := log.String()
	for _, address := range []string{"addr=203.0.113.77", "addr=2001:db8:7777::8"} {
		if !strings.Contains(text, address) {
			t.Errorf("%q is missing:\n%s", address, text)
		}
	}
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("the log has %q:\n%s", secret, text)
		}
	}
}

// Handshakes that fail are logged with their address, or not at all.
func TestFailedHandshakesInTheLog(t *testing.T) {
	for _, addresses := range []bool{false, true} {
		t.Run(fmt.Sprint(addresses), func(t *testing.T) {
			var log logged
			w := start(t, loud(&log, addresses))
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			served := make(chan error, 1)
			go func() { served <- w.gw.Serve(ctx, l, false) }()
			c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 31, 7, 9)}}).Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: plain-%s\r\n\r\n", "text")
			io.ReadAll(c)
			c.Close()
			dialer, err := link.NewDialer(link.Config{})
			if err != nil {
				t.Fatal(err)
			}
			other := key.NewPrivate[key.Node]().Public()
			port := uint16(l.Addr().(*net.TCPAddr).Port)
			if _, err := dialer.Dial(t.Context(), link.Endpoint{Host: "127.0.0.1", Port: port, Node: other[:]}); err == nil {
				t.Fatal("another gateway was taken for it")
			}
			cancel()
			w.stop()
			if err := <-served; err != nil {
				t.Fatal(err)
			}
			if err := <-w.ran; err != nil {
				t.Fatal(err)
			}
			if has := strings.Contains(log.String(), "127.31.7.9"); has != addresses {
				t.Errorf("the address stands there: %t\n%s", has, log.String())
			}
			if strings.Contains(log.String(), "plain-text") {
				t.Errorf("what was sent stands there:\n%s", log.String())
			}
		})
	}
}

func TestRefusalsAreCountedByReason(t *testing.T) {
	in(t, func(o *options) {
		o.gateway.Limits.Quota, o.mailbox.Limits.Quota = 2<<10, 2<<10
	}, func(t *testing.T, w *world) {
		h := newPerson()
		p, _ := w.member("phone", h)
		d := p.newDrop(h)
		guest := w.guest("sender")
		guest.collect(guest.ask(d.submit(1 << 10)))
		guest.expect(guest.ask(d.submit(1<<10)), &wire.Refused{})
		guest.expect(guest.ask(d.submit(1<<10)), &wire.Refused{})
		guest.fails(guest.ask(&wire.HeadGet{}), wire.ErrNotLoggedIn)
		counts := w.gw.Refusals()
		if len(counts) != len(wire.Table) {
			t.Errorf("%d reasons, the table has %d", len(counts), len(wire.Table))
		}
		for name, n := range counts {
			if want := map[string]int64{"quota-full": 2, "not-logged-in": 1}[name]; n != want {
				t.Errorf("%s: %d, want %d", name, n, want)
			}
		}
		if w.gw.Draining() {
			t.Error("it drains")
		}
		w.stop()
		pass(10 * time.Second)
		if !w.gw.Draining() {
			t.Error("it does not drain")
		}
	})
}

func TestEveryCodeIsCounted(t *testing.T) {
	w := gateway.Gateway{}
	if got := w.Refusals(); len(got) != len(wire.Table) {
		t.Errorf("%d reasons of %d", len(got), len(wire.Table))
	}
}
