package control

import (
	"encoding/hex"
	"encoding/json"
	"time"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// Row is one line of an answer: a *Hello, *Identity..., told apart by its type.
// Times are UTC with milliseconds; absent where unknown.
type Row interface{ row() }

// The types of rows.
const (
	TypeHello   = "hello"
	TypeProfile = "profile"
	TypeCard    = "card"
	TypeGateway = "gateway"
	TypeContact = "contact"
	TypeMessage = "message" // new in the history
	TypeChange  = "change"  // a known message with a new state or place
	TypePage    = "page"
	TypeRead    = "read"
	TypeSafety  = "safety"
	TypeStatus  = "status"
	TypeReady   = "ready"
	TypeLagged  = "lagged"
	TypePhrase  = "phrase"
	TypeArchive = "archive"
	TypeDevice  = "device"
	TypeDamage  = "damage"
)

// Hello is the first line on a socket: who owns the profile.
type Hello struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	// Owner is the command that owns the profile.
	Owner string `json:"owner"`
	PID   int    `json:"pid"`
	// Lasting tells that it stays until it is stopped.
	Lasting bool `json:"lasting"`
	// Locked tells that the profile has a passphrase.
	Locked bool `json:"locked"`
}

// Identity is the answer of init and passphrase: whose profile it is.
type Identity struct {
	Type string `json:"type"`
	User string `json:"user"`
	Name string `json:"name"`
	Path string `json:"path,omitempty"`
	// Locked tells that a passphrase is needed to open it.
	Locked bool `json:"locked"`
}

// Card is a card that was given out.
type Card struct {
	Type    string    `json:"type"`
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	Revoked bool      `json:"revoked"`
	// Public tells that it is meant for everybody.
	Public bool `json:"public,omitempty"`
	// Text, Link and DeepLink are the card itself, absent if it was revoked.
	Text     string `json:"text,omitempty"`
	Link     string `json:"link,omitempty"`
	DeepLink string `json:"deep_link,omitempty"`
	// PNG is the picture that was written.
	PNG string `json:"png,omitempty"`
}

// Gateway is a home gateway.
type Gateway struct {
	Type string `json:"type"`
	// Node is the gateway's key in hex.
	Node    string    `json:"node"`
	Host    string    `json:"host,omitempty"`
	Address string    `json:"address,omitempty"`
	Removed bool      `json:"removed,omitempty"`
	Up      bool      `json:"up"`
	Since   time.Time `json:"since,omitzero"`
	TookMS  int64     `json:"took_ms,omitempty"`
	Retry   time.Time `json:"retry,omitzero"`
	Problem string    `json:"problem,omitempty"`
	// Used and Quota are bytes, Retention seconds; known once connected.
	Used      uint64 `json:"used,omitempty"`
	Quota     uint64 `json:"quota,omitempty"`
	Retention int64  `json:"retention_s,omitempty"`
	// Faults is how many contradictions are proven against it.
	Faults int `json:"faults,omitempty"`
	// Contacts is how many contacts may write to us there.
	Contacts int `json:"contacts"`
}

// Contact is a person.
type Contact struct {
	Type     string    `json:"type"`
	ID       uint64    `json:"id"`
	User     string    `json:"user"`
	Name     string    `json:"name"`
	State    string    `json:"state"`
	Verified bool      `json:"verified"`
	Answered bool      `json:"answered"`
	Added    time.Time `json:"added"`
	Unread   int       `json:"unread"`
	Problem  string    `json:"problem,omitempty"`
}

// Message is a message and how far it has come.
type Message struct {
	Type     string `json:"type"`
	ID       string `json:"id"`
	Contact  uint64 `json:"contact"`
	Name     string `json:"name"`
	Outgoing bool   `json:"outgoing"`
	Kind     string `json:"kind"`
	Text     string `json:"text,omitempty"`
	ReplyTo  string `json:"reply_to,omitempty"`
	Unknown  bool   `json:"unknown,omitempty"`
	// Erased tells that the content was erased, here or by its sender.
	Erased   bool      `json:"erased,omitempty"`
	Height   uint32    `json:"height"`
	Seq      uint32    `json:"seq"`
	Device   string    `json:"device"`
	Written  time.Time `json:"written"`
	Received time.Time `json:"received"`
	// Gateway is when the own gateway took an incoming message in.
	Gateway time.Time `json:"gateway,omitzero"`
	Late    bool      `json:"late,omitempty"`
	// What follows belongs to outgoing messages.
	State     string    `json:"state,omitempty"`
	Submitted time.Time `json:"submitted,omitzero"`
	Custody   time.Time `json:"custody,omitzero"`
	Until     time.Time `json:"until,omitzero"`
	Delivered time.Time `json:"delivered,omitzero"`
	Read      time.Time `json:"read,omitzero"`
	Holder    string    `json:"holder,omitempty"`
	// Undelivered are the recipient's devices that did not take it in time.
	Undelivered []string `json:"undelivered,omitempty"`
	Size        int      `json:"size,omitempty"`
}

// Page ends a history: where to go on.
type Page struct {
	Type string `json:"type"`
	// Next is the Before of the page before this one.
	Next uint32 `json:"next"`
	More bool   `json:"more"`
}

// Read reports that a contact has read our messages up to Seq.
type Read struct {
	Type    string    `json:"type"`
	Contact uint64    `json:"contact"`
	Name    string    `json:"name"`
	Seq     uint32    `json:"seq"`
	At      time.Time `json:"at"`
}

// Safety is what two people compare to know that nobody stands in between.
type Safety struct {
	Type     string `json:"type"`
	Contact  uint64 `json:"contact"`
	Name     string `json:"name"`
	Digits   string `json:"digits"`
	Code     string `json:"code"` // the 32 bytes in hex
	Verified bool   `json:"verified"`
}

// Status sums the profile up.
type Status struct {
	Type     string `json:"type"`
	User     string `json:"user"`
	Name     string `json:"name"`
	Device   string `json:"device"`
	Contacts int    `json:"contacts"`
	Requests int    `json:"requests"`
	Waiting  int    `json:"waiting"`
	Custody  int    `json:"custody"`
	Failed   int    `json:"failed"`
	Ignored  uint64 `json:"ignored"`
	// SetBack tells that this is an older copy of the profile, which is not used.
	SetBack bool `json:"set_back,omitempty"`
	// ClockOff is what this computer's clock lacks, in seconds, if gateways agree
	// that it is wrong by more than a day.
	ClockOff int64     `json:"clock_off_s,omitempty"`
	Repairs  Repairs   `json:"repairs"`
	Locked   bool      `json:"locked"`
	Gateways []Gateway `json:"gateways"`
	Owner    string    `json:"owner"`
	PID      int       `json:"pid"`
}

// Ready tells that what follows is live: listen has subscribed, an agent serves.
type Ready struct {
	Type   string `json:"type"`
	User   string `json:"user"`
	Socket string `json:"socket,omitempty"`
}

// Lagged tells that rows of listen were lost; read the history.
type Lagged struct {
	Type string `json:"type"`
}

// Phrase is the recovery phrase: whoever reads it owns the identity.
type Phrase struct {
	Type     string `json:"type"`
	Language string `json:"language"`
	Words    string `json:"words"`
}

// Archive tells what an archive holds, or what an import took from it.
type Archive struct {
	Type string `json:"type"`
	File string `json:"file"`
	// Lock is what opens it: LockWords or LockPassphrase.
	Lock     string `json:"lock"`
	Contacts int    `json:"contacts"`
	Messages int    `json:"messages"`
	Cards    int    `json:"cards"`
	Gateways int    `json:"gateways"`
	Evidence int    `json:"evidence"`
	// Skipped is what could not be read where the archive was made.
	Skipped int `json:"skipped"`
}

// Device is the new device that restore and rejoin made.
type Device struct {
	Type   string `json:"type"`
	User   string `json:"user"`
	Device string `json:"device"`
	// Old is the device that it replaces, if it is known.
	Old  string `json:"old,omitempty"`
	Path string `json:"path,omitempty"`
	// Contacts, Messages and Gateways are what is there now.
	Contacts int `json:"contacts"`
	Messages int `json:"messages"`
	Gateways int `json:"gateways"`
	// Missing is how many contacts did not fit into the safe.
	Missing int `json:"missing"`
	// Dropped counts own messages that never left; they are marked as failed.
	Dropped int `json:"dropped"`
	// Lost says in words what did not come back.
	Lost []string `json:"lost"`
	// Locked tells that a passphrase is needed to open the profile.
	Locked bool `json:"locked"`
}

// Damage is a row of the profile that can't be read.
type Damage struct {
	Type    string `json:"type"`
	Place   string `json:"place"`
	Table   int    `json:"table"`
	Row     int64  `json:"row,omitempty"`
	Contact uint64 `json:"contact,omitempty"`
	Reason  string `json:"reason"`
}

// Other is a row of a type that this version does not know.
type Other json.RawMessage

func (*Hello) row()    {}
func (*Identity) row() {}
func (*Card) row()     {}
func (*Gateway) row()  {}
func (*Contact) row()  {}
func (*Message) row()  {}
func (*Page) row()     {}
func (*Read) row()     {}
func (*Safety) row()   {}
func (*Status) row()   {}
func (*Ready) row()    {}
func (*Lagged) row()   {}
func (*Phrase) row()   {}
func (*Archive) row()  {}
func (*Device) row()   {}
func (*Damage) row()   {}
func (Other) row()     {}

// empty returns a row of a type to decode into, nil if it is not known.
func empty(name string) Row {
	switch name {
	case TypeHello:
		return &Hello{}
	case TypeProfile:
		return &Identity{}
	case TypeCard:
		return &Card{}
	case TypeGateway:
		return &Gateway{}
	case TypeContact:
		return &Contact{}
	case TypeMessage, TypeChange:
		return &Message{}
	case TypePage:
		return &Page{}
	case TypeRead:
		return &Read{}
	case TypeSafety:
		return &Safety{}
	case TypeStatus:
		return &Status{}
	case TypeReady:
		return &Ready{}
	case TypeLagged:
		return &Lagged{}
	case TypePhrase:
		return &Phrase{}
	case TypeArchive:
		return &Archive{}
	case TypeDevice:
		return &Device{}
	case TypeDamage:
		return &Damage{}
	case TypeGap:
		return &Gap{}
	case TypeErased:
		return &Erased{}
	case TypeEvidence:
		return &Evidence{}
	case TypeVerdict:
		return &Verdict{}
	}
	return nil
}

// stamp is a time as rows carry it.
func stamp(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}

func cardRow(c client.Card) (*Card, error) {
	r := &Card{
		Type: TypeCard, ID: c.ID.String(), Created: stamp(c.Created), Expires: stamp(c.Expires),
		Revoked: c.Revoked, Public: c.Public, Text: c.Text,
	}
	if c.Text == "" {
		return r, nil
	}
	k, err := card.Parse(c.Text)
	if err != nil {
		return nil, err
	}
	if r.Link, err = k.Link(); err != nil {
		return nil, err
	}
	r.DeepLink, err = k.DeepLink()
	return r, err
}

func gatewayRow(g client.Gateway) *Gateway {
	return &Gateway{
		Type: TypeGateway, Node: g.Node.String(), Host: g.Host, Address: g.Address, Up: g.Up,
		Since: stamp(g.Since), TookMS: g.Took.Milliseconds(), Retry: stamp(g.Retry), Problem: plain(g.Problem),
		Used: g.Used, Quota: g.Quota, Retention: int64(g.Retention / time.Second), Contacts: g.Drops, Faults: g.Faults,
	}
}

func contactRow(c client.Contact) *Contact {
	return &Contact{
		Type: TypeContact, ID: c.ID, User: key.UserIDText(c.User), Name: c.Name, State: c.State.String(),
		Verified: c.Verified, Answered: c.Answered, Added: stamp(c.Added), Unread: c.Unread, Problem: plain(c.Problem),
	}
}

func messageRow(kind string, m client.Message, name string) *Message {
	r := &Message{
		Type: kind, ID: m.ID.String(), Contact: m.Contact, Name: name, Outgoing: m.Outgoing, Kind: m.Kind.String(),
		Text: m.Text, Unknown: m.Unknown, Erased: m.Erased, Height: m.Height, Seq: m.Seq, Device: m.Device.String(),
		Written: stamp(m.Written), Received: stamp(m.Received), Gateway: stamp(m.Gateway), Late: m.Late,
	}
	if m.ReplyTo != (message.Short{}) {
		r.ReplyTo = hex.EncodeToString(m.ReplyTo[:])
	}
	if !m.Outgoing {
		return r
	}
	r.State, r.Size = m.State.String(), m.Size
	for _, d := range m.Undelivered {
		r.Undelivered = append(r.Undelivered, d.String())
	}
	r.Submitted, r.Custody, r.Until = stamp(m.Submitted), stamp(m.Custody), stamp(m.Until)
	r.Delivered, r.Read = stamp(m.DeliveredAt), stamp(m.ReadAt)
	if m.Holder != (key.GatewayHash{}) {
		r.Holder = hex.EncodeToString(m.Holder[:])
	}
	return r
}
