package network

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"zeroms/protocol/link"
)

// Headers of IPv4 with UDP and with TCP without options, and what of a stream fits
// into a packet of Ethernet beside them.
const (
	udpHeaders = 20 + 8
	tcpHeaders = 20 + 20
	tcpRoom    = 1500 - tcpHeaders
)

// traffic is what went over the wire, both ways.
type traffic struct{ bytes, packets int64 }

// counter passes on what comes and counts it.
type counter struct {
	to             netip.AddrPort
	bytes, packets atomic.Int64
	running        sync.WaitGroup
	mu             sync.Mutex
	open           []io.Closer // guarded by mu
	ended          bool        // guarded by mu
}

// lull is after how long without a packet nothing is under way any more.
const lull = 150 * time.Millisecond

// runCounter lets something be done at a port of loopback that leads to the
// gateway, and counts what passes; packets of TCP are those that a sender needs who
// writes as much at once.
func (k *carriage) runCounter(do func(port uint16) error) (t traffic, err error) {
	c := &counter{to: addrOf(k.house.endpoint())}
	defer c.running.Wait()
	defer c.close()
	var port uint16
	if k.quic {
		port, err = c.runUDP()
	} else {
		port, err = c.runTCP()
	}
	if err == nil {
		err = do(port)
	}
	for last := int64(-1); err == nil && last != c.packets.Load(); {
		last = c.packets.Load()
		err = k.w.Pause(lull)
	}
	return traffic{c.bytes.Load(), c.packets.Load()}, err
}

func addrOf(e link.Endpoint) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(e.Host), e.Port)
}

// own closes something when the counter ends.
func (c *counter) own(x io.Closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		x.Close()
		return
	}
	c.open = append(c.open, x)
}

func (c *counter) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	for _, x := range c.open {
		x.Close()
	}
}

// datagram counts one of UDP.
func (c *counter) datagram(n int) {
	c.bytes.Add(int64(n + udpHeaders))
	c.packets.Add(1)
}

// written counts what was written to a stream at once, and one packet in two that
// says it came.
func (c *counter) written(n int) {
	packets := int64((n + tcpRoom - 1) / tcpRoom)
	acks := (packets + 1) / 2
	c.bytes.Add(int64(n) + (packets+acks)*tcpHeaders)
	c.packets.Add(packets + acks)
}

// runUDP passes datagrams on between one client and the gateway.
func (c *counter) runUDP() (uint16, error) {
	in, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, err
	}
	out, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(c.to))
	if err != nil {
		return 0, errors.Join(err, in.Close())
	}
	c.own(in)
	c.own(out)
	var client atomic.Pointer[netip.AddrPort]
	c.running.Go(func() {
		b := make([]byte, 2<<10)
		for {
			n, from, err := in.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			client.Store(&from)
			c.datagram(n)
			_, _ = out.Write(b[:n])
		}
	})
	c.running.Go(func() {
		b := make([]byte, 2<<10)
		for {
			n, err := out.Read(b)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if to := client.Load(); err == nil && to != nil {
				c.datagram(n)
				_, _ = in.WriteToUDPAddrPort(b[:n], *to)
			}
		}
	})
	return in.LocalAddr().(*net.UDPAddr).AddrPort().Port(), nil
}

// handshake is TCP's own three packets, and the four of its end.
const handshake = 7

// runTCP passes connections on to the gateway.
func (c *counter) runTCP() (uint16, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	c.own(l)
	c.running.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", c.to.String())
			if err != nil {
				in.Close()
				continue
			}
			c.bytes.Add(handshake * tcpHeaders)
			c.packets.Add(handshake)
			c.own(in)
			c.own(out)
			c.running.Go(func() { c.pass(in, out) })
			c.running.Go(func() { c.pass(out, in) })
		}
	})
	return uint16(l.Addr().(*net.TCPAddr).Port), nil
}

// pass passes on what comes until either end is closed.
func (c *counter) pass(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			c.written(n)
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
