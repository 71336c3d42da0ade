package people

import (
	"strings"

	"fyne.io/fyne/v2"

	"zeroms/client"
	"zeroms/protocol/key"
	"zeroms/ui/model/people"
	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// Contact is the page of one person.
type Contact struct {
	*frame
	model *people.Contact
	id    client.ContactID
	stack *fyne.Container
	built bool
	alone fyne.CanvasObject // shown when they are no contact

	avatar  *w.Avatar
	name    *w.Text
	shield  *w.Mark
	state   *w.Paragraph
	write   *w.Button
	accept  *w.Button
	doing   *fyne.Container // around write and accept
	problem *w.Notice
	alias   *w.Field
	called  *w.Paragraph
	wrong   *w.Paragraph
	save    *w.Button
	userID  *w.Paragraph
	safety  *safety
	agree   *w.Paragraph
	agreeAt *w.Paragraph
	missing *w.Notice
	lost    *w.Notice
	pin     *w.Switch
	mute    *w.Switch
	block   *w.Button
	given   string // the name of ours that the field was set to
}

// NewContact makes the page of somebody.
func NewContact(h *page.Host, id client.ContactID) *Contact {
	c := &Contact{id: id, stack: w.NewColumn(600)}
	c.frame = newFrame(h, h.Words.Say("people.contact.title"), newMargins(c.stack))
	c.model = people.NewContact(h.Deps(), id, c.view(c.draw))
	c.alone = w.NewInset(0, 48, empty("people", h.Words.Say("people.contact.gone"), h.Words.Say("people.contact.goneText")))
	c.build()
	c.model.Load()
	return c
}

// Close is page.Page's.
func (c *Contact) Close() { c.model.Close() }

// Drop is page.Dropper's: a picture is compared.
func (c *Contact) Drop(uris []fyne.URI) {
	if path := dropped(uris); path != "" {
		c.model.CompareFile(path)
	}
}

// build makes the parts of the page.
func (c *Contact) build() {
	c.safety = newSafety(c)
	c.stack.Objects = []fyne.CanvasObject{c.person(), c.safety.panel, c.transcript(), c.settings(), c.end()}
	show(c.stack, false)
}

// person is who they are.
func (c *Contact) person() fyne.CanvasObject {
	say := c.host.Words.Say
	c.avatar, c.name, c.shield = w.NewAvatar([32]byte{}, "", 72), w.NewCut("", w.Title), w.NewMark("shield", theme.Accent, 18)
	c.state = w.NewParagraph("", w.Secondary)
	c.write = w.NewButton("contact.write", say("people.contact.write"), w.Primary, func() {
		c.host.Nav.Open(page.Place{Kind: page.Chat, Contact: c.id})
	})
	c.accept = w.NewButton("contact.accept", say("people.contact.accept"), w.Primary, func() { c.model.Block(false) })
	c.doing, c.problem = w.NewFlow(8, c.write, c.accept), w.NewNotice("", w.GapNotice)
	c.alias, c.called, c.wrong = w.NewField("contact.name", ""), w.NewParagraph("", w.Small), w.NewParagraph("", w.Alarm)
	c.save = w.NewButton("contact.save", say("people.contact.save"), w.Plain, c.rename)
	c.alias.SetOnChanged(func(name string) {
		c.model.CheckName(name)
		c.saving()
	})
	c.alias.OnSubmitted = func(string) { c.rename() }
	c.userID = w.NewParagraph("", w.Mono)
	copyID := w.NewIconButton("contact.copy", "copy", say("people.contact.copyID"), func() {
		c.host.Files.Copy(key.UserIDText(c.model.Person.User))
		c.host.Say.Notice(say("people.contact.copiedID"))
	})
	head := newWrappedBegun(16, c.avatar, w.NewStack(4, newTitled(6, c.name, c.shield), c.state))
	return w.NewPaddedPanel(20, w.NewStack(16,
		head, c.problem, c.doing,
		w.NewStack(8, w.NewText(say("people.contact.name"), w.Secondary), newWrapped(8, c.alias, c.save), c.called, c.wrong),
		w.NewStack(2, w.NewText(say("people.contact.id"), w.Secondary), newEnded(8, c.userID, copyID))))
}

// rename gives them the name in the field.
func (c *Contact) rename() { c.model.Rename(c.alias.Text) }

// saving shows the button only if there is something to keep.
func (c *Contact) saving() {
	show(c.save, strings.TrimSpace(c.alias.Text) != c.model.Person.Alias && c.model.NameTrouble == "")
	c.arrange()
}

// transcript is how far both agree on what was said.
func (c *Contact) transcript() fyne.CanvasObject {
	c.agree, c.agreeAt = w.NewParagraph("", w.Body), w.NewParagraph("", w.Secondary)
	c.missing, c.lost = w.NewNotice("", w.GapNotice), w.NewNotice("", w.AlarmNotice)
	return w.NewPaddedPanel(20, w.NewStack(8, w.NewText(c.host.Words.Say("people.contact.transcript"), w.Strong), c.agree, c.agreeAt, c.missing, c.lost))
}

// settings is what is kept about the conversation.
func (c *Contact) settings() fyne.CanvasObject {
	say := c.host.Words.Say
	c.pin = w.NewSwitch("contact.pin", say("people.contact.pin"), say("people.contact.pinText"), false, func(on bool) { c.model.Pin(on) })
	c.mute = w.NewSwitch("contact.mute", say("people.contact.mute"), say("people.contact.muteText"), false, func(on bool) { c.model.Mute(on) })
	return w.NewPaddedPanel(20, w.NewStack(8, c.pin, w.NewRule(), c.mute))
}

// end is how it ends with somebody.
func (c *Contact) end() fyne.CanvasObject {
	c.block = w.NewButton("contact.block", "", w.Plain, c.blocking)
	remove := w.NewButton("contact.remove", c.host.Words.Say("people.contact.remove"), w.Plain, c.removing)
	return w.NewInset(0, 8, w.NewFlow(8, c.block, remove))
}

func (c *Contact) blocking() {
	if c.model.Person.State == client.Blocked {
		c.model.Block(false)
		return
	}
	say := c.host.Words.Say
	c.host.Say.Ask(page.Question{
		Title: say("people.contact.blockTitle", "Name", c.model.Name), Text: say("people.contact.blockText"), Yes: say("people.contact.block"), Danger: true,
		Then: func() { c.model.Block(true) },
	})
}

// removing asks whether what was said is to be erased too.
func (c *Contact) removing() {
	say, name := c.host.Words.Say, c.model.Name
	erase := w.NewSwitch("remove.erase", say("people.contact.removeErase"), say("people.contact.removeEraseText"), false, nil)
	var done func()
	remove := w.NewButton("remove.yes", say("people.contact.removeYes"), w.Danger, func() {
		done()
		c.model.Remove(erase.On(), func() {
			c.host.Say.Notice(say("people.contact.removed", "Name", name))
			c.host.Nav.Back()
		})
	})
	cancel := w.NewButton("remove.no", say("people.contact.cancel"), w.Plain, func() { done() })
	done = c.host.Say.Show(say("people.contact.removeTitle", "Name", name), w.NewStack(16,
		w.NewParagraph(say("people.contact.removeText"), w.Secondary), erase, w.NewLineRight(8, cancel, remove)))
}

// draw brings the page to what the model is.
func (c *Contact) draw() {
	m := c.model
	if m == nil || !m.Ready {
		return
	}
	if m.Gone {
		c.stack.Objects = []fyne.CanvasObject{c.alone}
		show(c.stack, true)
		c.arrange()
		return
	}
	show(c.stack, true)
	c.drawPerson()
	c.safety.draw()
	c.drawTranscript()
	c.pin.SetOn(m.Chat.Pinned)
	c.mute.SetOn(m.Chat.Muted)
	c.drawEnd()
	c.saving()
}

func (c *Contact) drawPerson() {
	m, say := c.model, c.host.Words.Say
	c.avatar.SetUser(m.Person.User, m.Name)
	c.name.SetText(m.Name)
	show(c.shield, m.Person.Verified)
	c.state.SetText(c.stateText())
	c.problem.SetText(m.Problem)
	show(c.problem, m.Problem != "")
	c.problem.SetKind(w.GapNotice)
	if m.Frozen {
		c.problem.SetKind(w.AlarmNotice)
	}
	show(c.write, m.Person.State == client.Accepted)
	show(c.accept, m.Person.State == client.Requested)
	show(c.doing, m.Person.State == client.Accepted || m.Person.State == client.Requested)
	if c.given != m.Alias || !c.built {
		c.given = m.Alias
		c.alias.SetText(m.Alias)
	}
	c.built = true
	placeholder := m.Called
	if placeholder == "" {
		placeholder = say("people.contact.noName")
	}
	c.alias.SetPlaceHolder(placeholder)
	c.called.SetText(say("people.contact.called", "Name", m.Called))
	show(c.called, m.Alias != "" && m.Called != "" && m.Alias != m.Called)
	c.wrong.SetText(m.NameTrouble)
	show(c.wrong, m.NameTrouble != "")
	c.userID.SetText(m.UserID)
}

// stateText is how it stands with them, in a line.
func (c *Contact) stateText() string {
	m, say := c.model, c.host.Words.Say
	parts := []string{say("people.contact.unverified")}
	if m.Person.Verified {
		parts[0] = say("people.contact.verified")
	}
	switch m.Person.State {
	case client.Requested:
		return strings.Join(append(parts, say("people.contact.asked")), " · ")
	case client.Blocked:
		return strings.Join(append(parts, say("people.contact.isBlocked")), " · ")
	}
	parts = append(parts, say("people.contact.since", "Day", c.day(m.Person.Added)))
	if !m.Person.Answered {
		parts = append(parts, say("people.contact.unanswered"))
	}
	return strings.Join(parts, " · ")
}

func (c *Contact) drawTranscript() {
	m, words := c.model, c.host.Words
	agreed := m.Agreement.Messages > 0
	if agreed {
		c.agree.SetText(words.Say("people.contact.agree", "Number", words.Number(m.Agreement.Messages)))
	} else {
		c.agree.SetText(words.Say("people.contact.agreeNone"))
	}
	show(c.agreeAt, agreed && !m.Agreement.At.IsZero())
	if c.agreeAt.Visible() {
		c.agreeAt.SetText(words.Say("people.contact.agreeAt", "When", words.Moment(m.Agreement.At)))
	}
	c.missing.SetText(words.Count("people.contact.missing", m.Missing))
	show(c.missing, m.Missing > 0)
	c.lost.SetText(words.Count("people.contact.lost", m.Lost))
	show(c.lost, m.Lost > 0)
}

func (c *Contact) drawEnd() {
	say := c.host.Words.Say
	c.block.SetText(say("people.contact.block"))
	if c.model.Person.State == client.Blocked {
		c.block.SetText(say("people.contact.unblock"))
	}
}
