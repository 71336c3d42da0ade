package gateway_test

import (
	"bytes"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// FuzzMessage sends any bytes as a message of a guest and of a logged-in device.
// Whatever they are, the gateway answers or ends that link, and serves the next.
func FuzzMessage(f *testing.F) {
	h := newPerson()
	var drop dropOf
	drop.id, drop.capability = key.NewDropSecret().Drop(key.NodePublic{})
	for _, p := range []wire.Payload{
		h.register(), drop.submit(1 << 10), &wire.ProfileGet{}, &wire.HeadGet{}, &wire.StateGet{K: 1}, &wire.Ack{}, &wire.DropPut{},
		&wire.DoorPut{}, &wire.DropDelete{}, &wire.ProfilePut{}, &wire.EnrolmentChange{Object: h.enrolment(wire.OpRemove)},
		&wire.Login{Sig: make([]byte, key.SignatureSize)}, &wire.ClientHello{},
	} {
		frame := wire.AppendFrame(nil, 1, p)
		f.Add(frame, true)
		f.Add(bytes.Repeat(frame, 2), false)
	}
	f.Add([]byte{0x83}, true)
	w := start(f, func(o *options) {
		o.gateway.Capacity.GuestBurst, o.gateway.Capacity.AllBurst = 1<<30, 1<<30
		o.gateway.Capacity.AccountBurst = 1 << 30 // every run registers
		o.gateway.Capacity.GuestMessage = wire.MaxMessage
	})
	f.Cleanup(func() {
		w.stop()
		<-w.ran
	})
	last := wire.AppendFrame(nil, 1<<60, &wire.ProfileGet{Name: key.NewPrivate[key.Profile]().Public()})
	f.Fuzz(func(t *testing.T, message []byte, member bool) {
		if len(message) == 0 || len(message) > wire.MaxMessage {
			return
		}
		here := *w
		here.t = t
		p := here.guest("fuzz")
		if member {
			p.enter(here.registered(p))
		}
		p.raw(message)
		if p.conn.Send(t.Context(), last) != nil {
			return
		}
		for {
			frame, err := p.next()
			if err != nil || frame.ID == 1<<60 {
				break
			}
		}
		p.conn.Close()
	})
}
