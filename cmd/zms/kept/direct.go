package kept

import (
	"context"

	"zeroms/client"
	"zeroms/client/profile"
	"zeroms/protocol/wire"
)

const keyDirect = "direct"

type directRecord struct {
	Version uint8         `cbor:"1,keyasint"`
	Direct  client.Direct `cbor:"2,keyasint"`
}

func (s *Store) directRow(r profile.Row) error {
	var d directRecord
	if err := wire.Unmarshal(r.Data, &d, maxSetting); err != nil {
		return err
	}
	if d.Version != version || d.Direct > client.Never {
		return wire.ErrVersion.Because("this profile was written by a newer version of ZeroMS")
	}
	s.direct = d.Direct
	return nil
}

// Direct is whether gateways that are no homes may be connected to.
func (s *Store) Direct() client.Direct {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.direct
}

// SetDirect keeps whether gateways that are no homes may be connected to.
func (s *Store) SetDirect(ctx context.Context, d client.Direct) error {
	b := &profile.Batch{Erase: []profile.Ref{{Table: TableSetting, Key: []byte(keyDirect)}}}
	if d != client.Fallback {
		b = &profile.Batch{Put: []profile.Row{{Table: TableSetting, Key: []byte(keyDirect), Data: wire.Marshal(&directRecord{version, d})}}}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.Commit(ctx, b); err != nil {
		return err
	}
	s.direct = d
	return nil
}
