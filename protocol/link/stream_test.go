package link

import (
	"testing"

	"zeroms/protocol/link/socket"
	"zeroms/protocol/wire"
)

func TestFrameSize(t *testing.T) {
	for _, test := range []struct {
		frame []byte
		want  int
	}{
		{[]byte{0x82, 0}, 2},
		{[]byte{0x82, 125}, 127},
		{[]byte{0x82, 126, 1, 0}, 260},
		{[]byte{0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}, 65546},
		{[]byte{0x82, 0x80 | 5}, 11},
		{[]byte{0x82, 0xfe, 1, 0}, 264},
		{nil, -1},
		{[]byte{0x82}, -1},
		{[]byte{0x82, 126, 1}, -1},
		{[]byte{0x82, 127, 0, 0, 0, 0, 0, 1, 0}, -1},
	} {
		if got := frameSize(test.frame); got != test.want {
			t.Errorf("% x: %d, want %d", test.frame, got, test.want)
		}
	}
}

func TestBuffersHoldTheLargestMessage(t *testing.T) {
	if n := len(new(socket.Buffers).Get(wire.MaxMessage).Bytes); n < wire.MaxMessage {
		t.Errorf("%d bytes", n)
	}
}
