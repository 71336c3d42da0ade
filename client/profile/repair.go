package profile

import (
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// MaxLost bounds the ranges that a Repair remembers as lost, oldest first out.
const MaxLost = 256

// Repair is what repair has done in one conversation.
type Repair struct {
	Contact uint64
	// Counts, in messages but for Asked (requests) and Resyncs (sessions).
	Found, Filled, Gone, Answered, Postponed, Asked, Resyncs uint64
	// Undelivered counts own messages given up for some device.
	Undelivered uint64
	// Budget is the state of the budget of answers, opaque here; empty: full.
	Budget []byte
	// Renewals are the limiters of resyncs, one for each device that had one.
	Renewals []Renewal
	// Erased are own messages of which only the headers are kept, for a time.
	Erased []Erased
	// Lost are messages of the contact that exist no longer.
	Lost []Lost
}

// Lost is a range of messages that exist no longer.
type Lost struct {
	_        struct{} `cbor:",toarray"`
	Device   key.DeviceID
	From, To uint32
	At       uint64 // ms
	Proven   bool   // a gateway took one of them and is convicted of losing it
}

// Renewal is the limiter of the resyncs with one device, opaque here.
type Renewal struct {
	_      struct{} `cbor:",toarray"`
	Device key.DeviceID
	State  []byte
}

// Erased is a range of own messages whose content was erased.
type Erased struct {
	_        struct{} `cbor:",toarray"`
	Device   key.DeviceID
	From, To uint32
	At       uint64 // ms
}

type repairRecord struct {
	Version     uint8     `cbor:"1,keyasint"`
	Found       uint64    `cbor:"2,keyasint"`
	Filled      uint64    `cbor:"3,keyasint"`
	Gone        uint64    `cbor:"4,keyasint"`
	Answered    uint64    `cbor:"5,keyasint"`
	Postponed   uint64    `cbor:"6,keyasint"`
	Asked       uint64    `cbor:"7,keyasint"`
	Resyncs     uint64    `cbor:"8,keyasint"`
	Undelivered uint64    `cbor:"9,keyasint"`
	Budget      []byte    `cbor:"10,keyasint"`
	Renewals    []Renewal `cbor:"11,keyasint"`
	Erased      []Erased  `cbor:"12,keyasint"`
	Lost        []Lost    `cbor:"13,keyasint"`
}

// Row is its row.
func (r *Repair) Row() Row {
	return Row{Table: TableRepair, Key: Number(r.Contact), Conv: r.Contact, Data: wire.Marshal(repairRecord{
		version, r.Found, r.Filled, r.Gone, r.Answered, r.Postponed, r.Asked, r.Resyncs, r.Undelivered, r.Budget, r.Renewals, r.Erased, r.Lost,
	})}
}

// ParseRepair reads its row.
func ParseRepair(row Row) (*Repair, error) {
	var r repairRecord
	if err := parse(row.Data, &r, &r.Version); err != nil {
		return nil, err
	}
	contact, err := parseNumber(row.Key)
	if err != nil {
		return nil, err
	}
	return &Repair{
		Contact: contact, Found: r.Found, Filled: r.Filled, Gone: r.Gone, Answered: r.Answered, Postponed: r.Postponed,
		Asked: r.Asked, Resyncs: r.Resyncs, Undelivered: r.Undelivered, Budget: r.Budget, Renewals: r.Renewals, Erased: r.Erased, Lost: r.Lost,
	}, nil
}

// Lose adds a range that exists no longer.
func (r *Repair) Lose(l Lost) {
	r.Lost = append(r.Lost, l)
	r.Lost = r.Lost[max(0, len(r.Lost)-MaxLost):]
}

// maxErased bounds the ranges whose headers are forgotten in time; those of older
// ones stay.
const maxErased = 1024

// Erase notes that the content of an own message was erased.
func (r *Repair) Erase(device key.DeviceID, seq uint32, now time.Time) {
	at := wire.Millis(now)
	for n := range r.Erased {
		e := &r.Erased[n]
		if e.Device == device && seq+1 >= e.From && seq <= e.To+1 {
			e.From, e.To, e.At = min(e.From, seq), max(e.To, seq), at
			return
		}
	}
	r.Erased = append(r.Erased, Erased{Device: device, From: seq, To: seq, At: at})
	r.Erased = r.Erased[max(0, len(r.Erased)-maxErased):]
}
