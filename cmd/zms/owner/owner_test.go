package owner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/cmd/zms/control"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/store/chat"
)

func newAccess(t *testing.T, unlock chat.Unlock) *Access {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "p")
	db, err := chat.Create(t.Context(), dir, unlock)
	if err == nil {
		err = errors.Join(client.Create(t.Context(), db, "Alice", time.Now()), db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return &Access{Dir: dir, Passphrase: func(context.Context, string) (string, error) { return "", errors.New("nobody is asked") }}
}

func nameOf(err error) string {
	if err == nil {
		return ""
	}
	return control.Explain(err).Name
}

// TestManyAtOnce: one Access follows and asks at the same time, before and while
// it owns the profile, and the profile is free afterwards.
func TestManyAtOnce(t *testing.T) {
	a := newAccess(t, chat.NoPassphrase())
	a.Name = "chat"
	ctx, cancel := context.WithCancel(t.Context())
	ready := make(chan struct{})
	followed := make(chan error, 1)
	go func() {
		followed <- a.Follow(ctx, control.Request{Cmd: control.CmdListen}, func(row control.Row) error {
			if _, ok := row.(*control.Ready); ok {
				close(ready)
			}
			return nil
		})
	}()
	<-ready
	var asking sync.WaitGroup
	for range 20 {
		asking.Go(func() {
			err := a.Ask(t.Context(), control.Request{Cmd: control.CmdStatus}, func(row control.Row) error {
				if s := row.(*control.Status); s.Owner != "chat" {
					return fmt.Errorf("the owner is %s", s.Owner)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	if !a.Served() {
		t.Error("the requests did not go to who owns the profile")
	}
	cancel()
	if err := <-followed; err != nil {
		t.Error(err)
	}
	at, err := a.Reach(t.Context())
	if err != nil || at.DB == nil {
		t.Fatalf("the profile is not free: %v", err)
	}
	if err := at.Close(); err != nil {
		t.Error(err)
	}
}

// TestTakeover: who follows takes the place of an owner that ends, and says so.
func TestTakeover(t *testing.T) {
	first := newAccess(t, chat.NoPassphrase())
	second := &Access{Dir: first.Dir, Passphrase: first.Passphrase}
	firstCtx, endFirst := context.WithCancel(t.Context())
	secondCtx, endSecond := context.WithCancel(t.Context())
	rows := make(chan control.Row, 10)
	served := make(chan error, 1)
	go func() {
		served <- first.Follow(firstCtx, control.Request{Cmd: control.CmdListen}, func(row control.Row) error {
			rows <- row
			return nil
		})
	}()
	<-rows // ready
	followed := make(chan error, 1)
	go func() {
		followed <- second.Follow(secondCtx, control.Request{Cmd: control.CmdListen}, func(row control.Row) error {
			rows <- row
			return nil
		})
	}()
	<-rows // the second one's
	endFirst()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, ok := (<-rows).(*control.Lagged); !ok {
		t.Error("nothing tells that something may be missing")
	}
	if _, ok := (<-rows).(*control.Ready); !ok {
		t.Error("it does not go on")
	}
	if err := second.Ask(t.Context(), control.Request{Cmd: control.CmdContacts}, func(control.Row) error { return nil }); err != nil {
		t.Error(err)
	}
	endSecond()
	if err := <-followed; err != nil {
		t.Error(err)
	}
}

func TestFailuresOfReach(t *testing.T) {
	none := &Access{Dir: filepath.Join(t.TempDir(), "none")}
	if err := none.Ask(t.Context(), control.Request{Cmd: control.CmdContacts}, nil); nameOf(err) != control.NameNoProfile {
		t.Errorf("no profile: %v", err)
	}
	locked := newAccess(t, chat.Passphrase("battery"))
	if err := locked.Ask(t.Context(), control.Request{Cmd: control.CmdContacts}, nil); err == nil || !strings.Contains(err.Error(), "nobody is asked") {
		t.Errorf("no passphrase: %v", err)
	}
	locked.Passphrase = func(context.Context, string) (string, error) { return "staple", nil }
	if err := locked.Ask(t.Context(), control.Request{Cmd: control.CmdContacts}, nil); nameOf(err) != "wrong-passphrase" {
		t.Errorf("another passphrase: %v", err)
	}
	locked.Passphrase = func(context.Context, string) (string, error) { return "battery", nil }
	at, err := locked.Own(t.Context())
	if err != nil || !at.Locked {
		t.Fatalf("%+v, %v", at, err)
	}
	defer at.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := locked.Ask(ctx, control.Request{Cmd: control.CmdContacts}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("held by another: %v", err)
	}
}

func TestParseVia(t *testing.T) {
	if v, err := ParseVia(""); v != nil || err != nil {
		t.Errorf("nothing is %v, %v", v, err)
	}
	if v, err := ParseVia("direct"); err != nil || v == nil || v.Proxy != nil || v.text() != "" || len(v.Rows()) != 0 {
		t.Errorf("direct is %v, %v", v, err)
	}
	if v, err := ParseVia("socks5://h:1"); err != nil || v.text() != "socks5://h:1" || len(v.Rows()) != 1 {
		t.Errorf("a proxy is %v, %v", v, err)
	}
	if v, err := ParseVia("nonsense"); !errors.Is(err, link.ErrProxyAddress) {
		t.Errorf("nonsense is %v, %v", v, err)
	}
}

// serve is a gateway's listening side.
func serve(t *testing.T) (link.Endpoint, chan link.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	node := key.NewPrivate[key.Node]()
	accepted := make(chan link.Conn, 4)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() {
		served <- link.Serve(ctx, l, link.ServerConfig{Node: node}, func(c link.Conn) {
			accepted <- c
			<-ctx.Done()
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-served
	})
	public := node.Public()
	return link.Endpoint{Host: "127.0.0.1", Port: uint16(l.Addr().(*net.TCPAddr).Port), Node: public[:]}, accepted
}

// silent is a proxy that takes connections and says nothing.
func silent(t *testing.T) (*link.Proxy, chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	came := make(chan net.Conn, 4)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			came <- conn
		}
	}()
	t.Cleanup(func() { l.Close() })
	return &link.Proxy{Host: "127.0.0.1", Port: uint16(l.Addr().(*net.TCPAddr).Port)}, came
}

// TestRouteChanges: nothing is dialled before the way is known, links and
// attempts end when it changes, and what is said again changes nothing.
func TestRouteChanges(t *testing.T) {
	e, accepted := serve(t)
	proxy, came := silent(t)
	r := newRoute(nil)
	type dialled struct {
		conn link.Conn
		err  error
	}
	dial := func() chan dialled {
		out := make(chan dialled, 1)
		go func() {
			conn, err := r.Dial(t.Context(), e)
			out <- dialled{conn, err}
		}()
		return out
	}
	early := dial()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Dial(gone, e); !errors.Is(err, context.Canceled) {
		t.Errorf("without a way: %v", err)
	}
	if len(accepted) > 0 {
		t.Fatal("somebody dialled before the way was known")
	}
	if err := r.Use(nil); err != nil {
		t.Fatal(err)
	}
	direct := <-early
	if direct.err != nil {
		t.Fatal(direct.err)
	}
	if err := r.Use(nil); err != nil {
		t.Fatal(err)
	}
	far := <-accepted
	if err := far.Send(t.Context(), []byte("still there")); err != nil {
		t.Fatal(err)
	}
	if m, err := direct.conn.Recv(t.Context()); err != nil || string(m) != "still there" {
		t.Errorf("the link of the same way: %q, %v", m, err)
	}
	if err := r.Use(proxy); err != nil {
		t.Fatal(err)
	}
	if _, err := direct.conn.Recv(t.Context()); err == nil {
		t.Error("the direct link goes on")
	}
	if _, err := far.Recv(t.Context()); err == nil {
		t.Error("the gateway hears more")
	}
	if r.Proxy() == nil || r.Proxy().Addr() != proxy.Addr() {
		t.Errorf("the proxy is %v", r.Proxy())
	}
	through := dial()
	<-came
	if err := r.Use(nil); err != nil {
		t.Fatal(err)
	}
	if got := <-through; !errors.Is(got.err, errMoved) {
		t.Errorf("the attempt through the proxy ended with %v", got.err)
	}
	if len(accepted) > 0 {
		t.Error("the gateway was reached past the proxy")
	}
	again := <-dial()
	if again.err != nil {
		t.Fatal(again.err)
	}
	if len(r.links) != 1 {
		t.Errorf("%d links are known", len(r.links))
	}
	if err := again.conn.Close(); err != nil || len(r.links) != 0 {
		t.Errorf("%d links are known after the end (%v)", len(r.links), err)
	}
}

// TestOverride: what the profile keeps does not matter then.
func TestOverride(t *testing.T) {
	e, accepted := serve(t)
	proxy, _ := silent(t)
	r := newRoute(&Via{})
	if err := r.Use(proxy); err != nil {
		t.Fatal(err)
	}
	conn, err := r.Dial(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	<-accepted
	if p, ok := r.Override(); p != nil || !ok || r.Proxy() != nil {
		t.Errorf("it says %v, %v", p, ok)
	}
	go conn.Close()
	r = newRoute(&Via{Proxy: proxy})
	if p, ok := r.Override(); p != proxy || !ok || r.Proxy() != proxy {
		t.Errorf("it says %v, %v", p, ok)
	}
	if err := r.Use(&link.Proxy{}); err != nil {
		t.Error(err)
	}
	if err := newRoute(nil).Use(&link.Proxy{}); !errors.Is(err, link.ErrProxyAddress) {
		t.Errorf("half a proxy: %v", err)
	}
}
