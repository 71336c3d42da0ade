package people_test

import (
	"errors"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"zeroms/client"
	"zeroms/protocol/key"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/page"
	"zeroms/ui/people"
	w "zeroms/ui/widget"
)

// tall shows a whole page at once.
var tall = look{name: "tall", size: fyne.NewSize(860, 2000)}

func openContact(t *testing.T, world *modeltest.World, name string) *desk {
	t.Helper()
	d := sitIn(t, newApp(t, tall), world, tall)
	d.open(people.NewContact(d.host, world.ID(name)), tall)
	return d
}

func TestContactShows(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	d := openContact(t, world, "Lin Wei")
	words, user := world.Words, world.Contact(world.ID("Lin Wei")).User
	d.must("Lin Wei")
	d.must(words.Say("people.contact.verified"))
	d.must(key.UserIDText(user))
	d.must(key.SafetyNumber(world.User(), user))
	agreed, err := d.host.Profile.Proof.Agreement(t.Context(), world.ID("Lin Wei"))
	if err != nil {
		t.Fatal(err)
	}
	d.must(words.Say("people.contact.agree", "Number", words.Number(agreed.Messages)))
	d.must(words.Count("people.contact.missing", 2))
	d.tap("contact.copy")
	if len(d.copied) != 1 || d.copied[0] != key.UserIDText(user) {
		t.Errorf("copied %q", d.copied)
	}
	d.tap("contact.write")
	if d.last() != (page.Place{Kind: page.Chat, Contact: world.ID("Lin Wei")}) {
		t.Errorf("opened %+v", d.last())
	}
	world.SetGap(client.Gap{Contact: world.ID("Lin Wei"), From: 4, To: 5, State: 5})
	d.must(words.Count("people.contact.lost", 2))
	world.SetContact(world.ID("Lin Wei"), func(c *client.Contact) { c.Problem = "it is full [quota-full]" })
	d.must(words.Say("people.problem.full", "Name", "Lin Wei"))
	d.quiet()
}

func TestContactRename(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	id := world.ID("Noor")
	d := openContact(t, world, "Noor")
	if d.control("contact.name").(*w.Field).PlaceHolder != "Noor" || d.has("contact.save") {
		t.Error("the field does not show their own name")
	}
	d.write("contact.name", "Nora")
	d.tap("contact.save")
	if world.Contact(id).Alias != "Nora" || d.has("contact.save") {
		t.Errorf("renamed to %q", world.Contact(id).Alias)
	}
	d.must(world.Words.Say("people.contact.called", "Name", "Noor"))
	d.write("contact.name", strings.Repeat("x", 65))
	d.must(world.Words.Say("people.name.long"))
	if d.has("contact.save") {
		t.Error("a name that is too long can be saved")
	}
	d.write("contact.name", "")
	d.control("contact.name").(*w.Field).TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if world.Contact(id).Alias != "" || world.Contact(id).Name != "Noor" {
		t.Errorf("Enter: alias %q", world.Contact(id).Alias)
	}
	d.quiet()
}

func TestContactVerify(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	id := world.ID("Noor")
	d := openContact(t, world, "Noor")
	d.must(world.Words.Say("people.contact.unverified"))
	d.tap("safety.mark")
	if !world.Contact(id).Verified {
		t.Error("not marked")
	}
	d.must(world.Words.Say("people.contact.marked", "Name", "Noor"))
	d.tap("safety.unmark")
	if world.Contact(id).Verified {
		t.Error("still marked")
	}
	d.quiet()
}

func TestContactCompare(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	id, say := world.ID("Noor"), world.Words.Say
	d := openContact(t, world, "Noor")
	d.tap("safety.save")
	saved := d.saved["Safety number Noor.png"]
	if saved == nil {
		t.Fatalf("saved %d files", len(d.saved))
	}
	for name, c := range map[string]struct {
		give     func()
		want     string
		verified bool
	}{
		"dropped": {func() { d.drop(file(t, "safety.png", saved)) }, say("people.compare.match", "Name", "Noor"), true},
		"chosen": {func() {
			d.choose = file(t, "safety.png", saved)
			d.tap("safety.compare")
		}, say("people.compare.match", "Name", "Noor"), true},
		"pasted": {func() {
			d.clipPNG = saved
			d.tap("safety.paste")
		}, say("people.compare.match", "Name", "Noor"), true},
		"another one": {func() { d.drop(file(t, "safety.png", safetyOf(d, "Kaveh"))) }, say("people.compare.mismatch", "Name", "Noor"), false},
		"a card":      {func() { d.drop(file(t, "card.png", qr(t, textOf(t, modeltest.CardOf("Noor"))))) }, say("people.compare.card", "Name", "Noor"), false},
		"a bomb":      {func() { d.drop(file(t, "bomb.png", bomb())) }, say("people.picture.large"), false},
		"a photo":     {func() { d.drop(file(t, "photo.jpg", photo(t))) }, say("people.picture.code"), false},
		"nothing": {func() {
			d.clipPNG = nil
			d.tap("safety.paste")
		}, say("people.picture.none"), false},
	} {
		world.SetContact(id, func(c *client.Contact) { c.Verified = false })
		c.give()
		d.must(c.want)
		if world.Contact(id).Verified != c.verified {
			t.Errorf("%s: verified %v", name, !c.verified)
		}
	}
	d.quiet()
}

func TestContactSwitches(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	id := world.ID("Noor")
	d := openContact(t, world, "Noor")
	d.tap("contact.pin")
	d.tap("contact.mute")
	if chat := d.host.Profile.Notes.Chats()[id]; !chat.Pinned || !chat.Muted {
		t.Errorf("kept %+v", chat)
	}
	d.quiet()
	world.Fail("SetChat", errors.New("the disk is full"))
	d.tap("contact.pin")
	if len(d.failures) != 1 || !d.control("contact.pin").(*w.Switch).On() {
		t.Errorf("a switch that could not be kept shows it all the same: %v", d.failures)
	}
}

func TestContactBlock(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	id := world.ID("Noor")
	d := openContact(t, world, "Noor")
	d.tap("contact.block")
	if world.Contact(id).State != client.Accepted {
		t.Error("blocked without being asked")
	}
	d.yes()
	if world.Contact(id).State != client.Blocked || d.has("contact.write") {
		t.Error("not blocked")
	}
	d.must(world.Words.Say("people.contact.isBlocked"))
	d.tap("contact.block")
	if world.Contact(id).State != client.Accepted {
		t.Error("still blocked")
	}
	d.quiet()
}

func TestContactRemove(t *testing.T) {
	for _, erase := range []bool{false, true} {
		world := modeltest.New(t, modeltest.Options{})
		id := world.ID("Noor")
		d := openContact(t, world, "Noor")
		d.tap("contact.remove")
		d.shot("contact-remove")
		d.tap("remove.no")
		if d.box != nil || world.Contact(id).State != client.Accepted {
			t.Fatal("removed all the same")
		}
		d.tap("contact.remove")
		if erase {
			d.tap("remove.erase")
		}
		d.tap("remove.yes")
		if world.Contact(id).State != client.Removed || d.backs != 1 || d.box != nil {
			t.Errorf("state %v, back %d times", world.Contact(id).State, d.backs)
		}
		page, _, _, err := d.host.Profile.Talk.History(t.Context(), id, client.Top, 10)
		if err != nil || (len(page) == 0) != erase {
			t.Errorf("erase %v: %d messages are left, %v", erase, len(page), err)
		}
		d.quiet()
	}
}

func TestContactOfARequest(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	d := openContact(t, world, "Ingrid")
	d.must(world.Words.Say("people.contact.asked"))
	d.tap("contact.accept")
	if world.Contact(world.ID("Ingrid")).State != client.Accepted || !d.has("contact.write") {
		t.Error("not accepted")
	}
}

func TestContactGone(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	d := sit(t, world)
	d.open(people.NewContact(d.host, 4711), narrow)
	d.must(world.Words.Say("people.contact.gone"))
	d.tap("back")
	if d.backs != 1 {
		t.Error("there is no way back")
	}
	d.quiet()
}

func TestRequestsPage(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	d := sit(t, world)
	d.open(people.NewRequests(d.host), wide)
	d.must("Hello, I have your card from the meeting in Brno.")
	d.tap("request.1.accept")
	if d.last() != (page.Place{Kind: page.Chat, Contact: world.ID("Ingrid")}) {
		t.Errorf("opened %+v", d.last())
	}
	d.tap("request.0.block")
	if world.Calls("Block") != 0 {
		t.Error("blocked without being asked")
	}
	d.yes()
	d.must(world.Words.Say("people.requests.empty"))
	world.Stranger("Wen\u202edelin", "May I?")
	d.must("Wendelin")
	d.must("May I?")
	d.quiet()
	world.Fail("Accept", errors.New("the disk is full"))
	if d.tap("request.0.accept"); len(d.failures) != 1 {
		t.Errorf("failures %v", d.failures)
	}
}
