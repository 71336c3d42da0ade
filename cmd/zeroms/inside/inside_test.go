package inside

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/cmd/zeroms-gateway/folder"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/store/chat"
	"zeroms/ui/model"
)

// run makes a Gateway and runs it until stop is called or the test ends.
func run(t *testing.T, dir string) (g *Gateway, stop func()) {
	t.Helper()
	g = New(dir, nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	stop = func() {
		cancel()
		if err, open := <-ended; open {
			close(ended)
			if err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(stop)
	return g, stop
}

func start(t *testing.T, g *Gateway, w Wish) model.InsideState {
	t.Helper()
	s, err := g.Start(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// person runs a client with a profile of its own.
func person(t *testing.T, name string) *client.Client {
	t.Helper()
	db, err := chat.Create(t.Context(), filepath.Join(t.TempDir(), "p"), chat.NoPassphrase())
	if err == nil {
		err = client.Create(t.Context(), db, name, time.Now())
	}
	dialer, failed := link.NewDialer(link.Config{})
	if err := errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
	c := client.New(client.Config{Store: db, Dialer: dialer})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, db.Close()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// until waits until something is so at a client.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	end, look := time.NewTimer(20*time.Second), time.NewTicker(10*time.Millisecond)
	defer end.Stop()
	defer look.Stop()
	for !so() {
		select {
		case <-end.C:
			t.Fatalf("it did not come to this: %s", what)
		case <-look.C:
		}
	}
}

func settle(t *testing.T, c *client.Client, a card.Address) {
	t.Helper()
	if _, err := c.AddGateway(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	up(t, c)
}

func up(t *testing.T, c *client.Client) {
	t.Helper()
	until(t, "the gateway is up", func() bool {
		all, err := c.Gateways(t.Context())
		return err == nil && len(all) == 1 && all[0].Up
	})
}

// TestPeople: two register by invitation and exchange messages, and go on when the
// gateway was stopped and started again at the same place. Nobody comes in without an
// invitation.
func TestPeople(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gateway")
	g, stop := run(t, dir)
	s := start(t, g, Wish{})
	if !s.Running || s.Open || s.Public || s.Problem != "" || s.Address.Host != "127.0.0.1" || s.Address.Invite.IsZero() ||
		!slices.Equal(s.Reach, []string{s.Address.Endpoint()}) {
		t.Fatalf("it runs as %+v", s)
	}
	alice, bob, eve := person(t, "Alice"), person(t, "Bob"), person(t, "Eve")
	settle(t, alice, s.Address)
	invite, err := g.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	settle(t, bob, invite)
	bare := invite
	bare.Invite = key.Invite{}
	if _, err := eve.AddGateway(t.Context(), bare); err != nil {
		t.Fatal(err)
	}
	until(t, "Eve is refused", func() bool {
		all, err := eve.Gateways(t.Context())
		return err == nil && !all[0].Up && strings.Contains(all[0].Problem, "[invite")
	})
	c, err := alice.Card(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	k, err := card.Parse(c.Text)
	if err != nil {
		t.Fatal(err)
	}
	friend, err := bob.Add(t.Context(), k, "")
	if err != nil {
		t.Fatal(err)
	}
	say := func(text string, lines int) {
		t.Helper()
		if _, err := bob.Send(t.Context(), friend.ID, text); err != nil {
			t.Fatal(err)
		}
		until(t, text, func() bool {
			page, _, _, err := alice.History(t.Context(), 1, client.Top, 10)
			return err == nil && len(page) == lines && page[lines-1].Text == text
		})
	}
	say("hello", 1)
	stop()
	if _, err := g.Invite(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("an invitation of a stopped gateway: %v", err)
	}
	if _, err := g.Start(t.Context(), Wish{}); !errors.Is(err, ErrStopped) {
		t.Errorf("started after the end: %v", err)
	}
	g, _ = run(t, dir)
	if again := start(t, g, Wish{}); again.Address.Endpoint() != s.Address.Endpoint() || again.Address.Node != s.Address.Node || again.Accounts != 2 {
		t.Errorf("it is started again as %+v and was %+v", again, s)
	}
	up(t, bob)
	say("and again", 2)
}

// TestStartAndStop: it can be started, opened and stopped in any order, at one port, and
// tells when its address changes.
func TestStartAndStop(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gateway")
	g, _ := run(t, dir)
	if err := g.Stop(t.Context()); err != nil {
		t.Errorf("stopped before it ran: %v", err)
	}
	moved := g.Moved()
	closed := start(t, g, Wish{})
	<-moved
	if same := start(t, g, Wish{}); !same.Address.Invite.Equal(closed.Address.Invite.Bytes()) {
		t.Error("what runs was started anew")
	}
	open := start(t, g, Wish{Open: true})
	if !open.Open || open.Address.Port != closed.Address.Port || open.Address.Host != home(places()) || len(open.Reach) != max(1, len(places())) {
		t.Errorf("open it is %+v", open)
	}
	if err := g.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := g.State(); s.Running || s.Problem != "" || s.Address.Port != 0 {
		t.Errorf("stopped it is %+v", s)
	}
	c, err := folder.Read(dir)
	if err != nil || c.Registration != folder.RegisterInvite || c.Network != "public" {
		t.Errorf("its configuration is %+v, %v", c, err)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "node.key": 0o600, "gateway.json": 0o600, "mailbox.db": 0o600, "address": 0o600} {
		if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.Mode().Perm() != want {
			t.Errorf("%q: %v, %v", name, st, err)
		}
	}
}

// TestProblems: why it does not run is said, and it can be started once that is mended.
func TestProblems(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gateway")
	first, stopFirst := run(t, dir)
	start(t, first, Wish{})
	second, _ := run(t, dir)
	s, err := second.Start(t.Context(), Wish{})
	if !errors.Is(err, ErrInUse) || s.Running || s.Problem == "" {
		t.Errorf("twice: %+v, %v", s, err)
	}
	stopFirst()
	start(t, second, Wish{})
	lab := card.Address{Node: key.NewPrivate[key.Node]().Public(), Host: "127.0.0.1", Port: 1, Network: card.NetworkLab}
	if _, err := second.Start(t.Context(), Wish{Open: true, Others: []card.Address{lab}}); !errors.Is(err, ErrNetwork) {
		t.Errorf("beside gateways of another network: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "gateway.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Start(t.Context(), Wish{}); !errors.Is(err, ErrData) {
		t.Errorf("with a damaged configuration: %v", err)
	}
}

// TestNetworks: it is of the network of the gateways that the user has, and joins that
// by those that can be reached from there.
func TestNetworks(t *testing.T) {
	own := key.Network{'a', 'c', 'm', 'e'}
	at := func(host string) card.Address {
		return card.Address{Node: key.NewPrivate[key.Node]().Public(), Host: host, Port: 443, Network: own}
	}
	g, _ := run(t, filepath.Join(t.TempDir(), "gateway"))
	s := start(t, g, Wish{Others: []card.Address{at("192.168.7.7"), at("gw.example.org")}})
	if s.Address.Network != own {
		t.Errorf("it is %+v", s)
	}
	serving := &serving{host: "192.168.7.9", wish: Wish{Open: true, Others: []card.Address{at("192.168.7.7"), at("gw.example.org")}}, data: &folder.Folder{Node: key.NewPrivate[key.Node](), Config: folder.Config{Network: "acme"}}}
	if scope, o := serving.options(); scope.String() != "lan" || o.Scope != "lan" || !o.LAN || o.NoUDP || len(o.Join) != 2 {
		t.Errorf("in a local network: %v, %+v", scope, o)
	}
	serving.data.Config.Network = "public"
	if scope, o := serving.options(); scope.String() != "public" || o.Scope != "" || o.LAN || !o.NoUDP || len(o.Join) != 1 {
		t.Errorf("in the public network: %v, %+v", scope, o)
	}
}

// TestPlaces: others come by a public address, else by the one that is used, and never
// by one that leads nowhere else.
func TestPlaces(t *testing.T) {
	all := func(texts ...string) (out []netip.Addr) {
		for _, text := range texts {
			out = append(out, netip.MustParseAddr(text))
		}
		return out
	}
	got := ordered(all("127.0.0.1", "fd00::1", "10.9.9.9", "fe80::1", "192.168.1.5", "169.254.3.4", "2a01:4f8::1", "::1", "192.168.1.5"), netip.MustParseAddr("192.168.1.5"))
	if want := all("192.168.1.5", "10.9.9.9", "2a01:4f8::1", "fd00::1"); !slices.Equal(got, want) {
		t.Errorf("the places are %v", got)
	}
	if got := ordered(all("10.0.0.1", "8.8.8.8"), netip.MustParseAddr("10.0.0.1")); home(got) != "8.8.8.8" {
		t.Errorf("home is %v", home(got))
	}
	if home(all("fd00::1")) != "[fd00::1]" || home(nil) != "127.0.0.1" {
		t.Error("home is written wrongly")
	}
	if a, ok := around(all("8.8.8.8", "10.0.0.1")); !ok || a.String() != "10.0.0.1" {
		t.Error(a)
	}
}
