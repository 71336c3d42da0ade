// Package client is the engine of a ZeroMS client.
package client

import (
	"context"
	"time"

	"zeroms/client/profile"
)

// Store keeps a profile. Its methods are called from one goroutine, except
// Page, Message and Count, which may run beside a Commit.
type Store interface {
	// Load returns every row but those of profile.TableMessage.
	Load(ctx context.Context) ([]profile.Row, error)
	// Commit applies the batch in order (puts replace rows with the same key,
	// then erasures) and returns when it is durable.
	Commit(ctx context.Context, b *profile.Batch) error
	// Page returns up to n messages of a conversation with a height below
	// before, highest first; rows of equal height are never torn apart, so a
	// few more may come.
	Page(ctx context.Context, conv uint64, before uint32, n int) ([]profile.Row, error)
	// Message returns the message with this key or alias.
	Message(ctx context.Context, key []byte) (row profile.Row, ok bool, err error)
	// Count returns how many messages a conversation has with a height below before, by
	// their flags.
	Count(ctx context.Context, conv uint64, before uint32) (map[uint32]int, error)
	// Tidy makes what was erased before now unreadable on disk. It is called
	// within a minute after an erasure.
	Tidy(ctx context.Context, now time.Time) error
	// Close makes everything durable and tidy and releases the profile.
	Close() error
}
