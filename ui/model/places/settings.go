package places

import (
	"context"
	"strings"

	"zeroms/client"
	"zeroms/protocol/key"
	"zeroms/ui/model"
)

// SeekWords leads to the 24 words in the settings, as the text of their place.
const SeekWords = "words"

// Settings is what the user can set. A change applies at once and is kept; what could
// not be kept is told to then, and the old value stands.
type Settings struct {
	deps model.Deps
	// Name is what others see the user as, User the user ID as text, and Groups the same as
	// it is read: two lines of groups.
	Name, User, Groups string
	// Kept is what the app keeps.
	Kept model.Settings
	// Direct says whether gateways that are no homes may be connected to.
	Direct client.Direct
	// Proxy is the proxy's URL without its password; Fixed tells that this start was told.
	Proxy string
	Fixed bool
	// Locked tells that the profile has a passphrase.
	Locked bool
}

// NewSettings makes Settings; Load reads what only the engine knows.
func NewSettings(d model.Deps) *Settings {
	s := &Settings{deps: d, Kept: d.Profile.Notes.Settings(), Direct: d.Profile.Self.Direct(), Locked: d.Profile.Safe.Locked()}
	s.Proxy, s.Fixed = d.Profile.Self.Proxy()
	return s
}

// Load reads the name and the user ID.
func (s *Settings) Load(then func(error)) {
	s.deps.Async.Do(func(ctx context.Context) func() {
		status, err := s.deps.Profile.Self.Status(ctx)
		return func() {
			if err == nil {
				s.Name, s.User = status.Name, key.UserIDText(status.User)
				s.Groups = groups(s.User)
			}
			then(err)
		}
	})
}

// groups sets a user ID apart into groups of four letters on two lines.
func groups(id string) string {
	var line strings.Builder
	for i, r := range id {
		switch {
		case i > 0 && i == len(id)/2:
			line.WriteByte('\n')
		case i > 0 && i%4 == 0:
			line.WriteByte(' ')
		}
		line.WriteRune(r)
	}
	return line.String()
}

// Change changes what the app keeps. The change is made to what is kept when its turn
// comes, so that two that follow each other do not undo one another.
func (s *Settings) Change(change func(*model.Settings), then func(error)) {
	s.deps.Async.Do(func(ctx context.Context) func() {
		next := s.deps.Profile.Notes.Settings()
		change(&next)
		err := s.deps.Profile.Notes.SetSettings(ctx, next)
		return func() {
			s.Kept = s.deps.Profile.Notes.Settings()
			then(err)
		}
	})
}

// SetName changes what others see the user as.
func (s *Settings) SetName(name string, then func(error)) {
	name = strings.TrimSpace(name)
	s.deps.Async.Do(func(ctx context.Context) func() {
		err := s.deps.Profile.Self.SetName(ctx, name)
		return func() {
			if err == nil {
				s.Name = name
			}
			then(err)
		}
	})
}

// SetDirect changes whether gateways that are no homes may be connected to.
func (s *Settings) SetDirect(d client.Direct, then func(error)) {
	s.deps.Async.Do(func(ctx context.Context) func() {
		err := s.deps.Profile.Self.SetDirect(ctx, d)
		return func() {
			s.Direct = s.deps.Profile.Self.Direct()
			then(err)
		}
	})
}

// SetProxy checks and keeps the URL of a proxy; empty: none.
func (s *Settings) SetProxy(url string, then func(error)) {
	url = strings.TrimSpace(url)
	s.slow(then, func(ctx context.Context) error { return s.deps.Profile.Self.SetProxy(ctx, url) })
}

// SetPassphrase changes the passphrase; empty: none.
func (s *Settings) SetPassphrase(old, next string, then func(error)) {
	s.slow(then, func(ctx context.Context) error { return s.deps.Profile.Safe.ChangePassphrase(ctx, old, next) })
}

// slow changes something that takes time.
func (s *Settings) slow(then func(error), do func(context.Context) error) {
	s.deps.Async.Slow(func(ctx context.Context) func() {
		err := do(ctx)
		return func() {
			s.Proxy, s.Fixed = s.deps.Profile.Self.Proxy()
			s.Locked = s.deps.Profile.Safe.Locked()
			then(err)
		}
	})
}

// Words are the 24 words; the passphrase is needed if there is one.
func (s *Settings) Words(passphrase string, then func([]string, error)) {
	s.deps.Async.Slow(func(ctx context.Context) func() {
		all, err := s.deps.Profile.Safe.Words(ctx, passphrase)
		return func() { then(all, err) }
	})
}

// Export writes an archive into a new file, locked by the passphrase or, if that is
// empty, by the 24 words.
func (s *Settings) Export(file, passphrase string, then func(model.Archive, error)) {
	s.deps.Async.Slow(func(ctx context.Context) func() {
		a, err := s.deps.Profile.Safe.Export(ctx, file, passphrase)
		return func() { then(a, err) }
	})
}

// Diagnostics is a text for whoever helps with a problem.
func (s *Settings) Diagnostics(then func(string, error)) {
	s.deps.Async.Slow(func(ctx context.Context) func() {
		text, err := s.deps.Profile.Self.Diagnostics(ctx)
		return func() { then(text, err) }
	})
}

// Address tells what a renewal of the address would change, or has changed.
func (s *Settings) Address(then func(client.Address, error)) {
	s.deps.Async.Do(func(ctx context.Context) func() {
		a, err := s.deps.Profile.Cards.Address(ctx)
		return func() { then(a, err) }
	})
}

// Renew renews the address.
func (s *Settings) Renew(then func(client.Address, error)) {
	s.deps.Async.Do(func(ctx context.Context) func() {
		a, err := s.deps.Profile.Cards.RenewAddress(ctx)
		return func() { then(a, err) }
	})
}
