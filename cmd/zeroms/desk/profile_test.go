package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zeroms/client"
	"zeroms/cmd/zms/control"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
	"zeroms/store/chat"
	"zeroms/ui/model"
)

// TestSelf: name, proxy and direct links, and diagnostics that name nobody.
func TestSelf(t *testing.T) {
	p := create(t, "Alice Wonder", "")
	ctx := t.Context()
	state, err := p.Inside.Start(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	p.settle(t, state.Address)
	if err := p.Self.SetName(ctx, "a\u202eb"); Name(err) != "name" {
		t.Errorf("a name that overrides directions: %v", err)
	}
	if err := p.Self.SetName(ctx, "Alicia"); err != nil {
		t.Fatal(err)
	}
	s, err := p.Self.Status(ctx)
	if err != nil || s.Name != "Alicia" {
		t.Errorf("%+v, %v", s, err)
	}
	if err := p.Self.SetDirect(ctx, client.Never); err != nil || p.Self.Direct() != client.Never {
		t.Error(err)
	}
	if err := p.Self.SetProxy(ctx, "nonsense"); !errors.Is(err, link.ErrProxyAddress) {
		t.Error(err)
	}
	if err := p.Self.SetProxy(ctx, "socks5://me:secret@127.0.0.1:9"); err != nil {
		t.Fatal(err)
	}
	if url, fixed := p.Self.Proxy(); url != "socks5://127.0.0.1:9" || fixed {
		t.Errorf("the proxy is %s, %v", url, fixed)
	}
	text, err := p.Self.Diagnostics(ctx)
	if err != nil || !strings.Contains(text, "gateway 1: ") || !strings.Contains(text, "proxy yes") || !strings.Contains(text, "never") {
		t.Errorf("%s%v", text, err)
	}
	for _, secret := range []string{"Ali", "secret", "127.0.0.1", key.UserIDText(s.User), s.Device.String(), state.Address.Node.String()} {
		if strings.Contains(text, secret) {
			t.Errorf("diagnostics tell %q", secret)
		}
	}
	if err := p.Self.SetProxy(ctx, ""); err != nil {
		t.Error(err)
	}
}

// TestToldProxy: what the start says goes before the profile, and a new one keeps it.
func TestToldProxy(t *testing.T) {
	if _, err := New(Config{Dir: newDir(t), Proxy: "nonsense"}); !errors.Is(err, link.ErrProxyAddress) {
		t.Error(err)
	}
	dir := newDir(t)
	d, stop := run(t, Config{Dir: dir, Proxy: "socks5://127.0.0.1:9"})
	p, err := d.Create(t.Context(), "Alice", "")
	if err != nil {
		t.Fatal(err)
	}
	if url, fixed := p.Self.Proxy(); url != "socks5://127.0.0.1:9" || !fixed {
		t.Errorf("the proxy is %s, %v", url, fixed)
	}
	stop()
	d, _ = run(t, Config{Dir: dir})
	if p, err = d.Unlock(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if url, fixed := p.Self.Proxy(); url != "socks5://127.0.0.1:9" || fixed {
		t.Errorf("the proxy that was kept is %s, %v", url, fixed)
	}
}

// TestProbe: only who proves the key is found, once; what is not an address of anybody
// is not connected to.
func TestProbe(t *testing.T) {
	alice := create(t, "Alice", "")
	state, err := alice.Inside.Start(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), state.Address.Port)
	good := wire.Contact{Node: state.Address.Node, Addr: at, Transports: wire.TransportWSS}
	wrong, nobody := good, good
	wrong.Node = key.NewPrivate[key.Node]().Public()
	nobody.Addr = netip.MustParseAddrPort("224.0.0.1:1")
	p, err := newProber(nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		p.run(ctx)
	}()
	for what, c := range map[string]wire.Contact{"another key": wrong, "multicast": nobody} {
		if n, err := p.probe(ctx, sighting{card.NetworkPublic, c}); err == nil {
			t.Errorf("%s is found: %+v", what, n)
		}
	}
	if _, err := p.probe(ctx, sighting{card.NetworkLab, good}); err == nil {
		t.Error("it is found in another network")
	}
	seen, found := make(chan sighting, 4), make(chan model.Neighbour, 4)
	for range 3 {
		seen <- sighting{card.NetworkPublic, good}
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		p.runAll(ctx, seen, func(n model.Neighbour) { found <- n })
	}()
	n := <-found
	if n.Address.Node != state.Address.Node || n.Address.Endpoint() != state.Address.Endpoint() || !n.Address.Invite.IsZero() || n.Took <= 0 || n.Open {
		t.Errorf("found %+v", n)
	}
	cancel()
	<-over
	<-ran
	if len(found) > 0 {
		t.Error("found twice")
	}
}

// TestTheFirstGatewayChoosesTheNetwork: all are looked at until then.
func TestTheFirstGatewayChoosesTheNetwork(t *testing.T) {
	p := create(t, "Alice", "")
	near, ok := p.Nearby.(nearby)
	if !ok {
		t.Fatalf("%T", p.Nearby)
	}
	if n, chosen, err := near.network(t.Context()); err != nil || chosen {
		t.Errorf("without a gateway the network is %q, %v, %v", n[:], chosen, err)
	}
	noor := key.Network{'n', 'o', 'o', 'r'}
	a := card.Address{Node: key.NewPrivate[key.Node]().Public(), Host: "127.0.0.1", Port: 9, Network: noor}
	if _, err := p.Homes.AddGateway(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if n, chosen, err := near.network(t.Context()); err != nil || !chosen || n != noor {
		t.Errorf("with a gateway it is %q, %v, %v", n[:], chosen, err)
	}
	a.Node, a.Network = key.NewPrivate[key.Node]().Public(), card.NetworkPublic
	if _, err := p.Homes.AddGateway(t.Context(), a); !errors.Is(err, wire.ErrNetwork) {
		t.Errorf("a gateway of another network: %v", err)
	}
	for _, chosen := range []bool{false, true} {
		if all, err := searchesOf(noor, chosen, make(chan sighting)); err != nil || len(all) != 2 {
			t.Errorf("%d searches, %v", len(all), err)
		}
	}
}

// TestNearbyEnds: a search ends with its ctx, whatever networks there are here.
func TestNearbyEnds(t *testing.T) {
	p := create(t, "Alice", "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Nearby.Find(ctx, func(n model.Neighbour) { t.Errorf("found %+v", n) }); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestDoor: what stands in the way of a profile has a name.
func TestDoor(t *testing.T) {
	ctx := t.Context()
	open := newDir(t)
	if err := os.MkdirAll(open, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(open, "other"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d, _ := run(t, Config{Dir: open})
	if _, err := d.Create(ctx, "Alice", ""); Name(err) != "permissions" {
		t.Errorf("in a directory for everybody: %v", err)
	}
	p := create(t, "Alice", "")
	p.close()
	if err := os.WriteFile(filepath.Join(p.dir, "profile.key"), []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, _ = run(t, Config{Dir: p.dir})
	if _, err := d.State(ctx); Name(err) != "damaged" {
		t.Errorf("with a damaged key: %v", err)
	} else if args := d.Args(err); !slices.Contains(args, any(p.dir)) {
		t.Errorf("whoever has to move the folder away is not told which: %v", args)
	}
	if err := os.Remove(filepath.Join(p.dir, "profile.key")); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(p.dir, "profile.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Create(ctx, "Bob", ""); Name(err) != "incomplete" {
		t.Errorf("over a profile whose key is elsewhere: %v", err)
	}
	if after, err := os.ReadFile(filepath.Join(p.dir, "profile.db")); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the profile without its key was changed: %v", err)
	}
	d, _ = run(t, Config{Dir: newDir(t)})
	if s, err := d.State(ctx); s != model.DoorEmpty || err != nil {
		t.Errorf("of nothing: %v, %v", s, err)
	}
	if _, err := d.Unlock(ctx, ""); Name(err) != "profile-missing" || !errors.Is(err, chat.ErrNoProfile) {
		t.Errorf("of nothing: %v", err)
	}
}

// TestCompleted: what an interrupted attempt to make a profile left is taken over.
func TestCompleted(t *testing.T) {
	dir := newDir(t)
	db, err := chat.Create(t.Context(), dir, chat.NoPassphrase())
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	d, _ := run(t, Config{Dir: dir})
	if s, err := d.State(t.Context()); s != model.DoorEmpty || err != nil {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := d.Create(t.Context(), "Alice", ""); err != nil {
		t.Error(err)
	}
	dir = newDir(t)
	if db, err = chat.Create(t.Context(), dir, chat.Passphrase("battery")); err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	d, _ = run(t, Config{Dir: dir})
	if _, err := d.Unlock(t.Context(), "battery"); Name(err) != "profile-missing" {
		t.Errorf("of nothing behind a passphrase: %v", err)
	}
	if s, err := d.State(t.Context()); s != model.DoorEmpty || err != nil {
		t.Errorf("then %v, %v", s, err)
	}
}

// TestMoves: a home inside of the app is followed to where it is now.
func TestMoves(t *testing.T) {
	p := create(t, "Alice", "")
	state, err := p.Inside.Start(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	p.settle(t, state.Address)
	if state, err = p.Inside.Start(t.Context(), true); err != nil || !state.Open {
		t.Fatalf("%+v, %v", state, err)
	}
	p.until(t, "it is up at the new address", func() bool {
		all, err := p.Homes.Gateways(t.Context())
		return err == nil && len(all) == 1 && all[0].Up && all[0].Host == state.Address.Endpoint()
	})
}

// TestStops: that the engine ended by itself is told, and the profile can be opened anew.
func TestStops(t *testing.T) {
	p := create(t, "Alice", "")
	if err := p.Safe.(safe).p.Keys.(*chat.DB).Close(); err != nil { // as if the disk went
		t.Fatal(err)
	}
	if err := p.Self.SetName(t.Context(), "Alicia"); err == nil {
		t.Error("a name was kept nowhere")
	}
	if err := <-p.Stopped(); err == nil || Name(err) == "interrupted" {
		t.Errorf("it stopped because of %v", err)
	}
	back, err := p.Unlock(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := back.Self.Status(t.Context()); err != nil || s.Name != "Alice" {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestEnded: nothing opens once the desk is closed.
func TestEnded(t *testing.T) {
	p := create(t, "Alice", "")
	p.close()
	if _, err := p.Unlock(t.Context(), ""); !errors.Is(err, client.ErrStopped) {
		t.Errorf("opened: %v", err)
	}
	if _, err := p.Self.Status(t.Context()); Name(err) != "stopped" {
		t.Errorf("asked: %v", err)
	}
	if db, err := chat.Open(t.Context(), p.dir, chat.NoPassphrase()); err != nil {
		t.Errorf("the profile is not free: %v", err)
	} else if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// TestSentences: every error that has a name has a sentence in both languages.
func TestSentences(t *testing.T) {
	all := []string{"word-count", "word-unknown"}
	for _, e := range control.Exits() {
		all = append(all, e.Names...)
	}
	elsewhere := []string{control.NameFailure, control.NameUsage, control.NameBot, control.NameNoFan, control.NameRefused} // of the command line
	all = slices.DeleteFunc(all, func(name string) bool { return slices.Contains(elsewhere, name) })
	for _, n := range names {
		all = append(all, n.name)
	}
	for _, e := range wire.Table {
		all = append(all, e.Name)
	}
	for _, language := range []string{"en", "zh_Hans"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "..", "assets", "translations", "error."+language+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var said map[string]string
		if err := json.Unmarshal(b, &said); err != nil {
			t.Fatal(err)
		}
		for _, name := range all {
			if said["error."+name] == "" {
				t.Errorf("%s: error.%s is missing", language, name)
			}
		}
		for k := range said {
			if !slices.Contains(all, strings.TrimPrefix(k, "error.")) {
				t.Errorf("%s: nothing is called %s", language, k)
			}
		}
	}
}
