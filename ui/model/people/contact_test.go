package people_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"zeroms/client"
	"zeroms/protocol/key"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/model/people"
)

func TestContact(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	id := w.ID("Lin Wei")
	c, s := contactIn(t, w, id)
	s.quiet(t)
	user := w.Contact(id).User
	if c.Name != "Lin Wei" || c.Called != "Lin Wei" || c.Alias != "" || !c.Person.Verified || c.Gone || !c.Ready {
		t.Errorf("%q, called %q, alias %q", c.Name, c.Called, c.Alias)
	}
	if strings.Join(strings.Fields(c.UserID), "") != key.UserIDText(user) || strings.Count(c.UserID, " ") != 12 {
		t.Errorf("user ID %q", c.UserID)
	}
	if len(c.Groups) != 12 || strings.Join(c.Groups, " ") != key.SafetyNumber(w.User(), user) {
		t.Errorf("safety number %q", c.Groups)
	}
	hash := key.SafetyHash(w.User(), user)
	if c.Code != strings.ToUpper(hex.EncodeToString(hash[:])) {
		t.Errorf("code %q", c.Code)
	}
	if c.Agreement.Messages == 0 || c.Missing != 2 || c.Lost != 0 || c.Problem != "" {
		t.Errorf("agree up to %d, %d missing, %q", c.Agreement.Messages, c.Missing, c.Problem)
	}
}

func TestContactFollowsWhatHappens(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	id := w.ID("Lin Wei")
	c, s := contactIn(t, w, id)
	before := c.Agreement.Messages
	w.Receive(id, "one more")
	if c.Agreement.Messages != before+1 {
		t.Errorf("agree up to %d after another message, before %d", c.Agreement.Messages, before)
	}
	w.SetGap(client.Gap{Contact: id, From: 4, To: 5, State: 5})
	if c.Missing != 0 || c.Lost != 2 {
		t.Errorf("%d missing, %d lost", c.Missing, c.Lost)
	}
	drawn := s.drawn
	w.Receive(w.ID("Noor"), "to somebody else")
	if s.drawn != drawn {
		t.Error("drawn anew because of somebody else")
	}
	w.SetContact(id, func(p *client.Contact) { p.Name, p.Called = "L\u202eW", "L\u202eW" })
	if c.Name != "LW" || c.Called != "LW" {
		t.Errorf("a disguised name is shown as %q, %q", c.Name, c.Called)
	}
	w.Lag()
	c.Close()
	if w.SetContact(id, func(p *client.Contact) { p.Name = "later" }); c.Name != "LW" {
		t.Error("a closed page follows")
	}
}

func TestContactProblems(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	id := w.ID("Noor")
	c, _ := contactIn(t, w, id)
	for problem, want := range map[string]string{
		"": "",
		"The gateway holds no profile for this card. [no-profile]":                w.Words.Say("people.problem.card", "Name", "Noor"),
		"The recipient's mailbox is full; it waits. [quota-full]":                 w.Words.Say("people.problem.full", "Name", "Noor"),
		"Too many requests wait. [door-full: 7]":                                  w.Words.Say("people.problem.full", "Name", "Noor"),
		"The address is looked up. [unknown-drop]":                                w.Words.Say("people.problem.moved", "Name", "Noor"),
		"The other side belongs to another network; check the address. [network]": w.Words.Say("people.problem.network", "Name", "Noor"),
		"More work is asked for now. [work]":                                      w.Words.Say("people.problem.work", "Name", "Noor"),
		"This profile is an older copy. [set-back]":                               w.Words.Say("people.problem.setback"),
		"The connection to the gateway was lost; it is made again. [link-closed]": w.Words.Say("people.problem.gone", "Name", "Noor"),
		"something new": w.Words.Say("people.problem.gone", "Name", "Noor"),
		"message: two different messages claim one place of a device's chain; the device was frozen": w.Words.Say("people.problem.frozen", "Name", "Noor"),
	} {
		w.SetContact(id, func(p *client.Contact) { p.Problem = problem })
		if c.Problem != want || c.Frozen != strings.Contains(problem, "frozen") {
			t.Errorf("%q is shown as %q", problem, c.Problem)
		}
	}
}

func TestContactActions(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	id := w.ID("Noor")
	c, s := contactIn(t, w, id)
	if c.Rename(" Nora "); c.Name != "Nora" || c.Alias != "Nora" {
		t.Errorf("renamed to %q", c.Name)
	}
	if c.Rename("a\u202eb"); c.NameTrouble != w.Words.Say("people.name.hidden") || c.Name != "Nora" {
		t.Errorf("a name with hidden signs: %q, %q", c.NameTrouble, c.Name)
	}
	if c.CheckName(strings.Repeat("x", 65)); c.NameTrouble != w.Words.Say("people.name.long") {
		t.Errorf("a long name: %q", c.NameTrouble)
	}
	if c.Rename(""); c.Name != "Noor" || c.Alias != "" || c.NameTrouble != "" {
		t.Errorf("without a name of ours: %q", c.Name)
	}
	if c.Verify(true); !c.Person.Verified {
		t.Error("not verified")
	}
	if c.Verify(false); c.Person.Verified {
		t.Error("still verified")
	}
	c.Mute(true)
	if c.Pin(true); !c.Chat.Muted || !c.Chat.Pinned {
		t.Errorf("chat %+v", c.Chat)
	}
	if c.Mute(false); c.Chat.Muted || !c.Chat.Pinned {
		t.Errorf("chat %+v", c.Chat)
	}
	if c.Block(true); c.Person.State != client.Blocked {
		t.Errorf("state %v", c.Person.State)
	}
	if c.Block(false); c.Person.State != client.Accepted {
		t.Errorf("state %v", c.Person.State)
	}
	removed := false
	if c.Remove(true, func() { removed = true }); !removed || !c.Gone {
		t.Error("not removed")
	}
	s.quiet(t)
}

func TestContactFailures(t *testing.T) {
	gone := errors.New("the disk is full")
	for method, do := range map[string]func(c *people.Contact){
		"Rename":  func(c *people.Contact) { c.Rename("Nora") },
		"Verify":  func(c *people.Contact) { c.Verify(true) },
		"Block":   func(c *people.Contact) { c.Block(true) },
		"Remove":  func(c *people.Contact) { c.Remove(false, nil) },
		"SetChat": func(c *people.Contact) { c.Pin(true) },
	} {
		w := modeltest.New(t, modeltest.Options{})
		w.Fail(method, gone)
		c, s := contactIn(t, w, w.ID("Noor"))
		before := s.drawn
		if do(c); len(s.failed) != 1 || !errors.Is(s.failed[0], gone) || s.drawn == before {
			t.Errorf("%s: shown as failed: %v", method, s.failed)
		}
		if c.Name != "Noor" || c.Person.Verified || c.Person.State != client.Accepted || c.Gone || c.Chat.Pinned {
			t.Errorf("%s: shown as done", method)
		}
	}
}

func TestContactGone(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	c, s := contactIn(t, w, 4711)
	if !c.Gone || !c.Ready {
		t.Error("somebody who is no contact is shown")
	}
	c.CompareFile("nothing")
	s.quiet(t)
}

func TestCompare(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	say := w.Words.Say
	name := "Noor"
	hash := key.SafetyHash(w.User(), w.Contact(w.ID(name)).User)
	other := key.SafetyHash(w.User(), w.Contact(w.ID("Lin Wei")).User)
	for what, c := range map[string]struct {
		picture []byte
		want    people.Compared
		trouble string
	}{
		"the same":           {qr(t, strings.ToUpper(hex.EncodeToString(hash[:]))), people.Match, ""},
		"in small letters":   {qr(t, hex.EncodeToString(hash[:])), people.Match, ""},
		"of somebody else":   {qr(t, strings.ToUpper(hex.EncodeToString(other[:]))), people.Mismatch, ""},
		"a card":             {qr(t, textOf(t, modeltest.CardOf(name))), people.CantCompare, say("people.compare.card", "Name", name)},
		"a web page":         {qr(t, "https://example.org"), people.CantCompare, say("people.compare.other", "Name", name)},
		"short":              {qr(t, strings.Repeat("0A", 31)), people.CantCompare, say("people.compare.other", "Name", name)},
		"a photo":            {photo(t), people.CantCompare, say("people.picture.code")},
		"a bomb":             {bomb(10000, 8), people.CantCompare, say("people.picture.large")},
		"an empty clipboard": {nil, people.CantCompare, say("people.picture.none")},
	} {
		w.SetContact(w.ID(name), func(p *client.Contact) { p.Verified = false })
		m, s := contactIn(t, w, w.ID(name))
		m.ComparePicture(c.picture)
		if m.Compared != c.want || m.Trouble != c.trouble || m.Person.Verified != (c.want == people.Match) {
			t.Errorf("%s: %d, %q, verified %v", what, m.Compared, m.Trouble, m.Person.Verified)
		}
		s.quiet(t)
		m.Close()
	}
}

func TestCompareOwnPicture(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	c, s := contactIn(t, w, w.ID("Noor"))
	var picture []byte
	c.Draw(func(png []byte) { picture = png })
	if c.CompareFile(file(t, "safety.png", picture)); c.Compared != people.Match {
		t.Errorf("what is saved does not compare: %d, %q", c.Compared, c.Trouble)
	}
	if c.Verify(false); c.Compared != people.NotCompared || c.Person.Verified {
		t.Error("still shown as compared after that was taken back")
	}
	s.quiet(t)
}
