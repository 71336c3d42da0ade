package sim

import (
	"encoding/binary"
	"net/netip"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Network is the network that the lab's gateways belong to. Puzzle and stamps cost
// nothing in it.
func Network() address.Parameters {
	return address.Parameters{Network: key.Network{'s', 'i', 'm', '1'}, Scope: address.Public}
}

// Draw makes a gateway with a random key at a random public address of its own,
// without Node. It is not in the world yet.
func (w *World) Draw() *Host {
	at := w.drawAddress()
	for w.at[at] != nil {
		at = w.drawAddress()
	}
	return w.DrawAt(at)
}

// DrawAt is Draw at an address.
func (w *World) DrawAt(at netip.AddrPort) *Host {
	var c wire.Contact
	for i := 0; i < len(c.Node); i += 8 {
		binary.LittleEndian.PutUint64(c.Node[i:], w.Rand.Uint64())
	}
	c.X, c.Addr, c.Transports = w.Rand.Uint64(), at, wire.TransportQUIC|wire.TransportWSS
	return &Host{Contact: c, ID: c.Place(Network().Network)}
}

// Mine changes a gateway's X until its place begins with at least so many bits of
// another place: 2^bits tries.
func (h *Host) Mine(near key.NodeID, bits int) {
	for {
		h.Contact.X++
		if h.ID = h.Contact.Place(Network().Network); Common(h.ID, near) >= bits {
			return
		}
	}
}

// Common is how many bits two places have in common, from the first on.
func Common(a, b key.NodeID) (n int) {
	for n < 256 && bit(a, n) == bit(b, n) {
		n++
	}
	return n
}

// drawAddress draws a public IPv4 address, not of 5/8, which belongs to nobody here.
func (w *World) drawAddress() netip.AddrPort {
	for {
		r := w.Rand.Uint64()
		ip := netip.AddrFrom4([4]byte{byte(r), byte(r >> 8), byte(r >> 16), byte(r >> 24)})
		if ip.As4()[0] != 5 && address.Public.Allows(ip) {
			return netip.AddrPortFrom(ip, uint16(1024+(r>>32)%60000))
		}
	}
}
