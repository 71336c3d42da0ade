package desk

import (
	"context"
	"strings"

	"zeroms/cmd/zms/owner"
	"zeroms/cmd/zms/rescue"
	"zeroms/protocol/key"
	"zeroms/ui/model"
)

// safe is model.Safe.
type safe struct{ p *owner.Profile }

// Locked implements model.Safe.
func (s safe) Locked() bool { return s.p.Locked.Load() }

// CheckPassphrase implements model.Safe. Errors: those of package chat.
func (s safe) CheckPassphrase(_ context.Context, passphrase string) error {
	return s.p.Keys.CheckPassphrase(unlock(passphrase))
}

// ChangePassphrase implements model.Safe.
func (s safe) ChangePassphrase(ctx context.Context, old, next string) error {
	if err := s.p.Keys.ChangePassphrase(ctx, unlock(old), unlock(next)); err != nil {
		return err
	}
	s.p.Locked.Store(next != "")
	return nil
}

// Words implements model.Safe: whoever sits down before an open profile does not see
// them without its passphrase.
func (s safe) Words(ctx context.Context, passphrase string) ([]string, error) {
	if s.Locked() {
		if err := s.CheckPassphrase(ctx, passphrase); err != nil {
			return nil, err
		}
	}
	seed, err := rescue.Seed(ctx, s.p.Keys)
	if err != nil {
		return nil, err
	}
	return strings.Fields(seed.Phrase(key.English)), nil
}

// Export implements model.Safe. Errors: rescue.ErrFile, rescue.ErrPath, those of
// backup.Export.
func (s safe) Export(ctx context.Context, file, passphrase string) (model.Archive, error) {
	var lock *string
	if passphrase != "" {
		lock = &passphrase
	}
	n, err := rescue.WriteArchive(ctx, s.p.Keys, file, lock)
	return model.Archive{Contacts: n.Contacts, Messages: n.Messages, Cards: n.Cards, Gateways: n.Homes, Skipped: n.Skipped}, err
}
