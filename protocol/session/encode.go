package session

import "encoding/binary"

// form writes deterministic CBOR as wire.Marshal does. A session is stored with
// every message, and what goes by reflection costs ten times as much.
type form struct {
	b   []byte
	key uint64 // of the map's last field
}

// The major types of CBOR in the upper three bits.
const (
	cborUint  = 0 << 5
	cborBytes = 2 << 5
	cborArray = 4 << 5
	cborMap   = 5 << 5
)

// head appends a major type with its argument.
func (f *form) head(major byte, n uint64) {
	switch {
	case n < 24:
		f.b = append(f.b, major|byte(n))
	case n < 1<<8:
		f.b = append(f.b, major|24, byte(n))
	case n < 1<<16:
		f.b = binary.BigEndian.AppendUint16(append(f.b, major|25), uint16(n))
	case n < 1<<32:
		f.b = binary.BigEndian.AppendUint32(append(f.b, major|26), uint32(n))
	default:
		f.b = binary.BigEndian.AppendUint64(append(f.b, major|27), n)
	}
}

func (f *form) bytes(b []byte) {
	f.head(cborBytes, uint64(len(b)))
	f.b = append(f.b, b...)
}

// next appends the key of the map's next field; they count from 1.
func (f *form) next() {
	f.key++
	f.head(cborUint, f.key)
}

// number and chunk are the map's next field.
func (f *form) number(n uint64) {
	f.next()
	f.head(cborUint, n)
}

func (f *form) chunk(b []byte) {
	f.next()
	f.bytes(b)
}

// sessionFields is the number of fields of sessionState.
const sessionFields = 26

// encode is the state as wire.Marshal encodes it.
func (st *sessionState) encode() []byte {
	f := &form{b: make([]byte, 0, 768+len(st.Init)+len(st.PQ.Pending))}
	f.head(cborMap, sessionFields)
	f.number(uint64(st.Version))
	f.chunk(st.TH[:])
	f.chunk(st.EncHash[:])
	f.number(uint64(st.Gen))
	f.number(uint64(st.Role))
	f.chunk(st.PeerIdentity[:])
	f.chunk(st.PeerDevice[:])
	f.number(st.Created)
	f.number(st.Heard)
	f.chunk(st.Root[:])
	f.chunk(st.DH[:])
	f.chunk(st.PeerDH[:])
	f.chunk(st.SendHead[:])
	f.chunk(st.SendCK[:])
	f.number(uint64(st.SendN))
	f.number(uint64(st.SendPrev))
	f.chunk(st.SendNext[:])
	f.number(uint64(st.RecvNo))
	f.chunk(st.RecvHead[:])
	f.chunk(st.RecvCK[:])
	f.number(uint64(st.RecvN))
	f.chunk(st.RecvNext[:])
	f.next()
	f.head(cborArray, uint64(len(st.Skipped)))
	for i := range st.Skipped {
		st.Skipped[i].encode(f)
	}
	f.chunk(st.Init)
	f.number(st.InitUntil)
	f.next()
	st.PQ.encode(f)
	return f.b
}

func (g *groupState) encode(f *form) {
	f.head(cborArray, 4)
	f.head(cborUint, uint64(g.Chain))
	f.bytes(g.HeaderKey[:])
	f.head(cborUint, g.At)
	f.bytes(g.Keys)
}

func (p *pqState) encode(f *form) {
	f.head(cborArray, 10)
	f.head(cborUint, p.At)
	f.head(cborUint, uint64(p.Chain))
	f.head(cborUint, uint64(p.Last))
	f.bytes(p.Own)
	f.head(cborUint, p.Made)
	f.bytes(p.Ready)
	f.head(cborUint, uint64(p.PeerLast))
	f.bytes(p.Pending)
	f.head(cborUint, uint64(p.SendID))
	f.head(cborUint, uint64(p.RecvID))
}
