package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zeroms/gateway"
	"zeroms/gateway/dht"
	"zeroms/gateway/overlay"
	"zeroms/protocol/key"
)

func TestAskAndDo(t *testing.T) {
	dir := t.TempDir()
	if _, err := Ask(t.Context(), dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("without a gateway: %v", err)
	}
	l, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, File)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	type done struct {
		what  string
		tag   key.AccountTag
		quota uint64
	}
	var orders []done
	now := Live{Since: time.Now().UTC().Truncate(time.Second), Registration: "open", Listen: "127.0.0.1:1", Pid: 7, MostLinks: 9, Links: gateway.Stats{Submits: 3}}
	s := Server{
		Live: func() Live { return now },
		Remove: func(_ context.Context, tag key.AccountTag) error {
			orders = append(orders, done{"remove", tag, 0})
			return errors.New("the account is stuck")
		},
		Quota: func(_ context.Context, tag key.AccountTag, quota uint64) error {
			orders = append(orders, done{"quota", tag, quota})
			return nil
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	if got, err := Ask(t.Context(), dir); err != nil || got != now {
		t.Errorf("%+v, %v", got, err)
	}
	tag := key.AccountTag{1, 2, 3}
	if err := Do(t.Context(), dir, SetQuota, Order{tag[:], 5 << 20}); err != nil {
		t.Error(err)
	}
	if err := Do(t.Context(), dir, RemoveAccount, Order{Tag: tag[:]}); err == nil || err.Error() != "the account is stuck" {
		t.Errorf("a refusal: %v", err)
	}
	if len(orders) != 2 || orders[0] != (done{"quota", tag, 5 << 20}) || orders[1] != (done{"remove", tag, 0}) {
		t.Errorf("%+v", orders)
	}
	for _, short := range [][]byte{nil, tag[:31]} {
		if err := Do(t.Context(), dir, RemoveAccount, Order{Tag: short}); err == nil || !strings.Contains(err.Error(), "no account's tag") {
			t.Errorf("%x: %v", short, err)
		}
	}
	if err := Do(t.Context(), dir, "/accounts/praise", Order{Tag: tag[:]}); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("another order: %v", err)
	}
	post(t, dir, strings.Repeat("x", 2*maxAnswer))
	post(t, dir, `{"tag": 5}`)
	if len(orders) != 2 {
		t.Errorf("nonsense was carried out: %+v", orders[2:])
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if l, err = Listen(dir); err != nil { // over the file that a killed one leaves
		t.Fatal(err)
	}
	l.Close()
	if _, err := Listen(filepath.Join(dir, strings.Repeat("long", 40))); err == nil {
		t.Error("a path that no socket can have")
	}
}

// TestKnown: who did not answer last is told from the others, as peers leaves it out, and
// the estimate counts the gateway itself.
func TestKnown(t *testing.T) {
	o := Overlay{Stats: overlay.Stats{DHT: dht.Stats{Table: 3, Size: 4.2}}}
	if got := o.Known(); got != "3 known of about 4 with itself" {
		t.Error(got)
	}
	o.DHT.Stale = 1
	if got := o.Known(); got != "2 known and 1 silent of about 4 with itself" {
		t.Error(got)
	}
}

// TestSilence: a process that holds the socket and does not answer is named, which one
// that is gone is not.
func TestSilence(t *testing.T) {
	dir := t.TempDir()
	l, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.WriteFile(filepath.Join(dir, LockFile), []byte("4711\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	_, err = Ask(t.Context(), dir) // the system takes the connection, nobody the request
	silent, ok := errors.AsType[*SilentError](err)
	if !ok || silent.Pid != 4711 || !strings.Contains(err.Error(), "the process 4711 runs on "+dir+", but has not answered for 5s; look at its log") {
		t.Errorf("%v", err)
	}
	if took := time.Since(begin); took < patience || took > 3*patience {
		t.Errorf("it took %v", took)
	}
	for _, text := range []string{"", "soon"} {
		if err := os.WriteFile(filepath.Join(dir, LockFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if n := Pid(dir); n != 0 {
			t.Errorf("%q: %d", text, n)
		}
	}
	if said := (&SilentError{Dir: "gw", For: timeout}).Error(); said != "a process runs on gw, but has not answered for 20s; look at its log, and start it again" {
		t.Error(said)
	}
}

// post sends a body that is no order, which must be refused.
func post(t *testing.T, dir, body string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", filepath.Join(dir, File))
	}}}
	defer client.CloseIdleConnections()
	response, err := client.Post("http://gateway"+RemoveAccount, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("%.20q: %s", body, response.Status)
	}
}
