package world

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"zeroms/client/home"
	"zeroms/protocol/key"
)

// dialer is a person's way to the network, with whoever stands in it.
func (w *World) dialer(host string) home.Dialer {
	d := w.Net.Dialer(host)
	if w.cfg.Wrap == nil {
		return d
	}
	return w.cfg.Wrap(host, d)
}

// Mend lets commits reach the disk again, as when a full one was emptied; a
// process that ended does not start again by that.
func (f *Failpoint) Mend() { f.mend() }

// Invite makes an invite of a running gateway for so many new accounts.
func (g *Gateway) Invite(uses int) (key.Invite, error) {
	return g.db.MakeInvite(context.Background(), uses, time.Now().Add(30*24*time.Hour))
}

// CopyProfile copies the files of a person's profile as they lie on the disk,
// like a thief does while the client runs.
func (p *Person) CopyProfile(to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"profile.key", "profile.db", "profile.db-wal"} {
		content, err := os.ReadFile(filepath.Join(p.dir, name))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
