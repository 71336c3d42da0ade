package instance

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"zeroms/cmd/localsocket"
)

// The files in a profile's directory.
const (
	SocketName = "zeroms.sock"
	LockName   = "zeroms.lock"
)

// MaxLine bounds a request in bytes: a card's link is some 300, the longest some 2,000.
const MaxLine = 16 << 10

// Bounds of what others may take.
const (
	maxConns  = 8
	patience  = 5 * time.Second  // for a request
	longest   = 30 * time.Second // for its answer
	maxAnswer = 4 << 20
)

// Errors of this package.
var (
	// ErrRunning: another process has a window of this profile.
	ErrRunning = errors.New("a window of this profile is open already")
	// ErrText: what should be opened is not a line of plain text.
	ErrText = errors.New("only a link, a card or an address can be opened")
	// ErrSilent: the window does not answer.
	ErrSilent = errors.New("the window of this profile does not answer; end the program and start it again")
	// ErrEnding: the process that has the window does not listen: it is just ending, or
	// hangs.
	ErrEnding = errors.New("the window of this profile is just closing; start the program again in a moment")
	// errRefused: the window was not started for that.
	errRefused = errors.New("this is for windows that were started with --trace")
)

// Handler is what the window does for others. Its functions are called by Serve, one at
// a time each.
type Handler struct {
	// Open shows the window, with a text that was checked to be one line; empty: nothing.
	Open func(text string)
	// Controls are what can be used in the window, for JSON; nil: this is refused.
	Controls func(ctx context.Context) (any, error)
	// Shot writes a picture of the window as PNG; nil: this is refused.
	Shot func(ctx context.Context, to io.Writer) error
}

// request is what another process asks for.
type request struct {
	Open     *string `json:"open,omitempty"`
	Controls bool    `json:"controls,omitempty"`
	Shot     string  `json:"shot,omitempty"`
}

type answer struct {
	OK       bool   `json:"ok"`
	Error    string `json:"error,omitempty"`
	Controls any    `json:"controls,omitempty"`
}

// Instance is the one of a profile that has the window.
type Instance struct {
	dir      string
	lock     *os.File
	listener *net.UnixListener
}

// Claim makes this process the one that has the window of the profile in dir, which is
// made if it is missing. Errors: ErrRunning, those of the file system.
func Claim(dir string) (*Instance, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, LockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(lock); err != nil {
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrRunning
		}
		return nil, fmt.Errorf("the profile's directory can't be locked: %w", err)
	}
	i := &Instance{dir: dir, lock: lock}
	if err := i.sign(); err != nil {
		return nil, errors.Join(fmt.Errorf("the profile's directory can't be locked: %w", err), lock.Close())
	}
	if i.listener, err = localsocket.Listen(dir, SocketName); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return i, nil
}

// sign writes the number of this process into the lock, for who waits for it.
func (i *Instance) sign() error {
	if err := i.lock.Truncate(0); err != nil {
		return err
	}
	_, err := i.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// Holder is the process that has the window of the profile in dir; 0: it is not known.
// It means something only while Claim says ErrRunning.
func Holder(dir string) int {
	f, err := os.Open(filepath.Join(dir, LockName))
	if err != nil {
		return 0
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 16))
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n <= 1 {
		return 0
	}
	return n
}

// Await is Claim by who has time: while another process has the window it is given the
// text to open, and asked no second time as long as it may still answer. The first of
// both that succeeds ends it; a nil Instance: the text was taken. Errors: ErrText, ctx's,
// what the window says, those of the file system.
func Await(ctx context.Context, dir, text string) (*Instance, error) {
	if err := Check(text); err != nil {
		return nil, err
	}
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for {
		own, err := Claim(dir)
		if !errors.Is(err, ErrRunning) {
			return own, err
		}
		_, err = ask(ctx, dir, request{Open: &text})
		switch {
		case err == nil:
			return nil, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case !errors.Is(err, ErrEnding) && !errors.Is(err, ErrSilent):
			return nil, err
		}
		select { // the other one has just ended, or is ending
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-again.C:
		}
	}
}

// makeDir makes the directory for its owner alone, as a profile needs it. An empty one
// that was there is made so.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// flock asks for the exclusive lock at once. Files are opened close-on-exec, so no child
// inherits it.
func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// Close gives the place free. The lock's file stays: removing it would let two
// processes hold two files of the same name.
func (i *Instance) Close() error {
	var err error
	if i.listener != nil {
		err = i.listener.Close()
		if errors.Is(err, net.ErrClosed) {
			err = nil
		}
		err = errors.Join(err, localsocket.Remove(i.dir, SocketName))
		i.listener = nil
	}
	return errors.Join(err, i.lock.Close())
}

// Serve does what other processes ask for until ctx ends. It does not close i.
func (i *Instance) Serve(ctx context.Context, h Handler) error {
	listener := i.listener
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	var conns sync.WaitGroup
	defer conns.Wait()
	s := &server{Handler: h}
	places := make(chan struct{}, maxConns)
	for {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("the window can't be reached by others any more: %w", err)
		}
		conns.Go(func() {
			defer func() { <-places }()
			defer conn.Close()
			s.serve(ctx, conn)
		})
	}
}

// server does one request at a time.
type server struct {
	Handler
	mu sync.Mutex
}

func (s *server) serve(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	if conn.SetDeadline(time.Now().Add(patience)) != nil {
		return
	}
	out := answer{OK: true}
	r, err := read(conn)
	if err == nil {
		err = s.do(ctx, r, &out)
	}
	if err != nil {
		out = answer{Error: err.Error()}
	}
	line, err := json.Marshal(out)
	if err != nil || conn.SetDeadline(time.Now().Add(patience)) != nil {
		return
	}
	_, _ = conn.Write(append(line, '\n'))
}

// read reads a request.
func read(conn net.Conn) (r request, err error) {
	line, err := bufio.NewReaderSize(io.LimitReader(conn, MaxLine), MaxLine).ReadBytes('\n')
	if err != nil {
		return r, fmt.Errorf("a request is one line of at most %d bytes", MaxLine)
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, errors.New("a request is a line of JSON")
	}
	return r, nil
}

func (s *server) do(ctx context.Context, r request, out *answer) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Open != nil:
		if err := Check(*r.Open); err != nil {
			return err
		}
		s.Open(*r.Open)
	case r.Controls && s.Controls != nil:
		out.Controls, err = s.Controls(ctx)
	case r.Shot != "" && s.Shot != nil:
		return s.shoot(ctx, r.Shot)
	case r.Controls, r.Shot != "":
		return errRefused
	default:
		return errors.New("a request opens, or asks for controls or a shot")
	}
	return err
}

// shoot writes the picture into a new file, the whole of it or none.
func (s *server) shoot(ctx context.Context, file string) error {
	if !filepath.IsAbs(file) {
		return errors.New("the file of a shot needs its whole path")
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(s.Shot(ctx, f), f.Close()); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return nil
}

// Check refuses what is no text that somebody could want to open: cards, addresses and
// links are one line of visible characters. What it is the window finds out. Error:
// ErrText.
func Check(text string) error {
	if len(text) > MaxLine/2 || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ErrText
	}
	return nil
}

// Controls asks the window of the profile in dir for what can be used in it, as JSON.
func Controls(ctx context.Context, dir string) (json.RawMessage, error) {
	return bounded(ctx, dir, request{Controls: true})
}

// Shot has the window write a picture of itself into a new file.
func Shot(ctx context.Context, dir, file string) error {
	_, err := bounded(ctx, dir, request{Shot: file})
	return err
}

// bounded is ask with an end.
func bounded(ctx context.Context, dir string, r request) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, longest, ErrSilent)
	defer cancel()
	return ask(ctx, dir, r)
}

// askAgain is how often a window that is just opening is asked.
const askAgain = 50 * time.Millisecond

// ask makes a request. A window that holds the lock and does not listen yet is waited
// for.
func ask(ctx context.Context, dir string, r request) (json.RawMessage, error) {
	again := time.NewTicker(askAgain)
	defer again.Stop()
	end := time.Now().Add(patience)
	for {
		conn, err := localsocket.Dial(ctx, dir, SocketName)
		switch {
		case err == nil:
			defer conn.Close()
			return converse(ctx, conn, r)
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case time.Now().After(end):
			return nil, ErrEnding
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-again.C:
		}
	}
}

// converse sends a request and reads its answer.
func converse(ctx context.Context, conn net.Conn, r request) (json.RawMessage, error) {
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	line, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(append(line, '\n')); err != nil {
		return nil, ErrSilent
	}
	text, err := bufio.NewReader(io.LimitReader(conn, maxAnswer)).ReadBytes('\n')
	if err != nil {
		return nil, ErrSilent
	}
	var a struct {
		OK       bool            `json:"ok"`
		Error    string          `json:"error"`
		Controls json.RawMessage `json:"controls"`
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, ErrSilent
	}
	if !a.OK {
		return nil, errors.New(a.Error)
	}
	return a.Controls, nil
}
