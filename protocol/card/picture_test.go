package card

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	qrcode "github.com/skip2/go-qrcode"

	"zeroms/protocol/wire"
)

// modules draws the code of a text with the given pixels a module, its quiet
// zone included.
func modules(t testing.TB, s string, pixels int) *image.Gray {
	t.Helper()
	code, err := qrcode.New(s, qrcode.Medium)
	must(t, err)
	rows := code.Bitmap()
	out := image.NewGray(image.Rect(0, 0, len(rows)*pixels, len(rows)*pixels))
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			if !rows[y/pixels][x/pixels] {
				out.SetGray(x, y, color.Gray{Y: 255})
			}
		}
	}
	return out
}

func asPNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	must(t, png.Encode(&out, m))
	return out.Bytes()
}

func asJPEG(t testing.TB, m image.Image, quality int) []byte {
	t.Helper()
	var out bytes.Buffer
	must(t, jpeg.Encode(&out, m, &jpeg.Options{Quality: quality}))
	return out.Bytes()
}

// reads wants the picture to be read as s.
func reads(t testing.TB, file []byte, s string) {
	t.Helper()
	got, err := DecodeImage(bytes.NewReader(file))
	must(t, err)
	if got != s {
		t.Fatalf("read %d other characters", len(got))
	}
}

// turn rotates a picture by degrees on a larger canvas of the given ground.
func turn(m *image.Gray, degrees float64, ground uint8) *image.Gray {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	side := int(float64(max(m.Rect.Dx(), m.Rect.Dy())) * 1.45)
	out := image.NewGray(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			dx, dy := float64(x-side/2), float64(y-side/2)
			at := image.Pt(int(math.Round(cos*dx+sin*dy))+m.Rect.Dx()/2, int(math.Round(cos*dy-sin*dx))+m.Rect.Dy()/2)
			if out.SetGray(x, y, color.Gray{Y: ground}); at.In(m.Rect) {
				out.SetGray(x, y, m.GrayAt(at.X, at.Y))
			}
		}
	}
	return out
}

// scenery is a picture with gradients, texture and sharp edges, as a photo has.
func scenery(w, h int) *image.RGBA {
	random := rand.New(rand.NewPCG(1, 2))
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			v := 110 + 60*math.Sin(float64(x)/37)*math.Cos(float64(y)/53) + 40*float64(x)/float64(w) + random.Float64()*30
			out.SetRGBA(x, y, color.RGBA{uint8(v), uint8(v * 0.9), uint8(255 - v), 255})
		}
	}
	for range 120 {
		x, y := random.IntN(w), random.IntN(h)
		box := image.Rect(x, y, x+5+random.IntN(w/8), y+5+random.IntN(h/8))
		shade := color.RGBA{uint8(random.IntN(256)), uint8(random.IntN(256)), uint8(random.IntN(256)), 255}
		draw.Draw(out, box, image.NewUniform(shade), image.Point{}, draw.Src)
	}
	return out
}

func paste(onto draw.Image, m image.Image, x, y int) {
	draw.Draw(onto, m.Bounds().Add(image.Pt(x, y)), m, image.Point{}, draw.Src)
}

func TestEncodedPicturesAreRead(t *testing.T) {
	for name, c := range cards(t) {
		s := text(t, c)
		for _, pixels := range []int{128, 200, 256, 500, 1024, 2000} {
			t.Run(fmt.Sprint(name, pixels), func(t *testing.T) {
				file, err := EncodePNG(s, pixels)
				must(t, err)
				config, err := png.DecodeConfig(bytes.NewReader(file))
				must(t, err)
				if config.Width != pixels || config.Height != pixels {
					t.Fatalf("the picture is %d x %d", config.Width, config.Height)
				}
				reads(t, file, s)
			})
		}
	}
}

func TestEncodePNGRefuses(t *testing.T) {
	s := text(t, private(t))
	for _, pixels := range []int{-5, 0, 56, MaxPixels + 1} {
		_, err := EncodePNG(s, pixels)
		wants(t, err, wire.ErrValue)
	}
	_, err := EncodePNG(s, 57) // version 8: 49 modules and a quiet zone of 4 on each side
	must(t, err)
	_, err = EncodePNG("", 500)
	wants(t, err, wire.ErrValue)
	_, err = EncodePNG(strings.Repeat("x", MaxText+1), 4096)
	wants(t, err, wire.ErrTooLarge)
	_, err = EncodePNG(strings.Repeat("x", MaxText), 4096)
	must(t, err)
}

func TestModuleSizesAndQualities(t *testing.T) {
	s := text(t, private(t))
	for _, pixels := range []int{1, 2, 3, 4, 5, 7, 10, 16, 30} {
		m := modules(t, s, pixels)
		t.Run(fmt.Sprintf("png %d", pixels), func(t *testing.T) { reads(t, asPNG(t, m), s) })
		for quality := 30; quality <= 90 && pixels > 2; quality += 10 {
			t.Run(fmt.Sprintf("jpeg %d quality %d", pixels, quality), func(t *testing.T) {
				reads(t, asJPEG(t, m, quality), s)
			})
		}
	}
}

func TestRotations(t *testing.T) {
	s := text(t, private(t))
	m := modules(t, s, 6)
	for degrees := 0; degrees < 360; degrees += 5 {
		t.Run(fmt.Sprint(degrees), func(t *testing.T) {
			reads(t, asJPEG(t, turn(m, float64(degrees), 255), 80), s)
		})
	}
}

func TestMirrored(t *testing.T) {
	s := text(t, private(t))
	m := modules(t, s, 5)
	mirrored := image.NewGray(m.Rect)
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			mirrored.SetGray(m.Rect.Dx()-1-x, y, m.GrayAt(x, y))
		}
	}
	reads(t, asPNG(t, mirrored), s)
}

func TestNoise(t *testing.T) {
	s := text(t, private(t))
	for _, percent := range []int{1, 5, 10} {
		m := modules(t, s, 6)
		random := rand.New(rand.NewPCG(3, 4))
		for i := range m.Pix {
			if random.IntN(100) < percent {
				m.Pix[i] = uint8(random.IntN(256))
			}
		}
		t.Run(fmt.Sprintf("dots %d%%", percent), func(t *testing.T) { reads(t, asPNG(t, m), s) })
	}
	for _, strength := range []float64{20, 40, 60} {
		m := modules(t, s, 6)
		random := rand.New(rand.NewPCG(5, 6))
		for i, v := range m.Pix {
			m.Pix[i] = uint8(min(max(60+float64(v)/2+random.NormFloat64()*strength, 0), 255))
		}
		t.Run(fmt.Sprintf("grain %v", strength), func(t *testing.T) { reads(t, asJPEG(t, m, 70), s) })
	}
}

func TestBordersInvertedAndFaint(t *testing.T) {
	s := text(t, private(t))
	m := modules(t, s, 5)
	change := func(to func(v uint8) uint8) *image.Gray {
		out := image.NewGray(m.Rect)
		for i, v := range m.Pix {
			out.Pix[i] = to(v)
		}
		return out
	}
	bordered := func(width int, shade uint8, inner image.Image) *image.Gray {
		side := m.Rect.Dx() + 2*width
		out := image.NewGray(image.Rect(0, 0, side, side))
		draw.Draw(out, out.Rect, image.NewUniform(color.Gray{Y: shade}), image.Point{}, draw.Src)
		paste(out, inner, width, width)
		return out
	}
	inverted := change(func(v uint8) uint8 { return 255 - v })
	shaded := image.NewGray(m.Rect)
	for i, v := range m.Pix {
		x := i % m.Stride
		shaded.Pix[i] = uint8(int(v) * (80 + 150*x/m.Stride) / 255)
	}
	for name, picture := range map[string]image.Image{
		"black border":   bordered(40, 0, m),
		"grey border":    bordered(200, 128, m),
		"white border":   bordered(300, 255, m),
		"inverted":       inverted,
		"inverted, dark": bordered(100, 0, inverted),
		"inverted, grey": bordered(100, 100, inverted),
		"faint":          change(func(v uint8) uint8 { return 100 + v/5 }),
		"shadow":         shaded,
		"no quiet zone":  m.SubImage(m.Rect.Inset(20)),
		"1 module quiet": m.SubImage(m.Rect.Inset(15)),
	} {
		t.Run(name, func(t *testing.T) {
			reads(t, asPNG(t, picture), s)
			reads(t, asJPEG(t, picture, 60), s)
		})
	}
}

func TestKindsOfPixels(t *testing.T) {
	s := text(t, private(t))
	m := modules(t, s, 4)
	clearGround := image.NewNRGBA(m.Rect)
	halfClear := image.NewNRGBA64(m.Rect)
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			if m.GrayAt(x, y).Y == 0 {
				clearGround.SetNRGBA(x, y, color.NRGBA{A: 255})
				halfClear.SetNRGBA64(x, y, color.NRGBA64{R: 0x1000, A: 0xF000})
			}
		}
	}
	into := func(onto draw.Image) image.Image { paste(onto, m, 0, 0); return onto }
	for name, picture := range map[string]image.Image{
		"transparent":    clearGround,
		"16 bits, clear": halfClear,
		"grey 16":        into(image.NewGray16(m.Rect)),
		"palette":        into(image.NewPaletted(m.Rect, color.Palette{color.RGBA{0, 0, 90, 255}, color.RGBA{255, 240, 200, 255}})),
		"RGBA":           into(image.NewRGBA(m.Rect)),
		"RGBA 16":        into(image.NewRGBA64(m.Rect)),
	} {
		t.Run(name, func(t *testing.T) { reads(t, asPNG(t, picture), s) })
	}
}

func TestCodeInAPhoto(t *testing.T) {
	s := text(t, private(t))
	for name, photo := range map[string]struct {
		w, h, pixels, x, y int
		degrees            float64
	}{
		"screen":       {1920, 1080, 4, 1200, 500, 0},
		"phone":        {3000, 2250, 8, 700, 900, 7},
		"small in 12M": {4000, 3000, 4, 2800, 1900, -20},
		"large":        {1600, 1200, 13, 300, 60, 3},
	} {
		t.Run(name, func(t *testing.T) {
			scene := scenery(photo.w, photo.h)
			paste(scene, turn(modules(t, s, photo.pixels), photo.degrees, 235), photo.x, photo.y)
			reads(t, asJPEG(t, scene, 75), s)
		})
	}
}

// TestOursIsPreferred puts other people's codes beside ours, larger and smaller.
func TestOursIsPreferred(t *testing.T) {
	c := private(t)
	s := text(t, c)
	link, err := c.Link()
	must(t, err)
	deep, err := c.DeepLink()
	must(t, err)
	const other = "https://example.com/menu?table=12"
	for name, ours := range map[string]string{"text": s, "link": link, "deep link": deep, "address": addressText(t, addresses(t)["public"])} {
		for _, sizes := range [][2]int{{5, 5}, {10, 4}, {4, 8}} {
			first, second := modules(t, other, sizes[0]), modules(t, ours, sizes[1])
			gap := first.Rect.Dx() + 30
			for _, swapped := range []bool{false, true} {
				canvas := image.NewGray(image.Rect(0, 0, gap+second.Rect.Dx()+30, max(first.Rect.Dy(), second.Rect.Dy())))
				draw.Draw(canvas, canvas.Rect, image.White, image.Point{}, draw.Src)
				if swapped {
					paste(canvas, second, 0, 0)
					paste(canvas, first, second.Rect.Dx()+30, 0)
				} else {
					paste(canvas, first, 0, 0)
					paste(canvas, second, gap, 0)
				}
				t.Run(fmt.Sprint(name, sizes, swapped), func(t *testing.T) { reads(t, asPNG(t, canvas), ours) })
			}
		}
	}
	t.Run("only others", func(t *testing.T) { reads(t, asPNG(t, modules(t, other, 5)), other) })
	t.Run("larger of two", func(t *testing.T) {
		second := text(t, cards(t)["public"])
		canvas := image.NewGray(image.Rect(0, 0, 900, 500))
		draw.Draw(canvas, canvas.Rect, image.White, image.Point{}, draw.Src)
		paste(canvas, modules(t, s, 4), 10, 10)
		paste(canvas, modules(t, second, 8), 300, 10)
		reads(t, asPNG(t, canvas), second)
	})
}

func TestTruncatedPictures(t *testing.T) {
	m := modules(t, text(t, private(t)), 6)
	for name, file := range map[string][]byte{"png": asPNG(t, m), "jpeg": asJPEG(t, m, 80)} {
		for part := range 16 {
			_, err := DecodeImage(bytes.NewReader(file[:len(file)*part/16]))
			if !errors.Is(err, wire.ErrImage) {
				t.Errorf("%d/16 of a %s: %v", part, name, err)
			}
		}
	}
}

// chunk is a PNG chunk with its length and check.
func chunk(kind string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(append(b, kind...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// pngOf is the beginning of a PNG that claims a size, depth and colour type.
func pngOf(w, h uint32, depth, kind byte) []byte {
	head := binary.BigEndian.AppendUint32(nil, w)
	head = binary.BigEndian.AppendUint32(head, h)
	return append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(head, depth, kind, 0, 0, 0))...)
}

// jpegOf is the beginning of a JPEG that claims a size in the given frame.
func jpegOf(frame byte, w, h uint16, scans int) []byte {
	b := []byte{0xFF, 0xD8, 0xFF, frame, 0, 17, 8}
	b = binary.BigEndian.AppendUint16(b, h)
	b = binary.BigEndian.AppendUint16(b, w)
	b = append(b, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0)
	for range scans {
		b = append(b, 0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 0x55, 0xFF, 0x00, 0xFF, 0xD0)
	}
	return append(b, 0xFF, 0xD9)
}

func TestPictureBombs(t *testing.T) {
	for name, file := range map[string][]byte{
		"60000x60000":              pngOf(60000, 60000, 8, 0),
		"2^31-1":                   pngOf(1<<31-1, 1<<31-1, 1, 0),
		"one row":                  pngOf(MaxArea+1, 1, 1, 0),
		"16 bits a colour":         pngOf(6000, 6000, 16, 6),
		"no pixels":                pngOf(0, 0, 8, 0),
		"jpeg 65535x65535":         jpegOf(0xC0, 65535, 65535, 1),
		"progressive 6000x6000":    jpegOf(0xC2, 6000, 6000, 1),
		"65 passes of progressive": jpegOf(0xC2, 1000, 1000, maxScans+1),
		"65 passes of baseline":    jpegOf(0xC0, 1000, 1000, maxScans+1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeImage(bytes.NewReader(file))
			wants(t, err, wire.ErrImage)
		})
	}
}

func TestJPEGScans(t *testing.T) {
	file := asJPEG(t, modules(t, "ZMS:A", 5), 80)
	if scans, progressive := jpegScans(file); scans != 1 || progressive {
		t.Fatalf("a plain JPEG has %d passes, progressive %v", scans, progressive)
	}
	if scans, progressive := jpegScans(jpegOf(0xC2, 9, 9, 7)); scans != 7 || !progressive {
		t.Fatalf("counted %d of 7 passes, progressive %v", scans, progressive)
	}
	thumbnail := append([]byte{0xFF, 0xD8, 0xFF, 0xE1, 0, 8, 0xFF, 0xDA, 0xFF, 0xDA, 0xFF, 0xDA}, file[2:]...)
	if scans, _ := jpegScans(thumbnail); scans != 1 {
		t.Fatalf("a thumbnail counts: %d passes", scans)
	}
	for n := range file {
		if scans, _ := jpegScans(file[:n]); scans > 1 {
			t.Fatalf("%d bytes have %d passes", n, scans)
		}
	}
}

func TestNotAPicture(t *testing.T) {
	for name, file := range map[string]string{
		"empty": "", "text": "ZMS:ABCDEFGH", "gif": "GIF89a\x01\x00\x01\x00", "bmp": "BM\x00\x00", "one byte": "\xff",
		"png magic": "\x89PNG\r\n\x1a\n", "jpeg magic": "\xff\xd8\xff", "html": "<html>", "svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeImage(strings.NewReader(file))
			wants(t, err, wire.ErrImage)
		})
	}
	_, err := DecodeImage(io.MultiReader(strings.NewReader("\x89PNG"), bytes.NewReader(make([]byte, MaxFile))))
	wants(t, err, wire.ErrImage)
	failed := errors.New("the disk is gone")
	if _, err := DecodeImage(iotest.ErrReader(failed)); !errors.Is(err, failed) {
		t.Fatalf("the reader's error became %v", err)
	}
}

func TestNoCode(t *testing.T) {
	white := image.NewGray(image.Rect(0, 0, 300, 200))
	draw.Draw(white, white.Rect, image.White, image.Point{}, draw.Src)
	half := modules(t, text(t, private(t)), 6)
	for name, picture := range map[string]image.Image{
		"white": white, "one pixel": image.NewGray(image.Rect(0, 0, 1, 1)), "line": image.NewGray(image.Rect(0, 0, 3000, 1)),
		"column": image.NewGray(image.Rect(0, 0, 1, 3000)), "scenery": scenery(800, 600), "half a code": half.SubImage(image.Rect(0, 0, half.Rect.Dx()/2, half.Rect.Dy())),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeImage(bytes.NewReader(asPNG(t, picture)))
			wants(t, err, wire.ErrNoQR)
		})
	}
}

func TestTerminal(t *testing.T) {
	s := text(t, private(t))
	out := Terminal(s)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != 29 { // 57 modules, two a line
		t.Fatalf("%d lines", len(lines))
	}
	const pixels = 4
	m := image.NewGray(image.Rect(0, 0, 57*pixels, 58*pixels))
	for y, line := range lines {
		inner, begins := strings.CutPrefix(line, "\x1b[38;5;16;48;5;231m")
		inner, ends := strings.CutSuffix(inner, "\x1b[0m")
		if !begins || !ends || len([]rune(inner)) != 57 {
			t.Fatalf("line %d does not set and reset its colours", y)
		}
		for x, r := range []rune(inner) {
			upper, lower := strings.ContainsRune("█▀", r), strings.ContainsRune("█▄", r)
			for i, dark := range []bool{upper, lower} {
				if !dark {
					box := image.Rect(x*pixels, (2*y+i)*pixels, (x+1)*pixels, (2*y+i+1)*pixels)
					draw.Draw(m, box, image.White, image.Point{}, draw.Src)
				}
			}
		}
	}
	reads(t, asPNG(t, m), s)
	if Terminal("") != "" || Terminal(strings.Repeat("x", MaxText+1)) != "" {
		t.Fatal("something was drawn for what fits no code")
	}
}

// TestPerspective photographs a code from the side: the upper edge is shorter.
func TestPerspective(t *testing.T) {
	s := text(t, private(t))
	m := modules(t, s, 8)
	side := m.Rect.Dx()
	for _, share := range []float64{0.95, 0.9, 0.85, 0.8, 0.75, 0.7} {
		out := image.NewGray(image.Rect(0, 0, side, side))
		draw.Draw(out, out.Rect, image.White, image.Point{}, draw.Src)
		for y := range side {
			depth := share + (1-share)*float64(y)/float64(side)
			for x := range side {
				sx := (float64(x)-float64(side)/2)/depth + float64(side)/2
				sy := float64(y) / depth
				if at := image.Pt(int(sx), int(sy)); at.In(m.Rect) {
					out.SetGray(x, y, m.GrayAt(at.X, at.Y))
				}
			}
		}
		t.Run(fmt.Sprint(share), func(t *testing.T) { reads(t, asJPEG(t, out, 75), s) })
	}
}
