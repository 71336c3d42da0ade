package tui_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"golang.org/x/term"

	"zeroms/protocol/card"
)

// patience bounds every waiting: far more than a loaded machine needs.
const patience = 60 * time.Second

// programs builds the real binaries once.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "zms-chat")
	if err != nil {
		return "", err
	}
	for _, name := range []string{"zms", "zeroms-gateway"} {
		// go run keeps what it links in the build cache: it is linked once for the tests of all packages.
		out, err := exec.Command("go", "run", "-exec=cp", "zeroms/cmd/"+name, dir).CombinedOutput()
		if err != nil {
			return dir, &exec.Error{Name: string(out), Err: err}
		}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := programs(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// bench is a folder with profiles and what runs on them.
type bench struct {
	*testing.T
	bin, dir string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	bin, err := programs()
	if err != nil {
		t.Fatalf("the programs can't be built: %v", err)
	}
	return &bench{t, bin, t.TempDir()}
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// environ is the environment without what would change how the chat behaves.
func environ(more ...string) []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "NO_COLOR", "TERM", "COLORTERM", "TMUX", "TERM_PROGRAM", "ZMS_PROFILE", "ZMS_PASSPHRASE", "SSH_TTY", "WT_SESSION", "CLICOLOR", "CLICOLOR_FORCE":
			continue
		}
		env = append(env, v)
	}
	return append(append(env, "TERM=xterm-256color", "TZ=UTC"), more...)
}

// zms runs a command on a profile and returns what it printed.
func (b *bench) zms(profile string, args ...string) string {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "zms"), append([]string{"--profile", b.path(profile)}, args...)...)
	cmd.Env = environ()
	var said, failed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &failed
	if err := cmd.Run(); err != nil {
		b.Fatalf("zms %q: %v: %s%s", args, err, said.String(), failed.String())
	}
	return strings.TrimSpace(said.String())
}

// starts runs a program until a line of its output begins with "ready".
func (b *bench) starts(program string, args ...string) *exec.Cmd {
	b.Helper()
	cmd := exec.Command(filepath.Join(b.bin, program), args...)
	cmd.Env = environ("ZMS_PASSPHRASE=" + secret)
	log, err := os.CreateTemp(b.dir, "stderr")
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	ready := make(chan bool, 1)
	go func() {
		var said bytes.Buffer
		part := make([]byte, 4096)
		for told := false; ; {
			n, err := out.Read(part)
			said.Write(part[:n])
			if !told && (bytes.HasPrefix(said.Bytes(), []byte("ready")) || bytes.Contains(said.Bytes(), []byte("\nready"))) {
				ready <- true
				told = true
			}
			if err != nil {
				ready <- false
				return
			}
		}
	}()
	select {
	case ok := <-ready:
		if !ok {
			said, _ := os.ReadFile(log.Name())
			b.Fatalf("%s ended before it was ready: %s", program, said)
		}
	case <-time.After(patience):
		b.Fatalf("%s is not ready", program)
	}
	return cmd
}

// people makes profiles with a gateway each, the first of which has the cards of
// the others.
func (b *bench) people(gateway string, names ...string) {
	b.Helper()
	for i, name := range names {
		b.zms(name, "init", "--name", name, "--no-passphrase")
		b.zms(name, "gateway", "add", gateway, "--wait")
		if i > 0 {
			b.zms(names[0], "add", b.zms(name, "card", "show", "--text"))
		}
	}
}

// terminal is a pseudo-terminal with a program in it, and what is on its screen.
type terminal struct {
	*testing.T
	pty    *os.File
	before *term.State // as it was before the program began

	mu      sync.Mutex
	screen  *vt.Emulator  // guarded by mu
	raw     []byte        // guarded by mu: everything that the program wrote
	changed chan struct{} // the screen did
	ended   chan struct{} // the program did
	cmd     *exec.Cmd
}

// chat runs zms chat in a terminal of its own.
func (b *bench) chat(width, height int, profile string, args ...string) *terminal {
	b.Helper()
	args = append([]string{"--profile", b.path(profile), "chat"}, args...)
	t := &terminal{
		T: b.T, screen: vt.NewEmulator(width, height), changed: make(chan struct{}, 1), ended: make(chan struct{}),
		cmd: exec.Command(filepath.Join(b.bin, "zms"), args...),
	}
	t.cmd.Env = environ("COLORTERM=truecolor")
	master, slave, err := pty.Open()
	if err != nil {
		b.Fatal(err)
	}
	t.pty = master
	t.size(width, height)
	if t.before, err = term.GetState(int(slave.Fd())); err != nil {
		b.Fatal(err)
	}
	t.cmd.Stdin, t.cmd.Stdout, t.cmd.Stderr = slave, slave, slave
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := t.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	var talking sync.WaitGroup
	talking.Go(t.read)
	talking.Go(t.reply)
	go func() {
		_ = t.cmd.Wait()
		close(t.ended)
	}()
	b.Cleanup(func() {
		_ = t.cmd.Process.Kill()
		<-t.ended
		_ = slave.Close()
		_ = master.Close()
		if in, ok := t.screen.InputPipe().(io.Closer); ok {
			_ = in.Close()
		}
		talking.Wait()
		if b.Failed() {
			b.Logf("the screen of %s at the end:\n%s", profile, t.text())
		}
	})
	return t
}

// read brings what the program writes to the screen.
func (t *terminal) read() {
	part := make([]byte, 64<<10)
	for {
		n, err := t.pty.Read(part)
		t.mu.Lock()
		t.raw = append(t.raw, part[:n]...)
		_, _ = t.screen.Write(part[:n])
		t.mu.Unlock()
		select {
		case t.changed <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// reply brings what the terminal answers to the program.
func (t *terminal) reply() {
	part := make([]byte, 4096)
	for {
		n, err := t.screen.Read(part)
		if err != nil {
			return
		}
		if _, err := t.pty.Write(part[:n]); err != nil {
			return
		}
	}
}

func (t *terminal) size(width, height int) {
	t.mu.Lock()
	t.screen.Resize(width, height)
	t.mu.Unlock()
	if err := pty.Setsize(t.pty, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}); err != nil {
		t.Fatal(err)
	}
}

// types sends keys as a terminal does.
func (t *terminal) types(s string) {
	t.Helper()
	if _, err := t.pty.WriteString(s); err != nil {
		t.Fatal(err)
	}
}

// Keys as a terminal sends them.
const (
	enter    = "\r"
	escape   = "\x1b"
	altEnter = "\x1b\r"
	f2       = "\x1bOQ"
	ctrlQ    = "\x11"
	ctrlJ    = "\n"
	ctrlEnd  = "\x1b[1;5F"
	pageUp   = "\x1b[5~"
	// The wheel over the middle of the window.
	wheelUp   = "\x1b[<64;50;6M"
	wheelDown = "\x1b[<65;50;6M"
)

// paste sends a text as a terminal that brackets it.
func (t *terminal) paste(s string) { t.types("\x1b[200~" + s + "\x1b[201~") }

// text is the screen; a wide character takes two cells and stands there once.
func (t *terminal) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(t.screen.String(), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \r")
	}
	return strings.Join(lines, "\n")
}

// wrote reports whether the program wrote something to the terminal.
func (t *terminal) wrote(what string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Contains(t.raw, []byte(what))
}

// until waits for the screen to be as wanted.
func (t *terminal) until(what string, wanted func(screen string) bool) string {
	t.Helper()
	late := time.After(patience)
	for {
		screen := t.text()
		if wanted(screen) {
			return screen
		}
		select {
		case <-t.changed:
		case <-late:
			t.Fatalf("%s: that does not come to be on\n%s", what, screen)
		}
	}
}

// sees waits for words on the screen.
func (t *terminal) sees(words ...string) string {
	t.Helper()
	return t.until(strings.Join(words, ", "), func(screen string) bool {
		for _, w := range words {
			if !strings.Contains(screen, w) {
				return false
			}
		}
		return true
	})
}

// gone waits until words are not on the screen.
func (t *terminal) gone(words ...string) {
	t.Helper()
	t.until("without "+strings.Join(words, ", "), func(screen string) bool {
		for _, w := range words {
			if strings.Contains(screen, w) {
				return false
			}
		}
		return true
	})
}

// caret waits until the terminal's cursor stands at a place.
func (t *terminal) caret(x, y int) {
	t.Helper()
	t.until("the caret", func(string) bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		at := t.screen.CursorPosition()
		return at.X == x && at.Y == y
	})
}

// code reads the QR code on the screen with the eyes of a camera: from the
// colours of the cells.
func (t *terminal) code() (string, error) {
	t.mu.Lock()
	const side = 6 // pixels of a module
	w, h := t.screen.Width(), t.screen.Height()
	picture := image.NewRGBA(image.Rect(0, 0, w*side, h*2*side))
	for y := range h {
		for x := range w {
			fore, back := color.Color(color.White), color.Color(color.Black)
			glyph := " "
			if cell := t.screen.CellAt(x, y); cell != nil {
				glyph = cell.Content
				if cell.Style.Fg != nil {
					fore = cell.Style.Fg
				}
				if cell.Style.Bg != nil {
					back = cell.Style.Bg
				}
			}
			upper, lower := back, back
			switch glyph {
			case "█":
				upper, lower = fore, fore
			case "▀":
				upper = fore
			case "▄":
				lower = fore
			}
			for i := range side * side {
				picture.Set(x*side+i%side, y*2*side+i/side, upper)
				picture.Set(x*side+i%side, (y*2+1)*side+i/side, lower)
			}
		}
	}
	t.mu.Unlock()
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		return "", err
	}
	return card.DecodeImage(&file)
}

// restored waits for the end of the program and checks that it left the
// terminal as it was.
func (t *terminal) restored() {
	t.Helper()
	select {
	case <-t.ended:
	case <-time.After(patience):
		t.Fatalf("the chat does not end:\n%s", t.text())
	}
	if code := t.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, t.text())
	}
	t.until("the main screen", func(string) bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		return !t.screen.IsAltScreen()
	})
	after, err := term.GetState(int(t.pty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(after, t.before) {
		t.Errorf("the terminal is not as it was: %+v, before %+v", after, t.before)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, mode := range []string{"1049", "2004", "1004", "1002", "1006", "25"} { // alternate screen, paste, focus, mouse, cursor
		on, off := strings.LastIndex(string(t.raw), "\x1b[?"+mode+"h"), strings.LastIndex(string(t.raw), "\x1b[?"+mode+"l")
		if mode == "25" {
			on, off = off, on
		}
		if on > off {
			t.Errorf("mode %s stays on", mode)
		}
	}
}
