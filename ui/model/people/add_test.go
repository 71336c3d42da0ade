package people_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/model/people"
)

func textOf(t *testing.T, k card.Card) string {
	t.Helper()
	text, err := k.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// gatewayText is the address of a gateway.
func gatewayText(t *testing.T) string {
	t.Helper()
	text, err := modeltest.AddressOf("gw.new.example", 443).Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// own is a card of the user's.
func own(t *testing.T, w *modeltest.World) string {
	k := modeltest.CardOf("Mira")
	k.User = w.User()
	return textOf(t, k)
}

func TestReadFindsWhatATextIs(t *testing.T) {
	k := modeltest.CardOf("Wendelin")
	text := textOf(t, k)
	link, err := k.Link()
	if err != nil {
		t.Fatal(err)
	}
	deep, err := k.DeepLink()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		want people.Kind
	}{
		"nothing":              {"", people.Empty},
		"blanks":               {" \n\t ", people.Empty},
		"text":                 {text, people.Person},
		"small letters":        {strings.ToLower(text), people.Person},
		"broken over lines":    {text[:40] + "\r\n  " + text[40:90] + "\n" + text[90:], people.Person},
		"web link":             {link, people.Person},
		"deep link":            {deep, people.Person},
		"in a mail":            {"Hello Mira,\nthis is my card: <" + link + ">.\nSee you", people.Person},
		"in Chinese":           {"我的名片：\n" + text + "。", people.Person},
		"gateway":              {gatewayText(t), people.Gateway},
		"gateway in a mail":    {"use this: " + gatewayText(t), people.Gateway},
		"user ID":              {key.UserIDText(k.User), people.UserID},
		"device link":          {"ZMSLINK:AAAA", people.Device},
		"safety number":        {strings.Repeat("0A", 32), people.Safety},
		"a letter wrong":       {text[:60] + flip(text[60]) + text[61:], people.Broken},
		"half a card":          {text[:len(text)/2], people.Broken},
		"half a link":          {link[:len(link)/2], people.Broken},
		"broken among words":   {"my card " + text[:len(text)/2] + " there", people.Broken},
		"web page":             {"https://example.org/pictures", people.Web},
		"words":                {"see you at eight", people.Foreign},
		"wifi":                 {"WIFI:T:WPA;S:home;P:secret;;", people.Foreign},
		"far too long":         {strings.Repeat("ZMS:AAAA ", 20000), people.Foreign},
		"not UTF-8":            {"\xff\xfe\x00", people.Foreign},
		"nothing but newlines": {strings.Repeat("\n", 40000), people.Empty},
	} {
		if got := people.Read(c.text); got.Kind != c.want {
			t.Errorf("%s: kind %d, want %d (%v)", name, got.Kind, c.want, got.Err)
		} else if c.want == people.Person && got.User != k.User {
			t.Errorf("%s: another person", name)
		}
	}
}

func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func TestAddShowsWhoseCardItIs(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	a, s := addIn(t, w)
	a.SetText(textOf(t, modeltest.CardOf("Wendelin")))
	if !a.Someone || a.Name != "Wendelin" || a.Called != "Wendelin" || a.Step != people.StepAdd || a.Trouble != "" {
		t.Fatalf("after a card: %+v", a.Step)
	}
	if s.drawn == 0 {
		t.Error("nothing was drawn anew")
	}
	a.SetName("  Wendy ")
	var opened client.ContactID
	a.Act(func(id client.ContactID) { opened = id })
	s.quiet(t)
	if opened == 0 || w.Contact(opened).Name != "Wendy" {
		t.Fatalf("opened %d", opened)
	}
}

func TestAddDisguisedNames(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	a, _ := addIn(t, w)
	k := modeltest.CardOf("Wendelin")
	k.Name = ""
	a.SetText(textOf(t, k))
	if a.Name != key.UserIDText(k.User)[:8] || a.Called != "" {
		t.Errorf("a card without a name is shown as %q", a.Name)
	}
	for name, want := range map[string]bool{
		"": true, "Wendy": true, "林薇": true,
		"a\u202ebc":             false,
		"a\nb":                  false,
		strings.Repeat("x", 65): false,
		strings.Repeat("林", 22): false,
	} {
		if a.SetName(name); (a.NameTrouble == "") != want {
			t.Errorf("name %q: %q", name, a.NameTrouble)
		}
	}
	a.SetName("a\u202ebc")
	a.Act(func(client.ContactID) { t.Error("added with a name that hides something") })
}

func TestAddSaysWhatIsWrong(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	say := w.Words.Say
	old := modeltest.CardOf("Wendelin")
	old.Expires = card.Day(w.Now().Add(-48 * time.Hour))
	wendelin := textOf(t, modeltest.CardOf("Wendelin"))
	for name, c := range map[string]struct {
		text, trouble string
		step          people.Step
	}{
		"own card":        {own(t, w), say("people.add.own"), people.StepNone},
		"own ID":          {key.UserIDText(w.User()), say("people.add.own"), people.StepNone},
		"expired":         {textOf(t, old), say("people.add.expired"), people.StepNone},
		"gateway":         {gatewayText(t), say("people.add.gateway"), people.StepGateway},
		"user ID alone":   {key.UserIDText(old.User), say("people.add.id"), people.StepNone},
		"device":          {"ZMSLINK:AAAA", say("people.add.device"), people.StepNone},
		"safety number":   {strings.Repeat("0A", 32), say("people.add.safety"), people.StepNone},
		"web page":        {"https://example.org", say("people.add.web"), people.StepNone},
		"words":           {"see you", say("people.add.foreign"), people.StepNone},
		"incomplete card": {wendelin[:80], say("people.broken.damaged"), people.StepNone},
		"incomplete link": {"https://gw.example.org/c#ZMS:AAAA", say("people.broken.damaged"), people.StepNone},
		"nothing":         {"", "", people.StepNone},
	} {
		a, s := addIn(t, w)
		a.SetText("x")
		a.SetText(c.text)
		if a.Trouble != c.trouble || a.Step != c.step {
			t.Errorf("%s: %q, step %d", name, a.Trouble, a.Step)
		}
		a.Act(func(client.ContactID) { t.Errorf("%s: added", name) })
		s.quiet(t)
		a.Close()
	}
	if n := w.Calls("Add"); n != 0 {
		t.Errorf("the profile was asked %d times", n)
	}
}

func TestAddKnownPeople(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	w.SetContact(w.ID("Émile"), func(c *client.Contact) { c.Problem = "it is gone [no-profile]" })
	for name, c := range map[string]struct {
		step  people.Step
		asked int
	}{
		"Lin Wei":     {people.StepOpen, 0},
		"Émile":       {people.StepRenew, 1},
		"Ingrid":      {people.StepAccept, 1},
		"Spam & Sons": {people.StepUnblock, 1},
	} {
		a, s := addIn(t, w)
		before := w.Calls("Add")
		a.SetText(textOf(t, modeltest.CardOf(name)))
		if a.Step != c.step || a.Note == "" || a.Trouble != "" || a.Name != name {
			t.Errorf("%s: step %d, note %q, trouble %q", name, a.Step, a.Note, a.Trouble)
		}
		var opened client.ContactID
		a.Act(func(id client.ContactID) { opened = id })
		s.quiet(t)
		if opened != w.ID(name) || w.Calls("Add")-before != c.asked || w.Contact(opened).State != client.Accepted {
			t.Errorf("%s: opened %d after asking %d times, state %v", name, opened, w.Calls("Add")-before, w.Contact(opened).State)
		}
		a.Close()
	}
	a, _ := addIn(t, w)
	if a.SetText(key.UserIDText(w.Contact(w.ID("Noor")).User)); a.Step != people.StepOpen || a.Name != "Noor" {
		t.Errorf("the user ID of a contact: step %d, %q", a.Step, a.Name)
	}
}

func TestAddLearnsWhileOpen(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	a, _ := addIn(t, w)
	a.SetText(textOf(t, modeltest.CardOf("Wendelin")))
	w.Meet("Wendelin", nil)
	if a.Step != people.StepOpen {
		t.Errorf("step %d once they are a contact", a.Step)
	}
}

func TestAddBeforeTheProfileWasRead(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	w.Async.Hold = true
	a, _ := addIn(t, w)
	a.SetText(own(t, w))
	if a.Step != people.StepNone || !a.Someone {
		t.Errorf("step %d before it is known who this is", a.Step)
	}
	w.Async.Release()
	if a.Trouble != w.Words.Say("people.add.own") {
		t.Errorf("then: %q", a.Trouble)
	}
}

func TestAddWithoutAGateway(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{Empty: true})
	a, _ := addIn(t, w)
	a.SetText(textOf(t, modeltest.CardOf("Wendelin")))
	if a.Step != people.StepGateways || a.Trouble != w.Words.Say("people.add.homeless") {
		t.Errorf("step %d, %q", a.Step, a.Trouble)
	}
}

func TestAddRefused(t *testing.T) {
	other := errors.New("the disk is full")
	for _, c := range []struct {
		err     error
		trouble string
		step    people.Step
		failed  int
	}{
		{client.ErrOwnCard, "people.add.own", people.StepNone, 0},
		{client.ErrNoGateway, "people.add.homeless", people.StepGateways, 0},
		{client.ErrUnreachable, "people.add.unreachable", people.StepNone, 0},
		{other, "", people.StepAdd, 1},
	} {
		w := modeltest.New(t, modeltest.Options{})
		w.Fail("Add", c.err)
		a, s := addIn(t, w)
		a.SetText(textOf(t, modeltest.CardOf("Wendelin")))
		a.Act(func(client.ContactID) { t.Error("opened") })
		want := ""
		if c.trouble != "" {
			want = w.Words.Say(c.trouble)
		}
		if a.Trouble != want || a.Step != c.step || len(s.failed) != c.failed || a.Working {
			t.Errorf("%v: %q, step %d, failed %v", c.err, a.Trouble, a.Step, s.failed)
		}
	}
}

// file writes content into a new file.
func file(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// qr is a picture of a QR code.
func qr(t *testing.T, text string) []byte {
	t.Helper()
	content, err := card.EncodePNG(text, 480)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// bomb is a PNG that claims to be as wide and high in some bytes, with so many bits for
// each of four colours.
func bomb(side uint32, bits byte) []byte {
	content := []byte("\x89PNG\r\n\x1a\n")
	header := binary.BigEndian.AppendUint32(nil, side)
	header = binary.BigEndian.AppendUint32(header, side)
	header = append(header, bits, 6, 0, 0, 0)
	for _, chunk := range [][]byte{append([]byte("IHDR"), header...), []byte("IDAT\x78\x9c\x63\x00"), []byte("IEND")} {
		content = binary.BigEndian.AppendUint32(content, uint32(len(chunk)-4))
		content = append(content, chunk...)
		content = binary.BigEndian.AppendUint32(content, crc32.ChecksumIEEE(chunk))
	}
	return content
}

// photo is a picture like a photo: no QR code is in it.
func photo(t *testing.T) []byte {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	picture := image.NewRGBA(image.Rect(0, 0, 300, 200))
	for y := range 200 {
		for x := range 300 {
			n := uint8(random.IntN(40))
			picture.SetRGBA(x, y, color.RGBA{uint8(x/2) + n, uint8(y) + n, 90 + n, 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAddPictures(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	say := w.Words.Say
	wendelin := textOf(t, modeltest.CardOf("Wendelin"))
	good := qr(t, wendelin)
	var white bytes.Buffer
	if err := png.Encode(&white, image.NewGray(image.Rect(0, 0, 50, 50))); err != nil {
		t.Fatal(err)
	}
	large := file(t, "large.png", append(bytes.Clone(good), make([]byte, card.MaxFile)...))
	for name, c := range map[string]struct {
		path, trouble string
		step          people.Step
	}{
		"card":           {file(t, "card.png", good), "", people.StepAdd},
		"text file":      {file(t, "card.txt", []byte(wendelin+"\n")), "", people.StepAdd},
		"own card":       {file(t, "own.png", qr(t, own(t, w))), say("people.add.own"), people.StepNone},
		"gateway":        {file(t, "gw.png", qr(t, gatewayText(t))), say("people.add.gateway"), people.StepGateway},
		"QR of web page": {file(t, "web.png", qr(t, "https://example.org/menu")), say("people.add.web"), people.StepNone},
		"QR of words":    {file(t, "words.png", qr(t, "HELLO")), say("people.add.foreign"), people.StepNone},
		"photo":          {file(t, "photo.jpg", photo(t)), say("people.picture.code"), people.StepNone},
		"white":          {file(t, "white.png", white.Bytes()), say("people.picture.code"), people.StepNone},
		"bomb":           {file(t, "bomb.png", bomb(10000, 8)), say("people.picture.large"), people.StepNone},
		"deep colours":   {file(t, "deep.png", bomb(6000, 16)), say("people.picture.large"), people.StepNone},
		"large file":     {large, say("people.picture.large"), people.StepNone},
		"cut off":        {file(t, "cut.png", good[:len(good)/2]), say("people.picture.damaged"), people.StepNone},
		"no picture":     {file(t, "song.mp3", []byte("ID3\x00\x01\x02")), say("people.picture.format"), people.StepNone},
		"empty":          {file(t, "empty.png", nil), say("people.picture.format"), people.StepNone},
		"not there":      {filepath.Join(t.TempDir(), "gone.png"), say("people.picture.file"), people.StepNone},
		"a folder":       {t.TempDir(), say("people.picture.file"), people.StepNone},
	} {
		a, s := addIn(t, w)
		a.File(c.path)
		if a.Trouble != c.trouble || a.Step != c.step || a.Reading {
			t.Errorf("%s: %q, step %d, reading %v", name, a.Trouble, a.Step, a.Reading)
		}
		a.Load() // what was said of a picture stays
		if a.Trouble != c.trouble {
			t.Errorf("%s: %q once the profile was read anew", name, a.Trouble)
		}
		if a.SetText(""); a.Trouble != "" {
			t.Errorf("%s: %q stays when the field is emptied", name, a.Trouble)
		}
		s.quiet(t)
		a.Close()
	}
}

// What file managers hand on of a picture that was copied is where it is.
func TestAddPathOfPicture(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	path := file(t, "a card 零.PNG", qr(t, textOf(t, modeltest.CardOf("Wendelin"))))
	uri := (&url.URL{Scheme: "file", Path: path}).String()
	for name, give := range map[string]func(*people.Add){
		"path":          func(a *people.Add) { a.SetText(path) },
		"URI":           func(a *people.Add) { a.SetText(uri) },
		"pasted path":   func(a *people.Add) { a.Paste(path + "\r\n") },
		"pasted URI":    func(a *people.Add) { a.Paste(uri + "\r\n") },
		"after another": func(a *people.Add) { a.Paste("hello"); a.Paste(path) },
	} {
		a, _ := addIn(t, w)
		if give(a); a.Step != people.StepAdd || a.Trouble != "" {
			t.Errorf("%s: step %d, %q", name, a.Step, a.Trouble)
		}
		a.Close()
	}
	for _, other := range []string{"card.png", "file://elsewhere" + path, uri + "\n" + uri, "/" + strings.Repeat("x", 5000) + ".png", "/etc/passwd"} {
		a, _ := addIn(t, w)
		if a.SetText(other); a.Trouble != w.Words.Say("people.add.foreign") || a.Step != people.StepNone {
			t.Errorf("%.40q: step %d, %q", other, a.Step, a.Trouble)
		}
		a.Close()
	}
}

func TestAddClipboard(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	a, _ := addIn(t, w)
	if a.Picture(nil); a.Trouble != w.Words.Say("people.picture.none") {
		t.Errorf("no picture in the clipboard: %q", a.Trouble)
	}
	if a.Picture(qr(t, textOf(t, modeltest.CardOf("Wendelin")))); a.Step != people.StepAdd || a.Trouble != "" {
		t.Errorf("a card: step %d, %q", a.Step, a.Trouble)
	}
}

func TestAddLaterInputWins(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	a, _ := addIn(t, w)
	w.Async.Hold = true
	a.Picture(photo(t))
	if !a.Reading {
		t.Error("not shown that the picture is being looked at")
	}
	a.SetText(textOf(t, modeltest.CardOf("Wendelin")))
	w.Async.Release()
	if a.Step != people.StepAdd || a.Trouble != "" || a.Reading {
		t.Errorf("the picture came later and won: %q", a.Trouble)
	}
	w.Async.Hold = true
	a.Picture(photo(t))
	a.Close()
	w.Async.Release() // nothing is drawn of a closed page
	if a.Trouble != "" {
		t.Error("a closed page was changed")
	}
}

func TestAddKeepsTheCodeOfALongText(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	a, _ := addIn(t, w)
	code := textOf(t, modeltest.CardOf("Wendelin"))
	for name, c := range map[string]struct{ text, want string }{
		"a mail":              {"Hello,\n\n" + strings.Repeat("many words ", 900) + "\n" + code + "\n\nW.", code},
		"lines":               {code[:50] + "\n" + code[50:], code},
		"words":               {" two\nlines ", "two lines"},
		"words without end":   {strings.Repeat("字", 40000), strings.Repeat("字", 1000)},
		"nothing":             {"", ""},
		"bytes that are none": {"a\xffb", "ab"},
	} {
		if a.Paste(c.text); a.Text != c.want {
			t.Errorf("%s: %d bytes are in the field, want %d", name, len(a.Text), len(c.want))
		}
	}
}

func TestAddPasteWinsOverAPicture(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	a, _ := addIn(t, w)
	a.Picture(nil)
	if a.Paste(textOf(t, modeltest.CardOf("Wendelin"))); a.Trouble != "" || a.Step != people.StepAdd {
		t.Errorf("%q, step %d", a.Trouble, a.Step)
	}
}
