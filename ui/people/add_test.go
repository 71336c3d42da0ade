package people_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/page"
	"zeroms/ui/people"
	w "zeroms/ui/widget"
	"zeroms/ui/words"
)

func TestAddByText(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	d := sit(t, world)
	d.open(people.NewAdd(d.host, ""), wide)
	if d.has("add.go") || d.has("add.name") {
		t.Error("something can be added before anything is given")
	}
	d.clip = textOf(t, modeltest.CardOf("Wendelin"))
	d.tap("add.paste")
	d.must("Wendelin")
	if d.control("add.name").(*w.Field).PlaceHolder != "Wendelin" {
		t.Error("their own name is not what they are called if nothing else is given")
	}
	d.write("add.name", "Wendy")
	d.tap("add.go")
	id := world.ID("Wendy")
	if d.last() != (page.Place{Kind: page.Chat, Contact: id}) {
		t.Errorf("opened %+v", d.last())
	}
	if c := world.Contact(id); c.Called != "Wendelin" || c.State != client.Accepted {
		t.Errorf("added %+v", c)
	}
	d.quiet()
}

func TestAddByTyping(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	d := sit(t, world)
	d.open(people.NewAdd(d.host, ""), wide)
	d.page.(page.Focuser).Focus()
	if d.window.Canvas().Focused() != d.control("add.text").(fyne.Focusable) {
		t.Error("the field has no focus")
	}
	text := textOf(t, modeltest.CardOf("Wendelin"))
	d.write("add.text", text[:len(text)-1])
	d.must(world.Words.Say("people.broken.damaged"))
	d.write("add.text", text)
	if d.says(world.Words.Say("people.broken.damaged")) {
		t.Error("a whole card is still called incomplete")
	}
	d.control("add.text").(*w.Field).TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if d.last().Kind != page.Chat || d.last().Contact != world.ID("Wendelin") {
		t.Errorf("Enter opened %+v", d.last())
	}
}

func TestAddGivenAtOpening(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	link, err := modeltest.CardOf("Wendelin").DeepLink()
	if err != nil {
		t.Fatal(err)
	}
	d := sit(t, world)
	d.open(people.NewAdd(d.host, link), wide)
	if d.control("add.text").(*w.Field).Text != link || !d.has("add.go") {
		t.Error("the link is not filled in")
	}
	d.must("Wendelin")
}

// TestAddBadInput gives the page everything that is no good card, in both languages.
func TestAddBadInput(t *testing.T) {
	for _, language := range []string{words.English, words.Chinese} {
		world := modeltest.New(t, modeltest.Options{Language: language})
		say, d := world.Words.Say, sit(t, world)
		d.open(people.NewAdd(d.host, ""), narrow)
		old := modeltest.CardOf("Wendelin")
		old.Expires = card.Day(world.Now().Add(-48 * time.Hour))
		for name, c := range map[string]struct {
			give func()
			want string
		}{
			"own card":       {func() { d.write("add.text", own(t, world)) }, say("people.add.own")},
			"expired card":   {func() { d.write("add.text", textOf(t, old)) }, say("people.add.expired")},
			"user ID":        {func() { d.write("add.text", key.UserIDText(old.User)) }, say("people.add.id")},
			"words":          {func() { d.write("add.text", "hello") }, say("people.add.foreign")},
			"web page":       {func() { d.write("add.text", "https://example.org") }, say("people.add.web")},
			"QR of web page": {func() { d.drop(file(t, "web.png", qr(t, "https://example.org/menu"))) }, say("people.add.web")},
			"photo":          {func() { d.drop(file(t, "photo.jpg", photo(t))) }, say("people.picture.code")},
			"bomb":           {func() { d.drop(file(t, "bomb.png", bomb())) }, say("people.picture.large")},
			"song":           {func() { d.drop(file(t, "song.mp3", []byte("ID3\x00"))) }, say("people.picture.format")},
			"cut off": {func() {
				whole := qr(t, textOf(t, old))
				d.drop(file(t, "cut.png", whole[:len(whole)/2]))
			}, say("people.picture.damaged")},
			"gone":            {func() { d.drop(filepath.Join(t.TempDir(), "gone.png")) }, say("people.picture.file")},
			"empty clipboard": {func() { d.tap("add.paste") }, say("people.picture.none")},
			"chosen bomb": {func() {
				d.choose = file(t, "bomb.png", bomb())
				d.tap("add.choose")
			}, say("people.picture.large")},
		} {
			c.give()
			d.must(c.want)
			if d.has("add.go") {
				t.Errorf("%s: can be added", name)
			}
			d.fits()
		}
		d.quiet()
	}
}

func TestAddByPicture(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	picture := qr(t, textOf(t, modeltest.CardOf("Wendelin")))
	for name, give := range map[string]func(d *desk){
		"dropped": func(d *desk) { d.drop(file(t, "card.png", picture)) },
		"chosen": func(d *desk) {
			d.choose = file(t, "card.png", picture)
			d.tap("add.choose")
		},
		"pasted": func(d *desk) {
			d.clipPNG = picture
			d.tap("add.paste")
		},
	} {
		d := sit(t, world)
		d.open(people.NewAdd(d.host, ""), wide)
		give(d)
		if !d.says("Wendelin") || !d.has("add.go") {
			t.Errorf("%s: nobody can be added: %q", name, w.Texts(d.root()))
		}
		d.quiet()
	}
}

func TestAddWhileAPictureIsRead(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	d := sit(t, world)
	d.open(people.NewAdd(d.host, ""), wide)
	world.Async.Hold = true
	d.drop(file(t, "photo.jpg", photo(t)))
	d.must(world.Words.Say("people.picture.looking"))
	world.Async.Release()
	d.must(world.Words.Say("people.picture.code"))
	if d.says(world.Words.Say("people.picture.looking")) {
		t.Error("still looking")
	}
}

func TestAddAGateway(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	d := sit(t, world)
	d.open(people.NewAdd(d.host, gatewayText(t)), wide)
	d.must(world.Words.Say("people.add.gateway"))
	d.tap("add.go")
	if d.last() != (page.Place{Kind: page.Gateways, Text: gatewayText(t)}) {
		t.Errorf("opened %+v", d.last())
	}
}

func TestAddWithoutAGateway(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{Empty: true})
	d := sit(t, world)
	d.open(people.NewAdd(d.host, textOf(t, modeltest.CardOf("Wendelin"))), wide)
	d.must(world.Words.Say("people.add.homeless"))
	d.tap("add.go")
	if d.last() != (page.Place{Kind: page.Gateways}) {
		t.Errorf("opened %+v", d.last())
	}
}

func TestAddKnown(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	for name, label := range map[string]string{
		"Lin Wei": "people.add.open", "Ingrid": "people.add.accept", "Spam & Sons": "people.add.unblock",
	} {
		d := sit(t, world)
		d.open(people.NewAdd(d.host, textOf(t, modeltest.CardOf(name))), wide)
		if got := d.control("add.go").(*w.Button).Text(); got != world.Words.Say(label) {
			t.Errorf("%s: the button says %q", name, got)
		}
		d.tap("add.go")
		if d.last() != (page.Place{Kind: page.Chat, Contact: world.ID(name)}) {
			t.Errorf("%s: opened %+v", name, d.last())
		}
		d.quiet()
	}
}

func TestAddBadNames(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	d := sit(t, world)
	d.open(people.NewAdd(d.host, textOf(t, modeltest.CardOf("Wendelin"))), wide)
	d.write("add.name", strings.Repeat("x", 65))
	d.must(world.Words.Say("people.name.long"))
	if d.has("add.go") {
		t.Error("can be added with a name that is too long")
	}
	d.write("add.name", "a\u202eb")
	d.must(world.Words.Say("people.name.hidden"))
	d.write("add.name", "")
	if !d.has("add.go") {
		t.Error("can't be added with their own name")
	}
}

func TestAddFails(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	gone := errors.New("the disk is full")
	world.Fail("Add", gone)
	d := sit(t, world)
	d.open(people.NewAdd(d.host, textOf(t, modeltest.CardOf("Wendelin"))), wide)
	d.tap("add.go")
	if len(d.failures) != 1 || !errors.Is(d.failures[0], gone) || len(d.opened) != 0 || !d.has("add.go") {
		t.Errorf("failures %v, opened %v", d.failures, d.opened)
	}
}
