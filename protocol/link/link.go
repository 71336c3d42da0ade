package link

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Names that every link uses (docs/protocol/link.md, "Connection").
const (
	SNI  = "zms.invalid" // the TLS server name and the HTTP host of every gateway
	ALPN = "http/1.1"
	Path = "/zms"
)

// Limits of a link.
const (
	// DialTimeout bounds a Dial from the first packet to the upgraded connection.
	DialTimeout = 20 * time.Second
	// Stall is how long a message may take to go out, or to come in once it has
	// begun, beside the time its size needs at SlowestRate.
	Stall = 30 * time.Second
	// SlowestRate is the slowest peer that is served, in bytes a second.
	SlowestRate = 8 << 10
	// CloseGrace is how long Close waits for the other side's goodbye.
	CloseGrace = time.Second
	// NATInterval is the silence after which the dialling side sends a TCP
	// keepalive probe: below the 60 s that common NATs keep a mapping.
	NATInterval = 55 * time.Second
)

// Errors of Dial and Serve that are no errors of the protocol.
var (
	// ErrPlain: a link without TLS was asked for with another computer.
	ErrPlain = errors.New("link: a connection without TLS is only possible within this computer (127.0.0.1, ::1 or localhost); use the gateway's address with TLS")
	// ErrPin: an endpoint names neither a node key nor a gateway hash.
	ErrPin = errors.New("link: the gateway's key is missing from its address; ask its operator for the complete address")
)

// Conn is one link. Send, Recv and Close may be called by different goroutines
// at once; two Sends, or two Recvs, wait for each other.
type Conn interface {
	// Send sends one message of 1..wire.MaxMessage bytes and returns once the
	// network took it. Errors: wire.ErrTruncated and wire.ErrTooLarge for a size
	// outside of that (the link stays), wire.ErrLinkClosed, or ctx's error; when
	// ctx ends while the message is going out, so does the link.
	Send(ctx context.Context, message []byte) error
	// Recv returns the next message; the caller owns it. Errors:
	// wire.ErrTooLarge and wire.ErrUnexpected if the other side broke the rules,
	// wire.ErrLinkClosed, or ctx's error. Every error ends the link.
	Recv(ctx context.Context) ([]byte, error)
	// Binding is the TLS exporter key.ExporterLogin of this connection; all zeros
	// without TLS.
	Binding() [32]byte
	// Node is the key that the other side proved by its certificate; zero if it
	// showed none.
	Node() key.NodePublic
	// Remote is the other side's network address, not valid if there is none. It
	// is for limits only: it must not be written anywhere.
	Remote() netip.Addr
	// LimitRead lowers the size of messages that Recv takes, wire.MaxMessage at
	// first, or raises it again, from the next Recv on. A longer one is refused by
	// its header.
	LimitRead(size int)
	// Close ends the link. What was sent before still arrives.
	Close() error
}

// Lender is a Conn that lends messages. The links of this package are ones.
type Lender interface {
	Conn
	// Borrow is Recv, but the message is the link's: it may be read and changed
	// until the next Recv or Borrow begins, and not afterwards. A link that waits
	// for a message lends nothing.
	Borrow(ctx context.Context) ([]byte, error)
}

// Borrow is c.Borrow if c is a Lender, else c.Recv: in both cases the message may
// be used until the next Recv or Borrow.
func Borrow(ctx context.Context, c Conn) ([]byte, error) {
	if l, ok := c.(Lender); ok {
		return l.Borrow(ctx)
	}
	return c.Recv(ctx)
}

// Cut ends a link at once, without goodbye if it can do that (a method Cut), else
// by Close: a Send or Recv that waits fails, with wire.ErrLinkClosed unless its ctx
// ended. It costs a link less than a ctx does
// that ends only for this purpose.
func Cut(c Conn) {
	if own, ok := c.(interface{ Cut() }); ok {
		own.Cut()
		return
	}
	c.Close()
}

// Endpoint is where a gateway listens and who it must be.
type Endpoint struct {
	Host string // DNS name or IP address
	Port uint16
	// Plain asks for ws:// instead of wss://, which works on loopback only.
	Plain bool
	// Node pins the gateway: its 32-byte key, or its 16-byte hash from a card.
	Node []byte
	// Foreign says that somebody else named the gateway: a name for Host must not lead
	// inside a local network or to this computer, unless a gateway that the user
	// chose is there too.
	Foreign bool
}

// Addr is host:port, with the brackets that an IPv6 address needs.
func (e Endpoint) Addr() string {
	return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port)))
}

// String is the endpoint as a URL, without the pin.
func (e Endpoint) String() string {
	if e.Plain {
		return "ws://" + e.Addr() + Path
	}
	return "wss://" + e.Addr() + Path
}

// check refuses endpoints that no connection may be tried to.
func (e Endpoint) check() error {
	if e.Plain {
		if !loopbackHost(e.Host) {
			return ErrPlain
		}
		return nil
	}
	if len(e.Node) != key.PublicSize && len(e.Node) != len(key.GatewayHash{}) {
		return ErrPin
	}
	return nil
}

// Pinned reports whether a node key is the one that pin names: the 32-byte key
// itself, or the 16-byte gateway hash. Any other length names nobody.
func Pinned(node key.NodePublic, pin []byte) bool {
	switch len(pin) {
	case key.PublicSize:
		return string(pin) == string(node[:])
	case len(key.GatewayHash{}):
		hash := key.GatewayHashOf(node)
		return string(pin) == string(hash[:])
	}
	return false
}

func loopbackHost(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func loopbackAddr(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// CheckMessage is the rule for the size of a message: wire.ErrTruncated if it
// is empty, wire.ErrTooLarge above wire.MaxMessage.
func CheckMessage(message []byte) error {
	switch {
	case len(message) == 0:
		return wire.ErrTruncated
	case len(message) > wire.MaxMessage:
		return wire.ErrTooLarge
	}
	return nil
}
