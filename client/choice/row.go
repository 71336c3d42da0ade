package choice

import (
	"math"
	"time"

	"zeroms/client/profile"
	"zeroms/client/score"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// A row of table 26, key = the gateway's hash 16:
//
//	{1: 1, 2: last used, ms, 3: [[mean, us, deviation, us, count, at, ms]], 4: [[thousandths, at, ms]]}
//
// Field 3 has one entry for each score.Kind, 4 for each score.Trouble; a later version
// may have more of them, which are skipped.
type record struct {
	Version uint8      `cbor:"1,keyasint"`
	Used    uint64     `cbor:"2,keyasint"`
	Took    []measured `cbor:"3,keyasint"`
	Wrong   []counted  `cbor:"4,keyasint"`
}

type measured struct {
	_         struct{} `cbor:",toarray"`
	Mean      uint64
	Deviation uint64
	Count     uint32
	At        uint64
}

type counted struct {
	_  struct{} `cbor:",toarray"`
	N  uint64
	At uint64
}

const (
	version   = 1
	maxRecord = 1 << 10
	// longest is more than anything is waited for.
	longest = uint64(24 * time.Hour / time.Microsecond)
)

// rowOf is the row that keeps what was measured of a gateway.
func rowOf(r score.Row) profile.Row {
	x := record{Version: version, Used: wire.Millis(r.Used)}
	for _, m := range r.Took {
		x.Took = append(x.Took, measured{Mean: micros(m.Mean), Deviation: micros(m.Deviation), Count: m.Count, At: millis(m.At)})
	}
	for _, c := range r.Wrong {
		x.Wrong = append(x.Wrong, counted{N: uint64(math.Round(max(c.N, 0) * 1000)), At: millis(c.At)})
	}
	return profile.Row{Table: profile.TableScore, Key: r.Gateway[:], Data: wire.Marshal(x)}
}

// parseRow reads a row. Errors: wire.ErrVersion for one of a newer version, and what is
// wrong with it.
func parseRow(row profile.Row) (r score.Row, err error) {
	var x record
	if err := wire.Unmarshal(row.Data, &x, maxRecord); err != nil {
		return r, err
	}
	switch {
	case x.Version != version:
		return r, wire.ErrVersion.Because("this profile was written by a newer version of ZeroMS")
	case len(row.Key) != len(key.GatewayHash{}):
		return r, wire.ErrValue.Because("the key of a row")
	}
	r.Gateway, r.Used = key.GatewayHash(row.Key), wire.Time(x.Used)
	for k := range min(len(x.Took), len(r.Took)) {
		m := x.Took[k]
		r.Took[k] = score.Measured{Mean: duration(m.Mean), Deviation: duration(m.Deviation), Count: m.Count, At: moment(m.At)}
	}
	for k := range min(len(x.Wrong), len(r.Wrong)) {
		r.Wrong[k] = score.Counted{N: float64(x.Wrong[k].N) / 1000, At: moment(x.Wrong[k].At)}
	}
	return r, nil
}

func micros(d time.Duration) uint64 { return min(uint64(max(d, 0)/time.Microsecond), longest) }

func duration(us uint64) time.Duration { return time.Duration(min(us, longest)) * time.Microsecond }

// millis is a time as rows carry it; the zero time is 0.
func millis(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return wire.Millis(t)
}

func moment(ms uint64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return wire.Time(ms)
}
