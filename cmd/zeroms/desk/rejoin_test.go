package desk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"zeroms/client"
	"zeroms/client/backup"
	"zeroms/protocol/card"
	"zeroms/store/chat"
)

// copyOf is a copy of the files of a profile that is closed.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := newDir(t)
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"profile.key", "profile.db"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// reopen opens a profile in another Desk.
func reopen(t *testing.T, dir, passphrase string) person {
	t.Helper()
	d, stop := run(t, Config{Dir: dir})
	p, err := d.Unlock(t.Context(), passphrase)
	if err != nil {
		t.Fatal(err)
	}
	return person{d, p, dir, stop}
}

func (p person) send(t *testing.T, id client.ContactID, text string) {
	t.Helper()
	if _, err := p.Talk.Send(t.Context(), id, text); err != nil {
		t.Fatal(err)
	}
}

// gets waits until somebody has n messages of their only contact, whom it accepts.
func (p person) gets(t *testing.T, n int) (id client.ContactID) {
	t.Helper()
	p.until(t, "the messages come", func() bool {
		all, err := p.Talk.Contacts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == 1 {
			id = all[0].ID
		}
		return len(all) == 1 && len(p.texts(t, id)) == n
	})
	if _, err := p.People.Accept(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return id
}

func (p person) status(t *testing.T) client.Status {
	t.Helper()
	s, err := p.Self.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// friends are two people at the gateway inside the first one's app, who have written to
// each other; the second has a passphrase.
func friends(t *testing.T) (alice, bob person, ab, ba client.ContactID) {
	t.Helper()
	alice, bob = create(t, "Alice", ""), create(t, "Bob", "secret")
	state, err := alice.Inside.Start(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	alice.settle(t, state.Address)
	invite, err := alice.Inside.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bob.settle(t, invite)
	c, err := alice.Cards.NewCard(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	k, err := card.Parse(c.Text)
	if err != nil {
		t.Fatal(err)
	}
	friend, err := bob.People.Add(t.Context(), k, "")
	if err != nil {
		t.Fatal(err)
	}
	bob.send(t, friend.ID, "hello Alice")
	ab = alice.gets(t, 1)
	alice.send(t, ab, "hello Bob")
	bob.until(t, "the answer comes", func() bool { return len(bob.texts(t, friend.ID)) == 2 })
	return alice, bob, ab, friend.ID
}

// TestRejoin: a profile that was put back from an older copy sends nothing; with a device
// of its own, for which nobody has to type the passphrase, conversations go on.
func TestRejoin(t *testing.T) {
	alice, bob, ab, ba := friends(t)
	bob.close()
	old := copyOf(t, bob.dir)
	bob = reopen(t, bob.dir, "secret")
	bob.up(t)
	bob.send(t, ba, "after the copy")
	alice.gets(t, 3)
	alice.send(t, ab, "to the newer one")
	bob.gets(t, 4)
	alice.until(t, "it is acknowledged, to the gateway too", func() bool {
		page, _, _, err := alice.Talk.History(t.Context(), ab, client.Top, 100)
		return err == nil && slices.ContainsFunc(page, func(m client.Message) bool { return m.Text == "to the newer one" && m.State == client.Delivered })
	})
	bob.close()

	bob = reopen(t, old, "secret")
	bob.until(t, "the gateway shows that it is a copy", func() bool { return bob.status(t).SetBack })
	before := bob.status(t)
	p, err := bob.Rejoin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Self.Status(t.Context()); !errors.Is(err, client.ErrStopped) {
		t.Errorf("the profile of before goes on: %v", err)
	}
	bob.Profile = p
	after := bob.status(t)
	if after.SetBack || after.Device == before.Device || after.User != before.User || after.Name != "Bob" || !bob.Safe.Locked() {
		t.Errorf("before %+v, after %+v", before, after)
	}
	bob.up(t)
	bob.send(t, ba, "I am back")
	alice.until(t, "the message of the new device comes", func() bool { return len(alice.texts(t, ab)) == 5 })
	alice.send(t, ab, "welcome back")
	bob.until(t, "and the answer", func() bool { return slices.Contains(bob.texts(t, ba), "welcome back") })
	if err := bob.Safe.CheckPassphrase(t.Context(), "secret"); err != nil {
		t.Error(err)
	}
	bob.close()
	if _, err := chat.Open(t.Context(), old, chat.NoPassphrase()); !errors.Is(err, chat.ErrNeedsPassphrase) {
		t.Errorf("the passphrase is gone: %v", err)
	}
}

// TestRejoinFails: then nothing has changed, and the profile can be opened again.
func TestRejoinFails(t *testing.T) {
	d, _ := run(t, Config{Dir: newDir(t)})
	if _, err := d.Rejoin(t.Context()); !errors.Is(err, client.ErrStopped) {
		t.Errorf("of no profile: %v", err)
	}
	p, err := d.Create(t.Context(), "Alice", "")
	if err != nil {
		t.Fatal(err)
	}
	before, err := p.Self.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for { // it may be heard that nobody waits any more before it is asked for at all
		if _, err := d.Rejoin(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, backup.ErrNoOwner) {
			t.Fatalf("given up: %v", err)
		}
		if _, err := p.Self.Status(t.Context()); errors.Is(err, client.ErrStopped) {
			break
		}
	}
	if p, err = d.Unlock(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if after, err := p.Self.Status(t.Context()); err != nil || after.Device != before.Device {
		t.Errorf("before %v, after %v, %v", before.Device, after.Device, err)
	}
	select {
	case err := <-d.Stopped():
		t.Errorf("the window is told that the engine has ended: %v", err)
	default:
	}
}
