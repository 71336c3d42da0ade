package people

import (
	"context"
	"errors"
	"slices"
	"strings"

	"zeroms/client"
	"zeroms/protocol/key"
	"zeroms/ui/model"
)

// Compared is what came of comparing a safety number with a picture.
type Compared uint8

// What may come of it.
const (
	NotCompared Compared = iota
	Comparing            // the picture is being looked at
	Match
	Mismatch
	CantCompare // Trouble says why
)

// Contact is the page of one person.
type Contact struct {
	base
	// Ready tells that the profile was read; Gone that there is no such contact any more.
	Ready, Gone bool
	Person      client.Contact
	// Name is what they are shown as, Alias the name given here, Called what they call
	// themselves.
	Name, Alias, Called string
	NameTrouble         string
	// UserID is their whole user ID, two lines of groups.
	UserID string
	// Groups are the 12 groups of five digits of the safety number, Code is what its QR
	// code holds.
	Groups []string
	Code   string
	// Compared is what came of the last picture, and Trouble why nothing did.
	Compared Compared
	Trouble  string
	// Agreement is how far both transcripts agree; Missing is how many of their messages
	// are missing, and Lost how many nobody has any more.
	Agreement     client.Agreement
	Missing, Lost int
	Chat          model.Chat
	// Problem says why nothing can be sent at the moment; Frozen tells that it is one
	// that time does not mend.
	Problem string
	Frozen  bool

	id   client.ContactID
	hash [32]byte
	turn int
}

// NewContact makes a Contact of somebody.
func NewContact(d model.Deps, id client.ContactID, view View) *Contact {
	c := &Contact{base: base{deps: d, view: view}, id: id}
	c.listen(func(events []client.Event) {
		if slices.ContainsFunc(events, c.concerns) {
			c.Load()
		}
	})
	return c
}

// concerns reports whether an event changes what is shown.
func (c *Contact) concerns(e client.Event) bool {
	switch e := e.(type) {
	case client.ContactChanged:
		return e.Contact.ID == c.id
	case client.GapChanged:
		return e.Gap.Contact == c.id
	case client.MessageAdded:
		return e.Message.Contact == c.id
	case client.MessageChanged:
		return e.Message.Contact == c.id
	case client.Lagged:
		return true
	}
	return false
}

// Close ends the model.
func (c *Contact) Close() { c.close() }

// about is what is read about a person.
type about struct {
	person    client.Contact
	found     bool
	digits    string
	hash      [32]byte
	agreement client.Agreement
	gaps      []client.Gap
}

// Load reads what is shown.
func (c *Contact) Load() {
	p := c.deps.Profile
	c.read(func(ctx context.Context) (func(), error) {
		var a about
		all, err := p.Talk.Contacts(ctx)
		if err != nil {
			return nil, err
		}
		for _, k := range all {
			if k.ID == c.id {
				a.person, a.found = k, true
			}
		}
		if a.found {
			err = a.read(ctx, p)
		}
		if errors.Is(err, client.ErrNoContact) {
			a.found, err = false, nil
		}
		return func() { c.show(a) }, err
	})
}

func (a *about) read(ctx context.Context, p *model.Profile) (err error) {
	id := a.person.ID
	if a.digits, a.hash, err = p.People.SafetyNumber(ctx, id); err != nil {
		return err
	}
	if a.agreement, err = p.Proof.Agreement(ctx, id); err != nil {
		return err
	}
	a.gaps, err = p.Talk.Gaps(ctx, id)
	return err
}

func (c *Contact) show(a about) {
	c.Ready, c.Gone = true, !a.found
	if c.Gone {
		return
	}
	c.Person, c.Name, c.Alias, c.Called = a.person, nameOf(a.person), model.Name(a.person.Alias), model.Name(a.person.Called)
	id := groups(key.UserIDText(a.person.User), 4)
	c.UserID = strings.Join(id[:len(id)/2], " ") + "\n" + strings.Join(id[len(id)/2:], " ")
	c.Groups, c.hash, c.Code = strings.Fields(a.digits), a.hash, safetyText(a.hash)
	c.Agreement, c.Chat = a.agreement, c.deps.Profile.Notes.Chats()[c.id]
	c.Missing, c.Lost = 0, 0
	for _, g := range a.gaps {
		switch g.State.String() {
		case "noticed", "asking", "later":
			c.Missing += g.Count()
		case "gone", "lost-with-proof":
			c.Lost += g.Count()
		}
	}
	c.Problem, c.Frozen = Problem(c.deps.Words, c.Name, a.person.Problem), Frozen(a.person.Problem)
}

// Rename gives them another name here; empty: their own.
func (c *Contact) Rename(alias string) {
	alias = strings.TrimSpace(alias)
	if c.NameTrouble = nameTrouble(c.deps.Words, alias); c.NameTrouble != "" || alias == c.Person.Alias {
		c.changed()
		return
	}
	c.act(func(ctx context.Context) error {
		_, err := c.deps.Profile.People.Rename(ctx, c.id, alias)
		return err
	}, c.Load)
}

// CheckName shows whether they can be called that.
func (c *Contact) CheckName(alias string) {
	if trouble := nameTrouble(c.deps.Words, strings.TrimSpace(alias)); trouble != c.NameTrouble {
		c.NameTrouble = trouble
		c.changed()
	}
}

// Verify marks them as verified, or takes that back.
func (c *Contact) Verify(verified bool) {
	if !verified {
		c.Compared = NotCompared
	}
	c.act(func(ctx context.Context) error { return c.deps.Profile.People.Verify(ctx, c.id, verified) }, c.Load)
}

// Block ends what they can do, or takes that back.
func (c *Contact) Block(block bool) {
	people := c.deps.Profile.People
	c.act(func(ctx context.Context) error {
		if block {
			return people.Block(ctx, c.id)
		}
		_, err := people.Accept(ctx, c.id)
		return err
	}, c.Load)
}

// Remove makes them a contact no more; erase: with everything that was said.
func (c *Contact) Remove(erase bool, then func()) {
	c.slow(func(ctx context.Context) error {
		_, err := c.deps.Profile.People.Remove(ctx, c.id, erase)
		return err
	}, then)
}

// Mute has no notifications shown of them, or shows them again.
func (c *Contact) Mute(muted bool) { c.note(func(chat *model.Chat) { chat.Muted = muted }) }

// Pin keeps the conversation at the top of the list, or no longer.
func (c *Contact) Pin(pinned bool) { c.note(func(chat *model.Chat) { chat.Pinned = pinned }) }

func (c *Contact) note(change func(*model.Chat)) {
	chat := c.deps.Profile.Notes.Chats()[c.id]
	change(&chat)
	c.act(func(ctx context.Context) error { return c.deps.Profile.Notes.SetChat(ctx, c.id, chat) }, c.Load)
}

// CompareFile compares the safety number with the code in a picture.
func (c *Contact) CompareFile(path string) {
	c.compare(func() (string, error) { return readFile(path) })
}

// ComparePicture is CompareFile with a picture out of the clipboard; nil: there is none.
func (c *Contact) ComparePicture(png []byte) {
	c.compare(func() (string, error) {
		if png == nil {
			return "", errNoPicture
		}
		return readContent(png)
	})
}

func (c *Contact) compare(from func() (string, error)) {
	if !c.Ready || c.Gone {
		return
	}
	c.Compared, c.Trouble = Comparing, ""
	c.changed()
	c.look(&c.turn, from, func(text string, err error) {
		if err != nil {
			c.Compared, c.Trouble = CantCompare, pictureTrouble(c.deps.Words, err)
		} else {
			c.hold(Read(text))
		}
		c.changed()
		if c.Compared == Match && !c.Person.Verified {
			c.Verify(true)
		}
	})
}

// hold holds the safety number against what was read.
func (c *Contact) hold(g Given) {
	hash, is := safetyCode(g.Text)
	switch {
	case is && hash == c.hash:
		c.Compared = Match
	case is:
		c.Compared = Mismatch
	case g.Kind == Person || g.Kind == UserID:
		c.Compared, c.Trouble = CantCompare, c.deps.Words.Say("people.compare.card", "Name", c.Name)
	default:
		c.Compared, c.Trouble = CantCompare, c.deps.Words.Say("people.compare.other", "Name", c.Name)
	}
}

// Draw makes a picture of the safety number's code, PictureSide pixels wide.
func (c *Contact) Draw(then func(png []byte)) { c.draw(c.Code, then) }

// File is a text as a name for files, without ending.
func (c *Contact) File(text string) string { return fileSafe(text) }
