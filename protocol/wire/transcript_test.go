package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"testing"

	"zeroms/protocol/key"
)

func TestPosition(t *testing.T) {
	for _, c := range []struct {
		incarnation uint32
		index       uint64
		hex         string
	}{
		{0, 0, "000000000000000000000000"},
		{1, 2, "000000010000000000000002"},
		{1_790_000_000, 258, "6ab13b800000000000000102"},
		{math.MaxUint32, math.MaxUint64, "ffffffffffffffffffffffff"},
	} {
		p := At(c.incarnation, c.index)
		if hex.EncodeToString(p[:]) != c.hex || p.Incarnation() != c.incarnation || p.Index() != c.index {
			t.Errorf("%d, %d is %x", c.incarnation, c.index, p)
		}
	}
	// Positions are in the order of their bytes.
	a, b, c := At(1, math.MaxUint64), At(2, 0), At(2, 1)
	if bytes.Compare(a[:], b[:]) >= 0 || bytes.Compare(b[:], c[:]) >= 0 {
		t.Error("later positions do not have greater bytes")
	}
}

func TestRow(t *testing.T) {
	p := Push{Position: At(0x01020304, 0x05), Kind: RowDoor, Drop: key.DropID(count(0x10, 16)), K: 0xaabbccdd, Hash: [32]byte(count(0x30, 32)), D: [32]byte(count(0x60, 32)), Time: 99, Payload: []byte("p")}
	want := unhex(t, "010203040000000000000005"+"02"+"101112131415161718191a1b1c1d1e1f"+"aabbccdd"+
		"303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f"+"606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"+"0000000000000063")
	if got := p.Row(); !bytes.Equal(got, want) || len(got) != RowSize {
		t.Errorf("%d bytes: %x", len(got), got)
	}
	r := [32]byte(count(1, 32))
	head := sha256.Sum256(key.Join([]byte("zms/1/mailbox-head\x00"), r[:], want))
	if got := NextHead(r, want); got != head {
		t.Errorf("the head is %x", got)
	}
}

// TestTranscripts: what is signed joins fixed fields in the documented order.
func TestTranscripts(t *testing.T) {
	var k sampleKeys
	node, account := k.node().Public(), k.account().Public()
	a, b, c := [32]byte(count(0x10, 32)), [32]byte(count(0x40, 32)), [32]byte(count(0x80, 32))
	tag, cursor, at := key.AccountTagOf(account), key.CursorID(count(0, 8)), At(1, 2)
	door := key.DropID(count(0x60, 16))
	number := []byte{0, 0, 1, 0xa0, 0xc4, 0x50, 0x6c, 0} // sampleTime
	if !bytes.Equal(number, Uint64(sampleTime)) {
		t.Fatalf("%x", Uint64(sampleTime))
	}
	for what, v := range map[string]struct {
		got, want []byte
		size      int
	}{
		"login":         {LoginTranscript(node, a, b, c), key.Join(node[:], a[:], b[:], c[:]), 128},
		"ack":           {AckTranscript(tag, cursor, at, a), key.Join(tag[:], cursor[:], at[:], a[:]), 84},
		"door claim":    {DoorClaim(door, account, sampleTime), key.Join(door[:], account[:], number), 56},
		"profile claim": {ProfileClaim(account, sampleTime), key.Join(account[:], number), 40},
		"door work":     {DoorWork(door, a), key.Join([]byte("zms/1/work\x00"), door[:], a[:]), 59},
		"register work": {RegisterWork(node, account), key.Join([]byte("zms/1/register-work\x00"), node[:], account[:]), 84},
		"uint32":        {Uint32(0x01020304), []byte{1, 2, 3, 4}, 4},
	} {
		if !bytes.Equal(v.got, v.want) || len(v.got) != v.size {
			t.Errorf("%s is %x, not %x", what, v.got, v.want)
		}
	}
}
