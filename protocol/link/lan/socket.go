package lan

import (
	"net"
	"net/netip"
	"sync/atomic"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"zeroms/protocol/address"
)

// port is that of multicast DNS.
const port = 5353

// maxInterfaces is how many interfaces of the machine are used.
const maxInterfaces = 16

// The groups of multicast DNS (RFC 6762 section 3).
var (
	groupV4 = netip.MustParseAddr("224.0.0.251")
	groupV6 = netip.MustParseAddr("ff02::fb")
)

// reader is the part of the two families' sockets that reads: where a packet was
// sent to, and on which interface it came, 0 if the machine does not say.
type reader func(b []byte) (n int, to netip.Addr, on int, source net.Addr, err error)

// family is what is different about the two.
type family struct {
	group netip.Addr
	conn  *net.UDPConn
	join  func(*net.Interface) error
	read  reader
	// write sends to the group on an interface, from an own address if one is given.
	write func(b []byte, on *net.Interface, own netip.Addr) error
}

// socket is a network made of a family's socket. Its reader and its writer are two
// goroutines; the writer exchanges the map, and what it holds never changes.
type socket struct {
	family
	scope  address.Scope
	joined atomic.Pointer[map[int]*net.Interface]
	buf    [maxPacket]byte
}

// listenOn opens the socket of a group on the first interface that can be used.
func listenOn(name string, group netip.Addr, scope address.Scope) (*net.UDPConn, error) {
	var err error = &net.OpError{Op: "listen", Net: name, Err: net.UnknownNetworkError("no interface with multicast")}
	for _, i := range interfaces(scope) {
		var conn *net.UDPConn
		if conn, err = net.ListenMulticastUDP(name, &i, &net.UDPAddr{IP: group.AsSlice(), Port: port}); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

func openV4(scope address.Scope) (network, error) {
	conn, err := listenOn("udp4", groupV4, scope)
	if err != nil {
		return nil, err
	}
	p := ipv4.NewPacketConn(conn)
	_ = p.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true) // not everywhere; receive makes do
	_ = p.SetMulticastLoopback(true)                               // for others on this computer
	_ = p.SetMulticastTTL(255)                                     // RFC 6762 section 11
	f := family{group: groupV4, conn: conn}
	to := &net.UDPAddr{IP: groupV4.AsSlice(), Port: port}
	f.join = func(i *net.Interface) error { return p.JoinGroup(i, to) }
	f.read = func(b []byte) (n int, dst netip.Addr, on int, source net.Addr, err error) {
		n, cm, source, err := p.ReadFrom(b)
		if cm != nil {
			dst, _ = netip.AddrFromSlice(cm.Dst)
			on = cm.IfIndex
		}
		return n, dst.Unmap(), on, source, err
	}
	f.write = func(b []byte, on *net.Interface, own netip.Addr) error {
		cm := &ipv4.ControlMessage{IfIndex: on.Index}
		if own.IsValid() {
			cm.Src = own.AsSlice()
		}
		if err := p.SetMulticastInterface(on); err != nil {
			return err
		}
		_, err := p.WriteTo(b, cm, to)
		return err
	}
	return newSocket(f, scope), nil
}

func openV6(scope address.Scope) (network, error) {
	conn, err := listenOn("udp6", groupV6, scope)
	if err != nil {
		return nil, err
	}
	p := ipv6.NewPacketConn(conn)
	_ = p.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst, true)
	_ = p.SetMulticastLoopback(true)
	_ = p.SetMulticastHopLimit(255)
	f := family{group: groupV6, conn: conn}
	to := &net.UDPAddr{IP: groupV6.AsSlice(), Port: port}
	f.join = func(i *net.Interface) error { return p.JoinGroup(i, to) }
	f.read = func(b []byte) (n int, dst netip.Addr, on int, source net.Addr, err error) {
		n, cm, source, err := p.ReadFrom(b)
		if cm != nil {
			dst, _ = netip.AddrFromSlice(cm.Dst)
			on = cm.IfIndex
		}
		return n, dst, on, source, err
	}
	f.write = func(b []byte, on *net.Interface, own netip.Addr) error {
		cm := &ipv6.ControlMessage{IfIndex: on.Index}
		if own.IsValid() {
			cm.Src = own.AsSlice()
		}
		if err := p.SetMulticastInterface(on); err != nil {
			return err
		}
		_, err := p.WriteTo(b, cm, to)
		return err
	}
	return newSocket(f, scope), nil
}

func newSocket(f family, scope address.Scope) *socket {
	s := &socket{family: f, scope: scope}
	s.joined.Store(&map[int]*net.Interface{})
	return s
}

// interfaces are those of a scope: of the computer itself, or of local networks.
func interfaces(scope address.Scope) (out []net.Interface) {
	all, _ := net.Interfaces() // none: later there may be some
	for _, i := range all {
		loops := i.Flags&net.FlagLoopback != 0
		switch {
		case i.Flags&net.FlagUp == 0, loops != (scope == address.Loopback):
		case !loops && (i.Flags&net.FlagMulticast == 0 || i.Flags&net.FlagPointToPoint != 0):
		default:
			out = append(out, i)
		}
	}
	return out[:min(len(out), maxInterfaces)]
}

// refresh joins the group on interfaces that appeared and forgets those that went.
func (s *socket) refresh() (joined bool) {
	before, now := *s.joined.Load(), map[int]*net.Interface{}
	for _, i := range interfaces(s.scope) {
		if former, ok := before[i.Index]; ok && former.Name == i.Name {
			now[i.Index] = former
			continue
		}
		_ = s.join(&i) // the first one is joined already; on one that can't be, nothing comes
		now[i.Index] = &i
		joined = true
	}
	s.joined.Store(&now)
	return joined
}

func (s *socket) receive() ([]byte, netip.Addr, error) {
	for {
		n, to, on, source, err := s.read(s.buf[:])
		if err != nil {
			return nil, netip.Addr{}, err
		}
		from, ok := source.(*net.UDPAddr)
		if !ok || from.Port != port || to.IsValid() && to != s.group || on != 0 && !s.uses(on) {
			continue
		}
		ip, _ := netip.AddrFromSlice(from.IP)
		return append([]byte(nil), s.buf[:n]...), address.Canonical(ip), nil
	}
}

// uses reports whether packets of an interface count: other programs may have
// joined the group on any.
func (s *socket) uses(index int) bool { return (*s.joined.Load())[index] != nil }

func (s *socket) askAll(b []byte) {
	for _, i := range *s.joined.Load() {
		_ = s.write(b, i, netip.Addr{}) // an interface that is down asks nobody
	}
}

func (s *socket) tell(b []byte, own netip.Addr) (told bool) {
	if own.Is4() != s.group.Is4() {
		return false
	}
	for _, i := range *s.joined.Load() {
		if has(i, own) && s.write(b, i, own) == nil {
			told = true
		}
	}
	return told
}

// has reports whether an address is one of an interface; all of 127.0.0.0/8 is on
// the loopback.
func has(i *net.Interface, own netip.Addr) bool {
	all, _ := i.Addrs()
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && (prefix.Addr() == own || own.IsLoopback() && prefix.Addr().IsLoopback()) {
			return true
		}
	}
	return false
}

func (s *socket) close() { s.conn.Close() }
