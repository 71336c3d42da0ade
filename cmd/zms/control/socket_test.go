package control

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
	c := client.New(client.Config{Store: db, Dialer: nobody{}})
	p := &Profile{Client: c, Keys: db, Owner: "agent", PID: 7, Lasting: true}
	server, err := Listen(dir)
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
func (o *owner) ask(t *testing.T, r Request) (rows []Row, err error) {
	t.Helper()
	conn, err := Dial(t.Context(), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Do(t.Context(), r, func(row Row) error {
		rows = append(rows, row)
		return nil
	})
	return rows, err
}

func failureName(err error) string {
	f := new(Failure)
	if errors.As(err, &f) {
		return f.Name
	}
	return fmt.Sprint(err)
}

func TestSocket(t *testing.T) {
	o := newOwner(t, filepath.Join(t.TempDir(), "p"))
	st, err := os.Stat(filepath.Join(o.dir, SocketName))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("the socket has mode %v (%v)", st.Mode(), err)
	}
	rows, err := o.ask(t, Request{Cmd: CmdStatus})
	if err != nil || len(rows) != 1 {
		t.Fatalf("%v, %v", rows, err)
	}
	if s := rows[0].(*Status); s.Name != "Alice" || s.Owner != "agent" || s.PID != 7 {
		t.Errorf("the status is %+v", s)
	}
	for _, c := range []struct {
		request Request
		name    string
	}{
		{Request{}, NameUsage},
		{Request{Cmd: "format"}, NameUsage},
		{Request{Cmd: CmdSend}, NameUsage},
		{Request{Cmd: CmdSend, Contact: "bob", Text: "hi"}, NameNoContact},
		{Request{Cmd: CmdSend, Contact: "bob", Wait: "read"}, NameUsage},
		{Request{Cmd: CmdAdd}, NameUsage},
		{Request{Cmd: CmdAdd, Card: "nonsense"}, "malformed"},
		{Request{Cmd: CmdGatewayAdd}, "malformed"},
		{Request{Cmd: CmdGatewayRemove}, NameUsage},
		{Request{Cmd: CmdGatewayRemove, Gateway: "gone"}, NameNotHome},
		{Request{Cmd: CmdCardShow}, "no-gateway"},
		{Request{Cmd: CmdCardShow, Revoke: "ff00ff00"}, NameNoCard},
		{Request{Cmd: CmdHistory, Contact: "1", N: 5000}, NameUsage},
		{Request{Cmd: CmdVerify, Contact: "1", Yes: true, Undo: true}, NameUsage},
		{Request{Cmd: CmdListen, Contact: "bob"}, NameNoContact},
		{Request{Cmd: CmdCardShow, Public: true}, "no-gateway"},
		{Request{Cmd: CmdCardShow, Public: true, Bits: 19}, NameUsage},
		{Request{Cmd: CmdCardShow, Public: true, Bits: 41}, NameUsage},
		{Request{Cmd: CmdErase}, NameUsage},
		{Request{Cmd: CmdErase, Contact: "bob"}, NameUsage},
		{Request{Cmd: CmdErase, Message: "bob"}, NameUsage},
		{Request{Cmd: CmdErase, Message: someID, Contact: "bob"}, NameUsage},
		{Request{Cmd: CmdErase, Message: someID, Until: time.Unix(1, 0)}, NameUsage},
		{Request{Cmd: CmdErase, Message: someID}, NameNoMessage},
		{Request{Cmd: CmdErase, Until: time.Unix(1, 0)}, NameUsage},
		{Request{Cmd: CmdErase, Contact: "bob", Until: time.Unix(1, 0)}, NameNoContact},
		{Request{Cmd: CmdEvidence}, NameUsage},
		{Request{Cmd: CmdEvidence, Message: "bob"}, NameUsage},
		{Request{Cmd: CmdEvidence, Message: someID, Gateway: "bob"}, NameUsage},
		{Request{Cmd: CmdEvidence, Message: someID}, NameNoMessage},
		{Request{Cmd: CmdEvidence, Gateway: "bob"}, NameNotHome},
		{Request{Cmd: CmdEvidence, Gateway: "00" + someID}, NameNotHome},
	} {
		if _, err := o.ask(t, c.request); failureName(err) != c.name {
			t.Errorf("%+v: %v", c.request, err)
		}
	}
}

func TestPassphraseOverSocket(t *testing.T) {
	o := newOwner(t, filepath.Join(t.TempDir(), "p"))
	old, next := "wrong", "new"
	if _, err := o.ask(t, Request{Cmd: CmdPassphrase, OldPassphrase: &old, NewPassphrase: &next}); failureName(err) != "no-passphrase" {
		t.Errorf("a passphrase where there is none: %v", err)
	}
	rows, err := o.ask(t, Request{Cmd: CmdPassphrase, NewPassphrase: &next})
	if err != nil || !rows[0].(*Identity).Locked {
		t.Fatalf("%v, %v", rows, err)
	}
	conn, err := Dial(t.Context(), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if !conn.Hello.Locked {
		t.Error("the hello does not tell that the profile is locked now")
	}
	if _, err := o.ask(t, Request{Cmd: CmdPassphrase}); failureName(err) != NameNeeds {
		t.Errorf("removed without the passphrase: %v", err)
	}
}

// raw is a connection without this package's client.
func raw(t *testing.T, o *owner) (*net.UnixConn, *bufio.Scanner) {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(o.dir, SocketName))
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
	for _, bad := range []string{"\n", "{}\n", "{\"cmd\"\n", "\x00\xff\n", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("a", MaxLine+1)} {
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
	conn, err := Dial(t.Context(), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Do(t.Context(), Request{Cmd: CmdListen}, func(row Row) error {
		if _, ok := row.(*Ready); ok {
			o.stop()
		}
		return nil
	})
	if failureName(err) != NameStopped {
		t.Errorf("listen ended with %v", err)
	}
	<-o.done
	if _, err := Dial(t.Context(), o.dir); !errors.Is(err, ErrNobody) {
		t.Errorf("somebody answers: %v", err)
	}
	if _, err := os.Stat(filepath.Join(o.dir, SocketName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// TestOwnerFinishes: a request that was let in is answered although its owner ends.
func TestOwnerFinishes(t *testing.T) {
	o := newOwner(t, filepath.Join(t.TempDir(), "p"))
	conn, err := Dial(t.Context(), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	o.stop()
	var rows []Row
	err = conn.Do(t.Context(), Request{Cmd: CmdStatus}, func(row Row) error {
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
	conn, err := Dial(t.Context(), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Do(t.Context(), Request{Cmd: CmdListen}, func(Row) error {
		o.kill()
		return nil
	})
	if failureName(err) != NameStopped {
		t.Errorf("listen ended with %v", err)
	}
}

func TestEmitEndsRequest(t *testing.T) {
	o := newOwner(t, filepath.Join(t.TempDir(), "p"))
	full := errors.New("no room")
	conn, err := Dial(t.Context(), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Do(t.Context(), Request{Cmd: CmdStatus}, func(Row) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

func TestContextEndsRequest(t *testing.T) {
	o := newOwner(t, filepath.Join(t.TempDir(), "p"))
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := Dial(ctx, o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Do(ctx, Request{Cmd: CmdListen}, func(Row) error {
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
	if _, err := o.ask(t, Request{Cmd: CmdStatus}); err != nil {
		t.Error(err)
	}
	o.stop()
	<-o.done
	if _, err := os.Stat(filepath.Join(dir, SocketName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestDialWithoutOwner(t *testing.T) {
	dir := t.TempDir()
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrNobody) {
		t.Errorf("no socket: %v", err)
	}
	// What a killed owner leaves: a socket on which nobody listens.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, SocketName), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrNobody) {
		t.Errorf("a socket left behind: %v", err)
	}
	s, err := Listen(dir)
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
	l, err := net.Listen("unix", filepath.Join(dir, SocketName))
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
	if _, err := Dial(t.Context(), answering(t, "")); !errors.Is(err, ErrNobody) {
		t.Errorf("an owner that ends: %v", err)
	}
	if _, err := Dial(t.Context(), answering(t, "220 ready\n")); failureName(err) != NameFailure {
		t.Errorf("something else: %v", err)
	}
	if _, err := Dial(t.Context(), answering(t, `{"type":"hello","version":2,"pid":7}`+"\n")); failureName(err) != "version" {
		t.Errorf("another version: %v", err)
	}
	conn, err := Dial(t.Context(), answering(t, `{"type":"hello","version":1,"pid":7}`+"\n"+`{"type":"con`))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Do(t.Context(), Request{Cmd: CmdContacts}, func(Row) error { return nil }); failureName(err) != NameFailure && failureName(err) != NameStopped {
		t.Errorf("half an answer: %v", err)
	}
}
