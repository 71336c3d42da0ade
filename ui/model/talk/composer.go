package talk

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"zeroms/client"
	"zeroms/ui/model"
)

// MaxText is how many bytes a text may have, and nearText from how many on that is
// shown.
const (
	MaxText  = 14_000
	nearText = 12_500
)

// drafted is how long after the last key a draft is kept.
const drafted = 400 * time.Millisecond

// Press is what the Enter key does.
type Press uint8

// What Enter does.
const (
	PressSend  Press = iota
	PressBreak       // a new line begins
)

// Composer is the text that is being written to somebody. It begins with the draft of
// the conversation and keeps it: 400 ms after the last key, and at Close. A text that
// could not be sent comes back, in front of what was written since.
//
// What a text answers and what is attached to it will stand beside the text here.
type Composer struct {
	d        model.Deps
	chats    *model.Chats
	id       client.ContactID
	unlisten func()
	text     string
	kept     string    // the draft as it is kept
	due      time.Time // zero: nothing to keep
	closed   bool
	// OnChange is told that Text is another one than was given to Edit.
	OnChange func()
	// OnError is told why a text was not sent.
	OnError func(error)
}

// NewComposer makes the composer of a conversation.
func NewComposer(d model.Deps, chats *model.Chats, id client.ContactID) *Composer {
	draft := chats.Chat(id).Draft
	c := &Composer{d: d, chats: chats, id: id, text: draft, kept: draft}
	c.unlisten = chats.Listen(c.follow)
	return c
}

// Close keeps the draft and ends it.
func (c *Composer) Close() {
	c.Save()
	c.unlisten()
	c.closed = true
}

// Text is what is written.
func (c *Composer) Text() string { return c.text }

// Edit takes what is written now.
func (c *Composer) Edit(text string, now time.Time) {
	if text != c.text {
		c.text, c.due = text, now.Add(drafted)
	}
}

// Waiting tells that the draft is to be kept, now or later.
func (c *Composer) Waiting() bool { return !c.due.IsZero() }

// Due tells that it is time for Save.
func (c *Composer) Due(now time.Time) bool { return c.Waiting() && !now.Before(c.due) }

// Save keeps the draft.
func (c *Composer) Save() {
	c.due = time.Time{}
	draft := c.text
	if strings.TrimSpace(draft) == "" {
		draft = ""
	}
	if draft != c.kept {
		c.kept = draft
		c.chats.SetDraft(c.id, draft)
	}
}

// follow takes over a draft that came from elsewhere: a text that was not sent though
// its composer is closed.
func (c *Composer) follow() {
	draft := c.chats.Chat(c.id).Draft
	if draft == c.kept {
		return
	}
	if c.text == c.kept {
		c.text = draft
	} else {
		c.text = inFront(draft, c.text)
	}
	c.kept = draft
	c.changed()
}

func (c *Composer) changed() {
	if c.OnChange != nil && !c.closed {
		c.OnChange()
	}
}

// Press is what Enter does with these keys held.
func (c *Composer) Press(ctrl, shift bool) Press {
	if shift || ctrl != c.d.Profile.Notes.Settings().CtrlEnter {
		return PressBreak
	}
	return PressSend
}

// ready is the text as it would be sent.
func (c *Composer) ready() string {
	return strings.ToValidUTF8(strings.TrimFunc(c.text, unicode.IsSpace), "")
}

// CanSend tells that there is a text, and that it is not too long.
func (c *Composer) CanSend() bool {
	text := c.ready()
	return model.Preview(text) != "" && len(text) <= MaxText
}

// Left says how much more can be written, or by how much the text is too long. It is
// empty for a text that is far from that.
func (c *Composer) Left() (words string, over bool) {
	text := c.ready()
	switch free := MaxText - len(text); {
	case len(text) < nearText:
		return "", false
	case free < 0:
		fits := MaxText
		for !utf8.RuneStart(text[fits]) {
			fits--
		}
		n := utf8.RuneCountInString(text[fits:])
		return c.d.Words.Count("talk.over", n), true
	default:
		n := free * utf8.RuneCountInString(text) / len(text) // more of the same letters
		return c.d.Words.Count("talk.left", n), false
	}
}

// Send sends the text, if that CanSend, and begins a new one. The draft is given up only
// when the text is durable as a message.
func (c *Composer) Send() {
	if !c.CanSend() {
		return
	}
	text := c.ready()
	c.text, c.due = "", time.Time{}
	c.changed()
	c.d.Async.Do(func(ctx context.Context) func() {
		_, err := c.d.Profile.Talk.Send(ctx, c.id, text)
		return func() { c.sent(text, err) }
	})
}

func (c *Composer) sent(text string, err error) {
	if err != nil && c.closed {
		c.chats.SetDraft(c.id, inFront(text, c.chats.Chat(c.id).Draft))
	} else if err != nil {
		c.text = inFront(text, c.text)
	}
	if !c.closed {
		c.Save()
	}
	if err != nil {
		c.changed()
		if c.OnError != nil {
			c.OnError(err)
		}
	}
}

func inFront(text, of string) string {
	if text == "" || of == "" {
		return text + of
	}
	return text + "\n" + of
}
