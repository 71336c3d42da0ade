package card

import (
	"bytes"
	"errors"
	"image"
	"testing"

	"zeroms/protocol/wire"
)

// FuzzCard reads the input as a text, and as bytes under a right check.
func FuzzCard(f *testing.F) {
	for _, c := range cards(f) {
		f.Add(text(f, c), c.encode())
		link, err := c.DeepLink()
		must(f, err)
		f.Add(link, c.encode()[:60])
	}
	f.Fuzz(func(t *testing.T, input string, body []byte) {
		if c, err := Parse(input); err == nil {
			again, err := Parse(text(t, c))
			must(t, err)
			if text(t, again) != text(t, c) {
				t.Fatal("a card's text changed on the way")
			}
		} else {
			named(t, err)
		}
		c, err := Parse(resealed(body))
		if err != nil {
			named(t, err)
			return
		}
		if !bytes.Equal(c.encode(), body) {
			t.Fatalf("%x encodes to %x", body, c.encode())
		}
	})
}

// FuzzAddress is FuzzCard for gateway addresses.
func FuzzAddress(f *testing.F) {
	for _, a := range addresses(f) {
		f.Add(addressText(f, a), a.encode())
	}
	f.Fuzz(func(t *testing.T, input string, body []byte) {
		if a, err := ParseAddress(input); err == nil {
			again, err := ParseAddress(addressText(t, a))
			must(t, err)
			if addressText(t, again) != addressText(t, a) {
				t.Fatal("an address's text changed on the way")
			}
		} else {
			named(t, err)
		}
		a, err := ParseAddress(resealedAddress(body))
		if err != nil {
			named(t, err)
			return
		}
		if !bytes.Equal(a.encode(), body) {
			t.Fatalf("%x encodes to %x", body, a.encode())
		}
	})
}

// FuzzImage reads the input as a file, and as the pixels of a small picture.
func FuzzImage(f *testing.F) {
	for _, pixels := range []int{1, 2, 3} {
		m := modules(f, "ZMS:AEAA", pixels)
		f.Add(asPNG(f, m), uint8(m.Rect.Dx()))
		f.Add(asJPEG(f, m, 80), uint8(m.Rect.Dx()))
		f.Add(m.Pix, uint8(m.Rect.Dx()))
	}
	f.Add(pngOf(60000, 60000, 8, 0), uint8(0))
	f.Add(jpegOf(0xC2, 100, 100, 3), uint8(0))
	f.Fuzz(func(t *testing.T, file []byte, width uint8) {
		read, err := DecodeImage(bytes.NewReader(file))
		pictured(t, read, err)
		if w := int(width); w > 0 && len(file) >= w && len(file) < 1<<16 {
			h := len(file) / w
			m := &image.Gray{Pix: file[:w*h], Stride: w, Rect: image.Rect(0, 0, w, h)}
			read, err = search(luminance(m))
			pictured(t, read, err)
		}
	})
}

func pictured(t *testing.T, read string, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, wire.ErrImage) && !errors.Is(err, wire.ErrNoQR) {
		t.Fatalf("an error of another kind: %v", err)
	}
	if (err == nil) != (read != "") {
		t.Fatalf("%d characters with error %v", len(read), err)
	}
}

// named wants an error of wire's table.
func named(t *testing.T, err error) {
	t.Helper()
	var of *wire.Error
	if !errors.As(err, &of) {
		t.Fatalf("an error outside of the table: %v", err)
	}
}
