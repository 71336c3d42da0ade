package appdrive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"zeroms/cmd/zeroms-lab/appdrive/x11"
	"zeroms/cmd/zeroms-lab/child"
)

// Display is an X server that paints into memory, with a mouse and a keyboard that
// xdotool moves. It has no window manager.
type Display struct {
	// Name is what DISPLAY says, for example ":7".
	Name          string
	Width, Height int

	server *child.Child
	root   string // the number of the root window
	eye    *x11.Conn
}

// Tools are the programs that driving an app takes, with the Debian packages that
// hold them.
var Tools = map[string]string{"Xvfb": "xvfb", "xdotool": "xdotool", "xclip": "xclip", "setxkbmap": "x11-xkb-utils", "dbus-daemon": "dbus"}

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
	if d.server, err = child.Run("Xvfb", cmd, &child.Output{}); err != nil {
		return nil, err
	}
	number := runRead(read)
	late := time.NewTimer(20 * time.Second)
	defer late.Stop()
	select {
	case n := <-number:
		d.Name = ":" + n
		return d, d.attach(ctx)
	case <-d.server.Ended():
		err = d.server.Failure()
	case <-late.C:
		err = errors.New("Xvfb does not say that it is ready" + d.server.Tail())
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

// attach connects to the display, so that it can be looked at.
func (d *Display) attach(ctx context.Context) (err error) {
	if d.eye, err = x11.Dial(ctx, d.Name); err != nil {
		d.Close()
		return err
	}
	d.root = fmt.Sprint(d.eye.Root())
	return nil
}

// Close ends the server and every connection to it.
func (d *Display) Close() {
	if d.eye != nil {
		_ = d.eye.Close()
	}
	_ = d.server.Kill()
}

// env is the environment of whoever uses the display.
func (d *Display) env() []string {
	var out []string
	for _, v := range child.Environment() {
		if name, _, _ := strings.Cut(v, "="); name != "DISPLAY" && name != "WAYLAND_DISPLAY" && name != "XAUTHORITY" {
			out = append(out, v)
		}
	}
	return append(out, "DISPLAY="+d.Name)
}

// command is a program that uses the display and ends with ctx.
func (d *Display) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := child.Command(ctx, name, args...)
	cmd.Env = d.env()
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

// look is what a window shows, the whole display for window 0.
func (d *Display) look(ctx context.Context, window uint32) (*image.RGBA, error) {
	if window == 0 {
		window = d.eye.Root()
	}
	m, err := d.eye.Picture(ctx, window)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return m, err
}

// Shot writes what the display shows into a PNG file.
func (d *Display) Shot(ctx context.Context, file string) error {
	m, err := d.look(ctx, 0)
	if err != nil {
		return err
	}
	return write(file, m)
}

// write writes a picture into a PNG file.
func write(file string, m image.Image) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(f, m), f.Close())
}

// Keyboard gives the display the keys of a layout and its variant; "" is the plain one.
func (d *Display) Keyboard(ctx context.Context, layout, variant string) error {
	_, err := d.run(ctx, d.command(ctx, "setxkbmap", "-layout", layout, "-variant", variant))
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
