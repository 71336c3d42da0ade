package appdrive

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"
)

// maxAnswer bounds an answer of the app, in bytes.
const maxAnswer = 1 << 20

// askWait is how long the app may take to answer: its screen's goroutine does.
const askWait = 15 * time.Second

// Control is something on the screen that has a name: its place in pixels inside
// the window.
type Control struct {
	ID string  `json:"id"`
	X  float64 `json:"x"`
	Y  float64 `json:"y"`
	W  float64 `json:"w"`
	H  float64 `json:"h"`
	// Text is what is written in a field that is no secret.
	Text string `json:"text"`
}

// same reports whether a control is where it was.
func (c Control) same(as Control) bool {
	return c.ID == as.ID && c.X == as.X && c.Y == as.Y && c.W == as.W && c.H == as.H
}

// centre is where a control is pressed.
func (c Control) centre() (x, y int) { return int(c.X + c.W/2), int(c.Y + c.H/2) }

// Screen is what the app says to show.
type Screen struct {
	Controls []Control `json:"controls"`
	Texts    []string  `json:"texts"`
	Scale    float64   `json:"scale"`
	Width    float64   `json:"width"`
	Height   float64   `json:"height"`
}

// UnmarshalJSON reads the answer to a request for the controls: a list of them, or
// what the window says of itself beside them.
func (s *Screen) UnmarshalJSON(b []byte) error {
	type plain Screen
	var outer struct {
		Controls json.RawMessage `json:"controls"`
	}
	if err := json.Unmarshal(b, &outer); err != nil {
		return err
	}
	if len(outer.Controls) > 0 && outer.Controls[0] == '{' {
		b = outer.Controls
	}
	return json.Unmarshal(b, (*plain)(s))
}

// Find is the control of a name.
func (s *Screen) Find(id string) (c Control, ok bool) {
	for _, c := range s.Controls {
		if c.ID == id {
			return c, true
		}
	}
	return c, false
}

// Says reports whether a text is to be read, wherever its lines end.
func (s *Screen) Says(text string) bool {
	bare := func(s string) string { return strings.Join(strings.Fields(s), "") }
	return strings.Contains(bare(strings.Join(s.Texts, "")), bare(text))
}

// ids are the names of all controls.
func (s *Screen) ids() (out []string) {
	for _, c := range s.Controls {
		out = append(out, c.ID)
	}
	return out
}

// socket is where the app of a profile listens.
func socket(profile string) string { return filepath.Join(profile, "zeroms.sock") }

// ask sends the app of a profile one request and reads the answer.
func ask(ctx context.Context, profile string, request, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket(profile))
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	b, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if _, err := conn.Write(append(b, '\n')); err != nil {
		return errors.Join(err, ctx.Err())
	}
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxAnswer)
	if !lines.Scan() {
		return fmt.Errorf("the app did not answer: %w", errors.Join(lines.Err(), ctx.Err()))
	}
	var failed struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(lines.Bytes(), &failed); err == nil && failed.Error != "" {
		return fmt.Errorf("the app answered: %s", failed.Error)
	}
	return json.Unmarshal(lines.Bytes(), answer)
}
