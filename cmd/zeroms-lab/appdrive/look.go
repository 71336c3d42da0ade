package appdrive

import (
	"context"
	"errors"
	"fmt"
	"image"
	"strconv"
	"time"
)

// How a window is looked at.
const (
	restEvery = 100 * time.Millisecond // between two looks
	restMost  = 3 * time.Second        // that a window may move
	turnMost  = 10 * time.Second       // until a window looks different
	still     = 0.0005                 // of the pixels: a caret blinks
)

// Picture is what the app's window shows. Error: it is not on the screen.
func (a *App) Picture(ctx context.Context) (*image.RGBA, error) {
	number := uint64(0) // the whole display, if the window fills it: what hangs out of it too
	if a.Display.Width != a.Width || a.Display.Height != a.Height {
		var err error
		if number, err = strconv.ParseUint(a.window, 10, 32); err != nil {
			return nil, err
		}
	}
	return a.Display.look(ctx, uint32(number))
}

// Shot writes what the app shows into a PNG file.
func (a *App) Shot(ctx context.Context, file string) error {
	m, err := a.Picture(ctx)
	if err != nil {
		return err
	}
	return write(file, m)
}

// Rest waits until the window shows the same for a moment, a caret aside, but not for
// long if it does not come to rest, and returns what it shows.
func (a *App) Rest(ctx context.Context) (now *image.RGBA, err error) {
	patience, cancel := context.WithTimeoutCause(ctx, restMost, errRestless)
	defer cancel()
	var last *image.RGBA
	err = Until(patience, restEvery, "", func() (bool, error) {
		last = now
		now, err = a.Picture(ctx)
		return last != nil && err == nil && Changed(last, now) < still, err
	})
	if errors.Is(err, errRestless) {
		err = nil
	}
	return now, err
}

var errRestless = errors.New("it does not come to rest")

// Turn does something that makes the window look different, in at least a share of its
// pixels, and waits until it does, and has come to rest. Error: it looks as before.
func (a *App) Turn(ctx context.Context, share float64, act func(context.Context) error) error {
	before, err := a.Rest(ctx)
	if err == nil {
		err = act(ctx)
	}
	if err != nil {
		return err
	}
	patience, cancel := context.WithTimeoutCause(ctx, turnMost, errSame)
	defer cancel()
	var most float64
	err = Until(patience, restEvery, "", func() (bool, error) {
		now, err := a.Picture(ctx)
		if err != nil {
			return false, err
		}
		most = Changed(before, now)
		return most >= share, nil
	})
	if errors.Is(err, errSame) {
		return fmt.Errorf("%s's window changes in %.2f %% of its pixels and not in %.2f %%: %w", a.Name, 100*most, 100*share, errSame)
	}
	if err != nil {
		return err
	}
	_, err = a.Rest(ctx)
	return err
}

var errSame = errors.New("it looks as before")

// Changed is the share of the pixels that differ between two pictures, 1 if they have
// another size.
func Changed(a, b *image.RGBA) float64 {
	if a.Rect != b.Rect || len(a.Pix) == 0 {
		return 1
	}
	n := 0
	for i := 0; i < len(a.Pix); i += 4 {
		if [4]byte(a.Pix[i:]) != [4]byte(b.Pix[i:]) {
			n++
		}
	}
	return float64(4*n) / float64(len(a.Pix))
}

// Light is how light a picture is on the whole, from 0 for black to 1 for white.
func Light(m *image.RGBA) float64 {
	if len(m.Pix) == 0 {
		return 0
	}
	sum := 0
	for i := 0; i < len(m.Pix); i += 4 {
		sum += 2126*int(m.Pix[i]) + 7152*int(m.Pix[i+1]) + 722*int(m.Pix[i+2])
	}
	return float64(sum) / 2550000 / float64(len(m.Pix)/4)
}
