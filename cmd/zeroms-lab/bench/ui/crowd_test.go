package ui

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/client/profile"
	"zeroms/protocol/link"
	"zeroms/protocol/message"
	"zeroms/store/chat"
)

func small() Crowd {
	return Crowd{Messages: 400, Conversations: 7, Seed: 1, Now: time.Now()}
}

func TestSharesAddUp(t *testing.T) {
	for _, c := range []Crowd{small(), {Messages: 100_000, Conversations: 500}, {Messages: 5, Conversations: 5}, {Messages: 1, Conversations: 1}, {Messages: 12, Conversations: 10}} {
		sum := 0
		shares := c.shares()
		for n, share := range shares {
			sum += share
			if share < 1 || n > 0 && share > shares[n-1] {
				t.Errorf("%+v: conversation %d has %d messages", c, n, share)
			}
		}
		if sum != c.Messages || len(shares) != c.Conversations {
			t.Errorf("%+v: %d messages in %d conversations", c, sum, len(shares))
		}
	}
}

func TestCrowdThatCannotBe(t *testing.T) {
	for _, c := range []Crowd{{}, {Messages: 3, Conversations: 4}, {Messages: 3}} {
		if err := c.Generate(t.Context(), filepath.Join(t.TempDir(), "p")); err == nil {
			t.Errorf("%+v was made", c)
		}
	}
}

func TestNamesComeOnce(t *testing.T) {
	seen := map[string]int{}
	for n := range 1200 {
		if before, twice := seen[nameOf(n)]; twice {
			t.Fatalf("%d and %d are both called %s", before, n, nameOf(n))
		}
		seen[nameOf(n)] = n
	}
}

// nowhere is a network without anybody.
type nowhere struct{}

func (nowhere) Dial(context.Context, link.Endpoint) (link.Conn, error) {
	return nil, errors.New("there is nobody")
}

// opened runs a client on a profile.
func opened(t *testing.T, dir string) *client.Client {
	t.Helper()
	db, err := chat.Open(t.Context(), dir, chat.NoPassphrase())
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(client.Config{Store: db, Dialer: nowhere{}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, db.Close()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// TestGeneratedProfile: the engine opens what was generated, finds every message once
// in order, and has nothing to do for it.
func TestGeneratedProfile(t *testing.T) {
	crowd := small()
	dir := filepath.Join(t.TempDir(), "profile")
	if err := crowd.Generate(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	c := opened(t, dir)
	contacts, err := c.Contacts(t.Context())
	if err != nil || len(contacts) != crowd.Conversations {
		t.Fatalf("%d contacts, %v", len(contacts), err)
	}
	shares := crowd.shares()
	for _, contact := range contacts {
		lines, _, more, err := c.History(t.Context(), contact.ID, client.Top, 1000)
		if err != nil || more || len(lines) != shares[contact.ID-1] {
			t.Errorf("contact %d: %d messages of %d, %v", contact.ID, len(lines), shares[contact.ID-1], err)
		}
		for i, m := range lines {
			if m.Text == "" || i > 0 && (m.Height < lines[i-1].Height || m.Written.Before(lines[i-1].Written)) {
				t.Fatalf("contact %d: message %d is %+v", contact.ID, i, m)
			}
		}
		if gaps, err := c.Gaps(t.Context(), contact.ID); err != nil || len(gaps) > 0 {
			t.Errorf("contact %d: gaps %v, %v", contact.ID, gaps, err)
		}
	}
	status, err := c.Status(t.Context())
	if err != nil || status.Waiting+status.Custody+status.Failed != 0 {
		t.Errorf("%+v, %v", status, err)
	}
}

// people are the devices of a profile's owner and of one contact.
type people struct {
	self  *profile.Self
	other profile.Contact
}

func peopleOf(t *testing.T, db *chat.DB, contact uint64) (p people) {
	t.Helper()
	rows, err := db.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		switch {
		case r.Table == profile.TableSelf:
			p.self, err = profile.ParseSelf(r)
		case r.Table == profile.TableContact && r.Conv == contact:
			p.other, err = profile.ParseContact(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// verify checks a row's content against its header, and that of the owner's messages
// against their device list.
func (p people) verify(row profile.Row) error {
	m, err := profile.ParseMessage(row)
	if err != nil {
		return err
	}
	signed, err := message.Parse(m.Signed)
	if err != nil {
		return err
	}
	if err := signed.CheckBody(m.Salt, m.Body); err != nil || !m.Outgoing {
		return err
	}
	d, ok := p.self.List.Device(m.Device)
	if !ok {
		return errors.New("written by an unknown device")
	}
	return signed.Verify(d.DSK, p.self.User, p.other.User)
}

// TestGeneratedChains: every message that is kept has the content that was signed.
func TestGeneratedChains(t *testing.T) {
	crowd := small()
	dir := filepath.Join(t.TempDir(), "profile")
	if err := crowd.Generate(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	db, err := chat.Open(t.Context(), dir, chat.NoPassphrase())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p := peopleOf(t, db, 1)
	rows, err := db.Page(t.Context(), 1, client.Top, 1000)
	if err != nil || len(rows) != crowd.shares()[0] {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		if err := p.verify(row); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCachedProfileIsMadeOnce(t *testing.T) {
	crowd, dir := Crowd{Messages: 3, Conversations: 2, Seed: 5, Now: time.Now()}, t.TempDir()
	first, err := crowd.Cached(t.Context(), dir)
	if err != nil || !chat.Exists(first) {
		t.Fatal(first, err)
	}
	again, err := crowd.Cached(t.Context(), dir)
	if err != nil || again != first {
		t.Fatal(again, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 1 {
		t.Errorf("%v is left, %v", left, err)
	}
}
