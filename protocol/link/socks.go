package link

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"zeroms/protocol/key"
)

// ProxyTimeout bounds a Dial through a proxy in place of DialTimeout: Tor first
// builds a way to the gateway.
const ProxyTimeout = 45 * time.Second

// Errors of proxies.
var (
	// ErrProxy is joined by what is wrong with the proxy itself: it can't be
	// reached, is none, or takes nobody in.
	ErrProxy = errors.New("the proxy can't be used")
	// ErrProxyRefused is joined by why the proxy did not connect to the gateway.
	ErrProxyRefused = errors.New("the proxy made no connection to the gateway")
	// ErrProxyAddress: what names a proxy can't be understood.
	ErrProxyAddress = errors.New("link: a proxy is written socks5://HOST:PORT, for example socks5://127.0.0.1:9050")
)

// The most bytes of a user name, a password and a host (RFC 1928, RFC 1929).
const maxSocksField = 255

// Proxy is a SOCKS5 proxy (RFC 1928) that every link goes through: it also looks
// the gateways' names up, so nobody else learns them. Printed it shows no user
// and no password.
type Proxy struct {
	Host string // a name or an IP address without brackets
	Port uint16
	// User and Password log in at the proxy (RFC 1929). Without a user, the proxy
	// is shown another pair for each gateway, which the Dialer draws: Tor then uses
	// a way of its own for each, so that nobody can tell that they serve one person.
	User, Password string
}

// ParseProxy reads socks5://[USER:PASSWORD@]HOST:PORT; socks5h is the same. Error:
// ErrProxyAddress.
func ParseProxy(text string) (*Proxy, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "socks5" && u.Scheme != "socks5h" || u.Opaque != "" || u.Path != "" && u.Path != "/" ||
		u.RawQuery != "" || u.Fragment != "" {
		return nil, ErrProxyAddress
	}
	p := &Proxy{Host: u.Hostname()}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return nil, ErrProxyAddress
	}
	p.Port = uint16(port)
	if u.User != nil {
		p.User = u.User.Username()
		p.Password, _ = u.User.Password()
	}
	return p, p.check()
}

// check refuses what SOCKS5 can't say.
func (p *Proxy) check() error {
	if p.Host == "" || p.Port == 0 || len(p.User) > maxSocksField || len(p.Password) > maxSocksField ||
		p.Password != "" && p.User == "" || p.User != "" && p.Password == "" || strings.ContainsAny(p.Host, " \x00/") {
		return ErrProxyAddress
	}
	return nil
}

// Addr is host:port, with the brackets that an IPv6 address needs.
func (p *Proxy) Addr() string { return net.JoinHostPort(p.Host, strconv.Itoa(int(p.Port))) }

// String is the proxy as a URL without user and password.
func (p *Proxy) String() string { return "socks5://" + p.Addr() }

// Format writes String for every verb of fmt.
func (p *Proxy) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// LogValue is String for slog.
func (p *Proxy) LogValue() slog.Value { return slog.StringValue(p.String()) }

// isolation draws the pairs of user and password that keep gateways apart.
type isolation [32]byte

func newIsolation() (i isolation) {
	_, _ = rand.Read(i[:])
	return i
}

// pair is a user name and a password.
type pair struct{ user, password string }

// pair is what the proxy is shown for one gateway. It tells nothing about the
// gateway, and another Dialer shows something else.
func (i isolation) pair(e Endpoint) pair {
	pin := e.Node
	if len(pin) == key.PublicSize {
		hash := key.GatewayHashOf(key.NodePublic(pin))
		pin = hash[:]
	}
	h := sha256.New()
	h.Write(i[:])
	h.Write(pin)
	sum := h.Sum(nil)
	return pair{"zms-" + hex.EncodeToString(sum[:8]), hex.EncodeToString(sum[8:24])}
}

// Numbers of SOCKS5.
const (
	socksVersion  = 5
	socksOpen     = 0x00 // methods
	socksUser     = 0x02
	socksNone     = 0xff
	socksConnect  = 1
	socksResolve  = 0xf0 // of Tor
	socksIPv4     = 1    // kinds of addresses
	socksName     = 3
	socksIPv6     = 4
	loginVersion  = 1
	socksAccepted = 0
)

// dialThrough connects to e through the proxy. It is up to the caller to end the
// connection when ctx ends, by closing it.
func (d *Dialer) dialThrough(ctx context.Context, e Endpoint) (net.Conn, error) {
	request, err := request(socksConnect, e.Host, e.Port)
	if err != nil {
		return nil, err
	}
	var through net.Conn
	_, err = d.ask(ctx, d.isolation.pair(e), request, func(tcp net.Conn) { through = tcp })
	if errors.Is(err, ErrProxyRefused) {
		return nil, fmt.Errorf("link: no connection to the gateway at %s through the proxy at %s: %w", e.Addr(), d.proxy.Addr(), err)
	}
	return through, err
}

// Resolve finds the address of a host. Through a proxy it is the proxy that looks
// it up, which only Tor's can; ErrProxyRefused and ErrProxy say that it did not.
func (d *Dialer) Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if d.proxy == nil {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}
	request, err := request(socksResolve, host, 0)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	found, err := d.ask(limited, d.isolation.pair(Endpoint{Node: []byte(host)}), request, nil)
	if err != nil {
		return nil, err
	}
	if !found.IsValid() {
		return nil, fmt.Errorf("%w: it found no address", ErrProxyRefused)
	}
	return []netip.Addr{found}, nil
}

// ask makes a request of the proxy and returns the address in its answer, if it
// is one. The connection is handed to keep, or closed if that is nil or the
// request failed.
func (d *Dialer) ask(ctx context.Context, own pair, request []byte, keep func(net.Conn)) (found netip.Addr, err error) {
	p := d.proxy
	tcp, err := dialTCP(ctx, p.Addr())
	if err != nil {
		return found, fmt.Errorf("link: %w: nothing answers at %s; is it running? %w", ErrProxy, p.Addr(), err)
	}
	stop := context.AfterFunc(ctx, func() { tcp.Close() })
	if p.User != "" {
		own = pair{p.User, p.Password}
	}
	found, err = socks(tcp, own, p.User != "", request)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil && keep != nil {
		keep(tcp)
		return found, nil
	}
	tcp.Close()
	switch {
	case err == nil || errors.Is(err, ErrProxyRefused):
		return found, err
	case ctx.Err() != nil:
		err = errors.New("it did not answer in time")
	}
	return found, fmt.Errorf("link: %w: %s: %w", ErrProxy, p.Addr(), err)
}

// socks makes a request of a proxy on a fresh connection. A login that must be is
// the only one offered.
func socks(over io.ReadWriter, own pair, must bool, request []byte) (found netip.Addr, err error) {
	methods := []byte{socksVersion, 2, socksOpen, socksUser}
	if must {
		methods = []byte{socksVersion, 1, socksUser}
	}
	answer, err := exchange(over, methods, 2)
	if err != nil {
		return found, err
	}
	if answer[0] != socksVersion {
		return found, errors.New("what answers there is no SOCKS5 proxy; check host and port")
	}
	switch method := answer[1]; {
	case method == socksOpen && !must:
	case method == socksUser:
		if err := login(over, own); err != nil {
			return found, err
		}
	case method == socksNone && !must:
		return found, errors.New("it wants another login than by user and password")
	case method == socksNone:
		return found, errors.New("it takes no login by user and password; leave them out")
	default:
		return found, errors.New("it chose a login that it was not offered")
	}
	return answered(over, request)
}

// login shows a user name and a password (RFC 1929).
func login(over io.ReadWriter, p pair) error {
	request := append([]byte{loginVersion, byte(len(p.user))}, p.user...)
	request = append(append(request, byte(len(p.password))), p.password...)
	answer, err := exchange(over, request, 2)
	if err != nil {
		return err
	}
	if answer[0] != loginVersion || answer[1] != socksAccepted {
		return errors.New("it refused the user and the password; set the right ones")
	}
	return nil
}

// request asks for something about a host: by name wherever it has one.
func request(command byte, host string, port uint16) ([]byte, error) {
	request := []byte{socksVersion, command, 0}
	if ip, err := netip.ParseAddr(host); err != nil {
		if len(host) > maxSocksField || host == "" {
			return nil, fmt.Errorf("link: %w: its name is too long", ErrProxyRefused)
		}
		request = append(append(request, socksName, byte(len(host))), host...)
	} else if ip = ip.Unmap(); ip.Is4() {
		request = append(append(request, socksIPv4), ip.AsSlice()...)
	} else {
		request = append(append(request, socksIPv6), ip.AsSlice()...)
	}
	return append(request, byte(port>>8), byte(port)), nil
}

// answered makes a request and reads the answer to its last byte, for what
// follows is the gateway's. The address in it, if it is one, is what was asked for
// only by socksResolve.
func answered(over io.ReadWriter, request []byte) (found netip.Addr, err error) {
	head, err := exchange(over, request, 4)
	if err != nil {
		return found, err
	}
	if head[0] != socksVersion {
		return found, errors.New("what answers there is no SOCKS5 proxy; check host and port")
	}
	if head[1] != socksAccepted {
		return found, fmt.Errorf("%w: %s", ErrProxyRefused, refusal(head[1]))
	}
	length := 0
	switch head[3] {
	case socksIPv4:
		length = 4
	case socksIPv6:
		length = 16
	case socksName:
		var n [1]byte
		if _, err := io.ReadFull(over, n[:]); err != nil {
			return found, cutShort(err)
		}
		length = int(n[0])
	default:
		return found, errors.New("its answer can't be understood")
	}
	rest := make([]byte, length+2)
	if _, err := io.ReadFull(over, rest); err != nil {
		return found, cutShort(err)
	}
	if head[3] != socksName {
		found, _ = netip.AddrFromSlice(rest[:length])
	}
	return found, nil
}

// exchange says something to the proxy and reads what it answers, n bytes.
func exchange(over io.ReadWriter, say []byte, n int) ([]byte, error) {
	if _, err := over.Write(say); err != nil {
		return nil, cutShort(err)
	}
	answer := make([]byte, n)
	if _, err := io.ReadFull(over, answer); err != nil {
		return nil, cutShort(err)
	}
	return answer, nil
}

func cutShort(err error) error { return fmt.Errorf("it hung up: %w", err) }

// refusals are the answers to a request, beside those that Tor has for services
// of its own (0xf0 to 0xf7).
var refusals = map[byte]string{
	1: "it failed",
	2: "its rules forbid it",
	3: "the network can't be reached",
	4: "there is no such host, or it can't be reached",
	5: "the gateway refused the connection; is it running?",
	6: "it took too long",
	7: "it does not know how to connect",
	8: "it can't connect to an address of this kind",

	0xf0: "the onion service was not found; is the gateway running?",
	0xf1: "the onion service's description can't be understood",
	0xf2: "the onion service can't be reached",
	0xf3: "the onion service can't be reached",
	0xf4: "the onion service wants a key",
	0xf5: "the onion service took another key",
	0xf6: "the onion address is not right; check it",
	0xf7: "the onion service took too long",
}

func refusal(code byte) string {
	if text, ok := refusals[code]; ok {
		return text
	}
	return "for a reason that it did not name"
}
