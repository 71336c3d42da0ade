// Package network makes a gateway a part of its network: what of that is kept in
// the gateway's directory, the sockets to other gateways, and who is met first.
//
// It keeps in the directory, readable by the owner only:
//
//	network.json  the gateway's place in the network and the gateways it knew last
//	channels.key  the keys of channels, of this week and the last one
package network

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"zeroms/gateway"
	"zeroms/gateway/deposit"
	"zeroms/gateway/forward"
	"zeroms/gateway/overlay"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/link/lan"
	quiclink "zeroms/protocol/link/quic"
	"zeroms/protocol/wire"
)

// Options are what an operator says about the network.
type Options struct {
	// Join are what names gateways to join the network by: their addresses, contact
	// cards, links to such, or files with one.
	Join []string
	// JoinDNS are names whose TXT records hold addresses of such gateways.
	JoinDNS []string
	// Scope is loopback, lan or public: which addresses gateways of the network have.
	// Empty: what the network is known for.
	Scope string
	// LAN has gateways of the local network found, and found by them.
	LAN bool
	// NoUDP leaves QUIC out.
	NoUDP bool
	// Alone keeps the gateway out of every network.
	Alone bool

	introduced []introduction // what Join says; shorter than Join: it was not read yet
}

// Flags adds the flags of Options to a command.
func (o *Options) Flags(flags *pflag.FlagSet) {
	flags.StringArrayVar(&o.Join, "join", nil, "join the network by the gateways that `VALUE` names: the address of one (ZMSG:...), a contact card (ZMS:... or its link), or a file with either as text or as picture of its QR code; may be repeated")
	flags.StringSliceVar(&o.JoinDNS, "join-dns", nil, "DNS name whose TXT records hold addresses of gateways to join the network by; may be repeated")
	flags.StringVar(&o.Scope, "scope", "", "which addresses gateways of the network have: loopback, lan or public (default: lab is loopback, all others public)")
	flags.BoolVar(&o.LAN, "lan", false, "find gateways of the local network by multicast DNS, and be found there (scopes lan and loopback)")
	flags.BoolVar(&o.NoUDP, "no-udp", false, "don't use UDP: other gateways are reached over TCP only, which is slower")
	flags.BoolVar(&o.Alone, "alone", false, "be part of no network: to reach users of other gateways its users connect to those themselves")
}

// Check refuses what can't work before anything is opened. It reads what Join names.
func (o *Options) Check() error {
	if o.Scope != "" {
		if _, err := address.ParseScope(o.Scope); err != nil {
			return fmt.Errorf("--scope is loopback, lan or public, not %q", o.Scope)
		}
	}
	if err := o.introduce(time.Now()); err != nil {
		return err
	}
	for _, name := range o.JoinDNS {
		if name == "" || strings.ContainsAny(name, " :/") {
			return fmt.Errorf("--join-dns is a DNS name, for example gateways.example.org, not %q", name)
		}
	}
	if o.Alone && o.Given() {
		return errors.New("--alone and --join, --join-dns, --lan or --scope exclude each other")
	}
	return nil
}

// Given reports whether anything is said that only a gateway of a network heeds. That it
// uses no UDP is so of any other too.
func (o *Options) Given() bool {
	return len(o.Join) > 0 || len(o.JoinDNS) > 0 || o.LAN || o.Scope != ""
}

// Fits refuses what can't work for a gateway at a place of a network, before anything is
// opened. Error: ErrUse.
func (o *Options) Fits(n key.Network, at Place) error {
	if at.Plain && o.Given() {
		return wrongUse("--plain serves without TLS and is part of no network: leave it out, or --join, --join-dns, --lan and --scope")
	}
	if at.Plain || o.Alone {
		return nil
	}
	params, err := o.params(n)
	if err != nil {
		return err
	}
	if o.LAN && params.Scope == address.Public {
		return wrongUse("--lan is for networks of local addresses; give --scope lan and a network of your own too: --network four letters")
	}
	return o.joinsFit(params)
}

// params are the network's parameters.
func (o *Options) params(n key.Network) (address.Parameters, error) {
	p, known := address.ParametersOf(n)
	if !known {
		p, _ = address.ParametersOf(card.NetworkPublic)
		p.Network = n
	}
	if o.Scope == "" {
		return p, nil
	}
	scope, err := address.ParseScope(o.Scope)
	if err == nil && known && n == card.NetworkPublic && scope != p.Scope {
		err = wrongUse("the public network has public addresses only; give a network of your own another scope: --network four letters")
	}
	if p.Scope = scope; !known && scope != address.Public {
		// Whoever is inside a local network is kept out by other means than work.
		lab, _ := address.ParametersOf(card.NetworkLab)
		p.PuzzleBits, p.StampBits = lab.PuzzleBits, lab.StampBits
	}
	return p, err
}

// ErrUse: the operator has to say something else.
var ErrUse = errors.New("wrong use")

// wrongUse is such an error, with a text of its own.
func wrongUse(format string, args ...any) error { return useError{fmt.Errorf(format, args...)} }

type useError struct{ error }

// Is says that it is an ErrUse.
func (useError) Is(target error) bool { return target == ErrUse }

// Unwrap is what is wrong.
func (e useError) Unwrap() error { return e.error }

// Setup is the gateway that becomes a part of a network.
type Setup struct {
	// Dir is its directory.
	Dir  string
	Node key.NodePrivate
	// At is its address, Bound where it listens for TCP.
	At    card.Address
	Bound net.Addr
	// Limits and Takes are what it announces.
	Limits   wire.Limits
	Takes    address.Flags
	Deposits deposit.Store
	// MaxConns bounds incoming QUIC connections.
	MaxConns int
	// Resolver looks names up; nil: the system's.
	Resolver *net.Resolver
	Log      *slog.Logger
	// LogAddresses logs connections over QUIC that became no links, with their network
	// addresses, at level Debug.
	LogAddresses bool
}

func (s *Setup) resolver() *net.Resolver {
	if s.Resolver != nil {
		return s.Resolver
	}
	return net.DefaultResolver
}

// Network is a gateway's connection with others.
type Network struct {
	// Overlay is what the gateway is configured with.
	Overlay *overlay.Overlay
	options Options
	setup   Setup
	params  address.Parameters
	name    string           // of this computer; empty: it has an address only
	udp     *quiclink.Socket // nil: no QUIC
}

// Open prepares everything; nothing is sent to other gateways before the gateway
// runs. With Options.Alone there is no Network and no error. Errors: ErrUse for what
// the operator has to say otherwise, ctx's, what the directory or a socket reports.
func Open(ctx context.Context, s Setup, o Options) (*Network, error) {
	if o.Alone || s.At.Plain {
		return nil, nil
	}
	if err := o.Fits(s.At.Network, Place{}); err != nil {
		return nil, err
	}
	n := &Network{options: o, setup: s}
	var err error
	if n.params, err = o.params(s.At.Network); err != nil {
		return nil, err
	}
	cfg := overlay.Config{
		Node: s.Node, Params: n.params, Limits: s.Limits, Takes: s.Takes,
		Keys: keys{s.Dir}, Deposits: s.Deposits, Log: s.Log,
	}
	if cfg.Seeds, err = o.seeds(s, n.params.Scope); err != nil {
		return nil, err
	}
	if len(o.JoinDNS) > 0 {
		cfg.Named = func(ctx context.Context) []link.Endpoint { return o.named(ctx, s, n.params.Scope) }
	}
	kept, err := load(s.Dir, s.Log)
	if err != nil {
		return nil, err
	}
	cfg.Cached, cfg.Save = kept.contacts(), kept.save
	if err := n.dialers(&cfg); err != nil {
		return nil, err
	}
	n.locate(ctx, &cfg)
	place := key.Place{Network: s.At.Network, Node: s.Node.Public()}
	if cfg.Addr.IsValid() || n.name != "" { // who only asks needs no place
		if err := kept.solve(ctx, place, n.params.PuzzleBits, s.Log); err != nil {
			n.Close()
			return nil, err
		}
	}
	cfg.X = kept.X
	if cfg.Addr.IsValid() && !o.LAN && len(cfg.Seeds)+len(o.JoinDNS)+len(cfg.Cached) == 0 {
		s.Log.Info("no other gateway is named (--join) or remembered: this one is the first of its network", "network", networkName(s.At.Network))
	}
	n.Overlay, err = overlay.New(cfg, time.Now())
	if errors.Is(err, forward.ErrKeys) {
		s.Log.Warn(keysFile + " is damaged and made anew: clients find that out and open new channels")
		if err = os.Remove(filepath.Join(s.Dir, keysFile)); err == nil {
			n.Overlay, err = overlay.New(cfg, time.Now())
		}
	}
	if err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// dialers makes what reaches other gateways.
func (n *Network) dialers(cfg *overlay.Config) error {
	wss, err := link.NewDialer(link.Config{Node: n.setup.Node})
	if err != nil {
		return err
	}
	cfg.WSS = wss
	if n.options.NoUDP {
		return nil
	}
	tcp, ok := n.setup.Bound.(*net.TCPAddr)
	if !ok {
		return nil
	}
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: tcp.IP, Port: tcp.Port, Zone: tcp.Zone})
	if err != nil {
		n.setup.Log.Warn("the UDP port of the same number can't be used; other gateways are reached over TCP only", "port", tcp.Port, "error", err)
		return nil
	}
	config := quiclink.Config{
		Node: n.setup.Node, Network: n.setup.At.Network, MaxConns: n.setup.MaxConns,
		ResetKey: key.KDF32(key.LabelReset, n.setup.Node.Seed()),
	}
	if n.setup.LogAddresses {
		config.Log = slog.NewLogLogger(n.setup.Log.Handler(), slog.LevelDebug)
	}
	n.udp, err = quiclink.New(udp, config)
	if err != nil {
		udp.Close()
		return err
	}
	cfg.QUIC = quicDialer{n.udp}
	return nil
}

// quicDialer dials endpoints whose host is an address.
type quicDialer struct{ *quiclink.Socket }

// Dial implements peers.Dialer.
func (d quicDialer) Dial(ctx context.Context, e link.Endpoint) (link.Conn, error) {
	ip, err := netip.ParseAddr(strings.Trim(e.Host, "[]"))
	if err != nil {
		return nil, wire.ErrUnreachable.Because("a name instead of an address")
	}
	return d.Socket.Dial(ctx, netip.AddrPortFrom(ip, e.Port), e.Node)
}

// locate finds where others reach the gateway: an address of the network's scope.
func (n *Network) locate(ctx context.Context, cfg *overlay.Config) {
	cfg.Transports = wire.TransportWSS
	if n.udp != nil {
		cfg.Transports |= wire.TransportQUIC
	}
	ip, err := netip.ParseAddr(strings.Trim(n.setup.At.Host, "[]"))
	if err != nil {
		n.name = n.setup.At.Host
		cfg.Host, cfg.Port = n.name, n.setup.At.Port
		if ip, err = n.lookUp(ctx); err != nil {
			n.setup.Log.Warn("the gateway's own name can't be looked up, and others are only asked until it can; it is tried again", "error", err)
			return
		}
	}
	if ip = address.Canonical(ip); !n.params.Scope.Allows(ip) {
		level := slog.LevelWarn
		if n.trial() {
			level = slog.LevelInfo
		}
		n.setup.Log.Log(ctx, level, "this gateway is outside of the scope of its network, so nobody connects to it and it takes part by asking others only; "+n.advice(),
			"scope", n.params.Scope.String())
		return
	}
	cfg.Addr = netip.AddrPortFrom(ip, n.setup.At.Port)
}

// trial reports whether the gateway is tried out on one computer, and meets nobody.
func (n *Network) trial() bool {
	return n.setup.At.Network == card.NetworkPublic && card.Loopback(n.setup.At.Host)
}

// advice says what to do about an address outside of the network's scope.
func (n *Network) advice() string {
	scope := n.params.Scope
	say := "run it with --public and " + kinds[scope] + ", or a name that stands for one"
	if n.name != "" {
		say = "see that its name stands for " + kinds[scope]
	}
	own := address.ScopeOfHost(strings.Trim(n.setup.At.Host, "[]"))
	switch {
	case n.trial():
		return say + "; for a trial on this computer it is well"
	case n.setup.At.Network == card.NetworkPublic || own == 0 || own >= scope:
		return say
	}
	return say + "; or run all gateways of the network with --scope " + own.String()
}

// lookUp is the address of the gateway's name in the network's scope, or else any.
func (n *Network) lookUp(ctx context.Context) (ip netip.Addr, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookingUp)
	defer cancel()
	found, err := n.setup.resolver().LookupNetIP(ctx, "ip", n.name)
	if err != nil {
		return ip, err
	}
	for _, each := range found {
		if ip = address.Canonical(each); n.params.Scope.Allows(ip) {
			break
		}
	}
	return ip, nil
}

const (
	// lookingUp bounds the look-up of a name.
	lookingUp = 10 * time.Second
	// lookAgain is how often the gateway's own name is looked up: it may stand for
	// another address. lookSoon is when, as long as it stands for none.
	lookAgain = 5 * time.Minute
	lookSoon  = 30 * time.Second
)

// loopLocate follows the gateway's name to where it moves.
func (n *Network) loopLocate(ctx context.Context) error {
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		if n.Overlay.At().IsValid() {
			again.Reset(lookAgain)
		} else {
			again.Reset(lookSoon)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
		ip, err := n.lookUp(ctx)
		at := netip.AddrPortFrom(ip, n.setup.At.Port)
		if err != nil || !n.params.Scope.Allows(ip) || at == n.Overlay.At() {
			continue // without an answer the last one stays true
		}
		n.setup.Log.Info("the gateway's name stands for another address now, which others have to prove first")
		_ = n.Overlay.Move(ctx, at) // fails when ctx has ended
	}
}

// Serve accepts links of other gateways over QUIC and meets those of the local
// network, until ctx ends.
func (n *Network) Serve(ctx context.Context, g *gateway.Gateway) error {
	parts := []func(context.Context) error{}
	if n.udp != nil {
		parts = append(parts, func(ctx context.Context) error { return g.ServeBy(ctx, n.udp.Serve) })
	}
	if n.options.LAN {
		parts = append(parts, n.runLAN)
	}
	if n.name != "" {
		parts = append(parts, n.loopLocate)
	}
	ended := make(chan error, len(parts))
	for _, part := range parts {
		go func() { ended <- part(ctx) }()
	}
	var err error
	for range parts {
		err = errors.Join(err, <-ended)
	}
	return err
}

// Close gives up the sockets of a gateway that does not run.
func (n *Network) Close() {
	if n != nil && n.udp != nil {
		n.udp.Close()
	}
}

// runLAN finds gateways of the local network, and has them find this one if it can
// be reached.
func (n *Network) runLAN(ctx context.Context) error {
	self := n.Overlay.Contact()
	d, err := lan.New(lan.Config{
		Network: n.params.Network, Scope: n.params.Scope, Self: self, Announce: self.Addr.IsValid(),
		Found: func(c wire.Contact) { n.Overlay.Meet([]wire.Contact{c}) }, Log: n.setup.Log,
	})
	if err != nil {
		return err
	}
	return d.Run(ctx)
}
