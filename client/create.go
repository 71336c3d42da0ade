package client

import (
	"context"
	"errors"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/card"
)

// ErrExists is returned when a profile already holds an identity.
var ErrExists = errors.New("client: this profile already holds an identity; use it, or choose another --profile folder")

// Create makes a new identity in an empty store: a seed, the first device, its
// device list and a first card. Errors: ErrExists, or what is wrong with the name.
func Create(ctx context.Context, s Store, name string, now time.Time) error {
	if err := card.CheckName(name); err != nil {
		return err
	}
	rows, err := s.Load(ctx)
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		return ErrExists
	}
	self, err := profile.NewSelf(name, now)
	if err != nil {
		return err
	}
	return s.Commit(ctx, &profile.Batch{Now: now, Put: []profile.Row{self.Row(), profile.NewCard(now).Row()}})
}
