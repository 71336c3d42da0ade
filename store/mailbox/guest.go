package mailbox

import (
	"context"
	"log/slog"
	"time"

	"zeroms/protocol/key"
	"zeroms/store"
)

// OpenGuest opens the database beside its owner, which may be running: to count,
// to make invites, to copy. It changes nothing but invites and waits for nobody
// (store.Config.Guest). Errors: store.ErrOlder and store.ErrNewer for the database
// of another version, fs.ErrNotExist, and store.Open's.
func OpenGuest(ctx context.Context, path string) (*DB, error) {
	return openGuest(ctx, config(path))
}

func openGuest(ctx context.Context, cfg store.Config) (*DB, error) {
	cfg.Guest = true
	db, err := store.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &DB{
		db: db, log: slog.New(slog.DiscardHandler), begun: time.Now(), known: make(map[key.AccountTag]knownAccount),
	}, nil
}
