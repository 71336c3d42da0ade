//go:build unix

package quiclink_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/link"
	quiclink "zeroms/protocol/link/quic"
)

// What a link costs is measured without its other end, which is another process:
// this test binary again, told so by peerEnv: "OVER WORK SIZE ADDRESS NODE".
//
//	OVER     quic or tls (the WebSocket link)
//	WORK     send, recv, echo: on one link without end; idle-N: it opens N links, on
//	         each sends a message of SIZE and reads the answer, then says nothing;
//	         dials: it opens links one after the other
//	ADDRESS  host:port, NODE the key in hex
const peerEnv = "ZEROMS_QUIC_PEER"

func TestMain(m *testing.M) {
	if order := os.Getenv(peerEnv); order != "" {
		if err := bePeer(strings.Fields(order)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// over is a way to dial.
type over func(ctx context.Context, at netip.AddrPort, pin []byte) (link.Conn, error)

// newOver makes one; stop ends it.
func newOver(name string) (dial over, stop func(), err error) {
	own := key.NewPrivate[key.Node]()
	if name == "tls" {
		d, err := link.NewDialer(link.Config{Node: own})
		return func(ctx context.Context, at netip.AddrPort, pin []byte) (link.Conn, error) {
			return d.Dial(ctx, link.Endpoint{Host: at.Addr().String(), Port: at.Port(), Node: pin})
		}, func() {}, err
	}
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, nil, err
	}
	s, err := quiclink.New(udp, quiclink.Config{Node: own, Network: lab, Idle: time.Hour})
	return s.Dial, func() { s.Close() }, err
}

// bePeer is the other process.
func bePeer(order []string) error {
	work := order[1]
	size, err := strconv.Atoi(order[2])
	if err != nil {
		return err
	}
	at, err := netip.ParseAddrPort(order[3])
	if err != nil {
		return err
	}
	pin, err := hex.DecodeString(order[4])
	if err != nil {
		return err
	}
	dial, stop, err := newOver(order[0])
	if err != nil {
		return err
	}
	defer stop()
	ctx := context.Background()
	var n int
	if _, err := fmt.Sscanf(work, "idle-%d", &n); err == nil {
		return beIdle(ctx, n, size, func() (link.Conn, error) { return dial(ctx, at, pin) })
	}
	for {
		c, err := dial(ctx, at, pin)
		if err != nil {
			return err
		}
		if work != "dials" {
			return toil(ctx, c, work, size)
		}
		if _, err := c.Recv(ctx); err != nil {
			return err
		}
		link.Cut(c)
	}
}

func beIdle(ctx context.Context, n, size int, dial func() (link.Conn, error)) error {
	links := make([]link.Conn, n)
	for i := range links {
		c, err := dial()
		if err != nil {
			return err
		}
		links[i] = c
		if err := c.Send(ctx, make([]byte, size)); err != nil {
			return err
		}
		if _, err := c.Recv(ctx); err != nil {
			return err
		}
	}
	fmt.Println("open")
	io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(links)
	return nil
}

// toil works until the link ends.
func toil(ctx context.Context, c link.Conn, work string, size int) error {
	message := make([]byte, size)
	var err error
	for err == nil {
		if work != "send" {
			message, err = link.Borrow(ctx, c)
		}
		if err == nil && work != "recv" {
			err = c.Send(ctx, message)
		}
	}
	return nil
}

// startPeer starts the other process; said waits for a line of it.
func startPeer(t testing.TB, order ...string) (said, end func()) {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env, c.Stderr = append(os.Environ(), peerEnv+"="+strings.Join(order, " ")), os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	said = func() {
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	return said, func() {
		in.Close()
		c.Process.Kill()
		c.Wait()
	}
}

// serve listens in this process and gives each link to handle.
func serve(t testing.TB, name string, handle func(context.Context, link.Conn)) (at string, node key.NodePublic) {
	t.Helper()
	own := key.NewPrivate[key.Node]()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	with := func(c link.Conn) { handle(ctx, c) }
	if name == "tls" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at = l.Addr().String()
		go func() { served <- link.Serve(ctx, l, link.ServerConfig{Node: own}, with) }()
	} else {
		s, err := quiclink.New(listenUDP(t), quiclink.Config{Node: own, Network: lab, Idle: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		at = s.Addr().String()
		go func() { served <- s.Serve(ctx, with) }()
	}
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return at, own.Public()
}

// settled is the memory that the process holds after collections, in bytes: the
// least of several looks.
func settled() (heap, stacks int) {
	heap, stacks = math.MaxInt, math.MaxInt
	for range 5 {
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		heap, stacks = min(heap, int(m.HeapAlloc)), min(stacks, int(m.StackInuse))
	}
	return heap, stacks
}

// TestWhatAnIdleLinkHolds measures links that have had a message each way and wait for
// the next one, their goroutines' stacks included, beside the WebSocket link.
func TestWhatAnIdleLinkHolds(t *testing.T) {
	const n = 264 // a gateway's contacts
	for _, test := range []struct {
		over string
		size int
		most int // bytes a link
	}{{"quic", 256, 64 << 10}, {"quic", 60_000, 64 << 10}, {"tls", 256, 32 << 10}} {
		t.Run(fmt.Sprintf("%s/%d", test.over, test.size), func(t *testing.T) {
			var open atomic.Int64
			heapBefore, stacksBefore := settled()
			at, node := serve(t, test.over, func(ctx context.Context, c link.Conn) {
				open.Add(1)
				for {
					m, err := link.Borrow(ctx, c)
					if err != nil || c.Send(ctx, m) != nil {
						return
					}
				}
			})
			said, end := startPeer(t, test.over, fmt.Sprintf("idle-%d", n), strconv.Itoa(test.size), at, hex.EncodeToString(node[:]))
			said()
			heap, stacks := settled()
			each := (heap - heapBefore + stacks - stacksBefore) / n
			t.Logf("%d links, %d bytes each, %d of them stack", open.Load(), each, (stacks-stacksBefore)/n)
			if open.Load() != n || each > test.most {
				t.Errorf("%d links, %d bytes each, want %d at most", open.Load(), each, test.most)
			}
			end()
		})
	}
}

// cpu is the processor time that this process has used, in nanoseconds.
func cpu(b testing.TB) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkHandshake opens links and closes them again: cpu-ns/op is the processor
// time of the dialling, or the listening, end.
func BenchmarkHandshake(b *testing.B) {
	for _, name := range []string{"quic", "tls"} {
		b.Run(name+"/listening", func(b *testing.B) {
			turns := make(chan struct{})
			at, node := serve(b, name, func(ctx context.Context, c link.Conn) {
				if c.Send(ctx, []byte{1}) == nil {
					c.Recv(ctx)
				}
				select {
				case turns <- struct{}{}:
				case <-ctx.Done():
				}
			})
			_, end := startPeer(b, name, "dials", "1", at, hex.EncodeToString(node[:]))
			b.Cleanup(end)
			<-turns
			before := cpu(b)
			b.ResetTimer()
			for range b.N {
				<-turns
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// BenchmarkLink measures the listening end of a link: cpu-ns/op is the processor time
// of that end for one message.
func BenchmarkLink(b *testing.B) {
	for _, name := range []string{"quic", "tls"} {
		for _, work := range []string{"echo", "recv", "send"} {
			for _, size := range []int{1 << 10, 16 << 10, 64 << 10} {
				b.Run(fmt.Sprintf("%s/%s/%d", name, work, size), func(b *testing.B) {
					accepted := make(chan link.Conn)
					at, node := serve(b, name, func(ctx context.Context, c link.Conn) {
						accepted <- c
						<-ctx.Done()
						link.Cut(c)
					})
					theirs := map[string]string{"recv": "send", "send": "recv", "echo": "echo"}[work]
					_, end := startPeer(b, name, theirs, strconv.Itoa(size), at, hex.EncodeToString(node[:]))
					b.Cleanup(end)
					measure(b, <-accepted, work, size)
				})
			}
		}
	}
}

func measure(b *testing.B, c link.Conn, work string, size int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	message := make([]byte, size)
	step := func() error {
		if work != "recv" {
			if err := c.Send(ctx, message); err != nil {
				return err
			}
		}
		if work == "send" {
			return nil
		}
		m, err := link.Borrow(ctx, c)
		if err == nil && len(m) != size {
			err = errors.New("another size")
		}
		return err
	}
	for range 200 {
		if err := step(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.SetBytes(int64(size))
	b.ResetTimer()
	before := cpu(b)
	for range b.N {
		if err := step(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
}

// relay passes datagrams and counts them.
type relay struct {
	front, back *net.UDPConn
	bytes, sent atomic.Int64
}

// runRelay passes datagrams between whoever sends to it and a gateway.
func runRelay(t testing.TB, to netip.AddrPort) *relay {
	t.Helper()
	r := &relay{front: listenUDP(t), back: listenUDP(t)}
	t.Cleanup(func() { r.front.Close(); r.back.Close() })
	var client atomic.Pointer[netip.AddrPort]
	pass := func(from, via *net.UDPConn, to func(netip.AddrPort) netip.AddrPort) {
		b := make([]byte, 2000)
		for {
			n, who, err := from.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			r.bytes.Add(int64(n + 28)) // IPv4 and UDP
			r.sent.Add(1)
			via.WriteToUDPAddrPort(b[:n], to(who))
		}
	}
	go pass(r.front, r.back, func(who netip.AddrPort) netip.AddrPort { client.Store(&who); return to })
	go pass(r.back, r.front, func(netip.AddrPort) netip.AddrPort { return *client.Load() })
	return r
}

// What a handshake and a short request with its answer cost the network.
func TestBytesOfALink(t *testing.T) {
	g := listen(t, nil)
	r := runRelay(t, g.Addr())
	near, err := dialler(t, nil).Dial(t.Context(), addrOf(r.front), g.pin())
	if err != nil {
		t.Fatal(err)
	}
	far := <-g.accepted
	talk := func() {
		for _, way := range [][2]link.Conn{{near, far}, {far, near}} {
			if err := way[0].Send(t.Context(), make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			if _, err := way[1].Recv(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	talk()
	handshake, packets := r.bytes.Load(), r.sent.Load()
	const n = 50
	for range n {
		talk()
	}
	each := (r.bytes.Load() - handshake) / n
	t.Logf("handshake and a first request: %d bytes in %d datagrams; a request of 100 bytes and an answer of 100: %d bytes", handshake, packets, each)
	if handshake > 16<<10 || each > 600 {
		t.Errorf("a handshake takes %d bytes, a request %d", handshake, each)
	}
}

func addrOf(c *net.UDPConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }
