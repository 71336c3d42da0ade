// Package control is the running gateway's socket for the commands that work beside
// it: HTTP with JSON on a Unix socket that only the directory's owner can open. What
// the database knows is read from there, so this is about the process only.
//
//	GET  /status                   -> Live
//	GET  /peers                    -> [Peer]
//	POST /accounts/remove  Order   -> {}
//	POST /accounts/quota   Order   -> {}
//
// What fails has another status than 200 and the answer {"error": "..."}.
package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"zeroms/gateway"
	"zeroms/gateway/overlay"
	"zeroms/protocol/key"
)

// Server answers the commands of other processes.
type Server struct {
	// Live tells how the process is.
	Live func() Live
	// Peers are the gateways that the process knows.
	Peers func(context.Context) ([]Peer, error)
	// Remove and Quota change an account; they return when it is on the disk.
	Remove func(context.Context, key.AccountTag) error
	Quota  func(context.Context, key.AccountTag, uint64) error
}

// Live is what only the running process knows.
type Live struct {
	Since        time.Time     `json:"since"`
	Registration string        `json:"registration"` // of this run
	Listen       string        `json:"listen"`       // HOST:PORT
	Status       string        `json:"status_listen,omitempty"`
	Pid          int           `json:"pid"`
	MostLinks    int           `json:"most_links"` // fewer than asked for if files are short
	Links        gateway.Stats `json:"links"`
	Overlay      *Overlay      `json:"overlay,omitempty"` // none: it stands alone
}

// Overlay is the process's part in its network.
type Overlay struct {
	Scope   string `json:"scope"`
	Address string `json:"address,omitempty"` // by which others name it; none: it only asks
	Advice  string `json:"advice,omitempty"`  // what to do if there is no Address
	LAN     bool   `json:"lan,omitempty"`     // it looks for others in the local network
	QUIC    bool   `json:"quic"`              // over which they reach it besides TCP, as far as it knows
	UDP     UDP    `json:"udp"`
	overlay.Stats
}

// Known says how many other gateways the process knows.
func (o *Overlay) Known() string {
	silent := ""
	if o.DHT.Stale > 0 {
		silent = fmt.Sprintf(" and %d silent", o.DHT.Stale)
	}
	return fmt.Sprintf("%d known%s of about %.0f with itself", o.DHT.Table-o.DHT.Stale, silent, o.DHT.Size)
}

// UDP says how the process uses the UDP port of its number.
type UDP string

// The ways.
const (
	UDPBound UDP = "bound"
	UDPOff   UDP = "off"    // it was told so
	UDPInUse UDP = "in use" // by another program, or not allowed
)

// Peer is another gateway that the process knows.
type Peer struct {
	Node    string  `json:"node"` // its key, in hex
	Address string  `json:"address"`
	QUIC    bool    `json:"quic"`
	RTTMS   float64 `json:"rtt_ms,omitempty"` // 0: not measured
}

// Order is what a running gateway is asked to change of an account.
type Order struct {
	Tag   []byte `json:"tag"`
	Quota uint64 `json:"quota,omitempty"` // bytes; 0: the usual one
}

// The paths of orders.
const (
	RemoveAccount = "/accounts/remove"
	SetQuota      = "/accounts/quota"
)

const (
	status = "/status"
	peers  = "/peers"
)

// File is the socket's name in the gateway's directory.
const File = "control.sock"

// refusal is the answer to what failed.
type refusal struct {
	Error string `json:"error"`
}

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 256 << 10

// Listen opens the socket; a file left by a process that was killed is
// replaced, which the directory's lock makes safe.
func Listen(dir string) (net.Listener, error) {
	path := filepath.Join(dir, File)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("the control socket can't be made in %s; a shorter path may help (108 bytes at most): %w", dir, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Serve answers on l until ctx ends.
func (s Server) Serve(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+status, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.Live()) })
	mux.HandleFunc("GET "+peers, func(w http.ResponseWriter, r *http.Request) {
		all, err := s.Peers(r.Context())
		if err != nil {
			answer(w, http.StatusConflict, refusal{err.Error()})
			return
		}
		answer(w, http.StatusOK, all)
	})
	mux.HandleFunc("POST "+RemoveAccount, onAccount(func(ctx context.Context, tag key.AccountTag, _ uint64) error {
		return s.Remove(ctx, tag)
	}))
	mux.HandleFunc("POST "+SetQuota, onAccount(s.Quota))
	server := &http.Server{
		Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: timeout,
		ErrorLog: log.New(io.Discard, "", 0),
	}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

const (
	// timeout bounds an order: a commit may have to wait for a slow disk.
	timeout = 20 * time.Second
	// patience bounds a question, for which the process waits for 2 s at most.
	patience = 5 * time.Second
)

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(v)
}

// onAccount reads an order and carries it out.
func onAccount(do func(context.Context, key.AccountTag, uint64) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var o Order
		var tag key.AccountTag
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAnswer)).Decode(&o)
		if err == nil && copy(tag[:], o.Tag) != len(tag) {
			err = errors.New("that is no account's tag")
		}
		if err != nil {
			answer(w, http.StatusBadRequest, refusal{err.Error()})
			return
		}
		if err := do(r.Context(), tag, o.Quota); err != nil {
			answer(w, http.StatusConflict, refusal{err.Error()})
			return
		}
		answer(w, http.StatusOK, struct{}{})
	}
}

// ErrNotRunning: no gateway answers on the directory's socket.
var ErrNotRunning = errors.New("the gateway does not run")

// SilentError: a process holds the directory and its socket, but does not answer.
type SilentError struct {
	Dir string
	Pid int // 0: unknown
	For time.Duration
}

// Process names the process.
func (e *SilentError) Process() string {
	if e.Pid == 0 {
		return "a process"
	}
	return fmt.Sprintf("the process %d", e.Pid)
}

// Error says so.
func (e *SilentError) Error() string {
	return fmt.Sprintf("%s runs on %s, but has not answered for %v; %s", e.Process(), e.Dir, e.For, e.Do())
}

// Do says what to do about it.
func (e *SilentError) Do() string {
	if e.Pid == 0 {
		return "look at its log, and start it again"
	}
	return fmt.Sprintf("look at its log, and whether it was stopped (kill -CONT %d lets it go on); else end it and start it again", e.Pid)
}

// LockFile is the file in a gateway's directory that holds the number of the process.
const LockFile = "lock"

// Pid is the number of the process that holds a directory, or held it last; 0: it is not
// known.
func Pid(dir string) int {
	text, err := os.ReadFile(filepath.Join(dir, LockFile))
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return n
}

// Ask asks the gateway that runs on dir how it is. Errors: ErrNotRunning, SilentError,
// or why it does not answer.
func Ask(ctx context.Context, dir string) (l Live, err error) {
	err = ask(ctx, dir, status, nil, &l)
	return l, err
}

// AskPeers asks the gateway that runs on dir whom it knows. Errors: as Ask's, and that
// it stands alone.
func AskPeers(ctx context.Context, dir string) (all []Peer, err error) {
	err = ask(ctx, dir, peers, nil, &all)
	return all, err
}

// Do has the gateway that runs on dir carry out an order: RemoveAccount or SetQuota.
// Errors: ErrNotRunning, what the gateway says, or why it does not answer.
func Do(ctx context.Context, dir, path string, o Order) error { return ask(ctx, dir, path, o, nil) }

// ask asks for out (GET), or brings in (POST); the other one is nil.
func ask(ctx context.Context, dir, path string, in, out any) error {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, File))
	}}
	defer transport.CloseIdleConnections()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	method, wait := http.MethodGet, patience
	if in != nil {
		method, wait = http.MethodPost, timeout
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://gateway"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	client := http.Client{Transport: transport, Timeout: wait}
	response, err := client.Do(request)
	if err != nil {
		if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
			return &SilentError{Dir: dir, Pid: Pid(dir), For: wait}
		}
		if unreachable, ok := errors.AsType[*net.OpError](err); ok && unreachable.Op == "dial" {
			return ErrNotRunning
		}
		return fmt.Errorf("the gateway on %s does not answer; look at its log: %w", dir, err)
	}
	defer response.Body.Close()
	answer := json.NewDecoder(io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode != http.StatusOK {
		var r refusal
		if answer.Decode(&r) != nil || r.Error == "" {
			return fmt.Errorf("the gateway on %s answers %s; look at its log, or use the command of its version", dir, response.Status)
		}
		return errors.New(r.Error)
	}
	if out == nil {
		return nil
	}
	if err := answer.Decode(out); err != nil {
		if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
			return &SilentError{Dir: dir, Pid: Pid(dir), For: wait}
		}
		return fmt.Errorf("the gateway on %s answers what can't be read; use the command of its version: %w", dir, err)
	}
	return nil
}
