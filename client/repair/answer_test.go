package repair

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/device"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// chain is a device that wrote messages, some of which are not kept any more.
type chain struct {
	device  key.DeviceID
	ids     map[uint32]message.ID
	kept    map[uint32]*profile.Message
	newest  uint32
	unknown bool // an earlier device: what it wrote last is not known
	looks   int
	broken  error
}

func write(t *testing.T, n int) *chain {
	t.Helper()
	self, peer, dsk := key.NewPrivate[key.Identity](), key.NewPrivate[key.Identity](), key.NewPrivate[key.Device]()
	c := &chain{device: key.DeviceIDOf(dsk.Public()), ids: map[uint32]message.ID{}, kept: map[uint32]*profile.Message{}}
	conv := message.New(message.Config{Self: self.Public(), Peer: peer.Public(), Device: c.device, List: device.Ref{N: 1}})
	for range n {
		body, err := message.EncodeBody(&message.Text{Text: "hello"})
		if err != nil {
			t.Fatal(err)
		}
		out, err := conv.Append(message.KindText, body, [message.SaltSize]byte{}, time.UnixMilli(1_800_000_000_000), dsk)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := message.Parse(out.Signed)
		if err != nil {
			t.Fatal(err)
		}
		c.ids[out.Seq], c.newest = out.ID, out.Seq
		c.kept[out.Seq] = profile.NewMessage(signed, profile.Content{User: self.Public(), Body: body})
	}
	return c
}

func (c *chain) Own(d key.DeviceID, seq uint32) (*profile.Message, error) {
	if c.looks++; c.broken != nil {
		return nil, c.broken
	}
	if d != c.device {
		return nil, nil
	}
	return c.kept[seq], nil
}

// look is Look that has to succeed.
func look(t *testing.T, wants []message.Want, c *chain) Found {
	t.Helper()
	f, err := Look(wants, c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestOneRequestCostsLittle: whatever is asked for, the shelf is asked a bounded
// number of times, and a shelf that fails makes nothing gone.
func TestOneRequestCostsLittle(t *testing.T) {
	c := write(t, 3)
	c.unknown, c.kept = true, nil
	var wants []message.Want
	for n := range uint32(message.MaxWants) {
		wants = append(wants, c.want(10_000*n+1, 10_000*n+100))
	}
	if f := look(t, wants, c); len(f.Gone)+len(f.Messages) != 0 || c.looks > MaxLooks {
		t.Errorf("%d looks: %+v", c.looks, f)
	}
	c = write(t, 9)
	delete(c.kept, 4)
	c.broken = errors.New("the disk does not answer")
	if _, err := Look([]message.Want{c.want(1, 9)}, c); !errors.Is(err, c.broken) {
		t.Errorf("a broken shelf: %v", err)
	}
}

func (c *chain) Newest(d key.DeviceID) uint32 {
	switch {
	case d != c.device:
		return 0
	case c.unknown:
		return math.MaxUint32
	}
	return c.newest
}

func (c *chain) want(from, to uint32) message.Want {
	return message.Want{Device: c.device, From: from, To: to}
}

func seqs(all []*profile.Message) (out []uint32) {
	for _, m := range all {
		out = append(out, m.Seq)
	}
	return out
}

func TestTheNewestComeFirst(t *testing.T) {
	c := write(t, 10)
	f := look(t, []message.Want{c.want(2, 4), c.want(7, 8)}, c)
	if got := seqs(f.Messages); !slices.Equal(got, []uint32{8, 7, 4, 3, 2}) || len(f.Gone) != 0 {
		t.Errorf("found %v, gone %v", got, f.Gone)
	}
}

func TestWhatWasNeverWrittenIsNotThere(t *testing.T) {
	c := write(t, 3)
	f := look(t, []message.Want{{Device: key.DeviceID{9}, From: 1, To: 5}, c.want(3, 4000)}, c)
	if got := seqs(f.Messages); !slices.Equal(got, []uint32{3}) || len(f.Gone) != 0 {
		t.Errorf("found %v, gone %v", got, f.Gone)
	}
}

// TestEveryBridgeHolds: whatever was erased, everything that is asked for is
// either found or gone, and each bridge is the id that the message behind it names.
func TestEveryBridgeHolds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		c := write(t, 1+r.IntN(40))
		for seq := uint32(1); seq < c.newest; seq++ { // the newest always stays
			if r.IntN(3) > 0 {
				delete(c.kept, seq)
			}
		}
		var wants []message.Want
		asked := map[uint32]bool{}
		for seq := uint32(1); seq <= c.newest && len(wants) < 8; seq += 1 + r.Uint32N(6) {
			to := min(seq+r.Uint32N(5), c.newest)
			wants = append(wants, c.want(seq, to))
			for ; seq <= to; seq++ {
				asked[seq] = true
			}
		}
		f := look(t, wants, c)
		body := &message.Gone{Gone: f.Gone}
		if len(f.Gone) > 0 {
			if _, err := message.EncodeBody(body); err != nil {
				t.Fatalf("the ranges %v can't be sent: %v", f.Gone, err)
			}
		}
		answered := map[uint32]bool{}
		for _, m := range f.Messages {
			answered[m.Seq] = true
		}
		for _, b := range f.Gone {
			if b.ID != c.ids[b.To] {
				t.Fatalf("the bridge over %d to %d is not the id of the last", b.From, b.To)
			}
			for seq := b.From; seq <= b.To; seq++ {
				if c.kept[seq] != nil || answered[seq] {
					t.Fatalf("%d is gone and there", seq)
				}
				answered[seq] = true
			}
		}
		for seq := range asked {
			if !answered[seq] && len(f.Gone) < message.MaxBridges {
				t.Fatalf("nothing is said of %d: found %v, gone %v", seq, seqs(f.Messages), f.Gone)
			}
		}
	}
}

func TestOfAnEarlierDeviceOnlyWhatIsBetweenIsGone(t *testing.T) {
	c := write(t, 10)
	c.unknown = true
	for _, seq := range []uint32{4, 5, 9, 10} {
		delete(c.kept, seq)
	}
	f := look(t, []message.Want{c.want(3, 12)}, c)
	if got := seqs(f.Messages); !slices.Equal(got, []uint32{8, 7, 6, 3}) {
		t.Errorf("found %v", got)
	}
	if len(f.Gone) != 1 || f.Gone[0].From != 4 || f.Gone[0].To != 5 {
		t.Errorf("gone %v", f.Gone)
	}
}
