package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zeroms/gateway"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// The tests of this file attack a gateway on real sockets from another process,
// so that what is measured is the gateway's alone. That process is this test
// binary again, told so by floodEnv: "KIND COUNT ADDRESS NODE PROFILE". It opens COUNT
// connections of a KIND, writes "open N" when that is done, and keeps them until
// its input ends.
const floodEnv = "ZEROMS_FLOOD"

// largeEnv lets the floods be of 10,000 connections.
const largeEnv = "ZEROMS_LARGE"

// The kinds of connections that attack.
const (
	onlyTCP     = "tcp"       // nothing is sent
	onlyTLS     = "tls"       // the handshake, no request
	halfRequest = "http"      // a request's header that has no end
	noHello     = "link"      // a WebSocket, no frame
	idleGuest   = "guest"     // a hello, nothing more
	slowWriter  = "writer"    // all but the last byte of the largest message
	slowReader  = "reader"    // asks for profiles and reads none
	lateReader  = "late"      // the same, in the largest message
	profiles    = "profiles"  // reads profiles without end, and connects again
	logins      = "logins"    // logs in with new keys without end, and connects again
	envelopes   = "envelopes" // submits to a drop that does not exist, likewise
)

func TestMain(m *testing.M) {
	if order := os.Getenv(floodEnv); order != "" {
		if err := attack(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// attack is the other process.
func attack(order string) error {
	a := &attacker{}
	var n int
	var node, name []byte
	if _, err := fmt.Sscanf(order, "%s %d %s %x %x", &a.kind, &n, &a.address, &node, &name); err != nil {
		return err
	}
	copy(a.node[:], node)
	copy(a.name[:], name)
	work := make(chan struct{})
	var all sync.WaitGroup
	for range 32 { // under way at once
		all.Go(func() {
			for range work {
				a.note(a.open())
			}
		})
	}
	for range n {
		work <- struct{}{}
	}
	close(work)
	all.Wait()
	fmt.Println("open", len(a.held), a.failed)
	io.Copy(io.Discard, os.Stdin) // those that go on without end go on
	return nil
}

// attacker opens connections.
type attacker struct {
	kind, address string
	node          key.NodePublic
	name          key.ProfilePublic

	mu     sync.Mutex
	held   []net.Conn // guarded by mu
	failed error      // guarded by mu: the last one
}

func (a *attacker) note(c net.Conn, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.failed = err
		return
	}
	a.held = append(a.held, c)
}

func (a *attacker) open() (net.Conn, error) {
	c, err := net.DialTimeout("tcp", a.address, 10*time.Second)
	if err == nil && a.kind != onlyTCP {
		err = a.overTLS(c)
	}
	return c, err
}

func (a *attacker) overTLS(c net.Conn) error {
	// Who attacks pins nothing.
	over := tls.Client(c, &tls.Config{ServerName: link.SNI, NextProtos: []string{link.ALPN}, InsecureSkipVerify: true})
	if err := over.Handshake(); err != nil || a.kind == onlyTLS {
		return err
	}
	request := "GET " + link.Path + " HTTP/1.1\r\nHost: " + link.SNI + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: " + wire.Subprotocol + "\r\n"
	if a.kind == halfRequest {
		_, err := io.WriteString(over, request+"X: ")
		return err
	}
	if _, err := io.WriteString(over, request+"\r\n"); err != nil {
		return err
	}
	answer := bufio.NewReaderSize(over, 4<<10)
	for {
		line, err := answer.ReadString('\n')
		if err != nil {
			return err
		}
		if line == "\r\n" {
			break
		}
	}
	if a.kind == noHello {
		return nil
	}
	return a.converse(over, answer)
}

// converse is what an attacker says on a link.
func (a *attacker) converse(c net.Conn, answer *bufio.Reader) error {
	hello := &wire.ClientHello{MinVersion: 1, MaxVersion: 1, Network: network, Node: a.node[:]}
	if err := sendFrame(c, wire.AppendFrame(nil, 0, hello)); err != nil {
		return err
	}
	if _, err := answer.Discard(8); err != nil { // the server's hello has come
		return err
	}
	get := wire.AppendFrame(nil, 1, &wire.ProfileGet{Name: a.name})
	const largest = 128 << 10
	switch a.kind {
	case slowWriter:
		header := binary.BigEndian.AppendUint64([]byte{0x82, 0xff}, largest)
		_, err := c.Write(append(header, make([]byte, 4+largest-1)...))
		return err
	case slowReader:
		return sendFrame(c, bytes.Repeat(get, 256))
	case lateReader:
		return sendFrame(c, bytes.Repeat(get, largest/len(get)))
	case profiles:
		go a.repeat(c, answer, get)
	case logins:
		go a.repeat(c, answer, wire.AppendFrame(nil, 1, &wire.Login{Key: key.NewPrivate[key.Login]().Public(), Sig: make([]byte, 64)}))
	case envelopes:
		go a.repeat(c, answer, wire.AppendFrame(nil, 1, &wire.Submit{Envelope: make([]byte, 64<<10), Work: []byte{}}))
	}
	return nil
}

// repeat sends a request as fast as the gateway takes it, until the link ends;
// then it begins again with a new link.
func (a *attacker) repeat(c net.Conn, answer *bufio.Reader, request []byte) {
	go io.Copy(io.Discard, answer)
	message := bytes.Repeat(request, max(1, (64<<10)/len(request)))
	for sendFrame(c, message) == nil {
	}
	c.Close()
	a.open()
}

// sendFrame sends a masked WebSocket message; the mask is zeros.
func sendFrame(c net.Conn, message []byte) error {
	b := []byte{0x82}
	switch n := len(message); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	_, err := c.Write(append(append(b, 0, 0, 0, 0), message...))
	return err
}

// site is a gateway on a TCP port with a member on it.
type site struct {
	*world
	at     net.Addr
	dialer *link.Dialer
	owner  *person
	phone  *peer
	drop   dropOf
	name   key.ProfilePublic // a profile blob of 16 KiB
}

// open starts a gateway on loopback. There every address is local: the bounds of
// sources do not help it.
func openSite(t *testing.T, change func(*options)) *site {
	t.Helper()
	s := &site{world: start(t, change), owner: newPerson()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.gw.Serve(ctx, l, false) }()
	s.at = l.Addr()
	t.Cleanup(func() {
		s.phone.conn.Close()
		cancel()
		s.stop()
		if err := errors.Join(<-served, <-s.ran); err != nil {
			t.Error(err)
		}
	})
	if s.dialer, err = link.NewDialer(link.Config{}); err != nil {
		t.Fatal(err)
	}
	s.phone = s.visit()
	s.phone.expect(s.phone.ask(s.owner.register()), &wire.OK{})
	s.phone.enter(s.owner)
	s.name, s.drop = s.phone.profile(s.owner), s.phone.newDrop(s.owner)
	return s
}

// visit is a new link after the hellos.
func (s *site) visit() *peer {
	s.t.Helper()
	node := s.node.Public()
	c, err := s.dialer.Dial(s.t.Context(), link.Endpoint{
		Host: "127.0.0.1", Port: uint16(s.at.(*net.TCPAddr).Port), Node: node[:],
	})
	if err != nil {
		s.t.Fatal(err)
	}
	p := &peer{w: s.world, t: s.t, conn: c, node: node}
	p.hello(func(*wire.ClientHello) {})
	p.expect(0, &p.server)
	return p
}

// attack runs the other process; opened waits until what it opens is open, end
// ends it.
func (s *site) attack(kind string, n int) (opened func() int, end func()) {
	s.t.Helper()
	name, node := s.name, s.node.Public()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s %x %x", floodEnv, kind, n, s.at, node[:], name[:]))
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	opened = func() (open int) {
		said, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			s.t.Fatal(err)
		}
		if fmt.Sscanf(said, "open %d", &open); open < n {
			s.t.Logf("%s: %s", kind, said)
		}
		return open
	}
	return opened, func() {
		in.Close()
		c.Wait()
	}
}

// held is the memory that the process holds after a collection, in bytes.
func held() int {
	debug.FreeOSMemory()
	debug.FreeOSMemory() // pools give up what they hold at the second collection
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

// resident is the largest memory that the process ever had, in bytes; 0 where
// the system does not say.
func resident() int {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if kib := 0; strings.HasPrefix(line, "VmHWM:") {
			fmt.Sscanf(line, "VmHWM: %d kB", &kib)
			return kib << 10
		}
	}
	return 0
}

// served is how long honest people waited: the one in the middle and the one who
// waited longest.
type served struct{ middle, longest time.Duration }

// String is for logs.
func (s served) String() string {
	return fmt.Sprintf("a message from a new link takes %v with its receipt, %v at most",
		s.middle.Round(time.Microsecond), s.longest.Round(time.Microsecond))
}

// serves sends messages to the member, each from a new link, and waits for them
// and their receipts.
func (s *site) serves(n int) served {
	s.t.Helper()
	var took []time.Duration
	for range n {
		begin := time.Now()
		sender := s.visit()
		id := sender.ask(s.drop.submit(1 << 10))
		s.phone.pushed(1)
		sender.collect(id)
		took = append(took, time.Since(begin))
		s.phone.ack(s.owner)
		go sender.conn.Close() // waits for the other side
	}
	slices.Sort(took)
	return served{took[n/2], took[n-1]}
}

// TestWhatAConnectionCosts prints what each connection of an attacker costs the
// gateway, and holds it to a bound. Meanwhile everybody else is served.
func TestWhatAConnectionCosts(t *testing.T) {
	n := 100
	if os.Getenv(largeEnv) != "" {
		n = 1500
	}
	for _, attack := range []struct {
		kind string
		most int // bytes a connection
	}{
		{onlyTCP, 24 << 10},
		{onlyTLS, 64 << 10},
		{halfRequest, 64 << 10},
		{noHello, 64 << 10},
		{idleGuest, 64 << 10},
		{slowWriter, 288 << 10},
		{slowReader, 288 << 10},
		{lateReader, 400 << 10},
	} {
		t.Run(attack.kind, func(t *testing.T) {
			s := openSite(t, nil)
			before := held()
			opened, end := s.attack(attack.kind, n)
			defer end()
			open := opened()
			each := (held() - before) / n
			all := s.serves(20)
			for range 4 { // what was under way at one moment is no cost of the connections
				s.serves(4)
				each = min(each, (held()-before)/n)
			}
			t.Logf("%d connections, %d bytes each; %v", open, each, all)
			if open < n || each > attack.most {
				t.Errorf("%d of %d are open, %d bytes each, want %d at most", open, n, each, attack.most)
			}
			if all.longest > patient {
				t.Error("that is too long")
			}
		})
	}
}

// patient is what an honest user can be asked to wait while somebody attacks, on
// a machine that runs the attack too.
const patient = 20 * time.Second

// TestFloodsOfRequests lets guests ask as fast as they can.
func TestFloodsOfRequests(t *testing.T) {
	for _, kind := range []string{profiles, logins, envelopes} {
		t.Run(kind, func(t *testing.T) {
			s := openSite(t, nil)
			before, begun := s.gw.Stats(), time.Now()
			opened, end := s.attack(kind, 50)
			defer end()
			opened()
			all := s.serves(20)
			after := s.gw.Stats()
			t.Logf("%d links, %d MiB came, %d requests were refused; %v; %d KiB wait, %d MiB resident at most",
				after.Accepted-before.Accepted, (after.BytesIn-before.BytesIn)>>20, after.Busy-before.Busy,
				all, after.Waiting>>10, resident()>>20)
			if all.longest > patient {
				t.Error("that is too long")
			}
			if kind == logins && after.Busy == before.Busy {
				t.Error("nothing was refused: this was no flood")
			}
			// A frame of each guest is read before it is found to be too much.
			rate := gateway.Capacity{}.Default().AllBytes
			if n, most := int(after.BytesIn-before.BytesIn), rate*(2+int(time.Since(begun)/time.Second+1))+50*(128<<10); n > most {
				t.Errorf("%d bytes were read, want %d at most", n, most)
			}
		})
	}
}

// TestACrowdOfGuests opens far more links than there are places for guests, and
// meanwhile sends messages as a guest.
func TestACrowdOfGuests(t *testing.T) {
	n, guests := 400, 100
	if os.Getenv(largeEnv) != "" {
		n, guests = 10_000, 0
	}
	s := openSite(t, func(o *options) {
		o.gateway.Capacity.Guests = guests
		if guests > 0 {
			o.gateway.Timing.GuestSpare = 20 * time.Millisecond
		}
	})
	before := held()
	opened, end := s.attack(idleGuest, n)
	defer end()
	during := s.serves(20)
	open := opened()
	after := s.serves(20)
	stats := s.gw.Stats()
	t.Logf("%d links, %d guests stay, %d made room, %d refused; %d KiB held, %d MiB resident at most; during it %v; after it %v",
		open, stats.Guests, stats.Evicted, stats.Refused, (held()-before)>>10, resident()>>20, during, after)
	if most := (gateway.Capacity{Guests: guests}).Default().Guests; stats.Guests > most {
		t.Errorf("%d guests, want %d at most", stats.Guests, most)
	}
	if max(during.longest, after.longest) > patient {
		t.Error("that is too long")
	}
}

// TestTenThousandGuests lets as many guests stay as there may be links.
func TestTenThousandGuests(t *testing.T) {
	n := 500
	if os.Getenv(largeEnv) != "" {
		n = 9_900
	}
	s := openSite(t, func(o *options) { o.gateway.Capacity.Guests = n + 100 })
	before := held()
	opened, end := s.attack(idleGuest, n)
	defer end()
	open := opened()
	bytes := held() - before
	all := s.serves(20)
	t.Logf("%d guests: %d KiB held, %d bytes each, %d MiB resident at most; %v", open, bytes>>10, bytes/n, resident()>>20, all)
	if open < n || bytes/n > 64<<10 || all.longest > patient {
		t.Errorf("%d of %d are open, %d bytes each", open, n, bytes/n)
	}
}
