package card

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"

	"zeroms/protocol/wire"
)

// Limits of the pictures that DecodeImage reads.
const (
	MaxFile   = 16 << 20   // bytes of the file
	MaxArea   = 40_000_000 // pixels
	maxMemory = 160 << 20  // bytes of the decoded picture
	maxScans  = 64         // passes of a JPEG; real ones have about ten
)

// DecodeImage finds the QR code in a PNG or JPEG and returns its text. Of
// several codes in the picture it prefers the one that is a ZeroMS code, then
// the larger one. It fails with ErrImage if the picture can't be read or is
// larger than its limits, with ErrNoQR if no code was found, and with the
// reader's error.
func DecodeImage(r io.Reader) (string, error) {
	file, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return "", fmt.Errorf("card: reading the picture: %w", err)
	}
	if len(file) > MaxFile {
		return "", wire.ErrImage.Because("the file is larger than 16 MiB")
	}
	picture, err := decodePicture(file)
	if err != nil {
		return "", err
	}
	return search(luminance(picture))
}

// decodePicture reads the two formats and checks what the picture would cost
// before it is decoded.
func decodePicture(file []byte) (image.Image, error) {
	readConfig, read := png.DecodeConfig, png.Decode
	switch {
	case bytes.HasPrefix(file, []byte("\x89PNG\r\n\x1a\n")):
	case bytes.HasPrefix(file, []byte("\xff\xd8\xff")):
		readConfig, read = jpeg.DecodeConfig, jpeg.Decode
	default:
		return nil, wire.ErrImage.Because("neither PNG nor JPEG")
	}
	config, err := readConfig(bytes.NewReader(file))
	if err != nil {
		return nil, wire.ErrImage.Because("the file is damaged or incomplete")
	}
	if err := affordable(config, file); err != nil {
		return nil, err
	}
	picture, err := read(bytes.NewReader(file))
	if err != nil {
		return nil, wire.ErrImage.Because("the file is damaged or incomplete")
	}
	return picture, nil
}

// affordable refuses pictures that would take more than their share of memory
// or time: a file of a few bytes can claim any size.
func affordable(config image.Config, file []byte) error {
	if config.Width < 1 || config.Height < 1 || config.Width > MaxArea/config.Height {
		return wire.ErrImage.Because("the picture has more than 40 megapixels")
	}
	scans, progressive := jpegScans(file)
	if scans > maxScans {
		return wire.ErrImage.Because("the picture has too many passes")
	}
	cost := bytesPerPixel(config.ColorModel)
	if progressive {
		cost *= 5 // its decoder keeps a 4-byte coefficient beside each sample
	}
	if config.Width*config.Height > maxMemory/cost {
		return wire.ErrImage.Because("the picture has too many pixels for its colours")
	}
	return nil
}

// bytesPerPixel is what package image keeps for a pixel, at most.
func bytesPerPixel(model color.Model) int {
	switch model {
	case color.GrayModel:
		return 1
	case color.Gray16Model:
		return 2
	case color.YCbCrModel:
		return 3
	case color.RGBAModel, color.NRGBAModel, color.CMYKModel:
		return 4
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	}
	return 1 // a palette
}

// jpegScans counts the passes of a JPEG and reports whether it is progressive
// (ITU-T T.81 annex B). It walks the markers exactly as image/jpeg does. A file
// of another format has no passes.
func jpegScans(file []byte) (scans int, progressive bool) {
	const (
		startOfFrame2 = 0xC2
		firstRestart  = 0xD0
		lastRestart   = 0xD7
		endOfImage    = 0xD9
		startOfScan   = 0xDA
	)
	if !bytes.HasPrefix(file, []byte{0xFF, 0xD8}) {
		return 0, false
	}
	for i := 2; ; {
		next := bytes.IndexByte(file[i:], 0xFF)
		if next < 0 {
			return scans, progressive
		}
		i += next + 1
		if i < len(file) && file[i] == 0x00 {
			continue // an escaped byte of coded data
		}
		for i < len(file) && file[i] == 0xFF {
			i++
		}
		if i >= len(file) || file[i] == endOfImage {
			return scans, progressive
		}
		marker := file[i]
		i++
		if marker >= firstRestart && marker <= lastRestart {
			continue
		}
		switch marker {
		case startOfFrame2:
			progressive = true
		case startOfScan:
			scans++
		}
		if i+2 > len(file) {
			return scans, progressive
		}
		i = min(i+max(int(file[i])<<8|int(file[i+1]), 2), len(file))
	}
}
