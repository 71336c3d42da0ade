package profile_test

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func someHome(t *testing.T) *profile.Home {
	t.Helper()
	at := card.Address{Node: key.NewPrivate[key.Node]().Public(), Host: "gateway.example", Port: 443, Network: key.Network{'t', 'e', 's', 't'}}
	when := time.UnixMilli(1_700_000_000_000).UTC()
	return &profile.Home{
		Address: at, Added: when, Removed: when.Add(1e9), Position: wire.At(3, 40), R: [32]byte{1}, Signed: wire.At(3, 39),
		Head: profile.Head{Position: wire.At(3, 30), R: [32]byte{2}, Proof: []byte("proof")}, Fallen: profile.Head{Position: wire.At(2, 50), R: [32]byte{3}, Proof: []byte("older")},
		Lost: when.Add(2e9), Published: [32]byte{4}, Public: [32]byte{5}, Safe: [32]byte{6}, SafeAt: when.Add(3e9), Heard: when.Add(4e9),
		Retention: 30 * 24 * time.Hour, Announced: when.Add(5e9),
		Former: []profile.Login{{Key: key.LoginPublic{7}, Cursor: key.CursorID{8}}},
	}
}

func TestHomesComeBackWhole(t *testing.T) {
	h := someHome(t)
	got, err := profile.ParseHome(h.Row())
	if err != nil || !reflect.DeepEqual(got, h) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, h)
	}
	plain := &profile.Home{Address: h.Address, Added: h.Added, Heard: h.Heard}
	got, err = profile.ParseHome(plain.Row())
	if err != nil || !reflect.DeepEqual(got, plain) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, plain)
	}
}

// TestHomesOfBefore: rows from before it was noted what was signed are read, and
// count as signed up to where they were processed.
func TestHomesOfBefore(t *testing.T) {
	h := someHome(t)
	text, err := h.Address.Text()
	if err != nil {
		t.Fatal(err)
	}
	old := struct {
		Version   uint8         `cbor:"1,keyasint"`
		Address   string        `cbor:"2,keyasint"`
		Added     uint64        `cbor:"3,keyasint"`
		Position  wire.Position `cbor:"4,keyasint"`
		R         [32]byte      `cbor:"5,keyasint"`
		Published [32]byte      `cbor:"6,keyasint"`
		Heard     uint64        `cbor:"7,keyasint"`
	}{1, text, 5, wire.At(3, 40), [32]byte{1}, [32]byte{4}, 6}
	got, err := profile.ParseHome(profile.Row{Table: profile.TableHome, Data: wire.Marshal(old)})
	if err != nil || got.Signed != old.Position || got.Position != old.Position || got.Published != old.Published || got.Head.Known() {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestPublicCardsComeBackWhole(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000).UTC()
	k := profile.NewPublicCard(23, now)
	k.Doors[key.NodePublic{1}], k.Blobs[key.NodePublic{2}], k.Revoked = true, true, true
	got, err := profile.ParseCard(k.Row())
	if err != nil || !reflect.DeepEqual(got, k) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, k)
	}
	private := profile.NewCard(now)
	if got, err = profile.ParseCard(private.Row()); err != nil || !reflect.DeepEqual(got, private) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, private)
	}
}

func TestAnOlderCopyStaysOne(t *testing.T) {
	self, err := profile.NewSelf("Ann", time.UnixMilli(1_700_000_000_000).UTC())
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{{}, time.UnixMilli(1_700_000_000_123).UTC()} {
		self.SetBack = at
		got, err := profile.ParseSelf(self.Row())
		if err != nil || !got.SetBack.Equal(at) {
			t.Errorf("set back at %v, want %v: %v", got.SetBack, at, err)
		}
	}
}

func TestBlocksOfALog(t *testing.T) {
	b := &profile.LogBlock{Node: key.NodePublic{1}, Before: wire.At(1, 31), R: [32]byte{2}, Rows: bytes.Repeat([]byte{3}, profile.BlockRows*wire.RowSize)}
	row := b.Row()
	got, err := profile.ParseLogBlock(row)
	if err != nil || !reflect.DeepEqual(got, b) || len(row.Key) > 32 || !bytes.Equal(row.Key, b.Ref().Key) {
		t.Errorf("got %+v, %v", got, err)
	}
	next := *b
	next.Before = wire.At(2, 47)
	other := *b
	other.Node[0]++
	if bytes.Equal(next.Row().Key, row.Key) || bytes.Equal(other.Row().Key, row.Key) {
		t.Error("two blocks have one key")
	}
	for _, n := range []int{0, 1, wire.RowSize - 1, wire.RowSize + 1, (profile.BlockRows + 1) * wire.RowSize} {
		bad := *b
		bad.Rows = make([]byte, n)
		if _, err := profile.ParseLogBlock(bad.Row()); err == nil {
			t.Errorf("%d bytes of rows were taken", n)
		}
	}
	for n := range row.Data {
		if _, err := profile.ParseLogBlock(profile.Row{Table: profile.TableLog, Data: row.Data[:n]}); err == nil {
			t.Fatalf("the first %d bytes were taken", n)
		}
	}
}

func FuzzParseLogBlock(f *testing.F) {
	b := &profile.LogBlock{Node: key.NodePublic{1}, Before: wire.At(1, 31), R: [32]byte{2}, Rows: make([]byte, wire.RowSize)}
	f.Add(b.Row().Data)
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := profile.ParseLogBlock(profile.Row{Table: profile.TableLog, Data: data})
		if err == nil && !bytes.Equal(got.Row().Data, data) {
			t.Error("it encodes to other bytes")
		}
	})
}
