package people

import (
	"context"
	"errors"
	"strings"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/ui/model"
)

// Step is what can be done with what was given to Add.
type Step uint8

// The steps.
const (
	StepNone     Step = iota // nothing: Trouble says why, if something was given
	StepAdd                  // add a new person
	StepOpen                 // open the conversation with somebody known
	StepRenew                // take another way to somebody known over, and open
	StepAccept               // accept who asked already
	StepUnblock              // take back who was blocked
	StepGateway              // go to the gateways with the address that was given
	StepGateways             // go to the gateways: there is none yet
)

// Add is the page on which somebody is added.
type Add struct {
	base
	// Text is what stands in the field.
	Text string
	// Reading tells that a picture is being looked at, Working that the person is being
	// added.
	Reading, Working bool
	// Someone tells that the text names somebody: User, and the Name they are shown as.
	Someone bool
	User    key.IdentityPublic
	Name    string
	// Called is what they call themselves, which is what they are called here if the
	// user gives them no other name.
	Called string
	// Trouble says what is wrong with what was given and what to do; NameTrouble is
	// about the name. Note says what else is to be known.
	Trouble, NameTrouble, Note string
	Step                       Step

	given Given
	known client.ContactID
	alias string
	self  key.IdentityPublic
	all   map[key.IdentityPublic]client.Contact
	homed bool // there is a gateway
	ready bool
	turn  int
	blind bool // Trouble is of a picture that no text came of
}

// NewAdd makes an Add.
func NewAdd(d model.Deps, view View) *Add {
	a := &Add{base: base{deps: d, view: view}}
	a.listen(func(events []client.Event) {
		for _, e := range events {
			switch e.(type) {
			case client.ContactChanged, client.GatewayChanged, client.GatewayRemoved, client.Lagged:
				a.Load()
				return
			}
		}
	})
	return a
}

// Close ends the model.
func (a *Add) Close() { a.close() }

// Load reads who is known.
func (a *Add) Load() {
	talk, self := a.deps.Profile.Talk, a.deps.Profile.Self
	a.read(func(ctx context.Context) (func(), error) {
		all, err := talk.Contacts(ctx)
		if err != nil {
			return nil, err
		}
		s, err := self.Status(ctx)
		if err != nil {
			return nil, err
		}
		return func() {
			a.all, a.self, a.homed, a.ready = map[key.IdentityPublic]client.Contact{}, s.User, len(s.Gateways) > 0, true
			for _, c := range all {
				a.all[c.User] = c
			}
			if !a.Working {
				a.judge()
			}
		}, nil
	})
}

// SetText looks at another text.
func (a *Add) SetText(text string) {
	if text == a.Text && !a.Reading && !a.blind {
		return
	}
	if path := picturePath(text); path != "" {
		a.File(path)
		return
	}
	a.turn++ // a picture that is still being looked at no longer counts
	a.Reading, a.blind = false, false
	a.take(text)
}

func (a *Add) take(text string) {
	a.Text, a.given = text, Read(text)
	a.judge()
	a.changed()
}

// Paste looks at a text as a whole, and keeps the code that it finds in it. Of a picture
// that was copied as a file, what file managers hand on is where it is.
func (a *Add) Paste(text string) {
	if path := picturePath(text); path != "" {
		a.File(path)
		return
	}
	a.turn++
	a.Reading, a.blind = false, false
	a.put(text)
}

// put puts a text into the field: the code alone, or else one line of it.
func (a *Add) put(text string) {
	if g := Read(text); g.Text != "" {
		text = g.Text
	}
	a.take(strings.ToValidUTF8(strings.Join(strings.Fields(text[:min(len(text), maxField)]), " "), ""))
}

// maxField is how much of a text that is no code is put into the field, in bytes.
const maxField = 3000

// SetName gives the person another name here; empty: their own.
func (a *Add) SetName(name string) {
	a.alias = strings.TrimSpace(name)
	a.NameTrouble = nameTrouble(a.deps.Words, a.alias)
	a.changed()
}

// File looks at a picture, or a small file with a text.
func (a *Add) File(path string) { a.see(func() (string, error) { return readFile(path) }) }

// Picture looks at a picture out of the clipboard; nil: there is none.
func (a *Add) Picture(png []byte) {
	if png == nil {
		a.see(func() (string, error) { return "", errNoPicture })
		return
	}
	a.see(func() (string, error) { return readContent(png) })
}

func (a *Add) see(from func() (string, error)) {
	a.clear()
	a.Text, a.given, a.Reading, a.blind = "", Given{}, true, false
	a.changed()
	a.look(&a.turn, from, func(text string, err error) {
		a.Reading = false
		if err != nil {
			a.Trouble, a.blind = pictureTrouble(a.deps.Words, err), true
			a.changed()
			return
		}
		a.put(text)
	})
}

func (a *Add) clear() {
	a.Someone, a.User, a.Name, a.Called, a.Trouble, a.Note, a.Step, a.known = false, key.IdentityPublic{}, "", "", "", "", StepNone, 0
}

// judge finds out whom the text names and what can be done about it.
func (a *Add) judge() {
	if a.Reading || a.blind {
		return
	}
	a.clear()
	w := a.deps.Words
	switch a.given.Kind {
	case Person:
		a.person()
	case UserID:
		a.userID()
	case Gateway:
		a.Trouble, a.Step = w.Say("people.add.gateway"), StepGateway
	case Device:
		a.Trouble = w.Say("people.add.device")
	case Safety:
		a.Trouble = w.Say("people.add.safety")
	case Broken:
		a.Trouble = brokenTrouble(w, a.given.Err)
	case Web:
		a.Trouble = w.Say("people.add.web")
	case Foreign:
		a.Trouble = w.Say("people.add.foreign")
	}
}

// show shows the person who was given.
func (a *Add) show(called string) {
	a.Someone, a.User, a.Called = true, a.given.User, model.Name(called)
	if a.Name = a.Called; a.Name == "" {
		a.Name = key.UserIDText(a.User)[:8]
	}
}

func (a *Add) person() {
	w, k := a.deps.Words, a.given.Card
	a.show(k.Name)
	c, known := a.all[k.User]
	switch {
	case !a.ready:
		return
	case k.User == a.self:
		a.Trouble = w.Say("people.add.own")
	case known && c.State == client.Accepted && c.Problem == "":
		a.meet(c)
		a.Note, a.Step = w.Say("people.add.known", "Name", a.Name), StepOpen
	case k.Expired(a.deps.Now()):
		a.Trouble = w.Say("people.add.expired")
	case !a.homed:
		a.Trouble, a.Step = w.Say("people.add.homeless"), StepGateways
	case known:
		a.meet(c)
		a.again(c)
	default:
		a.Step = StepAdd
		if k.Public {
			a.Note = w.Say("people.add.public")
		}
	}
}

// meet shows somebody known, by the name that they have here.
func (a *Add) meet(c client.Contact) {
	a.known = c.ID
	if name := model.Name(c.Name); name != "" {
		a.Name = name
	}
}

// again is about somebody known who can't be written to.
func (a *Add) again(c client.Contact) {
	w := a.deps.Words
	switch c.State {
	case client.Requested:
		a.Note, a.Step = w.Say("people.add.requested", "Name", a.Name), StepAccept
	case client.Blocked:
		a.Note, a.Step = w.Say("people.add.blocked", "Name", a.Name), StepUnblock
	case client.Accepted:
		a.Note, a.Step = w.Say("people.add.renew", "Name", a.Name), StepRenew
	default:
		a.known, a.Step = 0, StepAdd
	}
}

// userID is about a user ID without a card, which leads to nobody.
func (a *Add) userID() {
	w := a.deps.Words
	c, known := a.all[a.given.User]
	switch {
	case !a.ready:
	case a.given.User == a.self:
		a.show("")
		a.Trouble = w.Say("people.add.own")
	case known && c.State == client.Accepted:
		a.show(c.Called)
		a.meet(c)
		a.Note, a.Step = w.Say("people.add.known", "Name", a.Name), StepOpen
	default:
		a.show("")
		a.Trouble = w.Say("people.add.id")
	}
}

// Gateway is the address that was given, in StepGateway.
func (a *Add) Gateway() string { return a.given.Text }

// Act does what Step says about the person; opened is told whose conversation to open.
// The two steps to the gateways are the page's.
func (a *Add) Act(opened func(client.ContactID)) {
	if a.Working || a.Reading || a.NameTrouble != "" {
		return
	}
	alias := a.alias
	switch a.Step {
	case StepOpen:
		opened(a.known)
		return
	case StepAdd:
	case StepRenew, StepAccept, StepUnblock:
		alias = ""
	default:
		return
	}
	a.Working = true
	a.changed()
	people, k := a.deps.Profile.People, a.given.Card
	a.deps.Async.Do(func(ctx context.Context) func() {
		c, err := people.Add(ctx, k, alias)
		return func() {
			if a.closed {
				return
			}
			a.Working = false
			if err != nil {
				a.refused(err)
				return
			}
			opened(c.ID)
		}
	})
}

// refused shows at the field why somebody could not be added.
func (a *Add) refused(err error) {
	w := a.deps.Words
	switch {
	case errors.Is(err, client.ErrOwnCard):
		a.Trouble, a.Step = w.Say("people.add.own"), StepNone
	case errors.Is(err, client.ErrNoGateway):
		a.Trouble, a.Step = w.Say("people.add.homeless"), StepGateways
	case errors.Is(err, client.ErrUnreachable):
		a.Trouble, a.Step = w.Say("people.add.unreachable"), StepNone
	default:
		a.view.Fail(err)
	}
	a.changed()
}

// tooLong reports whether a name is longer than one may be.
func tooLong(name string) bool { return len(name) > card.MaxName }
