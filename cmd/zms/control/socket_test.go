package control_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/kept"
	"zeroms/cmd/zms/service"
	"zeroms/protocol/link"
	"zeroms/store/chat"
)

// someID could be the id of a message.
const someID = "11111111111111111111111111111111"

// nobody is a dialer that reaches no gateway.
type nobody struct{}

func (nobody) Dial(ctx context.Context, _ link.Endpoint) (link.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// direct is a route that nobody uses.
type direct struct{}

func (direct) Proxy() *link.Proxy            { return nil }
func (direct) Override() (*link.Proxy, bool) { return nil, false }
func (direct) Use(*link.Proxy) error         { return nil }

// owner is a process that serves a profile.
type owner struct {
	dir  string
	stop func() // takes no more requests
	kill func() // ends everything
	done chan struct{}
}

func newOwner(t *testing.T, dir string) *owner {
	t.Helper()
	db, err := chat.Create(t.Context(), dir, chat.NoPassphrase())
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Create(t.Context(), db, "Alice", time.Now()); err != nil {
		t.Fatal(err)
	}
	stored := kept.New(db)
	c := client.New(client.Config{Store: stored, Dialer: nobody{}})
	p := &service.Profile{Client: c, Keys: db, Kept: stored, Route: direct{}, Owner: "agent", PID: 7, Lasting: true}
	server, err := control.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, kill := context.WithCancel(context.Background())
	taking, stop := context.WithCancel(ctx)
	var running, serving sync.WaitGroup
	running.Go(func() {
		if err := c.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	serving.Go(func() {
		if err := server.Serve(ctx, taking, p); err != nil {
			t.Error(err)
		}
	})
	o := &owner{dir: dir, stop: stop, kill: kill, done: make(chan struct{})}
	go func() {
		serving.Wait()
		close(o.done)
	}()
	t.Cleanup(func() {
		stop()
		<-o.done
		kill()
		running.Wait()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

// ask makes one request over the socket.
func (o *owner) ask(t *testing.T, r control.Request) (rows []control.Row, err error) {
	t.Helper()
	conn, err := control.Dial(t.Context(), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Do(t.Context(), r, func(row control.Row) error {
		rows = append(rows, row)
		return nil
	})
	return rows, err
}

func failureName(err error) string {
	f := new(control.Failure)
	if errors.As(err, &f) {
		return f.Name
	}
	return fmt.Sprint(err)
}

func TestSocket(t *testing.T) {
	o := newOwner(t, filepath.Join(t.TempDir(), "p"))
	st, err := os.Stat(filepath.Join(o.dir, control.SocketName))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("the socket has mode %v (%v)", st.Mode(), err)
	}
	rows, err := o.ask(t, control.Request{Cmd: control.CmdStatus})
	if err != nil || len(rows) != 1 {
		t.Fatalf("%v, %v", rows, err)
	}
	if s := rows[0].(*control.Status); s.Name != "Alice" || s.Owner != "agent" || s.PID != 7 {
		t.Errorf("the status is %+v", s)
	}
	for _, c := range []struct {
		request control.Request
		name    string
	}{
		{control.Request{}, control.NameUsage},
		{control.Request{Cmd: "format"}, control.NameUsage},
		{control.Request{Cmd: control.CmdSend}, control.NameUsage},
		{control.Request{Cmd: control.CmdSend, Contact: "bob", Text: "hi"}, control.NameNoContact},
		{control.Request{Cmd: control.CmdSend, Contact: "bob", Wait: "read"}, control.NameUsage},
		{control.Request{Cmd: control.CmdAdd}, control.NameUsage},
		{control.Request{Cmd: control.CmdAdd, Card: "nonsense"}, "malformed"},
		{control.Request{Cmd: control.CmdGatewayAdd}, "malformed"},
		{control.Request{Cmd: control.CmdGatewayRemove}, control.NameUsage},
		{control.Request{Cmd: control.CmdGatewayRemove, Gateway: "gone"}, control.NameNotHome},
		{control.Request{Cmd: control.CmdCardShow}, "no-gateway"},
		{control.Request{Cmd: control.CmdCardShow, Revoke: "ff00ff00"}, control.NameNoCard},
		{control.Request{Cmd: control.CmdHistory, Contact: "1", N: 5000}, control.NameUsage},
		{control.Request{Cmd: control.CmdVerify, Contact: "1", Yes: true, Undo: true}, control.NameUsage},
		{control.Request{Cmd: control.CmdListen, Contact: "bob"}, control.NameNoContact},
		{control.Request{Cmd: control.CmdCardShow, Public: true}, "no-gateway"},
		{control.Request{Cmd: control.CmdCardShow, Public: true, Bits: 19}, control.NameUsage},
		{control.Request{Cmd: control.CmdCardShow, Public: true, Bits: 41}, control.NameUsage},
		{control.Request{Cmd: control.CmdErase}, control.NameUsage},
		{control.Request{Cmd: control.CmdDone}, control.NameUsage},
		{control.Request{Cmd: control.CmdDone, Bot: "Echo", Message: someID}, control.NameUsage},
		{control.Request{Cmd: control.CmdDone, Bot: "echo"}, control.NameUsage},
		{control.Request{Cmd: control.CmdDone, Bot: "echo", Message: someID}, control.NameNoMessage},
		{control.Request{Cmd: control.CmdListen, Bot: "an echo"}, control.NameUsage},
		{control.Request{Cmd: control.CmdListen, Bot: strings.Repeat("a", 33)}, control.NameUsage},
		{control.Request{Cmd: control.CmdProxySet}, control.NameUsage},
		{control.Request{Cmd: control.CmdProxySet, Proxy: "http://h:1"}, control.NameUsage},
		{control.Request{Cmd: control.CmdErase, Contact: "bob"}, control.NameUsage},
		{control.Request{Cmd: control.CmdErase, Message: "bob"}, control.NameUsage},
		{control.Request{Cmd: control.CmdErase, Message: someID, Contact: "bob"}, control.NameUsage},
		{control.Request{Cmd: control.CmdErase, Message: someID, Until: time.Unix(1, 0)}, control.NameUsage},
		{control.Request{Cmd: control.CmdErase, Message: someID}, control.NameNoMessage},
		{control.Request{Cmd: control.CmdErase, Until: time.Unix(1, 0)}, control.NameUsage},
		{control.Request{Cmd: control.CmdErase, Contact: "bob", Until: time.Unix(1, 0)}, control.NameNoContact},
		{control.Request{Cmd: control.CmdEvidence}, control.NameUsage},
		{control.Request{Cmd: control.CmdEvidence, Message: "bob"}, control.NameUsage},
		{control.Request{Cmd: control.CmdEvidence, Message: someID, Gateway: "bob"}, control.NameUsage},
		{control.Request{Cmd: control.CmdEvidence, Message: someID}, control.NameNoMessage},
		{control.Request{Cmd: control.CmdEvidence, Gateway: "bob"}, control.NameNotHome},
		{control.Request{Cmd: control.CmdEvidence, Gateway: "00" + someID}, control.NameNotHome},
	} {
		if _, err := o.ask(t, c.request); failureName(err) != c.name {
			t.Errorf("%+v: %v", c.request, err)
		}
	}
}

func TestPassphraseOverSocket(t *testing.T) {
	o := newOwner(t, filepath.Join(t.TempDir(), "p"))
	old, next := "wrong", "new"
	if _, err := o.ask(t, control.Request{Cmd: control.CmdPassphrase, OldPassphrase: &old, NewPassphrase: &next}); failureName(err) != "no-passphrase" {
		t.Errorf("a passphrase where there is none: %v", err)
	}
	rows, err := o.ask(t, control.Request{Cmd: control.CmdPassphrase, NewPassphrase: &next})
	if err != nil || !rows[0].(*control.Identity).Locked {
		t.Fatalf("%v, %v", rows, err)
	}
	conn, err := control.Dial(t.Context(), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if !conn.Hello.Locked {
		t.Error("the hello does not tell that the profile is locked now")
	}
	if _, err := o.ask(t, control.Request{Cmd: control.CmdPassphrase}); failureName(err) != control.NameNeeds {
		t.Errorf("removed without the passphrase: %v", err)
	}
}

// raw is a connection without this package's client.
func raw(t *testing.T, o *owner) (*net.UnixConn, *bufio.Scanner) {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(o.dir, control.SocketName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	in := bufio.NewScanner(conn)
	if !in.Scan() || !strings.HasPrefix(in.Text(), `{"type":"hello","version":1,"owner":"agent","pid":7`) {
		t.Fatalf("the hello is %q", in.Text())
	}
	return conn.(*net.UnixConn), in
}

func TestBadRequestsOverSocket(t *testing.T) {
	o := newOwner(t, filepath.Join(t.TempDir(), "p"))
	for _, bad := range []string{"\n", "{}\n", "{\"cmd\"\n", "\x00\xff\n", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("a", control.MaxLine+1)} {
		conn, in := raw(t, o)
		_, _ = io.WriteString(conn, bad) // the owner may have hung up on the last one
		if !in.Scan() || !strings.HasPrefix(in.Text(), `{"error":{"name":"usage"`) {
			t.Errorf("%.20q is answered with %q (%v)", bad, in.Text(), in.Err())
		}
		if in.Scan() {
			t.Errorf("%.20q is answered with more: %q", bad, in.Text())
		}
	}
	conn, in := raw(t, o)
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if !in.Scan() || !strings.Contains(in.Text(), "no request came") {
		t.Errorf("nothing is answered with %q", in.Text())
	}
}

// TestHalfClosed: closing the writing direction ends listen and nothing else.
func TestHalfClosed(t *testing.T) {
	o := newOwner(t, filepath.Join(t.TempDir(), "p"))
	conn, in := raw(t, o)
	if _, err := io.WriteString(conn, `{"cmd":"status"}`+"\n"); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if !in.Scan() || !strings.Contains(in.Text(), `"type":"status"`) || !in.Scan() || in.Text() != `{"ok":true}` {
		t.Errorf("the answer ends with %q", in.Text())
	}
	conn, in = raw(t, o)
	if _, err := io.WriteString(conn, `{"cmd":"listen"}`+"\n"); err != nil {
		t.Fatal(err)
	}
	if !in.Scan() || !strings.Contains(in.Text(), `"type":"ready"`) {
		t.Fatalf("listen begins with %q", in.Text())
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if !in.Scan() || in.Text() != `{"ok":true}` {
		t.Errorf("listen ends with %q", in.Text())
	}
}

// TestOwnerStops: it takes no more, tells those who listen, and leaves nothing behind.
func TestOwnerStops(t *testing.T) {
	o := newOwner(t, filepath.Join(t.TempDir(), "p"))
	conn, err := control.Dial(t.Context(), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Do(t.Context(), control.Request{Cmd: control.CmdListen}, func(row control.Row) error {
		if _, ok := row.(*control.Ready); ok {
			o.stop()
		}
		return nil
	})
	if failureName(err) != control.NameStopped {
		t.Errorf("listen ended with %v", err)
	}
	<-o.done
	if _, err := control.Dial(t.Context(), o.dir); !errors.Is(err, control.ErrNobody) {
		t.Errorf("somebody answers: %v", err)
	}
	if _, err := os.Stat(filepath.Join(o.dir, control.SocketName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// TestOwnerFinishes: a request that was let in is answered although its owner ends.
func TestOwnerFinishes(t *testing.T) {
	o := newOwner(t, filepath.Join(t.TempDir(), "p"))
	conn, err := control.Dial(t.Context(), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	o.stop()
	var rows []control.Row
	err = conn.Do(t.Context(), control.Request{Cmd: control.CmdStatus}, func(row control.Row) error {
		rows = append(rows, row)
		return nil
	})
	if err != nil || len(rows) != 1 {
		t.Errorf("%v, %v", rows, err)
	}
}

// TestOwnerIsKilled: the other side learns that the answer will not come.
func TestOwnerIsKilled(t *testing.T) {
	o := newOwner(t, filepath.Join(t.TempDir(), "p"))
	conn, err := control.Dial(t.Context(), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Do(t.Context(), control.Request{Cmd: control.CmdListen}, func(control.Row) error {
		o.kill()
		return nil
	})
	if failureName(err) != control.NameStopped {
		t.Errorf("listen ended with %v", err)
	}
}

func TestEmitEndsRequest(t *testing.T) {
	o := newOwner(t, filepath.Join(t.TempDir(), "p"))
	full := errors.New("no room")
	conn, err := control.Dial(t.Context(), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Do(t.Context(), control.Request{Cmd: control.CmdStatus}, func(control.Row) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

func TestContextEndsRequest(t *testing.T) {
	o := newOwner(t, filepath.Join(t.TempDir(), "p"))
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := control.Dial(ctx, o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Do(ctx, control.Request{Cmd: control.CmdListen}, func(control.Row) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestLongPath: the path of a socket is bounded, that of a profile is not.
func TestLongPath(t *testing.T) {
	dir := t.TempDir()
	for len(dir) < 200 {
		dir = filepath.Join(dir, "a-rather-long-name-of-a-folder")
	}
	o := newOwner(t, dir)
	if _, err := o.ask(t, control.Request{Cmd: control.CmdStatus}); err != nil {
		t.Error(err)
	}
	o.stop()
	<-o.done
	if _, err := os.Stat(filepath.Join(dir, control.SocketName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestDialWithoutOwner(t *testing.T) {
	dir := t.TempDir()
	if _, err := control.Dial(t.Context(), dir); !errors.Is(err, control.ErrNobody) {
		t.Errorf("no socket: %v", err)
	}
	// What a killed owner leaves: a socket on which nobody listens.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, control.SocketName), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := control.Dial(t.Context(), dir); !errors.Is(err, control.ErrNobody) {
		t.Errorf("a socket left behind: %v", err)
	}
	s, err := control.Listen(dir)
	if err != nil {
		t.Fatalf("it is not replaced: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// answering is a socket on which somebody says this and hangs up.
func answering(t *testing.T, what string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, control.SocketName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, what)
			conn.Close()
		}
	}()
	return dir
}

func TestDialSomethingElse(t *testing.T) {
	if _, err := control.Dial(t.Context(), answering(t, "")); !errors.Is(err, control.ErrNobody) {
		t.Errorf("an owner that ends: %v", err)
	}
	if _, err := control.Dial(t.Context(), answering(t, "220 ready\n")); failureName(err) != control.NameFailure {
		t.Errorf("something else: %v", err)
	}
	if _, err := control.Dial(t.Context(), answering(t, `{"type":"hello","version":2,"pid":7}`+"\n")); failureName(err) != "version" {
		t.Errorf("another version: %v", err)
	}
	conn, err := control.Dial(t.Context(), answering(t, `{"type":"hello","version":1,"pid":7}`+"\n"+`{"type":"con`))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Do(t.Context(), control.Request{Cmd: control.CmdContacts}, func(control.Row) error { return nil }); failureName(err) != control.NameFailure && failureName(err) != control.NameStopped {
		t.Errorf("half an answer: %v", err)
	}
}
