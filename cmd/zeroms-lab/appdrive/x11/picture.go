package x11

import (
	"context"
	"encoding/binary"
	"errors"
	"image"
)

// Picture is what a window shows, and what lies on top of it. Error: the window is gone
// or not on the screen, or the display has no 32 bits for a pixel.
func (c *Conn) Picture(ctx context.Context, window uint32) (*image.RGBA, error) {
	defer c.until(ctx)()
	p, err := c.ask(request(opGetGeometry, 0, window))
	if err != nil {
		return nil, err
	}
	width, height := int(binary.LittleEndian.Uint16(p[16:])), int(binary.LittleEndian.Uint16(p[18:]))
	b := request(opGetImage, 2, window, 0, uint32(width)|uint32(height)<<16, ^uint32(0)) // 2: whole pixels
	if p, err = c.ask(b); err != nil {
		return nil, err
	}
	return decode(p[packetSize:], width, height)
}

// decode reads pixels of 4 bytes: blue, green, red, and one that means nothing.
func decode(pixels []byte, width, height int) (*image.RGBA, error) {
	if len(pixels) != 4*width*height {
		return nil, errors.New("the display has no 32 bits for a pixel")
	}
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := 0; i < len(pixels); i += 4 {
		m.Pix[i], m.Pix[i+1], m.Pix[i+2], m.Pix[i+3] = pixels[i+2], pixels[i+1], pixels[i], 0xFF
	}
	return m, nil
}
