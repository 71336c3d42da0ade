package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"zeroms/cmd/localsocket"
)

// SocketName is the socket in a profile's directory.
const SocketName = "zms.sock"

// Version is the version of the socket's language, told in the hello.
const Version = 1

// The limits of a socket.
const (
	// maxConns is how many requests are served at once; more wait.
	maxConns = 64
	// maxEndless is how many requests without an end are served beside those.
	maxEndless = 1024
	// greetWait is how long an owner may take to say hello, and the other side
	// to make its request.
	greetWait = 10 * time.Second
	// writeWait is how long the other side may leave a line unread.
	writeWait = 30 * time.Second
)

// ErrNobody is returned by Dial when no process serves the profile.
var ErrNobody = errors.New("control: no process serves this profile")

// ErrLeft is why the context of a request without an end has ended if the other side
// closed the connection, and not the owner.
var ErrLeft = errors.New("control: the other side has left")

// Emit takes the rows of an answer in their order. Its error ends the request.
type Emit func(Row) error

// Owner is who owns a profile and does what is asked for.
type Owner interface {
	// Hello is what it says about itself to everybody who comes.
	Hello() *Hello
	// Serve does one request. It returns when the request is done, when ctx ends
	// (for listen that is its proper end), or with why it failed; Explain tells.
	Serve(ctx context.Context, r Request, emit Emit) error
}

// Server is the socket of a profile.
type Server struct {
	dir      string
	listener *net.UnixListener
}

// Listen opens the socket of a profile that this process has locked. A socket
// that a process left behind is replaced.
func Listen(dir string) (*Server, error) {
	listener, err := localsocket.Listen(dir, SocketName)
	if err != nil {
		return nil, err
	}
	return &Server{dir: dir, listener: listener}, nil
}

// Close removes the socket.
func (s *Server) Close() error {
	return errors.Join(localsocket.Remove(s.dir, SocketName), s.listener.Close())
}

// Serve serves requests until taking ends: then it takes no more, ends those
// that have no end of their own, and returns after the others are done. The end
// of ctx ends them all.
func (s *Server) Serve(ctx, taking context.Context, p Owner) error {
	var requests sync.WaitGroup
	defer requests.Wait()
	stop := context.AfterFunc(taking, func() { _ = s.Close() })
	defer stop()
	free, endless := make(chan struct{}, maxConns), make(chan struct{}, maxEndless)
	for {
		select {
		case free <- struct{}{}:
		case <-taking.Done():
			return nil
		}
		conn, err := s.listener.Accept()
		if err != nil {
			if taking.Err() != nil {
				return nil
			}
			return fmt.Errorf("the socket failed: %w", err)
		}
		requests.Go(func() {
			defer conn.Close()
			release := sync.OnceFunc(func() { <-free })
			defer release()
			c := &serving{Owner: p, conn: conn, stays: func() (done func(), ok bool) {
				select {
				case endless <- struct{}{}:
					release()
					return func() { <-endless }, true
				default:
					return nil, false
				}
			}}
			c.serve(ctx, taking)
		})
	}
}

// serving is a connection that is served.
type serving struct {
	Owner
	conn net.Conn
	// stays makes room for a request that has no end, if there is any, beside those
	// that have one; done is called after it.
	stays func() (done func(), ok bool)
}

func (c *serving) emit(v any) error {
	line, err := Line(v)
	if err != nil {
		return err
	}
	if err := c.conn.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return err
	}
	_, err = c.conn.Write(line)
	return err
}

// serve greets, reads the request, and answers it.
func (c *serving) serve(ctx, taking context.Context) {
	if c.emit(c.Hello()) != nil {
		return
	}
	end := final{OK: true}
	if err := c.serveRequest(ctx, taking); err != nil {
		if ctx.Err() != nil {
			err = errEnded()
		}
		end = final{Error: Explain(err)}
	}
	_ = c.emit(end)
}

func (c *serving) serveRequest(ctx, taking context.Context) error {
	if err := c.conn.SetReadDeadline(time.Now().Add(greetWait)); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = c.conn.SetReadDeadline(time.Now()) })()
	in := lines(c.conn)
	if !in.Scan() {
		if err := in.Err(); err != nil {
			return Usage("no request came: %v", err)
		}
		return Usage("no request came")
	}
	r, err := ParseRequest(in.Bytes())
	if err != nil {
		return err
	}
	if !r.Endless() {
		return c.Serve(ctx, r, func(r Row) error { return c.emit(r) })
	}
	done, ok := c.stays()
	if !ok {
		return Fail(NameLocked, "%d commands listen to this profile already; stop some of them", maxEndless)
	}
	defer done()
	return c.serveEndless(taking, r)
}

// serveEndless serves a request until the other side ends, or nothing more is taken.
func (c *serving) serveEndless(taking context.Context, r Request) error {
	listening, cancel := context.WithCancelCause(taking)
	defer cancel(nil)
	if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	var gone sync.WaitGroup
	gone.Go(func() {
		_, _ = io.Copy(io.Discard, c.conn)
		cancel(ErrLeft)
	})
	err := c.Serve(listening, r, func(r Row) error { return c.emit(r) })
	_ = c.conn.SetReadDeadline(time.Now())
	gone.Wait()
	if taking.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return errEnded()
	}
	return err
}

// errEnded tells the other side that it has to look for another owner.
func errEnded() error {
	return Fail(NameStopped, "the process that held the profile has ended; run the command again")
}

// Conn is a connection to the process that owns the profile, for one request.
type Conn struct {
	// Hello is what the owner said about itself.
	Hello Hello

	conn net.Conn
	in   *bufio.Scanner
}

// Dial connects to the process that serves the profile in dir. Error:
// ErrNobody, or that it does not answer as it should.
func Dial(ctx context.Context, dir string) (*Conn, error) {
	conn, err := localsocket.Dial(ctx, dir, SocketName)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, ErrNobody
	case err != nil:
		return nil, fmt.Errorf("the socket of the profile can't be used: %w", err)
	}
	c := &Conn{conn: conn, in: lines(conn)}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Now()) })
	err = c.greet()
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// greet waits for the hello. An owner that ends may have let us in and never
// looked; then nobody is there.
func (c *Conn) greet() error {
	if err := c.conn.SetReadDeadline(time.Now().Add(greetWait)); err != nil {
		return err
	}
	if !c.in.Scan() {
		if errors.Is(c.in.Err(), os.ErrDeadlineExceeded) {
			return Fail(NameLocked, "the process that holds the profile does not answer; stop it and run the command again")
		}
		return ErrNobody
	}
	if err := json.Unmarshal(c.in.Bytes(), &c.Hello); err != nil || c.Hello.Type != TypeHello {
		return Fail(NameFailure, "something else than zms answers at the socket of the profile; remove %s", SocketName)
	}
	if c.Hello.Version != Version {
		return Fail(NameVersion, "another version of zms holds the profile (process %d); stop it and run the command again", c.Hello.PID)
	}
	return c.conn.SetReadDeadline(time.Time{})
}

// Close ends the connection.
func (c *Conn) Close() error { return c.conn.Close() }

// Do makes the request and emits the rows of its answer. Errors: the owner's
// Failure, one of the name NameStopped if the owner ended first, what emit
// returned, or ctx's.
func (c *Conn) Do(ctx context.Context, r Request, emit Emit) error {
	defer context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Now()) })()
	line, err := Line(r)
	if err != nil {
		return err
	}
	if len(line) >= MaxLine {
		return Usage("the request is too long: %d bytes, and %d are possible", len(line), MaxLine)
	}
	if _, err := c.conn.Write(line); err != nil {
		return c.lost(ctx)
	}
	for c.in.Scan() {
		var end final
		if err := json.Unmarshal(c.in.Bytes(), &end); err == nil && (end.OK || end.Error != nil) {
			if end.Error != nil {
				return end.Error
			}
			return nil
		}
		row, err := ParseRow(c.in.Bytes())
		if err != nil {
			return Fail(NameFailure, "the process that holds the profile answered something that is no JSON")
		}
		if err := emit(row); err != nil {
			return err
		}
	}
	return c.lost(ctx)
}

func (c *Conn) lost(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errEnded()
}
