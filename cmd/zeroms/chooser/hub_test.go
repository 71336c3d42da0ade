package chooser

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/godbus/dbus/v5"
)

// onBuses runs a test on a bus in memory, where time is what the test makes of it, and on
// a dbus-daemon if the machine has one. dial connects to the bus without a word.
func onBuses(t *testing.T, test func(t *testing.T, dial func() (*dbus.Conn, error))) {
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			test(t, newHub().dial)
		})
	})
	if _, err := exec.LookPath("dbus-daemon"); err == nil {
		t.Run("daemon", func(t *testing.T) {
			address := daemon(t)
			test(t, func() (*dbus.Conn, error) { return dbus.Dial(address) })
		})
	}
}

// daemon runs a dbus-daemon until the test ends.
func daemon(t *testing.T) (address string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "bus") // its path may not be long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, "bus.conf")
	config := `<busconfig><type>session</type><listen>unix:path=` + dir + `/bus</listen><auth>EXTERNAL</auth><policy context="default">` +
		`<allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>`
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dbus-daemon", "--config-file="+file, "--nofork", "--nopidfile", "--print-address")
	said, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// connect connects and says who it is; the connection is closed when the test ends.
func connect(t *testing.T, dial func() (*dbus.Conn, error)) *dbus.Conn {
	t.Helper()
	c, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Auth(nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Hello(); err != nil {
		t.Fatal(err)
	}
	return c
}

// native is the machine's order of bytes, in which everybody here speaks.
func native() binary.ByteOrder {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

// hub is a bus in memory. It tells signals to everybody, whatever they asked for.
type hub struct {
	mu     sync.Mutex
	peers  map[string]*peer  // by their unique names; guarded by mu
	owners map[string]string // unique names by well-known ones; guarded by mu
	count  int               // guarded by mu

	starts chan string   // services that it is asked to start
	ready  chan struct{} // they are there; nil: there is nothing to start
}

func newHub() *hub {
	return &hub{peers: map[string]*peer{}, owners: map[string]string{}, starts: make(chan string, 9)}
}

type peer struct {
	mu     sync.Mutex
	conn   net.Conn
	serial uint32 // guarded by mu
}

func (h *hub) dial() (*dbus.Conn, error) {
	here, there := net.Pipe()
	go h.serve(there)
	return dbus.NewConn(here)
}

// serve is a bus for one connection.
func (h *hub) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	if _, err := in.ReadByte(); err != nil { // the zero byte in front of everything
		return
	}
	for {
		line, err := in.ReadString('\n')
		answer := "REJECTED EXTERNAL\r\n"
		switch {
		case err != nil:
			return
		case strings.HasPrefix(line, "DATA"), strings.HasPrefix(line, "AUTH EXTERNAL "):
			answer = "OK 00000000000000000000000000000000\r\n"
		case strings.HasPrefix(line, "AUTH EXTERNAL"):
			answer = "DATA\r\n"
		case strings.HasPrefix(line, "BEGIN"):
			h.route(c, in)
			return
		}
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
	}
}

// route brings messages on.
func (h *hub) route(c net.Conn, in io.Reader) {
	h.mu.Lock()
	h.count++
	name, p := fmt.Sprintf(":1.%d", h.count), &peer{conn: c}
	h.peers[name] = p
	h.mu.Unlock()
	for {
		m, body, err := read(in)
		if err != nil {
			break
		}
		m.Headers[dbus.FieldSender] = dbus.MakeVariant(name)
		to, _ := m.Headers[dbus.FieldDestination].Value().(string)
		if to == busName {
			h.obey(name, m)
			continue
		}
		m.Body = nil
		h.send(to, m, body)
	}
	h.mu.Lock()
	delete(h.peers, name)
	h.mu.Unlock()
	h.send("", signalOf(busName, "/org/freedesktop/DBus", busName+".NameOwnerChanged", name, name, ""), nil)
}

// read reads a message, and its body as it is: decoding and encoding changes it.
func read(in io.Reader) (m *dbus.Message, body []byte, err error) {
	head := make([]byte, 16)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, nil, err
	}
	length, fields := native().Uint32(head[4:]), native().Uint32(head[12:])
	rest := make([]byte, (fields+7)/8*8+length)
	if _, err := io.ReadFull(in, rest); err != nil {
		return nil, nil, err
	}
	m, err = dbus.DecodeMessage(io.MultiReader(bytes.NewReader(head), bytes.NewReader(rest)))
	return m, rest[len(rest)-int(length):], err
}

// signalOf makes a signal.
func signalOf(sender string, path dbus.ObjectPath, name string, body ...any) *dbus.Message {
	at := strings.LastIndexByte(name, '.')
	return &dbus.Message{Type: dbus.TypeSignal, Body: body, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldSender: dbus.MakeVariant(sender), dbus.FieldPath: dbus.MakeVariant(path), dbus.FieldInterface: dbus.MakeVariant(name[:at]),
		dbus.FieldMember: dbus.MakeVariant(name[at+1:]), dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(body...)),
	}}
}

// obey does what the bus itself is asked to.
func (h *hub) obey(from string, m *dbus.Message) {
	var answer []any
	var failure string
	switch m.Headers[dbus.FieldMember].Value() {
	case "Hello":
		answer = []any{from}
	case "AddMatch":
	case "RequestName":
		h.mu.Lock()
		h.owners[m.Body[0].(string)] = from
		h.mu.Unlock()
		answer = []any{uint32(1)}
	case "GetNameOwner":
		h.mu.Lock()
		owner, known := h.owners[m.Body[0].(string)]
		h.mu.Unlock()
		if answer = []any{owner}; !known {
			answer, failure = nil, "org.freedesktop.DBus.Error.NameHasNoOwner"
		}
	case "StartServiceByName": // as dbus-daemon, which says this of services too that run already
		if answer = []any{uint32(1)}; h.ready == nil {
			answer, failure = nil, "org.freedesktop.DBus.Error.ServiceUnknown"
			break
		}
		h.starts <- m.Body[0].(string)
		<-h.ready
	default:
		failure = "org.freedesktop.DBus.Error.UnknownMethod"
	}
	h.answer(from, m, failure, answer)
}

// answer answers a call to the bus.
func (h *hub) answer(to string, m *dbus.Message, failure string, body []any) {
	a := &dbus.Message{Type: dbus.TypeMethodReply, Body: body, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldSender: dbus.MakeVariant(busName), dbus.FieldDestination: dbus.MakeVariant(to), dbus.FieldReplySerial: dbus.MakeVariant(m.Serial()),
	}}
	if body != nil {
		a.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
	}
	if failure != "" {
		a.Type, a.Headers[dbus.FieldErrorName] = dbus.TypeError, dbus.MakeVariant(failure)
	}
	h.send(to, a, nil)
}

// send brings a message to whom it is for; "": to everybody. What nobody takes is lost.
// body is its body if it has none.
func (h *hub) send(to string, m *dbus.Message, body []byte) {
	h.mu.Lock()
	if owner, ok := h.owners[to]; ok {
		to = owner
	}
	var all []*peer
	for name, p := range h.peers {
		if to == "" || to == name {
			all = append(all, p)
		}
	}
	h.mu.Unlock()
	var b bytes.Buffer
	if err := m.EncodeTo(&b, native()); err != nil {
		panic(err)
	}
	out := b.Bytes()
	if body != nil {
		native().PutUint32(out[4:], uint32(len(body)))
		out = append(out, body...)
	}
	for _, p := range all {
		p.mu.Lock()
		if m.Serial() == 0 { // one of the bus itself
			p.serial++
			native().PutUint32(out[8:], p.serial)
		}
		_, _ = p.conn.Write(out)
		p.mu.Unlock()
	}
}
