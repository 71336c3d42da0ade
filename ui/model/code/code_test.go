package code

import (
	"bytes"
	"errors"
	"image/png"
	"strings"
	"testing"

	"zeroms/protocol/card"
	"zeroms/protocol/wire"
)

func TestEveryPictureIsRead(t *testing.T) {
	for _, text := range []string{"ZMS:AEB4Q7ZK2M5T", "ZMS:" + strings.Repeat("AEB4Q7ZK2M5T", 9), strings.Repeat("https://example.org/", 12)} {
		for _, side := range []int{150, 192, 205, 222, 300, 444, 601} {
			picture, err := Picture(text, side)
			if err != nil {
				t.Fatal(err)
			}
			if got := picture.Bounds().Dx(); got != side {
				t.Errorf("a picture of %d pixels has %d", side, got)
			}
			module, modules := measure(picture)
			if module*(modules-2*quiet+2*leastQuiet) > side || module*modules*2 < side {
				t.Errorf("%d characters in %d pixels: %d modules of %d pixels", len(text), side, modules, module)
			}
			var file bytes.Buffer
			if err := png.Encode(&file, picture); err != nil {
				t.Fatal(err)
			}
			if got, err := card.DecodeImage(&file); err != nil || got != text {
				t.Errorf("%d characters in %d pixels are read as %q: %v", len(text), side, got, err)
			}
		}
	}
}

func TestWhatFitsNot(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		pixels int
		want   error
	}{
		"nothing": {"", 200, wire.ErrValue}, "too long": {strings.Repeat("x", 5000), 400, wire.ErrTooLarge}, "too small": {"ZMS", 10, wire.ErrValue}, "no side": {"ZMS", 0, wire.ErrValue},
	} {
		if _, err := Picture(c.text, c.pixels); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
