package desk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/owner"
	"zeroms/protocol/card"
	"zeroms/store/chat"
	"zeroms/ui/model"
)

// patience bounds what a test waits for.
const patience = 20 * time.Second

// run makes a Desk and runs it until close is called or the test ends.
func run(t *testing.T, cfg Config) (d *Desk, stop func()) {
	t.Helper()
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	stop = func() {
		cancel()
		if err, open := <-ended; open {
			close(ended)
			if err != nil {
				t.Errorf("it is not closed cleanly: %v", err)
			}
		}
	}
	t.Cleanup(stop)
	return d, stop
}

func newDir(t *testing.T) string { return filepath.Join(t.TempDir(), "profile") }

// person is somebody with an open profile.
type person struct {
	*Desk
	*model.Profile
	dir   string
	close func()
}

func create(t *testing.T, name, passphrase string) person {
	t.Helper()
	dir := newDir(t)
	d, stop := run(t, Config{Dir: dir, Version: "test"})
	p, err := d.Create(t.Context(), name, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	return person{d, p, dir, stop}
}

// until waits until something is so.
func (p person) until(t *testing.T, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	events := p.Talk.Subscribe()
	defer events.Close()
	look := time.NewTicker(20 * time.Millisecond) // not everything is told by an event
	defer look.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			t.Fatalf("it did not come to this: %s", what)
		case <-look.C:
		case _, open := <-events.C:
			if !open {
				t.Fatalf("the profile was closed before %s", what)
			}
		}
	}
}

// settle makes a gateway a home and waits for it.
func (p person) settle(t *testing.T, a card.Address) {
	t.Helper()
	if _, err := p.Homes.AddGateway(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	p.up(t)
}

func (p person) up(t *testing.T) {
	t.Helper()
	p.until(t, "the gateway is up", func() bool {
		all, err := p.Homes.Gateways(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(all) == 1 && all[0].Up
	})
}

// texts are the messages of a conversation.
func (p person) texts(t *testing.T, id client.ContactID) (all []string) {
	t.Helper()
	page, _, _, err := p.Talk.History(t.Context(), id, client.Top, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range page {
		all = append(all, m.Text)
	}
	return all
}

// TestFirstMinute: two people, a gateway inside of one's app, cards exchanged and
// messages both ways; then both go on after a restart.
func TestFirstMinute(t *testing.T) {
	alice, bob := create(t, "Alice", ""), create(t, "Bob", "")
	if s, err := alice.State(t.Context()); err == nil {
		t.Errorf("the state of an open profile is %v", s)
	}
	state, err := alice.Inside.Start(t.Context(), false)
	if err != nil || !state.Running || state.Open || state.Public || len(state.Reach) != 1 || !strings.HasPrefix(state.Reach[0], "127.0.0.1:") {
		t.Fatalf("%+v, %v", state, err)
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
	if _, err := bob.Talk.Send(t.Context(), friend.ID, "hello Alice"); err != nil {
		t.Fatal(err)
	}
	var request client.Contact
	alice.until(t, "the request comes", func() bool {
		all, err := alice.Talk.Contacts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == 1 {
			request = all[0]
		}
		return len(all) == 1 && len(alice.texts(t, request.ID)) == 1
	})
	if request.State != client.Requested || request.Name != "Bob" {
		t.Fatalf("the request is %+v", request)
	}
	if _, err := alice.People.Accept(t.Context(), request.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Talk.Send(t.Context(), request.ID, "你好 Bob"); err != nil {
		t.Fatal(err)
	}
	bob.until(t, "the answer comes", func() bool { return len(bob.texts(t, friend.ID)) == 2 })
	latest, err := bob.Talk.Latest(t.Context())
	if err != nil || len(latest) != 1 || latest[0].Text != "你好 Bob" {
		t.Errorf("the newest are %+v, %v", latest, err)
	}
	if err := bob.Notes.SetSettings(t.Context(), model.Settings{Quiet: true}); err != nil {
		t.Fatal(err)
	}
	if err := bob.Talk.MarkRead(t.Context(), friend.ID, false); err != nil {
		t.Error(err)
	}
	if err := alice.Notes.SetSettings(t.Context(), model.Settings{Inside: true}); err != nil {
		t.Fatal(err)
	}
	alice.again(t, bob, friend.ID)
}

// again opens both profiles anew: the gateway inside starts by itself, at the same port.
func (p person) again(t *testing.T, other person, id client.ContactID) {
	t.Helper()
	port := p.Inside.State().Address.Port
	p.close()
	d, _ := run(t, Config{Dir: p.dir})
	opened, err := d.Unlock(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	back := person{Desk: d, Profile: opened}
	back.up(t)
	if s := back.Inside.State(); !s.Running || s.Address.Port != port || s.Accounts != 2 {
		t.Errorf("the gateway inside is %+v and was at port %d", s, port)
	}
	other.up(t)
	if _, err := other.Talk.Send(t.Context(), id, "again"); err != nil {
		t.Fatal(err)
	}
	back.until(t, "the third message comes", func() bool {
		all, err := back.Talk.Contacts(t.Context())
		return err == nil && len(back.texts(t, all[0].ID)) == 3
	})
}

// TestLock: a profile with a passphrase, and what is kept in it.
func TestLock(t *testing.T) {
	p := create(t, "Alice", "battery")
	ctx := t.Context()
	settings := model.Settings{Notify: model.NotifyBare, CtrlEnter: true, Tray: true, Quiet: true, WordsSaved: true, InsideOpen: true, LockAfter: 7}
	note := model.Chat{Pinned: true, Muted: true, Draft: "never s"}
	if err := errors.Join(p.Notes.SetSettings(ctx, settings), p.Notes.SetChat(ctx, 5, note)); err != nil {
		t.Fatal(err)
	}
	if !p.Safe.Locked() {
		t.Error("it is not locked")
	}
	if _, err := p.Safe.Words(ctx, "staple"); !errors.Is(err, chat.ErrWrongPassphrase) {
		t.Errorf("the words for a wrong passphrase: %v", err)
	}
	if words, err := p.Safe.Words(ctx, "battery"); err != nil || len(words) != 24 {
		t.Errorf("%d words, %v", len(words), err)
	}
	p.close()
	if _, err := os.Stat(filepath.Join(p.dir, "profile.db-wal")); err == nil {
		t.Error("there is a log after the end")
	}
	d, stop := run(t, Config{Dir: p.dir})
	if s, err := d.State(ctx); s != model.DoorLocked || err != nil {
		t.Errorf("the state is %v, %v", s, err)
	}
	for _, passphrase := range []string{"", "staple"} {
		if _, err := d.Unlock(ctx, passphrase); Name(err) != map[string]string{"": "needs-passphrase", "staple": "wrong-passphrase"}[passphrase] {
			t.Errorf("with %q: %v", passphrase, err)
		}
	}
	open, err := d.Unlock(ctx, "battery")
	if err != nil {
		t.Fatal(err)
	}
	if got := open.Notes.Settings(); got != settings {
		t.Errorf("the settings are %+v", got)
	}
	if got := open.Notes.Chats(); len(got) != 1 || got[5] != note {
		t.Errorf("the notes are %+v", got)
	}
	if err := open.Safe.ChangePassphrase(ctx, "battery", ""); err != nil || open.Safe.Locked() {
		t.Errorf("without: %v", err)
	}
	stop()
	d, _ = run(t, Config{Dir: p.dir})
	if s, err := d.State(ctx); s != model.DoorReady || err != nil {
		t.Errorf("the state is %v, %v", s, err)
	}
	if _, err := d.Create(ctx, "Eve", ""); Name(err) != "exists" {
		t.Errorf("made anew: %v", err)
	}
}

// TestHeld: who has the profile is named, and a profile that the app has serves zms.
func TestHeld(t *testing.T) {
	p := create(t, "Alice", "")
	conn, err := control.Dial(t.Context(), p.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var row *control.Status
	err = conn.Do(t.Context(), control.Request{Cmd: control.CmdStatus}, func(r control.Row) error {
		row, _ = r.(*control.Status)
		return nil
	})
	if err != nil || row == nil || row.Name != "Alice" || row.Owner != "app" {
		t.Errorf("zms is told %+v, %v", row, err)
	}
	other, _ := run(t, Config{Dir: p.dir})
	_, err = other.Unlock(t.Context(), "")
	if held := new(HeldError); !errors.As(err, &held) || held.Owner != "app" || held.PID != os.Getpid() || Name(err) != "locked" {
		t.Errorf("held by the app: %v", err)
	}
	p.close()
	agent := &owner.Access{Dir: p.dir, Name: "agent"}
	ready, done, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	at, err := agent.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		ended <- agent.Run(t.Context(), at.DB, owner.Tenure{Owner: "agent", Lasting: true}, func(context.Context, *owner.Profile) error {
			close(ready)
			<-done
			return nil
		})
	}()
	<-ready
	if _, err := other.State(t.Context()); err == nil || !strings.Contains(err.Error(), "zms agent (process ") || Name(err) != "locked" {
		t.Errorf("held by zms: %v", err)
	} else if args := Args(err); len(args) != 2 || !strings.HasPrefix(args[1].(string), "zms agent (") {
		t.Errorf("told as %v", args)
	}
	close(done)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := other.Unlock(t.Context(), ""); err != nil {
		t.Errorf("once it is free: %v", err)
	}
}

// TestRestore: from the words alone, with an archive, and what is wrong with them.
func TestRestore(t *testing.T) {
	p := create(t, "Alice", "")
	ctx := t.Context()
	list, err := p.Safe.Words(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	words := "  " + strings.ToUpper(strings.Join(list, "\n ")) + " "
	before, err := p.Self.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	file, locked := filepath.Join(t.TempDir(), "a.zms"), filepath.Join(t.TempDir(), "b.zms")
	if a, err := p.Safe.Export(ctx, file, ""); err != nil || a.Cards != 1 {
		t.Fatalf("%+v, %v", a, err)
	}
	if _, err := p.Safe.Export(ctx, locked, "staple"); err != nil {
		t.Fatal(err)
	}
	p.close()
	for what, c := range map[string]struct {
		r    model.Restoration
		name string // of the error
	}{
		"a word too few":        {model.Restoration{Words: strings.Join(list[1:], " ")}, "word-count"},
		"a wrong word":          {model.Restoration{Words: "zeroms " + strings.Join(list[1:], " ")}, "word-unknown"},
		"words in another turn": {model.Restoration{Words: list[23] + " " + strings.Join(list[:23], " ")}, "wrong-words"},
		"no file":               {model.Restoration{Words: words, Archive: file + "x"}, "archive-file"},
		"no archive":            {model.Restoration{Words: words, Archive: filepath.Join(p.dir, "profile.key")}, "archive"},
		"no passphrase":         {model.Restoration{Words: words, Archive: locked}, "archive-key"},
		"a name of two lines":   {model.Restoration{Words: words, Name: "a\nb"}, "name"},
	} {
		dir := newDir(t)
		d, _ := run(t, Config{Dir: dir})
		if _, err := d.Restore(ctx, c.r); err == nil || Name(err) != c.name && what != "words in another turn" {
			t.Errorf("%s: %v, named %s", what, err, Name(err))
		}
		if s, err := d.State(ctx); s != model.DoorEmpty || err != nil {
			t.Errorf("%s leaves %v, %v", what, s, err)
		}
	}
	for what, r := range map[string]model.Restoration{
		"words only": {Words: words, Name: "Alice"}, "archive": {Words: words, Archive: file},
		"locked archive": {Words: words, Archive: locked, ArchiveKey: "staple"},
	} {
		d, _ := run(t, Config{Dir: newDir(t)})
		back, err := d.Restore(ctx, r)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		s, err := back.Self.Status(ctx)
		if err != nil || s.User != before.User || s.Name != "Alice" || s.Device == before.Device {
			t.Errorf("%s: %+v, %v", what, s, err)
		}
		if _, err := d.Restore(ctx, r); err == nil {
			t.Errorf("%s: over an open profile", what)
		}
	}
}

// TestRestoreByGateway: what a gateway keeps for the words comes back; another one keeps
// nothing.
func TestRestoreByGateway(t *testing.T) {
	ctx := t.Context()
	keeper, p := create(t, "Keeper", ""), create(t, "Alice", "")
	state, err := keeper.Inside.Start(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	p.settle(t, state.Address)
	words, err := p.Safe.Words(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	others, err := keeper.Safe.Words(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	d, _ := run(t, Config{Dir: newDir(t)})
	if _, err := d.Restore(ctx, model.Restoration{Words: strings.Join(others, " "), Gateway: state.Address}); Name(err) != "no-safe" {
		t.Errorf("of somebody who was never there: %v", err)
	}
	var back *model.Profile
	p.until(t, "the gateway keeps it", func() bool {
		back, err = d.Restore(ctx, model.Restoration{Words: strings.Join(words, " "), Gateway: state.Address})
		return Name(err) != "no-safe"
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := back.Self.Status(ctx)
	if err != nil || s.Name != "Alice" || len(s.Gateways) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}
