package inside

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"zeroms/cmd/zeroms-gateway/folder"
	"zeroms/cmd/zeroms-gateway/machine"
	"zeroms/cmd/zeroms-gateway/network"
	"zeroms/gateway"
	"zeroms/gateway/mailbox"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link/lan"
	"zeroms/protocol/wire"
	database "zeroms/store/mailbox"
)

// What a gateway for some friends serves at once; its gateway.json can say otherwise.
const (
	links  = 200
	guests = 40
)

// serving is one run of the gateway.
type serving struct {
	wish    Wish
	log     *slog.Logger
	data    *folder.Folder
	place   network.Place
	host    string // by which others name it
	sockets network.Sockets
	address card.Address
	db      *database.DB
	box     *mailbox.Mailbox
	net     *network.Network
	tells   *lan.Discovery // nil: it does not tell of itself, or its network does that
	gateway *gateway.Gateway

	stop  context.CancelFunc // nil: it did not begin
	ended chan error         // has room
}

// runServing opens everything and returns when it serves.
func runServing(ctx context.Context, dir string, log *slog.Logger, w Wish) (s *serving, err error) {
	s = &serving{wish: w, log: log, ended: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
			s = nil
		}
	}()
	if err := s.open(ctx, dir); err != nil {
		return s, err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	go func() { s.ended <- s.run(serving) }()
	select {
	case <-s.box.Ready():
	case err := <-s.ended:
		s.ended <- nil
		return s, fmt.Errorf("%w: %w", ErrData, err)
	case <-ctx.Done():
		return s, ctx.Err()
	}
	text, err := s.address.Text()
	if err == nil {
		err = machine.WriteFile(s.data.Path(folder.AddressFile), []byte(text+"\n"))
	}
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrData, err)
	}
	return s, nil
}

// open opens the directory, the port and the database, and makes the gateway.
func (s *serving) open(ctx context.Context, dir string) (err error) {
	if err := s.openFolder(dir); err != nil {
		return err
	}
	if err := s.listen(ctx); err != nil {
		return err
	}
	s.db, err = database.Open(ctx, s.data.Path(folder.DatabaseFile))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrData, err)
	}
	s.db.LogTo(s.log)
	limits := s.data.Config.Announced()
	s.box, err = mailbox.New(mailbox.Config{
		Node: s.data.Node, Network: s.data.Network(), Limits: limits, Registration: mailbox.InviteOnly, Store: s.db, Log: s.log,
	})
	if err != nil {
		return err
	}
	if err := s.join(ctx, limits); err != nil {
		return err
	}
	cfg := gateway.Config{
		Node: s.data.Node, Network: s.data.Network(), Limits: limits, Capacity: s.data.Config.Capacity(), Mailbox: s.box, Log: s.log,
		Overlay: s.net.Overlay,
	}
	s.gateway, err = gateway.New(cfg)
	return err
}

// openFolder opens the gateway's directory, or makes it. Errors: ErrInUse, ErrData,
// ErrNetwork.
func (s *serving) openFolder(dir string) (err error) {
	wanted := card.NetworkPublic
	if len(s.wish.Others) > 0 {
		wanted = s.wish.Others[0].Network
	}
	if folder.Exists(dir) {
		s.data, err = folder.Open(dir)
	} else {
		s.data, err = folder.Create(dir, folder.Config{
			Version: folder.Version, Network: nameOf(wanted), Registration: folder.RegisterInvite, Limits: folder.Limits{Links: links, Guests: guests},
		})
	}
	var inUse folder.InUseError
	switch {
	case errors.As(err, &inUse):
		return fmt.Errorf("%w (%w)", ErrInUse, err)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrData, err)
	case len(s.wish.Others) > 0 && s.data.Network() != wanted:
		return ErrNetwork
	}
	if err := s.data.Decide(false, folder.RegisterInvite); err != nil {
		return fmt.Errorf("%w: %w", ErrData, err)
	}
	return nil
}

// nameOf is a network as folder.NetworkOf reads it.
func nameOf(n key.Network) string {
	switch n {
	case card.NetworkPublic:
		return "public"
	case card.NetworkLab:
		return "lab"
	}
	return string(n[:])
}

// listen opens the port of the last time, or if that is taken any.
func (s *serving) listen(ctx context.Context) (err error) {
	at, port := "127.0.0.1", lastPort(s.data.Path(folder.AddressFile))
	s.host = at
	if s.wish.Open {
		at, s.host = "", home(places())
		s.place.Public = s.host
	}
	for _, p := range []uint16{port, 0} {
		s.place.Listen = net.JoinHostPort(at, strconv.Itoa(int(p)))
		s.sockets, err = s.place.Open(ctx)
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrListen, err)
	}
	s.address, err = s.place.Address(s.sockets.Links.Addr(), s.data.Node.Public(), s.data.Network())
	return err
}

// lastPort is the port of the last run, 0 if there was none.
func lastPort(file string) uint16 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	a, err := card.ParseAddress(string(text))
	if err != nil {
		return 0
	}
	return a.Port
}

// join makes it a part of its network: there others find it if its address is one that
// this network uses, and else it asks.
func (s *serving) join(ctx context.Context, limits wire.Limits) (err error) {
	scope, options := s.options()
	s.net, err = network.Open(ctx, network.Setup{
		Dir: s.data.Dir, Node: s.data.Node, At: s.address, Bound: s.sockets.Links.Addr(), Limits: limits, Takes: s.data.Takes(),
		Deposits: s.db, MaxConns: s.data.Config.Capacity().Connections(), Log: s.log,
	}, options)
	if err != nil || options.LAN {
		return err
	}
	return s.tell(scope)
}

// options are what is to be said about the network, and its scope.
func (s *serving) options() (address.Scope, network.Options) {
	var o network.Options
	own := s.data.Network()
	params, known := address.ParametersOf(own)
	scope := address.Public
	if known {
		scope = params.Scope
	}
	for _, other := range s.wish.Others {
		if is := address.ScopeOfHost(strings.Trim(other.Host, "[]")); !known && is != 0 {
			scope = min(scope, is)
		}
	}
	if !known {
		o.Scope = scope.String()
	}
	reached := scope.AllowsHost(strings.Trim(s.host, "[]"))
	o.NoUDP = !reached
	o.LAN = reached && scope != address.Public
	for _, other := range s.wish.Others {
		if other.Plain || other.Node == s.data.Node.Public() || !scope.AllowsHost(strings.Trim(other.Host, "[]")) {
			continue
		}
		other.Invite = key.Invite{}
		if text, err := other.Text(); err == nil {
			o.Join = append(o.Join, text)
		}
	}
	return scope, o
}

// tell has it tell of itself where a network of a wider scope does not: in the local
// network if it is open, else on this computer.
func (s *serving) tell(of address.Scope) (err error) {
	port := s.address.Port
	at, scope := netip.AddrFrom4([4]byte{127, 0, 0, 1}), address.Loopback
	if s.wish.Open {
		var ok bool
		if at, ok = around(places()); !ok {
			return nil
		}
		scope = address.LAN
	}
	if scope >= of {
		return nil
	}
	s.tells, err = lan.New(lan.Config{
		Network: s.data.Network(), Scope: scope, Announce: true, Log: s.log,
		Self: wire.Contact{Node: s.data.Node.Public(), Addr: netip.AddrPortFrom(at, port), Transports: wire.TransportWSS},
	})
	return err
}

// run serves until ctx ends or a part fails, which ends the others.
func (s *serving) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	part := func(f func(context.Context) error) {
		all.Go(func() {
			if err := f(ctx); err != nil {
				cancel(err)
			}
		})
	}
	part(s.gateway.Run)
	part(func(ctx context.Context) error { return s.gateway.Serve(ctx, s.sockets.Links, false) })
	part(func(ctx context.Context) error { return s.net.Serve(ctx, s.gateway) })
	if s.tells != nil {
		part(s.tells.Run)
	}
	all.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// close ends the run and closes everything, the directory last.
func (s *serving) close() (err error) {
	if s.stop != nil {
		s.stop()
		err = <-s.ended
	}
	s.sockets.Close()
	s.net.Close()
	if s.db != nil {
		err = errors.Join(err, s.db.Close())
	}
	if s.data != nil {
		err = errors.Join(err, s.data.Close())
	}
	return err
}
