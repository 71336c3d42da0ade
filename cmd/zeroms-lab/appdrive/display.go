package appdrive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Display is an X server that paints into memory, with a mouse and a keyboard that
// xdotool moves. It has no window manager.
type Display struct {
	// Name is what DISPLAY says, for example ":7".
	Name          string
	Width, Height int

	server *process
	root   string // the number of the root window
}

// Tools are the programs that driving an app takes, with the Debian packages that
// hold them.
var Tools = map[string]string{"Xvfb": "xvfb", "xdotool": "xdotool", "xclip": "xclip", "import": "imagemagick"}

// CheckTools finds what is not installed. Error: the names, and how to get them.
func CheckTools() error {
	var missing []string
	for tool, pack := range Tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, pack)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("an app is driven with programs that are not here; on Debian and Ubuntu: apt-get install %s", strings.Join(missing, " "))
}

// RunDisplay starts a display of so many pixels under a number that is free.
func RunDisplay(ctx context.Context, width, height int) (*Display, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	defer write.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", width, height), "-nolisten", "tcp", "-noreset")
	cmd.ExtraFiles = []*os.File{write}
	d := &Display{Width: width, Height: height}
	if d.server, err = runProcess("Xvfb", cmd, &output{}); err != nil {
		return nil, err
	}
	number := runRead(read)
	late := time.NewTimer(20 * time.Second)
	defer late.Stop()
	select {
	case n := <-number:
		d.Name = ":" + n
		return d, d.look(ctx)
	case <-d.server.ended:
		err = d.server.failure()
	case <-late.C:
		err = errors.New("Xvfb does not say that it is ready" + d.server.said.tail())
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	d.Close()
	return nil, err
}

// runRead hands over the first thing that is read.
func runRead(from *os.File) <-chan string {
	read := make(chan string, 1)
	go func() {
		var b [16]byte
		n, _ := from.Read(b[:])
		read <- strings.TrimSpace(string(b[:n]))
	}()
	return read
}

// look finds the root window.
func (d *Display) look(ctx context.Context) error {
	out, err := d.Xdotool(ctx, "search", "--maxdepth", "0", "--name", ".*")
	d.root = strings.TrimSpace(out)
	if err == nil && d.root == "" {
		err = errors.New("the display has no root window")
	}
	if err != nil {
		d.Close()
	}
	return err
}

// Close ends the server and every connection to it.
func (d *Display) Close() { d.server.kill() }

// env is the environment of whoever uses the display.
func (d *Display) env() []string {
	var out []string
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); name != "DISPLAY" && name != "WAYLAND_DISPLAY" && name != "XAUTHORITY" && !strings.HasPrefix(name, "ZMS_") {
			out = append(out, v)
		}
	}
	return append(out, "DISPLAY="+d.Name)
}

// command is a program that uses the display and ends with ctx.
func (d *Display) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.SysProcAttr, cmd.WaitDelay = d.env(), tied(), closeWait
	return cmd
}

func (d *Display) run(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", fmt.Errorf("%s %s: %w %s", filepath.Base(cmd.Path), strings.Join(cmd.Args[1:min(3, len(cmd.Args))], " "), err, strings.TrimSpace(complaint.String()))
	}
	return out.String(), nil
}

// Xdotool runs one xdotool command line and returns what it printed.
func (d *Display) Xdotool(ctx context.Context, args ...string) (string, error) {
	return d.run(ctx, d.command(ctx, "xdotool", args...))
}

// Shot writes what the display shows into a PNG file.
func (d *Display) Shot(ctx context.Context, file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	_, err := d.run(ctx, d.command(ctx, "import", "-silent", "-window", "root", "png24:"+file))
	return err
}

// Leave takes the keyboard focus and the mouse away from every window.
func (d *Display) Leave(ctx context.Context) error {
	_, err := d.Xdotool(ctx, "mousemove", fmt.Sprint(d.Width-1), fmt.Sprint(d.Height-1), "windowfocus", d.root)
	return err
}

// Clip puts a text on the clipboard.
func (d *Display) Clip(ctx context.Context, text string) error {
	cmd := d.command(ctx, "xclip", "-selection", "clipboard", "-in")
	cmd.Stdin = strings.NewReader(text)
	return serve(ctx, cmd)
}

// Clipped is the text on the clipboard.
func (d *Display) Clipped(ctx context.Context) (string, error) {
	return d.run(ctx, d.command(ctx, "xclip", "-selection", "clipboard", "-out", "-target", "UTF8_STRING"))
}

// serve runs xclip, which leaves a process behind that serves the clipboard as long as
// the display is there: it may not hold our pipes.
func serve(ctx context.Context, cmd *exec.Cmd) error {
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("xclip: %w", errors.Join(err, context.Cause(ctx)))
	}
	return nil
}
