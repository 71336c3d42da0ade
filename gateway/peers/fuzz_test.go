package peers_test

import (
	"testing"
	"testing/synctest"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// FuzzGateway lets a gateway answer with any bytes: a request has its outcome in
// time, and the pool ends.
func FuzzGateway(f *testing.F) {
	f.Add(wire.AppendFrame(nil, 2, &wire.Pong{}))
	f.Add(wire.AppendFrame(wire.AppendFrame(nil, 2, &wire.Pong{}), 2, &wire.Pong{}))
	f.Add(wire.AppendFrame(nil, 3, &wire.Pong{}))
	f.Add(wire.AppendFrame(nil, 1, &wire.ServerHello{Version: wire.Version, Network: params.Network, Node: key.NodePublic{1}}))
	f.Add(wire.AppendFrame(nil, 2, &wire.Nodes{Contacts: make([]byte, wire.ContactSize)}))
	f.Add(wire.AppendFrame(nil, 2, wire.FailureOf(wire.ErrBusy.Because("no"))))
	f.Add(wire.AppendFrame(nil, 0, wire.FailureOf(wire.ErrDraining)))
	f.Add(wire.AppendFrame(nil, 0, wire.FailureOf(wire.ErrNetwork)))
	f.Add([]byte{0x83, 0x18, 61, 2, 0xa0})
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) == 0 || len(raw) > wire.MaxMessage {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			w := start(t, nil)
			g := w.gateway("8.8.8.8:443", wire.TransportWSS)
			g.raw = raw
			begun := time.Now()
			if p, err := w.pool.Ask(t.Context(), g.contact, &wire.Ping{}); (p == nil) == (err == nil) {
				t.Errorf("%v, %v", p, err)
			}
			if took := time.Since(begun); took > 31*time.Second { // it may be asked twice
				t.Errorf("it took %v", took)
			}
			w.end()
			if s := w.pool.Stats(); s.Links != 0 || s.Waiting != 0 {
				t.Errorf("%+v", s)
			}
		})
	})
}
