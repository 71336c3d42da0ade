//go:build unix

package link_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/link"
)

// What a link costs is measured without its other end, which is another process:
// this test binary again, told so by peerEnv: "ROLE WORK SIZE ADDRESS NODE".
//
//	ROLE     dial: it dials ADDRESS; listen: it writes where it listens and whom to expect
//	WORK     send: it sends messages of SIZE without end; recv: it reads them;
//	         echo: it sends back what comes; idle-N-TIMES: it opens N links, on each
//	         sends a message of SIZE and reads the answer some TIMES, then says nothing
//	ADDRESS  host:port, NODE the key in hex, or "plain"
const peerEnv = "ZEROMS_LINK_PEER"

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

// bePeer is the other process.
func bePeer(order []string) error {
	role, work, address, node := order[0], order[1], order[3], order[4]
	size, err := strconv.Atoi(order[2])
	if err != nil {
		return err
	}
	if role == "listen" {
		return beListener(work, size, node == "plain")
	}
	e, err := endpointOf(address, node)
	if err != nil {
		return err
	}
	d, err := link.NewDialer(link.Config{})
	if err != nil {
		return err
	}
	var n, times int
	if _, err := fmt.Sscanf(work, "idle-%d-%d", &n, &times); err == nil {
		return beIdle(d, e, [3]int{n, times, size})
	}
	c, err := d.Dial(context.Background(), e)
	if err != nil {
		return err
	}
	return toil(c, work, size)
}

func endpointOf(address, node string) (link.Endpoint, error) {
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return link.Endpoint{}, err
	}
	e := link.Endpoint{Host: "127.0.0.1", Port: uint16(at.Port), Plain: node == "plain"}
	if !e.Plain {
		e.Node, err = hex.DecodeString(node)
	}
	return e, err
}

func beListener(work string, size int, plain bool) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	own := key.NewPrivate[key.Node]()
	name := "plain"
	if !plain {
		public := own.Public()
		name = hex.EncodeToString(public[:])
	}
	fmt.Println(l.Addr(), name)
	return link.Serve(context.Background(), l, link.ServerConfig{Node: own, Plain: plain}, func(c link.Conn) {
		toil(c, work, size)
	})
}

func beIdle(d *link.Dialer, e link.Endpoint, order [3]int) error {
	ctx, n, times, message := context.Background(), order[0], order[1], make([]byte, order[2])
	links := make([]link.Conn, n)
	for i := range links {
		c, err := d.Dial(ctx, e)
		if err != nil {
			return err
		}
		links[i] = c
		for range times {
			if err := c.Send(ctx, message); err != nil {
				return err
			}
			if _, err := c.Recv(ctx); err != nil {
				return err
			}
		}
	}
	fmt.Println("all", "open")
	io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(links)
	return nil
}

// toil works until the link ends.
func toil(c link.Conn, work string, size int) error {
	ctx, message := context.Background(), make([]byte, size)
	var err error
	for err == nil {
		if work != "send" {
			message, err = take(ctx, c)
		}
		if err == nil && work != "recv" {
			err = c.Send(ctx, message)
		}
	}
	return nil
}

// take reads a message in the way that costs least.
func take(ctx context.Context, c link.Conn) ([]byte, error) {
	if l, ok := c.(interface {
		Borrow(context.Context) ([]byte, error)
	}); ok && os.Getenv("ZEROMS_RECV") == "" {
		return l.Borrow(ctx)
	}
	return c.Recv(ctx)
}

// peer starts the other process. said is the two words that it writes.
func startPeer(t testing.TB, order ...string) (said func() (string, string), end func()) {
	t.Helper()
	c := exec.Command(cmp.Or(os.Getenv("ZEROMS_PEER_BIN"), os.Args[0]), "-test.run=^$")
	c.Env = append(os.Environ(), peerEnv+"="+strings.Join(order, " "))
	c.Stderr = os.Stderr
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
	said = func() (a, b string) {
		if _, err := fmt.Fscan(lines, &a, &b); err != nil {
			t.Fatal(err)
		}
		return a, b
	}
	return said, func() {
		in.Close()
		c.Process.Kill()
		c.Wait()
	}
}

// servedPeer is the listening end of a link whose other end is another process.
func servedPeer(b testing.TB, plain bool, work string, size int) link.Conn {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	own := key.NewPrivate[key.Node]()
	public, name := own.Public(), "plain"
	if !plain {
		name = hex.EncodeToString(public[:])
	}
	ctx, cancel := context.WithCancel(context.Background())
	accepted, served := make(chan link.Conn), make(chan error, 1)
	go func() {
		served <- link.Serve(ctx, l, link.ServerConfig{Node: own, Plain: plain}, func(c link.Conn) {
			accepted <- c
			<-ctx.Done()
		})
	}()
	_, end := startPeer(b, "dial", work, strconv.Itoa(size), l.Addr().String(), name)
	b.Cleanup(func() {
		end()
		cancel()
		if err := <-served; err != nil {
			b.Error(err)
		}
	})
	return <-accepted
}

// dialledPeer is the dialling end of one.
func dialledPeer(b testing.TB, plain bool, work string, size int) link.Conn {
	name := "tls"
	if plain {
		name = "plain"
	}
	said, end := startPeer(b, "listen", work, strconv.Itoa(size), "-", name)
	b.Cleanup(end)
	e, err := endpointOf(said())
	if err != nil {
		b.Fatal(err)
	}
	d, err := link.NewDialer(link.Config{})
	if err != nil {
		b.Fatal(err)
	}
	c, err := d.Dial(b.Context(), e)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cut(c) })
	return c
}

// cpu is the processor time that this process has used, in nanoseconds.
func cpu(b testing.TB) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkLink measures one end of a link: cpu-ns/op is the processor time of
// that end for one message.
func BenchmarkLink(b *testing.B) {
	for _, side := range []string{"listening", "dialling"} {
		for _, over := range []string{"plain", "tls"} {
			for _, work := range []string{"recv", "send", "echo"} {
				for _, size := range []int{1 << 10, 16 << 10, 64 << 10} {
					b.Run(fmt.Sprintf("%s/%s/%s/%d", side, over, work, size), func(b *testing.B) {
						open := dialledPeer
						if side == "listening" {
							open = servedPeer
						}
						theirs := map[string]string{"recv": "send", "send": "recv", "echo": "echo"}[work]
						measure(b, open(b, over == "plain", theirs, size), work, size)
					})
				}
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
		m, err := take(ctx, c)
		if err == nil && len(m) != size {
			err = errors.New("another size")
		}
		return err
	}
	for range 200 { // past the small records in the beginning of TLS
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
