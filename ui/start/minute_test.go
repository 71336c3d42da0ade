package start_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/test"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/start"
	w "zeroms/ui/widget"
	"zeroms/ui/words"
)

var wide = fyne.NewSize(1180, 740)

// welcome is a first minute at its first step.
type welcome struct {
	*desk
	world  *modeltest.World
	page   *start.Welcome
	opened []*model.Profile
}

func newWelcome(t *testing.T, world *modeltest.World, link string) *welcome {
	t.Helper()
	m := &welcome{desk: newDesk(t, world, model.Look{}, wide), world: world}
	m.page = start.NewWelcome(m.host, world.NewDoor(), link, func(p *model.Profile) { m.opened = append(m.opened, p) })
	m.show(m.page)
	return m
}

// named is a first minute whose profile was made.
func named(t *testing.T, link string) *welcome {
	t.Helper()
	m := newWelcome(t, emptyWorld(t, words.English), link)
	m.write("start.name", "Lin Wei")
	m.tap("start.create")
	return m
}

// says fails the test unless a text can be read.
func (d *desk) says(text string) {
	d.t.Helper()
	if !strings.Contains(flat(d.text()), flat(text)) {
		d.t.Errorf("%q is not to be read in %q", text, d.text())
	}
}

// flat is a text without its line breaks.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

func (m *welcome) gateways() []client.Gateway {
	m.t.Helper()
	all, err := m.world.Profile().Homes.Gateways(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	return all
}

func addressText(t *testing.T, host string) string {
	t.Helper()
	text, err := modeltest.AddressOf(host, 443).Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func cardText(t *testing.T) string {
	t.Helper()
	text, err := modeltest.CardOf("Émile").Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestFirstMinute(t *testing.T) {
	m := newWelcome(t, emptyWorld(t, words.English), "")
	if f, ok := m.window.Canvas().Focused().(*w.Field); !ok || f.ID() != "start.name" {
		t.Error("one has to click before typing a name")
	}
	test.Type(m.window.Canvas().Focused(), "Lin Wei")
	m.window.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if m.world.Name() != "Lin Wei" {
		t.Fatalf("%q was created", m.world.Name())
	}
	m.tick()
	m.says("192.168.1.30:7443")
	m.tap("start.near.0")
	m.tick()
	m.says("Your card")
	m.tap("start.card.copy")
	k, err := card.Parse(m.copied)
	if err != nil || k.User != m.world.User() {
		t.Errorf("%v", err)
	}
	m.tap("start.card.save")
	text, err := card.DecodeImage(strings.NewReader(string(m.saved["zeroms-card.png"])))
	if got, wrong := card.Parse(text); err != nil || wrong != nil || got.User != m.world.User() {
		t.Errorf("%v, %v", err, wrong)
	}
	m.tap("start.card.big")
	if len(m.sheets) != 1 {
		t.Error("it was not shown big")
	}
	m.tap("start.done")
	if len(m.opened) != 1 || m.opened[0] == nil || len(m.failed) > 0 || m.page.Link() != "" {
		t.Errorf("opened %d times, %v", len(m.opened), m.failed)
	}
	for i, f := range m.ticks {
		if f != nil {
			t.Errorf("clock %d goes on", i)
		}
	}
}

func TestName(t *testing.T) {
	m := newWelcome(t, emptyWorld(t, words.English), "")
	m.tap("start.create")
	m.says("A name is needed.")
	m.write("start.name", "a\u202eb")
	m.tap("start.create")
	m.says("can't be shown")
	m.write("start.name", strings.Repeat("x", 70))
	m.tap("start.create")
	m.says("too long")
	if m.world.Calls("Create") != 0 {
		t.Error("a bad name was taken")
	}
	m.world.Fail("Create", errors.New("the disk is full"))
	m.write("start.name", "Lin Wei")
	m.tap("start.create")
	m.says("the disk is full")
	m.world.Fail("Create", nil)
	m.world.Async.Hold = true
	m.tap("start.create")
	m.says("Creating…")
	m.tap("start.create")
	m.world.Async.Release()
	if m.world.Calls("Create") != 2 {
		t.Errorf("%d were created", m.world.Calls("Create"))
	}
	m.says("Choose a gateway")
}

func TestPassphrase(t *testing.T) {
	m := newWelcome(t, emptyWorld(t, words.English), "")
	m.write("start.name", "Lin Wei")
	m.tap("start.protect")
	m.tap("start.create")
	m.says("Write a passphrase")
	m.write("start.pass", "long enough")
	m.write("start.again", "long enouhg")
	m.tap("start.create")
	m.says("not the same")
	m.write("start.again", "long enough")
	m.tap("start.create")
	if m.world.Profile().Safe.CheckPassphrase(t.Context(), "long enough") != nil {
		t.Error("the profile has no such passphrase")
	}
	m.tap("start.later")
	m.tap("start.words")
	m.says("Your 24 words")
	folded := newWelcome(t, emptyWorld(t, words.English), "")
	folded.write("start.name", "Lin Wei")
	folded.tap("start.protect")
	folded.write("start.pass", "something")
	folded.tap("start.protect")
	folded.tap("start.create")
	if folded.world.Profile().Safe.Locked() {
		t.Error("a passphrase that was folded away was set")
	}
}

func TestLinkIsUsedAtOnce(t *testing.T) {
	m := named(t, "zeroms:"+addressText(t, "gw.linden.example"))
	m.tick()
	m.says("Your card")
	if all := m.gateways(); len(all) != 1 || all[0].Host != "gw.linden.example:443" || m.page.Link() != "" {
		t.Errorf("%v, link %q", all, m.page.Link())
	}
	link := cardText(t)
	kept := named(t, link)
	kept.says("Choose a gateway")
	if kept.page.Link() != link {
		t.Error("the card is lost")
	}
}

// What a second start of the app hands over is not lost, whatever step it comes in.
func TestLinkComesMeanwhile(t *testing.T) {
	address, person := "zeroms:"+addressText(t, "gw.linden.example"), cardText(t)
	m := newWelcome(t, emptyWorld(t, words.English), "")
	m.page.Open(address)
	m.write("start.name", "Lin Wei")
	m.tap("start.create")
	m.tick()
	m.says("Your card")
	m.page.Open(person)
	if m.page.Link() != person {
		t.Error("a card that came last is lost")
	}
	m = named(t, "")
	m.page.Open(person)
	m.says("This is a contact card. It is kept")
	m.page.Open(address)
	m.tick()
	if all := m.gateways(); len(all) != 1 || all[0].Host != "gw.linden.example:443" {
		t.Errorf("%v", all)
	}
	if m.page.Open("something"); m.page.Link() != "something" {
		t.Error("what is no code is not looked at later")
	}
	m.tap("start.done")
	if m.page.Open(address); m.page.Link() != "something" {
		t.Error("a page that has ended takes links")
	}
}

func TestAddress(t *testing.T) {
	dir := t.TempDir()
	picture, err := card.EncodePNG(addressText(t, "gw.linden.example"), 600)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "code.png")
	if err := os.WriteFile(file, picture, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, give := range map[string]func(*welcome){
		"typed": func(m *welcome) {
			m.fill("start.address", addressText(t, "gw.linden.example"))
			m.tap("start.use")
		},
		"pasted":           func(m *welcome) { m.paste = addressText(t, "gw.linden.example"); m.tap("start.paste") },
		"picture in paste": func(m *welcome) { m.image = picture; m.tap("start.paste") },
		"picture as text":  func(m *welcome) { m.image, m.paste = picture, string(picture[:60]); m.tap("start.paste") },
		"picture":          func(m *welcome) { m.chosen = file; m.tap("start.picture") },
		"dropped":          func(m *welcome) { m.page.Drop([]fyne.URI{storage.NewFileURI(file)}) },
	} {
		m := named(t, "")
		if f, ok := m.window.Canvas().Focused().(*w.Field); !ok || f.ID() != "start.address" {
			t.Errorf("%s: what is pasted does not go into the field", name)
		}
		give(m)
		m.tick()
		if all := m.gateways(); len(all) != 1 || all[0].Host != "gw.linden.example:443" || !m.has("start.card.copy") {
			t.Errorf("%s: %v, %q", name, all, m.text())
		}
	}
}

func TestWrongAddress(t *testing.T) {
	m := named(t, "")
	m.tap("start.paste")
	m.says("neither text nor a picture")
	m.tap("start.use")
	if strings.Contains(m.text(), "ZMSG: ") {
		t.Error("an empty field is called wrong")
	}
	for text, says := range map[string]string{
		"hello": "no gateway's address", "192.168.1.4:7443": "no gateway's address", strings.Repeat("x", 100_000): "no gateway's address",
		addressText(t, "gw.linden.example")[:40]: "incomplete",
	} {
		m.fill("start.address", text)
		m.tap("start.use")
		m.says(says)
	}
	m.paste = addressText(t, "gw.linden.example")[:40]
	m.tap("start.paste")
	m.says("incomplete")
	m.paste = "\x89PNG" // the bytes of a picture that there is no more
	m.tap("start.paste")
	m.says("neither text nor a picture")
	if all := m.gateways(); len(all) != 0 || !m.has("start.address") {
		t.Errorf("%v", all)
	}
	m.paste = cardText(t)
	m.tap("start.paste")
	m.says("This is a contact card. It is kept")
	if m.page.Link() != m.paste {
		t.Error("the card is lost")
	}
	m.world.Fail("AddGateway", errors.New("no room for another one"))
	m.fill("start.address", addressText(t, "gw.linden.example"))
	m.tap("start.use")
	m.says("no room for another one")
}

func TestJoining(t *testing.T) {
	m := named(t, "")
	m.tick()
	m.tap("start.near.0")
	m.world.SetGateway(0, func(g *client.Gateway) { g.Up, g.Problem = false, "connecting" })
	m.tick()
	m.says("Connecting to 192.168.1.30:7443…")
	if m.has("start.other") {
		t.Error("one is asked before it takes long")
	}
	m.world.Pass(time.Minute)
	m.tick()
	m.says("longer than usual")
	m.world.SetGateway(0, func(g *client.Gateway) { g.Problem = "it belongs elsewhere [wrong-gateway-key]" })
	m.tick()
	m.says("somebody stands in between")
	if m.has("start.goon") {
		t.Error("what can't work is offered")
	}
	m.tap("start.other")
	m.says("Choose a gateway")
	if all := m.gateways(); len(all) != 0 {
		t.Errorf("%v", all)
	}
	m.tap("start.near.0")
	m.world.SetGateway(0, func(g *client.Gateway) { g.Up, g.Problem = false, "link: no connection" })
	m.tick()
	m.says("does not answer")
	m.tap("start.goon")
	m.says("Your card")
	m.says("Your gateway has not answered yet")
	m.tick()
	m.says("Your gateway has not answered yet")
	m.world.Up(0)
	m.tick()
	if text := m.text(); strings.Contains(text, "not answered yet") || !strings.Contains(text, "Your card") {
		t.Errorf("once it has answered: %q", text)
	}
}

// A gateway that turns out to want something after one went on is not kept silent about.
func TestJoiningFailsLate(t *testing.T) {
	m := named(t, "")
	m.tick()
	m.tap("start.near.0")
	m.world.SetGateway(0, func(g *client.Gateway) { g.Up, g.Problem = false, "link: no connection" })
	m.tick()
	m.tap("start.goon")
	m.world.SetGateway(0, func(g *client.Gateway) { g.Problem = "it wants one [invite]" })
	m.tick()
	m.says("by invitation only")
	m.tap("start.other")
	m.says("Choose a gateway")
	if all := m.gateways(); len(all) != 0 {
		t.Errorf("%v", all)
	}
}

// leads has the user's card name a gateway.
func (m *welcome) leads(host string) {
	m.t.Helper()
	k := modeltest.CardOf("Lin Wei")
	k.Gateways = []card.Gateway{modeltest.AddressOf(host, 7443).Gateway()}
	text, err := k.Text()
	if err != nil {
		m.t.Fatal(err)
	}
	m.world.AddCard(func(c *client.Card) { c.Text = text })
}

// The card says from where it works: nobody waits for somebody who can't come.
func TestCardReach(t *testing.T) {
	for host, says := range map[string]string{
		"192.168.1.20": "People in your local network", "127.0.0.1": "on this computer only", "gw.linden.example": "Whoever has it can write to you",
	} {
		m := named(t, "")
		m.leads(host)
		m.tap("start.inside")
		m.tick()
		m.says(says)
	}
}

func TestInside(t *testing.T) {
	m := named(t, "")
	m.says("People in your local network can reach it")
	m.tap("start.reach.0")
	m.says("Only this computer can reach it")
	m.leads("127.0.0.1")
	m.tap("start.inside")
	m.tick()
	m.says("It works on this computer only")
	if m.tap("start.card.copy"); !strings.HasPrefix(m.copied, "zeroms:") {
		t.Error("the link leads to this computer's gateway from everywhere")
	}
	if s := m.world.Profile().Notes.Settings(); !s.Inside || s.InsideOpen {
		t.Errorf("%+v", s)
	}
	m = named(t, "")
	m.world.Fail("Start", errors.New("the port is taken"))
	m.tap("start.inside")
	m.says("the port is taken")
	m.world.Fail("Start", nil)
	m.tap("start.inside")
	m.tick()
	if s := m.world.Profile().Notes.Settings(); !s.Inside || !s.InsideOpen || !m.has("start.card.copy") {
		t.Errorf("%+v", s)
	}
}

func TestLater(t *testing.T) {
	m := named(t, "")
	m.tap("start.later")
	m.says("as soon as you have a gateway")
	if m.has("start.card.copy") {
		t.Error("there is no card to copy")
	}
	m.tap("start.choose")
	m.says("Choose a gateway")
	m.tap("start.later")
	m.tap("start.done")
	if len(m.opened) != 1 {
		t.Error("it is not open")
	}
}

func TestWords(t *testing.T) {
	all := strings.Fields(modeltest.Phrase())
	m := named(t, "")
	m.tap("start.later")
	m.tap("start.words")
	for _, word := range all {
		m.says(word)
	}
	m.tap("start.words.later")
	if strings.Contains(m.text(), all[3]+" ") {
		t.Error("the words are still to be seen")
	}
	m.tap("start.words")
	m.tap("start.words.written")
	m.tap("start.quiz.check")
	m.says("is another one")
	for i := range 2 {
		id := "start.quiz." + string(rune('0'+i))
		asked := w.Find(m.window.Content(), id).(*w.Field).PlaceHolder
		for n, word := range all {
			if asked == m.host.Words.Say("start.quiz.word", "Number", n+1) {
				m.write(id, word)
			}
		}
		m.says(asked) // also once something is written
	}
	m.tap("start.quiz.check")
	m.says("You have the 24 words.")
	if !m.world.Profile().Notes.Settings().WordsSaved || m.has("start.words") {
		t.Error("the reminder goes on")
	}
	skips := named(t, "")
	skips.tap("start.later")
	skips.tap("start.words")
	skips.tap("start.words.written")
	skips.tap("start.quiz.skip")
	if !skips.world.Profile().Notes.Settings().WordsSaved {
		t.Error("who wrote them down is reminded")
	}
}

func TestRestore(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	world.Door = model.DoorEmpty
	m := newWelcome(t, world, "")
	m.tap("start.have")
	m.says("0 of 24 words")
	m.fill("start.phrase", "client relase eagle")
	m.says("Word 2, “relase”, is not in the list.")
	m.tap("start.restore")
	if world.Calls("Restore") != 0 {
		t.Error("wrong words were taken")
	}
	m.says("The words alone bring back your identity.")
	m.fill("start.restore.gateway", "nonsense")
	m.says("The gateway brings back")
	m.page.Drop([]fyne.URI{storage.NewFileURI("/tmp/mira.zmsa")})
	m.says("mira.zmsa")
	m.says("The newer of both")
	m.fill("start.phrase", modeltest.Phrase())
	m.says("The words are right.")
	m.tap("start.restore")
	m.says("This is no gateway's address.")
	m.fill("start.restore.gateway", addressText(t, "gw.linden.example"))
	world.Fail("Restore", errors.New("the archive is damaged"))
	m.tap("start.restore")
	m.says("the archive is damaged")
	m.tap("start.archive.without")
	world.Fail("Restore", nil)
	m.tap("start.restore")
	if len(m.opened) != 1 || !world.Profile().Notes.Settings().WordsSaved || len(m.notices) != 1 || !strings.Contains(m.notices[0], "3 gateways") {
		t.Errorf("opened %d times, %q", len(m.opened), m.notices)
	}
}

func TestRestoreWithoutGateways(t *testing.T) {
	m := newWelcome(t, emptyWorld(t, words.English), "")
	m.tap("start.have")
	m.fill("start.phrase", modeltest.Phrase())
	m.tap("start.restore")
	m.tap("start.named.later")
	m.says("Choose a gateway")
	if got := strings.Join(m.notices, " "); !strings.Contains(got, "Your identity is back.") || strings.Contains(got, "0 ") {
		t.Errorf("what came back is told as %q", got)
	}
	m.tap("start.later")
	m.says("You have the 24 words.")
	back := newWelcome(t, emptyWorld(t, words.English), "")
	back.tap("start.have")
	back.tap("start.back")
	back.says("Create your identity")
}

func TestLanguageAndLook(t *testing.T) {
	m := newWelcome(t, emptyWorld(t, words.English), "")
	m.write("start.name", "Lin Wei")
	m.tap("start.english")
	m.tap("start.chinese")
	if len(m.styled) != 1 || m.styled[0].Language != words.Chinese {
		t.Errorf("%+v", m.styled)
	}
	chinese, err := words.New(words.Chinese)
	if err != nil {
		t.Fatal(err)
	}
	m.host.Words = chinese
	m.page.Restyle()
	m.says("创建你的身份")
	m.says("Lin Wei")
	m.tap("start.create")
	m.page.Restyle()
	m.says("选择网关")
	if m.world.Calls("Create") != 1 {
		t.Error("it was created again")
	}
}

func TestLock(t *testing.T) {
	world := emptyWorld(t, words.English)
	d := newDesk(t, world, model.Look{}, wide)
	tried := []string{}
	var answer func(error)
	page := start.NewLock(d.host, func(passphrase string, then func(error)) {
		tried = append(tried, passphrase)
		answer = then
	})
	d.show(page)
	d.tap("lock.open")
	test.Type(d.window.Canvas().Focused(), "wrong")
	d.window.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	d.tap("lock.open")
	d.says("Unlocking…")
	answer(errWrong)
	d.says("does not open it")
	if f := w.Find(d.window.Content(), "lock.pass").(*w.Field); f.Text != "" || d.window.Canvas().Focused() != fyne.Focusable(f) {
		t.Error("one can't try again at once")
	}
	d.write("lock.pass", "right")
	d.tap("lock.open")
	answer(nil)
	page.Close()
	if len(tried) != 2 || tried[0] != "wrong" || tried[1] != "right" || w.Find(d.window.Content(), "lock.pass").(*w.Field).Text != "" {
		t.Errorf("%d tried", len(tried))
	}
}

func TestProblem(t *testing.T) {
	d := newDesk(t, emptyWorld(t, words.English), model.Look{}, wide)
	again := 0
	d.show(start.NewProblem(d.host, errors.New("another program holds it"), func() { again++ }))
	d.says("another program holds it")
	d.tap("problem.again")
	d.tap("problem.quit")
	if again != 1 {
		t.Errorf("tried %d times", again)
	}
}
