package inspect

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"zeroms/client/evidence"
	"zeroms/client/profile"
	"zeroms/client/view"
	"zeroms/protocol/card"
	"zeroms/protocol/device"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// Witness is what a message is held against: two people with their device lists and
// the gateways that are known.
type Witness struct {
	Self    key.IdentityPublic
	Own     *device.List
	Contact *profile.Contact
	Homes   []card.Address
}

// Details is a message with everything that is known of its way and its proof; shown is
// the message as others see it.
func (w *Witness) Details(m *profile.Message, shown view.Message) view.Details {
	d := view.Details{Message: shown, Signed: len(m.Signed), Content: len(m.Body)}
	w.check(&d, m)
	if !m.Outgoing {
		return d
	}
	hosts := w.hosts()
	for _, t := range m.Targets {
		d.Ways = append(d.Ways, view.Way{
			Device: t.Device, State: t.State, Holder: t.Holder, Host: hosts[t.Holder], Size: int(t.Size), Receipt: len(t.Receipt) > 0,
			Submitted: view.Moment(t.Submitted), Custody: view.Moment(t.Custody), Until: view.Moment(t.Until), Delivered: view.Moment(t.Delivered),
		})
	}
	_, err := evidence.Of(m)
	d.Receipt = err == nil
	return d
}

// hosts are the known gateways' hosts, host:port.
func (w *Witness) hosts() map[key.GatewayHash]string {
	known := map[key.GatewayHash]string{}
	for _, g := range slices.Concat(w.Contact.Gateways, w.Contact.Leases) {
		known[g.Hash] = g.Endpoint().Addr()
	}
	for _, a := range w.Homes {
		known[key.GatewayHashOf(a.Node)] = net.JoinHostPort(strings.Trim(a.Host, "[]"), strconv.Itoa(int(a.Port)))
	}
	return known
}

// check fills in who signed what, and whether that is true.
func (w *Witness) check(d *view.Details, m *profile.Message) {
	o, err := wire.ParseObject(m.Signed, message.MaxMessage)
	if err != nil {
		return
	}
	copy(d.Signature[:], o.Sig)
	signed, err := message.Parse(m.Signed)
	if err != nil {
		return
	}
	if signed.Header.Seq > 1 {
		d.Previous = signed.Header.Prev
	}
	list, sender, recipient := w.Contact.List, w.Contact.User, w.Self
	if m.Outgoing {
		list, sender, recipient = w.Own, w.Self, w.Contact.User
	}
	if list == nil {
		return
	}
	signer, known := list.Device(signed.Header.Device)
	if !known {
		return
	}
	d.Signer = signer.DSK
	d.Valid = signed.Verify(signer.DSK, sender, recipient) == nil && (m.Erased() || signed.CheckBody(m.Salt, m.Body) == nil)
}
