package modeltest

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"os"
	"strings"

	"zeroms/client"
	"zeroms/protocol/key"
	"zeroms/ui/model"
)

// Errors of a Safe and a Door.
var (
	ErrPassphrase = errors.New("modeltest: that is not the passphrase")
	ErrWords      = errors.New("modeltest: these are not the words")
)

// self is model.Self.
type self struct{ *World }

// Name is what the user is called.
func (w *World) Name() string { return w.name }

// User is the user.
func (w *World) User() key.IdentityPublic { return w.self }

// Status is model.Self's.
func (w self) Status(context.Context) (client.Status, error) {
	s := client.Status{User: w.self, Name: w.name, Device: w.device, Gateways: w.gateways, Renewal: w.renewal, SetBack: w.setBack, Held: map[key.GatewayHash]int{}}
	for _, p := range w.people {
		switch p.State {
		case client.Accepted:
			s.Contacts++
		case client.Requested:
			s.Requests++
		}
		for _, m := range p.lines {
			switch {
			case m.State == client.Queued:
				s.Waiting++
			case m.State == client.InCustody:
				s.Custody++
			case m.State == client.Failed:
				s.Failed++
			}
		}
	}
	return s, w.enter("Status")
}

// SetName is model.Self's.
func (w self) SetName(_ context.Context, name string) error {
	if err := w.enter("SetName"); err != nil {
		return err
	}
	w.name = name
	return nil
}

// Direct is model.Self's.
func (w self) Direct() client.Direct { return w.direct }

// SetDirect is model.Self's.
func (w self) SetDirect(_ context.Context, d client.Direct) error {
	if err := w.enter("SetDirect"); err != nil {
		return err
	}
	w.direct = d
	return nil
}

// Proxy is model.Self's.
func (w self) Proxy() (url string, fixed bool) { return w.proxy, false }

// SetProxy is model.Self's.
func (w self) SetProxy(_ context.Context, url string) error {
	if err := w.enter("SetProxy"); err != nil {
		return err
	}
	w.proxy = url
	return nil
}

// Diagnostics is model.Self's.
func (w self) Diagnostics(context.Context) (string, error) {
	return "ZeroMS in memory\ngateways: 3, 1 down\n", w.enter("Diagnostics")
}

// notes is model.Notes.
type notes struct{ *World }

// Chats is model.Notes's.
func (w notes) Chats() map[client.ContactID]model.Chat { return maps.Clone(w.chats) }

// SetChat is model.Notes's.
func (w notes) SetChat(_ context.Context, id client.ContactID, c model.Chat) error {
	if err := w.enter("SetChat"); err != nil {
		return err
	}
	if w.chats[id] = c; c == (model.Chat{}) {
		delete(w.chats, id)
	}
	return nil
}

// Settings is model.Notes's.
func (w notes) Settings() model.Settings { return w.settings }

// SetSettings is model.Notes's.
func (w notes) SetSettings(_ context.Context, s model.Settings) error {
	if err := w.enter("SetSettings"); err != nil {
		return err
	}
	w.settings = s
	return nil
}

// safe is model.Safe.
type safe struct{ *World }

// Locked is model.Safe's.
func (w safe) Locked() bool { return w.pass != "" }

// CheckPassphrase is model.Safe's.
func (w safe) CheckPassphrase(_ context.Context, passphrase string) error {
	if err := w.enter("CheckPassphrase"); err != nil {
		return err
	}
	if passphrase != w.pass {
		return ErrPassphrase
	}
	return nil
}

// ChangePassphrase is model.Safe's.
func (w safe) ChangePassphrase(ctx context.Context, old, next string) error {
	if err := w.enter("ChangePassphrase"); err != nil {
		return err
	}
	if old != w.pass {
		return ErrPassphrase
	}
	w.pass = next
	return nil
}

// Phrase are the 24 words of every World.
func Phrase() string {
	secret := hash("the seed of Mira")
	seed, _ := key.SeedFrom(secret)
	return seed.Phrase(key.English)
}

// Words is model.Safe's.
func (w safe) Words(_ context.Context, passphrase string) ([]string, error) {
	if err := w.enter("Words"); err != nil {
		return nil, err
	}
	if passphrase != w.pass {
		return nil, ErrPassphrase
	}
	return strings.Fields(Phrase()), nil
}

// Export is model.Safe's: the file holds a word and no profile.
func (w safe) Export(_ context.Context, file, _ string) (a model.Archive, err error) {
	if err := w.enter("Export"); err != nil {
		return a, err
	}
	for _, p := range w.people {
		a.Contacts++
		a.Messages += int(p.height)
	}
	a.Cards, a.Gateways = len(w.cards), len(w.gateways)
	return a, os.WriteFile(file, []byte("archive"), 0o600)
}

// NewDoor is the way to the World: DoorReady leads to its profile, DoorLocked after its
// passphrase, DoorEmpty after Create or Restore.
func (w *World) NewDoor() model.Door { return door{w} }

// door is model.Door.
type door struct{ *World }

// Dir is model.Door's.
func (w door) Dir() string { return "/home/mira/.local/share/zeroms" }

// State is model.Door's.
func (w door) State(context.Context) (model.DoorState, error) { return w.Door, w.enter("State") }

// Create is model.Door's.
func (w door) Create(_ context.Context, name, passphrase string) (*model.Profile, error) {
	if err := w.enter("Create"); err != nil {
		return nil, err
	}
	w.name, w.pass, w.Door = name, passphrase, model.DoorReady
	return w.Profile(), nil
}

// Restore is model.Door's: the words are those of Phrase.
func (w door) Restore(_ context.Context, r model.Restoration) (*model.Profile, error) {
	if err := w.enter("Restore"); err != nil {
		return nil, err
	}
	if _, err := key.ParsePhrase(r.Words); err != nil {
		return nil, err
	}
	if strings.Join(strings.Fields(strings.ToLower(r.Words)), " ") != Phrase() {
		return nil, ErrWords
	}
	if r.Archive == "" && r.Gateway.Host == "" {
		w.name = "" // nothing that was saved tells it
	}
	w.name = cmp.Or(w.name, r.Name)
	w.pass, w.Door = r.Passphrase, model.DoorReady
	return w.Profile(), nil
}

// Rejoin is model.Door's.
func (w door) Rejoin(context.Context) (*model.Profile, error) {
	if err := w.enter("Rejoin"); err != nil {
		return nil, err
	}
	w.Mend()
	return w.Profile(), nil
}

// Unlock is model.Door's.
func (w door) Unlock(_ context.Context, passphrase string) (*model.Profile, error) {
	if err := w.enter("Unlock"); err != nil {
		return nil, err
	}
	if passphrase != w.pass {
		return nil, ErrPassphrase
	}
	w.Door = model.DoorReady
	return w.Profile(), nil
}
