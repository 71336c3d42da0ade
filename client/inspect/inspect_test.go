package inspect

import (
	"bytes"
	"testing"
	"time"

	"zeroms/client/delivery"
	"zeroms/client/profile"
	"zeroms/client/view"
	"zeroms/protocol/card"
	"zeroms/protocol/device"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// person is somebody with one device.
type person struct {
	user   key.IdentityPublic
	signer key.DevicePrivate
	list   *device.List
}

func newPerson(t *testing.T) person {
	t.Helper()
	ik, dsk := key.NewSeed().Identity(), key.NewPrivate[key.Device]()
	p := person{user: ik.Public(), signer: dsk, list: device.NewList(ik.Public())}
	if _, err := p.list.Accept(device.First(ik, dsk, time.UnixMilli(1000))); err != nil {
		t.Fatal(err)
	}
	return p
}

// writes is a message of a person to another.
func (p person) writes(t *testing.T, to person, text string) *profile.Message {
	t.Helper()
	body, err := message.EncodeBody(&message.Text{Text: text})
	if err != nil {
		t.Fatal(err)
	}
	salt := [message.SaltSize]byte{1}
	h := message.Header{Seq: 2, Prev: [32]byte{9}, Kind: message.KindText, BodyHash: message.BodyHash(salt, body), ListN: 1}
	signed, err := message.Sign(h, p.signer, p.user, to.user)
	if err != nil {
		t.Fatal(err)
	}
	return profile.NewMessage(signed, profile.Content{User: p.user, Salt: salt, Body: body})
}

// held is a message as it comes out of the store.
func held(t *testing.T, m *profile.Message) *profile.Message {
	t.Helper()
	out, err := profile.ParseMessage(m.Row())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSignaturesAreCheckedNow(t *testing.T) {
	me, other, third := newPerson(t), newPerson(t), newPerson(t)
	here := func(contact person, list *device.List) *Witness {
		return &Witness{Self: me.user, Own: me.list, Contact: &profile.Contact{User: contact.user, List: list}}
	}
	in, out := other.writes(t, me, "hello"), me.writes(t, other, "hi")
	out.Outgoing = true
	changed := func(m *profile.Message, how func(*profile.Message)) *profile.Message {
		m = held(t, m)
		how(m)
		return m
	}
	signature := func(m *profile.Message) {
		m.Signed = append(bytes.Clone(m.Signed[:len(m.Signed)-1]), m.Signed[len(m.Signed)-1]^1)
	}
	for name, c := range map[string]struct {
		m      *profile.Message
		by     *Witness
		signer key.DevicePublic
		valid  bool
	}{
		"theirs":              {in, here(other, other.list), other.signer.Public(), true},
		"ours":                {out, here(other, other.list), me.signer.Public(), true},
		"ours, no list":       {out, here(other, nil), me.signer.Public(), true},
		"no list":             {in, here(other, nil), key.DevicePublic{}, false},
		"another's list":      {in, here(other, third.list), key.DevicePublic{}, false},
		"to somebody else":    {other.writes(t, third, "hello"), here(other, other.list), other.signer.Public(), false},
		"as if by ourselves":  {changed(in, func(m *profile.Message) { m.Outgoing = true }), here(other, other.list), key.DevicePublic{}, false},
		"another signature":   {changed(in, signature), here(other, other.list), other.signer.Public(), false},
		"another text":        {changed(in, func(m *profile.Message) { m.Body = out.Body }), here(other, other.list), other.signer.Public(), false},
		"another salt":        {changed(in, func(m *profile.Message) { m.Salt[0]++ }), here(other, other.list), other.signer.Public(), false},
		"erased":              {changed(in, (*profile.Message).Erase), here(other, other.list), other.signer.Public(), true},
		"erased and changed":  {changed(in, func(m *profile.Message) { m.Erase(); signature(m) }), here(other, other.list), other.signer.Public(), false},
		"a header of nothing": {changed(in, func(m *profile.Message) { m.Signed = []byte{0xa0} }), here(other, other.list), key.DevicePublic{}, false},
	} {
		d := c.by.Details(c.m, view.Message{Text: name})
		if d.Valid != c.valid || d.Signer != c.signer || d.Message.Text != name {
			t.Errorf("%s: valid %v, signed by %v", name, d.Valid, d.Signer)
		}
		if c.valid && (d.Previous != message.ID{9} || !bytes.HasSuffix(c.m.Signed, d.Signature[:]) || d.Signed != len(c.m.Signed) || d.Content != len(c.m.Body)) {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestWaysNameTheHostsThatAreKnown(t *testing.T) {
	me, other := newPerson(t), newPerson(t)
	m := me.writes(t, other, "hi")
	m.Outgoing = true
	home := card.Address{Node: key.NewPrivate[key.Node]().Public(), Host: "home.example", Port: 443}
	w := &Witness{Self: me.user, Own: me.list, Homes: []card.Address{home}, Contact: &profile.Contact{
		User: other.user, List: other.list,
		Gateways: []profile.Gateway{{Hash: key.GatewayHash{1}, Host: "card.example", Port: 444}},
		Leases:   []profile.Gateway{{Hash: key.GatewayHash{2}, Host: "2001:db8::1", Port: 445}},
	}}
	holders := []key.GatewayHash{{1}, {2}, key.GatewayHashOf(home.Node), {4}, {}}
	for i, h := range holders {
		m.Targets = append(m.Targets, profile.Target{Device: key.DeviceID{byte(i)}, State: profile.InCustody, Holder: h, Submitted: 5, Receipt: []byte{1}})
	}
	m.Targets[4] = profile.Target{State: profile.Queued}
	d := w.Details(m, view.Message{})
	want := []string{"card.example:444", "[2001:db8::1]:445", "home.example:443", "", ""}
	if len(d.Ways) != len(want) {
		t.Fatalf("%+v", d.Ways)
	}
	for i, way := range d.Ways {
		if way.Host != want[i] || way.Holder != m.Targets[i].Holder || way.State != m.Targets[i].State || way.Receipt != (i < 4) || way.Submitted.IsZero() != (i == 4) || !way.Custody.IsZero() {
			t.Errorf("way %d: %+v", i, way)
		}
	}
	if d.Receipt {
		t.Error("receipts that nobody can read are something to show")
	}
}

func TestGapsSayWhatIsDoneAboutThem(t *testing.T) {
	at := time.UnixMilli(5000)
	m := delivery.Missing{From: message.Party{Device: key.DeviceID{7}}, Range: message.Range{From: 3, To: 5}, Since: at}
	for want, change := range map[view.GapState]func(m delivery.Missing) delivery.Missing{
		view.GapNoticed: func(m delivery.Missing) delivery.Missing { return m },
		view.GapAsking:  func(m delivery.Missing) delivery.Missing { m.Asked, m.LastAsked = 1, at; return m },
		view.GapLater:   func(m delivery.Missing) delivery.Missing { m.Asked, m.Later = 1, at; return m },
		view.GapGone:    func(m delivery.Missing) delivery.Missing { m.Asked, m.Later, m.Gone = 1, at, true; return m },
	} {
		g := Gap(9, change(m))
		if g.State != want || g.Contact != 9 || g.From != 3 || g.Count() != 3 || g.Since != at || g.Device != (key.DeviceID{7}) || g.Height != view.TopHeight {
			t.Errorf("%v: %+v", want, g)
		}
	}
}
