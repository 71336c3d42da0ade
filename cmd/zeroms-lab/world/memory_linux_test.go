package world_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/client/delivery"
	"zeroms/protocol/card"
	"zeroms/protocol/link"
	"zeroms/store/chat"
)

// patience is how long any one thing of these tests may take.
const patience = 20 * time.Second

// startGateway builds the program and runs it on loopback, over TLS.
func startGateway(t *testing.T, dir string) (pid int, at card.Address) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "zeroms-gateway")
	// go run keeps what it links in the build cache: it is linked once for the tests of all packages.
	if out, err := exec.Command("go", "run", "-exec=cp", "zeroms/cmd/zeroms-gateway", program).CombinedOutput(); err != nil {
		t.Fatalf("go run: %v\n%s", err, out)
	}
	cmd := exec.Command(program, "run", "--data", dir, "--listen", "127.0.0.1:0", "--network", "lab")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd.Stderr = &log
	runtime.LockOSThread() // the kernel ends the child together with the thread that started it
	t.Cleanup(runtime.UnlockOSThread)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the gateway did not end well: %v\n%s", err, log.String())
		}
	})
	for said.Scan() {
		line := said.Text()
		if strings.HasPrefix(line, "ZMSG:") {
			if at, err = card.ParseAddress(line); err != nil {
				t.Fatal(err)
			}
		}
		if strings.HasPrefix(line, "ready ") {
			return cmd.Process.Pid, at
		}
	}
	t.Fatal("the gateway ended before it was ready")
	return 0, at
}

// resident is a client as a program runs it: over TCP and TLS, in real time.
type resident struct {
	*client.Client
	t      *testing.T
	dir    string
	events *client.Subscription
	stop   func()
}

// resident makes an identity and runs its client.
func newResident(t *testing.T, name string, home card.Address) *resident {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	dir := filepath.Join(t.TempDir(), "profile")
	db, err := chat.Create(ctx, dir, chat.NoPassphrase())
	must(err)
	must(client.Create(ctx, db, name, time.Now()))
	dialer, err := link.NewDialer(link.Config{})
	must(err)
	timing := delivery.Timing{}.Default()
	timing.AnswerMin, timing.AnswerMax, timing.AckInterval = 0, timing.AckDelay, timing.AckDelay
	r := &resident{t: t, dir: dir, Client: client.New(client.Config{Store: db, Dialer: dialer, Delivery: timing})}
	r.events = r.Subscribe()
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.stop = func() {
		cancel()
		if err := errors.Join(<-done, db.Close()); err != nil {
			t.Error(err)
		}
		r.stop = func() {}
	}
	t.Cleanup(func() { r.stop() })
	_, err = r.AddGateway(ctx, home)
	must(err)
	return r
}

// until waits for events until ok.
func (r *resident) until(what string, ok func() bool) {
	r.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for !ok() {
		select {
		case _, more := <-r.events.C:
			if !more {
				r.t.Fatalf("the client ended before %s", what)
			}
		case <-late.C:
			r.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// only waits until there is one other person, in a state.
func (r *resident) only(state client.ContactState) (c client.Contact) {
	r.t.Helper()
	r.until("the other one is there", func() bool {
		all, err := r.Contacts(r.t.Context())
		if err == nil && len(all) == 1 {
			c = all[0]
		}
		return err == nil && len(all) == 1 && c.State == state
	})
	return c
}

// settled waits until every line of a conversation of so many is there, and
// every own one has been read.
func (r *resident) settled(with client.ContactID, lines int) {
	r.t.Helper()
	r.until("everything is read", func() bool {
		page, _, _, err := r.History(r.t.Context(), with, client.Top, 1000)
		return err == nil && len(page) == lines && !slices.ContainsFunc(page, func(m client.Message) bool {
			return m.Outgoing && m.State != client.Read
		})
	})
}

// converse lets two people meet by a card and say everything confidential.
func converse(t *testing.T, alice, bob *resident) (cards []string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range []*resident{alice, bob} {
		r.until("the home is up", func() bool {
			homes, err := r.Gateways(t.Context())
			return err == nil && len(homes) == 1 && homes[0].Up
		})
		c, err := r.Card(t.Context())
		must(err)
		cards = append(cards, c.Text)
	}
	given, err := card.Parse(cards[0])
	must(err)
	ba, err := bob.Add(t.Context(), given, "")
	must(err)
	ab := alice.only(client.Requested)
	_, err = alice.Accept(t.Context(), ab.ID)
	must(err)
	for _, text := range confidential() {
		_, err := alice.Send(t.Context(), ab.ID, text)
		must(err)
		_, err = bob.Send(t.Context(), ba.ID, "Re: "+text)
		must(err)
	}
	lines := 2 * len(confidential())
	for _, side := range []struct {
		*resident
		with client.ContactID
	}{{alice, ab.ID}, {bob, ba.ID}} {
		side.until("every line is there", func() bool {
			page, _, _, err := side.History(t.Context(), side.with, client.Top, 1000)
			return err == nil && len(page) == lines
		})
		must(side.MarkRead(t.Context(), side.with))
	}
	alice.settled(ab.ID, lines)
	bob.settled(ba.ID, lines)
	return cards
}

// errRefused says that the kernel does not let the test look into its child.
var errRefused = errors.New("reading a child's memory is refused")

// memoryOf is everything that a running child can write to. It is read through
// /proc, if need be as the child's tracer.
func memoryOf(pid int) ([]byte, error) {
	out, err := readMemory(pid)
	if err == nil || !errors.Is(err, os.ErrPermission) {
		return out, err
	}
	runtime.LockOSThread() // a tracer is a thread
	defer runtime.UnlockOSThread()
	if traced := syscall.PtraceAttach(pid); traced != nil {
		return nil, fmt.Errorf("%w: %w, and tracing it: %w", errRefused, err, traced)
	}
	defer func() { _ = syscall.PtraceDetach(pid) }()
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, syscall.WALL, nil); err != nil {
		return nil, err
	}
	if out, err = readMemory(pid); errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("%w: %w", errRefused, err)
	}
	return out, err
}

// readMemory reads the readable and writable mappings of a process.
func readMemory(pid int) (out []byte, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return nil, err
	}
	defer mem.Close()
	for line := range strings.Lines(string(maps)) {
		var from, to uint64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil {
			return nil, fmt.Errorf("a line of maps: %w", err)
		}
		if !strings.HasPrefix(mode, "rw") {
			continue
		}
		content := make([]byte, to-from)
		n, err := mem.ReadAt(content, int64(from))
		if n == 0 && err != nil && !errors.Is(err, syscall.EIO) && !errors.Is(err, io.EOF) {
			return nil, err
		}
		out = append(out, bytes.TrimRight(content[:n], "\x00")...)
	}
	return out, nil
}

// The memory of a gateway's process, what it freed and did not overwrite yet
// included, says no more about people than its disk.
func TestMemoryOfAGatewayHoldsNothingAboutPeople(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gateway")
	pid, at := startGateway(t, dir)
	alice, bob := newResident(t, aurelia, at), newResident(t, jingshu, at)
	cards := converse(t, alice, bob)
	memory, err := memoryOf(pid)
	if errors.Is(err, errRefused) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	disk := directory(t, dir)
	look, own := new(needles), new(needles)
	for _, text := range cards {
		look.card(text)
	}
	var drop []byte
	for _, r := range []*resident{alice, bob} {
		r.stop()
		stolen, err := loot(r.dir)
		if err != nil {
			t.Fatal(err)
		}
		look.profile(stolen.self.Name, stolen)
		id, _ := stolen.contacts[0].Mine.Drop(at.Node)
		drop = id[:]
	}
	look.control(t, memory)
	if found := look.find(memory); found != nil {
		t.Errorf("the gateway's memory (%d MiB) holds %s", len(memory)>>20, strings.Join(found, ", "))
	}
	if found := look.find(disk); found != nil {
		t.Errorf("the gateway's disk holds %s", strings.Join(found, ", "))
	}
	text, err := os.ReadFile(filepath.Join(dir, "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	own.add("node key", seed)
	own.add("drop", drop)
	if found := own.find(memory); len(found) != 2 {
		t.Errorf("of the gateway's own key and a drop only %v was found in %d MiB of its memory: this looks at the wrong bytes", found, len(memory)>>20)
	}
	if !bytes.Contains(disk, drop) {
		t.Error("not even a drop was found on the disk: this looks at the wrong bytes")
	}
}
