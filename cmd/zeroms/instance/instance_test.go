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
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain is also the other process of the tests.
func TestMain(m *testing.M) {
	dir := os.Getenv("INSTANCE_TEST_DIR")
	if dir == "" {
		os.Exit(m.Run())
	}
	i, err := Await(context.Background(), dir, os.Getenv("INSTANCE_TEST_TEXT"))
	if i == nil {
		fmt.Println("handed", err)
		os.Exit(0)
	}
	fmt.Println("claimed")
	_ = i.Serve(context.Background(), Handler{Open: func(text string) { fmt.Println("opened", text) }})
}

// child starts another process for the profile in dir.
func child(t *testing.T, dir, text string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "INSTANCE_TEST_DIR="+dir, "INSTANCE_TEST_TEXT="+text)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	return c, bufio.NewReader(out)
}

func said(t *testing.T, r *bufio.Reader, want string) {
	t.Helper()
	line, err := r.ReadString('\n')
	if strings.TrimSpace(line) != want {
		t.Fatalf("it said %q, %v and not %q", line, err, want)
	}
}

// TestTwoProcesses: the second hands its link over and ends; after kill -9 of the first
// the next one takes the place.
func TestTwoProcesses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	first, says := child(t, dir, "")
	said(t, says, "claimed")
	if pid := Holder(dir); pid != first.Process.Pid {
		t.Errorf("process %d has the window, it is said, and not %d", pid, first.Process.Pid)
	}
	_, second := child(t, dir, "zeroms:ABC")
	said(t, second, "handed <nil>")
	said(t, says, "opened zeroms:ABC")
	for name, want := range map[string]os.FileMode{"": 0o700, SocketName: 0o600, LockName: 0o600} {
		if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.Mode().Perm() != want {
			t.Errorf("%q has mode %v, %v", name, st.Mode(), err)
		}
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	i, err := Claim(dir)
	if err != nil {
		t.Fatalf("after kill -9: %v", err)
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
}

// awaited is what an Await that is under way brings.
type awaited struct {
	own *Instance
	err error
}

func await(ctx context.Context, dir, text string) <-chan awaited {
	out := make(chan awaited, 1)
	go func() {
		own, err := Await(ctx, dir, text)
		out <- awaited{own, err}
	}()
	return out
}

// TestOneThatHangs: who waits for it has the text opened, once, if it goes on, and gets
// the place when it ends instead.
func TestOneThatHangs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	hangs, err := Claim(dir) // it listens, and nobody answers
	if err != nil {
		t.Fatal(err)
	}
	if pid := Holder(dir); pid != os.Getpid() {
		t.Errorf("process %d has the window, it is said, and not %d", pid, os.Getpid())
	}
	ctx, cancel := context.WithCancel(t.Context())
	given := await(ctx, dir, "")
	cancel()
	if w := <-given; w.own != nil || !errors.Is(w.err, context.Canceled) {
		t.Errorf("who gives up: %+v", w)
	}
	waiting := await(t.Context(), dir, "zeroms:ABC")
	ctx, cancel = context.WithCancel(t.Context())
	served, opened := make(chan error, 1), make(chan string, 10)
	go func() {
		served <- hangs.Serve(ctx, Handler{Open: func(text string) {
			if text != "" { // of who gave up before it was asked
				opened <- text
			}
		}})
	}()
	if w := <-waiting; w.own != nil || w.err != nil {
		t.Fatalf("it goes on: %+v", w)
	}
	cancel()
	if err := errors.Join(<-served, hangs.Close()); err != nil {
		t.Error(err)
	}
	if text := <-opened; text != "zeroms:ABC" || len(opened) > 0 {
		t.Errorf("it opened %q, and %d more", text, len(opened))
	}
	if hangs, err = Claim(dir); err != nil {
		t.Fatal(err)
	}
	waiting = await(t.Context(), dir, "zeroms:DEF")
	if err := hangs.Close(); err != nil {
		t.Fatal(err)
	}
	w := <-waiting
	if w.err != nil || w.own == nil {
		t.Fatalf("it is gone: %+v", w)
	}
	if err := w.own.Close(); err != nil {
		t.Error(err)
	}
}

// window claims a profile's place and serves it until the test ends.
func window(t *testing.T, dir string, h Handler) {
	t.Helper()
	i, err := Claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- i.Serve(ctx, h) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-served, i.Close()); err != nil {
			t.Error(err)
		}
	})
}

// TestDriver: what tests ask for is done, and only for them.
func TestDriver(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("a long name/", 12))
	window(t, dir, Handler{
		Open:     func(string) {},
		Controls: func(context.Context) (any, error) { return []string{"composer.text"}, nil },
		Shot: func(_ context.Context, to io.Writer) error {
			_, err := io.WriteString(to, "picture")
			return err
		},
	})
	list, err := Controls(t.Context(), dir)
	if err != nil || string(list) != `["composer.text"]` {
		t.Errorf("%s, %v", list, err)
	}
	file := filepath.Join(t.TempDir(), "shot.png")
	if err := Shot(t.Context(), dir, file); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "picture" {
		t.Errorf("%q, %v", b, err)
	}
	for what, name := range map[string]string{"a file that is there": file, "half a path": "shot.png"} {
		if err := Shot(t.Context(), dir, name); err == nil {
			t.Errorf("%s is written", what)
		}
	}
	plain := filepath.Join(t.TempDir(), "p")
	window(t, plain, Handler{Open: func(string) {}})
	if _, err := Controls(t.Context(), plain); err == nil || !strings.Contains(err.Error(), "--trace") {
		t.Errorf("controls for everybody: %v", err)
	}
	if err := Shot(t.Context(), plain, file+"2"); err == nil {
		t.Error("a picture for everybody")
	}
}

// TestShotFails: a picture that fails leaves no file.
func TestShotFails(t *testing.T) {
	dir, file := filepath.Join(t.TempDir(), "p"), filepath.Join(t.TempDir(), "shot.png")
	window(t, dir, Handler{Open: func(string) {}, Shot: func(context.Context, io.Writer) error { return errors.New("no window") }})
	if err := Shot(t.Context(), dir, file); err == nil || err.Error() != "no window" {
		t.Error(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a file: %v", err)
	}
}

// TestForeignBytes: what comes by the socket is bounded and checked.
func TestForeignBytes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	opened := make(chan string, 10)
	window(t, dir, Handler{Open: func(text string) { opened <- text }})
	bad, err := json.Marshal("zeroms:a\u202eb")
	if err != nil {
		t.Fatal(err)
	}
	for what, line := range map[string]string{
		"nothing": "\n", "no JSON": "hello\n", "no request": "{}\n", "a number": `{"open":1}` + "\n",
		"lines": `{"open":"a\nb"}` + "\n", "direction": `{"open":` + string(bad) + "}\n",
		"too long": `{"open":"` + strings.Repeat("a", MaxLine) + `"}` + "\n", "long": `{"open":"` + strings.Repeat("a", MaxLine/2+1) + `"}` + "\n",
	} {
		conn, err := net.Dial("unix", filepath.Join(dir, SocketName))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, line)
		answer, _ := bufio.NewReader(conn).ReadString('\n')
		if !strings.Contains(answer, `"ok":false`) {
			t.Errorf("%s is answered with %q", what, answer)
		}
		conn.Close()
	}
	if i, err := Await(t.Context(), dir, "a\nb"); i != nil || !errors.Is(err, ErrText) {
		t.Error(err)
	}
	if i, err := Await(t.Context(), dir, ""); i != nil || err != nil || <-opened != "" {
		t.Error(err)
	}
	if len(opened) > 0 {
		t.Errorf("it opened %q", <-opened)
	}
}
