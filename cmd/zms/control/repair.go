package control

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"zeroms/client"
	"zeroms/client/evidence"
	"zeroms/client/history"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
)

// The types of rows about losses.
const (
	TypeGap      = "gap"
	TypeErased   = "erased"
	TypeEvidence = "evidence"
	TypeVerdict  = "verdict"
)

// Gap is a range of a contact's messages that is missing, or was.
type Gap struct {
	Type    string `json:"type"`
	Contact uint64 `json:"contact"`
	Name    string `json:"name"`
	Device  string `json:"device"`
	From    uint32 `json:"from"`
	To      uint32 `json:"to"`
	Count   int    `json:"count"`
	// State is noticed, asking, later, filled, gone or lost-with-proof.
	State string `json:"state"`
	// Height is where it stands: before every message of this height or a
	// greater one.
	Height  uint32    `json:"height"`
	Since   time.Time `json:"since"`
	Asked   int       `json:"asked,omitempty"`
	AskedAt time.Time `json:"asked_at,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	Filled  time.Time `json:"filled,omitzero"`
}

// Erased tells of how many messages the content was erased.
type Erased struct {
	Type    string `json:"type"`
	Contact uint64 `json:"contact,omitempty"`
	Count   int    `json:"count"`
}

// Evidence is a part of a file that anybody can check (docs/protocol/evidence.md).
type Evidence struct {
	Type string `json:"type"`
	// About is the id of the message, or the key of the gateway.
	About string `json:"about"`
	// File is a part of the file, at most evidencePart bytes. The parts of the
	// rows one after the other are the file.
	File string `json:"file,omitempty"`
	// Path is where the file was written to, whole; then there is no File.
	Path string `json:"path,omitempty"`
}

// evidencePart bounds what one row carries of a file, far below MaxLine.
const evidencePart = 64 << 10

// Repairs counts what was done about losses since the profile was made.
type Repairs struct {
	Missing     int    `json:"missing"`
	Found       uint64 `json:"found"`
	Asked       uint64 `json:"asked"`
	Filled      uint64 `json:"filled"`
	Gone        uint64 `json:"gone"`
	Answered    uint64 `json:"answered"`
	Postponed   uint64 `json:"postponed"`
	Resyncs     uint64 `json:"resyncs"`
	Undelivered int    `json:"undelivered"`
}

// Verdict is what a file of evidence proves.
type Verdict struct {
	Type    string `json:"type"`
	Gateway string `json:"gateway"`
	// Verdict is guilty, custody, nothing or incomplete; Fault is what a guilty
	// gateway did.
	Verdict  string    `json:"verdict"`
	Fault    string    `json:"fault,omitempty"`
	Reasons  []string  `json:"reasons,omitempty"`
	Receipts []Receipt `json:"receipts,omitempty"`
}

// Receipt is one envelope that a gateway signed for.
type Receipt struct {
	Envelope string    `json:"envelope"` // SHA-256 in hex
	K        uint32    `json:"k"`
	Time     time.Time `json:"time"`
	Kept     time.Time `json:"kept"`
}

// Stamp is a time of the wire as rows show it.
func Stamp(ms uint64) time.Time { return stamp(time.UnixMilli(int64(ms))) }

func (*Gap) row()      {}
func (*Erased) row()   {}
func (*Evidence) row() {}
func (*Verdict) row()  {}

func repairsRow(r client.Repairs) Repairs {
	return Repairs{
		Missing: r.Missing, Found: r.Found, Asked: r.Asked, Filled: r.Filled, Gone: r.Gone, Answered: r.Answered,
		Postponed: r.Postponed, Resyncs: r.Resyncs, Undelivered: r.Undelivered,
	}
}

func gapRow(g client.Gap, name string) *Gap {
	return &Gap{
		Type: TypeGap, Contact: g.Contact, Name: name, Device: g.Device.String(), From: g.From, To: g.To, Count: g.Count(),
		State: g.State.String(), Height: g.Height, Since: stamp(g.Since), Asked: g.Asked, AskedAt: stamp(g.AskedAt),
		Until: stamp(g.Until), Filled: stamp(g.Filled),
	}
}

// gaps are the losses that stand in a page of history, in their places: above
// the height where the page begins and below the one where it ends.
func (p *Profile) gaps(ctx context.Context, c client.Contact, above, before uint32) ([]*Gap, error) {
	all, err := p.Client.Gaps(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	var out []*Gap
	for _, g := range all {
		if g.Height > above && g.Height <= before {
			out = append(out, gapRow(g, c.Name))
		}
	}
	return out, nil
}

// interleave puts gaps in their places among messages: each stands before the
// first message that is not below it.
func interleave(messages []*Message, gaps []*Gap) []Row {
	slices.SortStableFunc(gaps, func(a, b *Gap) int { return cmp.Compare(a.Height, b.Height) })
	var rows []Row
	for _, m := range messages {
		for ; len(gaps) > 0 && gaps[0].Height <= m.Height; gaps = gaps[1:] {
			rows = append(rows, gaps[0])
		}
		rows = append(rows, m)
	}
	for _, g := range gaps {
		rows = append(rows, g)
	}
	return rows
}

// erase erases the content of one message, or of all of a contact's before a time.
func (p *Profile) erase(ctx context.Context, r Request, emit Emit) error {
	switch {
	case r.Message != "" && (r.Contact != "" || !r.Until.IsZero()):
		return usage("erase takes a message, or a contact with --before")
	case r.Message != "":
		id, err := messageID(r.Message)
		if err != nil {
			return err
		}
		if err := p.Client.Erase(ctx, id); err != nil {
			return notFound(r.Message, err)
		}
		return emit(&Erased{Type: TypeErased, Count: 1})
	case r.Until.IsZero():
		return usage("erase needs to know what: a message, or a contact and up to when")
	}
	c, err := p.find(ctx, r.Contact)
	if err != nil {
		return err
	}
	n, err := p.Client.EraseBefore(ctx, c.ID, r.Until)
	if err != nil {
		return err
	}
	return emit(&Erased{Type: TypeErased, Contact: c.ID, Count: n})
}

// evidence exports what was signed for a message, or is proven against a gateway.
func (p *Profile) evidence(ctx context.Context, r Request, emit Emit) error {
	var file []byte
	var about string
	var err error
	switch {
	case r.Message != "" && r.Gateway != "":
		return usage("evidence export takes a message or a gateway, not both")
	case r.Message != "":
		about = r.Message
		file, err = p.signedFor(ctx, r.Message)
	case r.Gateway != "":
		var node key.NodePublic
		if node, err = p.accused(ctx, r.Gateway); err == nil {
			about = node.String()
			file, err = p.Client.EvidenceAgainst(ctx, node)
		}
	default:
		return usage("evidence export needs a message or a gateway")
	}
	if err != nil {
		return err
	}
	for part := range slices.Chunk(file, evidencePart) {
		if err := emit(&Evidence{Type: TypeEvidence, About: about, File: string(part)}); err != nil {
			return err
		}
	}
	return nil
}

// signedFor is what was signed for a message. A gateway's key looks like the id
// of one: if there is no such message, it is that.
func (p *Profile) signedFor(ctx context.Context, text string) ([]byte, error) {
	id, err := messageID(text)
	if err != nil {
		return nil, err
	}
	file, err := p.Client.EvidenceOf(ctx, id)
	if !errors.Is(err, history.ErrNotFound) {
		return file, err
	}
	node, proven := p.accused(ctx, text)
	if proven == nil {
		file, proven = p.Client.EvidenceAgainst(ctx, node)
	}
	if proven == nil || errors.Is(proven, evidence.ErrNoFault) && p.isHome(ctx, node) {
		return file, proven
	}
	return nil, notFound(text, err)
}

// accused is a gateway by its whole key or its address, whoever uses it, or one
// of the own ones by its name.
func (p *Profile) accused(ctx context.Context, what string) (key.NodePublic, error) {
	if a, err := card.ParseAddress(what); err == nil {
		return a.Node, nil
	}
	if b, err := hex.DecodeString(what); err == nil {
		if node, err := key.ParsePublic[key.Node](b); err == nil {
			return node, nil
		}
	}
	g, err := p.home(ctx, what)
	return g.Node, err
}

func (p *Profile) isHome(ctx context.Context, node key.NodePublic) bool {
	_, err := p.home(ctx, node.String())
	return err == nil
}

// notFound says that there is no such message.
func notFound(id string, err error) error {
	if errors.Is(err, history.ErrNotFound) {
		return Fail(NameNoMessage, "there is no message %s; see the ids of zms history --json", id)
	}
	return err
}

// minID is how many hex digits of a message's id name it.
const minID = 32

// messageID reads the id of a message, or the first half of it.
func messageID(text string) (id client.MessageID, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(text) < minID || len(b) > len(id) {
		return id, usage("%q is no message: give an id that zms history --json prints, or at least its first %d hex digits", text, minID)
	}
	copy(id[:], b)
	return id, nil
}
