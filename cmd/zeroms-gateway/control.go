package main

import (
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
	"time"

	"zeroms/gateway"
)

// control is the running gateway's socket for the status command: HTTP with
// JSON on a Unix socket that only the directory's owner can open. What the
// database knows is read from there, so this is about the process only.
//
//	GET /status -> live
type control struct {
	live func() live
}

// live is what only the running process knows.
type live struct {
	Since        time.Time     `json:"since"`
	Registration string        `json:"registration"` // of this run
	Links        gateway.Stats `json:"links"`
}

// maxControl bounds an answer, in bytes.
const maxControl = 64 << 10

// listenControl opens the socket; a file left by a process that was killed is
// replaced, which the directory's lock makes safe.
func listenControl(dir string) (net.Listener, error) {
	path := filepath.Join(dir, controlFile)
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

// serve answers on l until ctx ends.
func (c control) serve(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(c.live())
	})
	server := &http.Server{
		Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
		ErrorLog: log.New(io.Discard, "", 0),
	}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// errNotRunning: no gateway answers on the directory's socket.
var errNotRunning = errors.New("the gateway does not run")

// askLive asks the gateway that runs on dir. Errors: errNotRunning, or why it
// does not answer.
func askLive(ctx context.Context, dir string) (l live, err error) {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, controlFile))
	}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://gateway/status", nil)
	if err != nil {
		return live{}, err
	}
	client := http.Client{Transport: transport, Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		var unreachable *net.OpError
		if errors.As(err, &unreachable) && unreachable.Op == "dial" {
			return live{}, errNotRunning
		}
		return live{}, fmt.Errorf("the gateway on %s does not answer; look at its log: %w", dir, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return live{}, fmt.Errorf("the gateway on %s answers %s; look at its log", dir, response.Status)
	}
	err = json.NewDecoder(io.LimitReader(response.Body, maxControl)).Decode(&l)
	return l, err
}
