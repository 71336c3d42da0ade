package profile

import (
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Evidence is a proven fault of a gateway: a file that anybody can check
// (docs/protocol/evidence.md).
type Evidence struct {
	// ID is SHA-256(File)[:16].
	ID   [16]byte
	Node key.NodePublic
	// Fault is the verdict in a word.
	Fault string
	At    uint64 // ms
	File  []byte
	// Contact, Device and Seq name the message that brought it to light; zeros: none.
	Contact uint64
	Device  key.DeviceID
	Seq     uint32
}

type evidenceRecord struct {
	Version uint8          `cbor:"1,keyasint"`
	Node    key.NodePublic `cbor:"2,keyasint"`
	Fault   string         `cbor:"3,keyasint"`
	At      uint64         `cbor:"4,keyasint"`
	File    []byte         `cbor:"5,keyasint"`
	Device  key.DeviceID   `cbor:"6,keyasint"`
	Seq     uint32         `cbor:"7,keyasint"`
}

// Row is its row.
func (e *Evidence) Row() Row {
	return Row{Table: TableEvidence, Key: e.ID[:], Conv: e.Contact, Data: wire.Marshal(evidenceRecord{
		version, e.Node, e.Fault, e.At, e.File, e.Device, e.Seq,
	})}
}

// ParseEvidence reads its row.
func ParseEvidence(row Row) (*Evidence, error) {
	var r evidenceRecord
	if err := parse(row.Data, &r, &r.Version); err != nil {
		return nil, err
	}
	if len(row.Key) != 16 {
		return nil, wire.ErrValue.Because("the key of a row")
	}
	return &Evidence{
		ID: [16]byte(row.Key), Node: r.Node, Fault: r.Fault, At: r.At, File: r.File, Contact: row.Conv, Device: r.Device, Seq: r.Seq,
	}, nil
}
