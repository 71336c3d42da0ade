package appdrive

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The pace of a hand.
const (
	aimTime   = 150 * time.Millisecond // from the move to the press
	pressTime = 80 * time.Millisecond
	restTime  = 300 * time.Millisecond // after a click
	keyTime   = 20 * time.Millisecond  // between two keys
	showWait  = 10 * time.Second       // for a control to appear
	leadWait  = 2 * time.Second        // for what a click leads to, before it is repeated
	leads     = 3                      // clicks at most
	wheels    = 12                     // how often it is turned each way
	wheelStep = 4                      // and how far
	seekWait  = 250 * time.Millisecond
)

// Wait waits until a control is on the screen and stays where it is.
func (a *App) Wait(ctx context.Context, id string) (Control, error) {
	return a.waitFor(ctx, id, showWait)
}

func (a *App) waitFor(ctx context.Context, id string, most time.Duration) (c Control, err error) {
	patience, cancel := context.WithTimeoutCause(ctx, most, errAbsent)
	defer cancel()
	var last Control
	var seen []string
	err = Until(patience, lookEvery, "", func() (bool, error) {
		s, err := a.Screen(ctx) // a question is asked to its end
		if err != nil {
			return false, err
		}
		seen = s.ids()
		var ok bool
		c, ok = s.Find(id)
		if steady := ok && c.same(last); steady {
			return true, nil
		}
		last = c
		return false, nil
	})
	if errors.Is(err, errAbsent) {
		err = fmt.Errorf("%q does not appear in %s's window within %s; there are %s: %w", id, a.Name, most, strings.Join(seen, ", "), errAbsent)
	}
	return c, err
}

var errAbsent = errors.New("it is not on the screen")

// Shows reports whether a control is on the screen now.
func (a *App) Shows(ctx context.Context, id string) bool {
	s, err := a.Screen(ctx)
	if err != nil {
		return false
	}
	_, ok := s.Find(id)
	return ok
}

// Gone waits until a control is on the screen no more.
func (a *App) Gone(ctx context.Context, id string) error {
	return Until(ctx, lookEvery, fmt.Sprintf("%q stays in %s's window", id, a.Name), func() (bool, error) {
		s, err := a.Screen(ctx)
		if err != nil {
			return false, err
		}
		_, ok := s.Find(id)
		return !ok, nil
	})
}

// Click waits for a control, looks for it with the wheel if it does not appear, and
// clicks the middle of what is to be seen of it.
func (a *App) Click(ctx context.Context, id string) error {
	c, err := a.Reach(ctx, id)
	if err != nil {
		return err
	}
	x, y := c.centre()
	return a.ClickAt(ctx, x, y)
}

// Reach brings a control into sight: with the wheel if it does not appear.
func (a *App) Reach(ctx context.Context, id string) (Control, error) {
	c, err := a.waitFor(ctx, id, leadWait)
	if errors.Is(err, errAbsent) {
		c, err = a.seek(ctx, id)
	}
	return c, err
}

// seek turns the wheel over the page, down to its end and up again, until a control
// comes into sight.
func (a *App) seek(ctx context.Context, id string) (Control, error) {
	x, y := a.Width*3/5, a.Height*3/5
	for n := range 2 * wheels {
		turns := wheelStep
		if n >= wheels {
			turns = -wheelStep
		}
		if err := a.Wheel(ctx, x, y, turns, keyTime); err != nil {
			return Control{}, err
		}
		c, err := a.waitFor(ctx, id, seekWait)
		if !errors.Is(err, errAbsent) {
			return c, err
		}
	}
	return a.Wait(ctx, id)
}

// Wheel turns the wheel n times over a place in the window, each after a time: up
// for n < 0.
func (a *App) Wheel(ctx context.Context, x, y, n int, each time.Duration) error {
	button := "5"
	if n < 0 {
		button, n = "4", -n
	}
	if _, err := a.Display.Xdotool(ctx, "mousemove", fmt.Sprint(x), fmt.Sprint(y)); err != nil {
		return err
	}
	if err := Pause(ctx, aimTime); err != nil {
		return err
	}
	_, err := a.Display.Xdotool(ctx, "click", "--repeat", fmt.Sprint(n), "--delay", fmt.Sprint(each.Milliseconds()), button)
	return err
}

// ClickAt clicks a place in the window, RightClickAt with the other button.
func (a *App) ClickAt(ctx context.Context, x, y int) error { return a.press(ctx, x, y, "1") }

// RightClickAt asks for the menu of what is at a place in the window.
func (a *App) RightClickAt(ctx context.Context, x, y int) error { return a.press(ctx, x, y, "3") }

func (a *App) press(ctx context.Context, x, y int, button string) error {
	for _, act := range []struct {
		args []string
		rest time.Duration
	}{
		{[]string{"mousemove", fmt.Sprint(x), fmt.Sprint(y)}, aimTime},
		{[]string{"mousedown", button}, pressTime},
		{[]string{"mouseup", button}, restTime},
	} {
		if _, err := a.Display.Xdotool(ctx, act.args...); err != nil {
			return err
		}
		if err := Pause(ctx, act.rest); err != nil {
			return err
		}
	}
	return nil
}

// Lead clicks a control that leads to another one, again if that does not appear.
func (a *App) Lead(ctx context.Context, id, to string) error {
	clicked := false
	return a.LeadBy(ctx, to, func(ctx context.Context) error {
		if clicked && !a.Shows(ctx, id) {
			_, err := a.Wait(ctx, to) // it did lead somewhere, and takes longer
			return err
		}
		clicked = true
		return a.Click(ctx, id)
	})
}

// LeadBy does something that leads to a control, again if that does not appear.
func (a *App) LeadBy(ctx context.Context, to string, act func(context.Context) error) error {
	var err error
	for range leads {
		if err = act(ctx); err != nil {
			return err
		}
		if _, err = a.waitFor(ctx, to, leadWait); err == nil || !errors.Is(err, errAbsent) {
			return err
		}
	}
	return fmt.Errorf("%d times: %w", leads, err)
}

// Enter clicks a field until it has the keyboard: once more if it has moved meanwhile,
// as pages do that are being laid out.
func (a *App) Enter(ctx context.Context, id string) error {
	for range leads {
		before, err := a.Reach(ctx, id)
		if err != nil {
			return err
		}
		if err := a.Click(ctx, id); err != nil {
			return err
		}
		after, err := a.Wait(ctx, id)
		if err != nil || after.same(before) {
			return err
		}
	}
	return fmt.Errorf("%q does not stay where it is in %s's window", id, a.Name)
}

// Fill types a text into a field in place of what is there.
func (a *App) Fill(ctx context.Context, id, text string) error { return a.Continue(ctx, id, "", text) }

// Continue types a text behind what stands in a field, and looks whether all of it
// arrived: it copies the whole. If not, it types the whole anew.
func (a *App) Continue(ctx context.Context, id, before, text string) error {
	if err := a.Enter(ctx, id); err != nil {
		return err
	}
	var have string
	for n := range leads {
		if before == "" || n > 0 {
			if err := a.Keys(ctx, "ctrl+a", "BackSpace"); err != nil {
				return err
			}
			text, before = before+text, ""
		} else if err := a.Keys(ctx, "ctrl+End", "End"); err != nil {
			return err
		}
		err := a.Type(ctx, text)
		if err == nil {
			have, err = a.content(ctx)
		}
		if err != nil {
			return err
		}
		if have == before+text {
			return a.Keys(ctx, "End")
		}
		if err := a.Enter(ctx, id); err != nil {
			return err
		}
	}
	return fmt.Errorf("%q in %s's window holds %q and not %q, though it was typed %d times", id, a.Name, have, before+text, leads)
}

// content is the text of the field with the focus: all of it is selected and copied.
func (a *App) content(ctx context.Context) (string, error) {
	const nothing = "(nothing was copied)"
	if err := a.attend(ctx); err != nil {
		return "", err
	}
	if err := a.Display.Clip(ctx, nothing); err != nil {
		return "", err
	}
	if err := a.Keys(ctx, "ctrl+a", "ctrl+c"); err != nil {
		return "", err
	}
	if err := a.attend(ctx); err != nil {
		return "", err
	}
	return a.Display.Clipped(ctx)
}

// Conceal types a text into a field that does not show it and can't be copied from.
func (a *App) Conceal(ctx context.Context, id, text string) error {
	if err := a.Enter(ctx, id); err != nil {
		return err
	}
	if err := a.Keys(ctx, "ctrl+a", "BackSpace"); err != nil {
		return err
	}
	if err := a.Type(ctx, text); err != nil {
		return err
	}
	return a.attend(ctx)
}

// Type types a text where the focus is. A line break becomes shift+Enter. What is on
// no key is pasted, as there is no input method: xdotool would have it take another
// key's place for a moment, which an app that is busy notices too late.
func (a *App) Type(ctx context.Context, text string) error {
	for _, run := range runsOf(text) {
		var err error
		switch {
		case run == "\n":
			err = a.Key(ctx, "shift+Return")
		case onKeys(run):
			err = a.typeRun(ctx, run, keyTime)
		default:
			err = a.Paste(ctx, run)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// TypeSlowly types a text that is on keys with a pause after each key.
func (a *App) TypeSlowly(ctx context.Context, text string, each time.Duration) error {
	return a.typeRun(ctx, text, each)
}

// typeRun types characters with a pause after each.
func (a *App) typeRun(ctx context.Context, run string, each time.Duration) error {
	if _, err := a.Display.Xdotool(ctx, "type", "--delay", fmt.Sprint(each.Milliseconds()), "--", run); err != nil {
		return err
	}
	return Pause(ctx, each)
}

// runsOf cuts a text into pieces that are typed at one pace: what is on the keys of
// an American keyboard, what is not, and line breaks.
func runsOf(text string) (runs []string) {
	for len(text) > 0 {
		first, size := utf8.DecodeRuneInString(text)
		end := size
		for first != '\n' && end < len(text) {
			r, n := utf8.DecodeRuneInString(text[end:])
			if r == '\n' || (r < utf8.RuneSelf) != (first < utf8.RuneSelf) {
				break
			}
			end += n
		}
		runs, text = append(runs, text[:end]), text[end:]
	}
	return runs
}

func onKeys(run string) bool { return run[0] < utf8.RuneSelf }

// Paste puts a text on the clipboard and presses ctrl+v. It returns when the app has
// had a look at it, so that another text may follow.
func (a *App) Paste(ctx context.Context, text string) error {
	if err := a.Display.Clip(ctx, text); err != nil {
		return err
	}
	if err := a.Key(ctx, "ctrl+v"); err != nil {
		return err
	}
	return a.attend(ctx)
}

// attend waits until the app has handled the keys and clicks so far: it answers
// between two looks at them.
func (a *App) attend(ctx context.Context) error {
	for range 2 {
		if err := Pause(ctx, pressTime); err != nil {
			return err
		}
		if _, err := a.Screen(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Drop drags files over the middle of the window and lets them go there.
func (a *App) Drop(ctx context.Context, files ...string) error {
	number, err := strconv.ParseUint(a.window, 10, 32)
	if err != nil {
		return err
	}
	if err := a.Display.eye.Drop(ctx, uint32(number), a.Width*3/5, a.Height/2, files...); err != nil {
		return fmt.Errorf("%s's window: %w", a.Name, err)
	}
	return nil
}

// Key presses keys together, named as xdotool does.
func (a *App) Key(ctx context.Context, keys string) error {
	if _, err := a.Display.Xdotool(ctx, "key", keys); err != nil {
		return err
	}
	return Pause(ctx, keyTime*3)
}

// Keys presses keys one after the other, each named as xdotool does.
func (a *App) Keys(ctx context.Context, all ...string) error {
	for _, keys := range all {
		if err := a.Key(ctx, keys); err != nil {
			return err
		}
	}
	return nil
}
