package people_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/ui/model/modeltest"
)

func textOf(t *testing.T, k card.Card) string {
	t.Helper()
	text, err := k.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// gatewayText is the address of a gateway.
func gatewayText(t *testing.T) string {
	t.Helper()
	text, err := modeltest.AddressOf("gw.new.example", 443).Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// own is a card of the user's.
func own(t *testing.T, world *modeltest.World) string {
	k := modeltest.CardOf("Mira")
	k.User = world.User()
	return textOf(t, k)
}

// file writes content into a new file.
func file(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// qr is a picture of a QR code.
func qr(t *testing.T, text string) []byte {
	t.Helper()
	content, err := card.EncodePNG(text, 480)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// bomb is a PNG that claims to have 100 million pixels in some bytes.
func bomb() []byte {
	content := []byte("\x89PNG\r\n\x1a\n")
	header := binary.BigEndian.AppendUint32([]byte("IHDR"), 10000)
	header = binary.BigEndian.AppendUint32(header, 10000)
	header = append(header, 8, 6, 0, 0, 0)
	for _, chunk := range [][]byte{header, []byte("IDAT\x78\x9c\x63\x00"), []byte("IEND")} {
		content = binary.BigEndian.AppendUint32(content, uint32(len(chunk)-4))
		content = append(content, chunk...)
		content = binary.BigEndian.AppendUint32(content, crc32.ChecksumIEEE(chunk))
	}
	return content
}

// photo is a picture like a photo: no QR code is in it.
func photo(t *testing.T) []byte {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	picture := image.NewRGBA(image.Rect(0, 0, 200, 150))
	for y := range 150 {
		for x := range 200 {
			n := uint8(random.IntN(40))
			picture.SetRGBA(x, y, color.RGBA{uint8(x/2) + n, uint8(y) + n, 90 + n, 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// safetyOf is the picture of the safety number of somebody.
func safetyOf(d *desk, name string) []byte {
	d.t.Helper()
	hash := key.SafetyHash(d.world.User(), d.world.Contact(d.world.ID(name)).User)
	return qr(d.t, strings.ToUpper(hex.EncodeToString(hash[:])))
}
