package message

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"time"

	"zeroms/protocol/device"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Limits of a conversation's state.
const (
	MaxPending = 512  // messages whose height is provisional
	maxWaits   = 1024 // messages that they wait for, counted for each of them
	maxDevices = 64   // chains, and devices written to
	maxHoles   = 256  // gaps in one chain
	maxGone    = 32   // ranges of one chain that are gone, and may still come
	maxDone    = 64   // ranges that one device acknowledged
	maxSaid    = 64   // ranges that one device was told to be gone
	keepRecent = 1024 // messages that may not be in the archive yet
)

// Errors of conversations.
var (
	// ErrPrev is returned for a message that does not continue its device's
	// chain: its prev is not the message before, or the message after names another one.
	ErrPrev = errors.New("message: it does not fit into its device's chain; it was refused")
	// ErrFrozen is returned for messages of a device that was caught with two
	// messages at one place of its chain.
	ErrFrozen = errors.New("message: the device was frozen because two different messages claim one place; the person has to be asked")
	// ErrOwnDevice is returned for a message that this very device signed and
	// does not know: its state was copied or set back.
	ErrOwnDevice = errors.New("message: this device's key signed a message that it does not know; the device was copied and has to be linked anew")
)

// ForkError tells of two messages of one device with one seq: a clone or a
// liar. The device is frozen from then on, which is a change of state to store.
type ForkError struct {
	From         Party
	Seq          uint32
	Known, Rival ID
}

// Error says what happened.
func (e *ForkError) Error() string {
	return "message: two different messages claim one place of a device's chain; the device was frozen"
}

// Party is one device of one person.
type Party struct {
	User   key.IdentityPublic
	Device key.DeviceID
}

// Config says whose conversation with whom this is. Peer equals Self in the
// conversation of a person's own devices.
type Config struct {
	Self, Peer key.IdentityPublic
	Device     key.DeviceID // this device
	List       device.Ref   // the newest entry of the own device list
	Origin     [32]byte     // H of the entry that added this device
}

// Archive is what was stored durably: the messages that a Conversation no
// longer holds itself.
type Archive interface {
	// Height is the stored height of a message.
	Height(Short) (uint32, bool)
	// At is the message of one device with this seq.
	At(Party, uint32) (ID, bool)
}

// Conversation is the state of one conversation at one device. Chains[0] is
// this device's own. A method that returns an error changed nothing, but for
// ForkError. It is not for use by several goroutines.
type Conversation struct {
	cfg     Config
	id      ConvID
	chains  []chain
	pending []node
	targets []target
	top     uint32 // the greatest height
	turn    uint64
	recent  []placed // newest last; only ever appended to, so that clones share it
}

// New starts a conversation in which nothing was said.
func New(cfg Config) *Conversation {
	c := &Conversation{cfg: cfg, id: conv(cfg.Self, cfg.Peer)}
	c.chains = []chain{{Device: cfg.Device, Base: 1, HeadID: First(cfg.Origin, c.id)}}
	return c
}

// ID is the conversation's id.
func (c *Conversation) ID() ConvID { return c.id }

// Frozen tells whether a device was caught with two messages at one place.
func (c *Conversation) Frozen() bool {
	return slices.ContainsFunc(c.chains, func(ch chain) bool { return ch.frozen() })
}

// SetList changes the entry of the own device list that later headers name.
func (c *Conversation) SetList(r device.Ref) { c.cfg.List = r }

// Clone is a copy to return to if a later step fails. It is cheap.
func (c *Conversation) Clone() *Conversation {
	d := *c
	d.chains = slices.Clone(c.chains)
	for i := range d.chains {
		d.chains[i].Holes = slices.Clone(d.chains[i].Holes)
	}
	d.pending = slices.Clone(c.pending)
	d.targets = slices.Clone(c.targets)
	d.recent = slices.Clip(c.recent)
	return &d
}

// Out is a message that Append or Side made.
type Out struct {
	Signed  []byte // the message as it travels
	Message *Message
	ID      ID
	Seq     uint32 // 0 for side kinds
	Height  uint32 // 0 for side kinds
	Pending bool   // the height is provisional; a later Accept may move it
}

// Append makes the next chained message of this device. The body is what
// EncodeBody returned, salt is random. Errors: wire.ErrValue (a side kind,
// another device's key), wire.ErrTooLarge.
func (c *Conversation) Append(kind Kind, body []byte, salt [SaltSize]byte, now time.Time, dsk key.DevicePrivate) (Out, error) {
	own := &c.chains[0]
	if kind.Side() || own.Head == math.MaxUint32-1 {
		return Out{}, wire.ErrValue.Because("not a chained message")
	}
	tips, implied := c.tips()
	m, err := c.sign(Header{Seq: own.Head + 1, Prev: own.HeadID, Tips: tips, Kind: kind, BodyHash: BodyHash(salt, body)}, len(body), now, dsk)
	if err != nil {
		return Out{}, err
	}
	n := node{ID: m.ID, Seq: m.Header.Seq}
	if own.Head > 0 {
		c.wait(&n, dep{Hash: own.HeadID.Short(), Device: own.Device, Seq: own.Head}, nil)
	}
	for _, tip := range tips {
		c.wait(&n, dep{Hash: tip.Hash, Device: tip.Device, Seq: tip.Seq}, nil)
	}
	own.Head, own.HeadID, own.Known = n.Seq, n.ID, n.Seq
	c.newHead(0)
	own.Implies |= implied
	height, pending, _ := c.place(n, false, nil)
	return Out{Signed: m.Encode(), Message: m, ID: m.ID, Seq: n.Seq, Height: height, Pending: pending}, nil
}

// Side makes a side message; it leaves no trace in the chain. Errors:
// wire.ErrValue (a chained kind, another device's key), wire.ErrTooLarge.
func (c *Conversation) Side(kind Kind, body []byte, salt [SaltSize]byte, now time.Time, dsk key.DevicePrivate) (Out, error) {
	if !kind.Side() {
		return Out{}, wire.ErrValue.Because("not a side message")
	}
	m, err := c.sign(Header{Kind: kind, BodyHash: BodyHash(salt, body)}, len(body), now, dsk)
	if err != nil {
		return Out{}, err
	}
	return Out{Signed: m.Encode(), Message: m, ID: m.ID}, nil
}

func (c *Conversation) sign(h Header, body int, now time.Time, dsk key.DevicePrivate) (*Message, error) {
	switch {
	case key.DeviceIDOf(dsk.Public()) != c.cfg.Device:
		return nil, wire.ErrValue.Because("the key of another device")
	case body > MaxBody:
		return nil, wire.ErrTooLarge.Because("body")
	case body == 0: // it would look like a message whose body was erased
		return nil, wire.ErrValue.Because("a body is never empty")
	}
	h.Time, h.ListN, h.ListHash = wire.Millis(now), c.cfg.List.N, c.cfg.List.Hash
	return Sign(h, dsk, c.cfg.Self, c.cfg.Peer)
}

// tips are the heads of other devices that neither this device's own head nor
// another tip implies, the most recent ones first, and all that they imply.
func (c *Conversation) tips() (tips []Tip, implied uint64) {
	var open []int
	for i := 1; i < len(c.chains); i++ {
		ch := &c.chains[i]
		if seq, _ := ch.last(); seq >= ch.Base && !ch.frozen() && c.chains[0].Implies&(1<<i) == 0 {
			open = append(open, i)
		}
	}
	kept := slices.Clone(open)
	for _, i := range open { // one after the other, so that of two liars who name each other one stays
		if slices.ContainsFunc(kept, func(j int) bool { return c.chains[j].Implies&(1<<i) != 0 }) {
			kept = slices.DeleteFunc(kept, func(j int) bool { return j == i })
		}
	}
	slices.SortFunc(kept, func(i, j int) int { return cmp.Compare(c.chains[j].Turn, c.chains[i].Turn) })
	for _, i := range kept[:min(len(kept), MaxTips)] {
		ch := &c.chains[i]
		seq, id := ch.last()
		tips = append(tips, Tip{Device: ch.Device, Seq: seq, Hash: id.Short()})
		implied |= 1<<i | ch.Implies
	}
	return tips, implied &^ 1
}

// newHead notes that chain i has a new head, which comes after nothing but
// what the old one came after, and which nothing comes after.
func (c *Conversation) newHead(i int) {
	c.turn++
	c.chains[i].Turn = c.turn
	for j := range c.chains {
		c.chains[j].Implies &^= 1 << i
	}
}

// find is the index of a device's chain, or -1.
func (c *Conversation) find(p Party) int {
	return slices.IndexFunc(c.chains, func(ch chain) bool { return ch.Device == p.Device && c.user(ch.Peer) == p.User })
}

func (c *Conversation) user(peer bool) key.IdentityPublic {
	if peer {
		return c.cfg.Peer
	}
	return c.cfg.Self
}

func (c *Conversation) party(ch *chain) Party {
	return Party{User: c.user(ch.Peer), Device: ch.Device}
}
