package model

import (
	"slices"
	"strings"

	"zeroms/client"
	"zeroms/protocol/key"
)

// Hit is what the quick switcher goes to: a conversation, or a page.
type Hit struct {
	// Page is "card", "add", "requests", "gateways" or "settings"; empty: a conversation.
	Page    string
	Contact client.ContactID
	User    key.IdentityPublic
	Name    string
}

// Switcher finds conversations and pages by some letters of their names.
type Switcher struct {
	d     Deps
	chats *Chats
}

// NewSwitcher makes a Switcher.
func NewSwitcher(d Deps, chats *Chats) *Switcher { return &Switcher{d, chats} }

// pages are the pages that can be gone to.
func (s *Switcher) pages() []Hit {
	say := s.d.Words
	all := []Hit{{Page: "card", Name: say.Say("talk.page.card")}, {Page: "add", Name: say.Say("talk.page.add")}}
	if s.chats.Requests() > 0 {
		all = append(all, Hit{Page: "requests", Name: say.Say("talk.page.requests")})
	}
	return append(all, Hit{Page: "gateways", Name: say.Say("talk.page.gateways")}, Hit{Page: "settings", Name: say.Say("talk.page.settings")})
}

// Find is what is found, best first: names that begin with the text, names of which
// words begin with those of the text, names that it stands in, each in the order of the
// list, conversations before pages. For an empty text that is everything, the open
// conversation last of all.
func (s *Switcher) Find(text string) []Hit {
	text = strings.Join(strings.Fields(Fold(text)), " ")
	var ranks [4][]Hit
	note := func(h Hit, folded string) {
		if r := rank(folded, text); r < len(ranks)-1 {
			ranks[r] = append(ranks[r], h)
		}
	}
	for _, p := range s.chats.order {
		h := Hit{Contact: p.contact.ID, User: p.contact.User, Name: p.name}
		switch {
		case p.contact.State != client.Accepted:
		case text == "" && h.Contact == s.chats.selected:
			ranks[len(ranks)-1] = []Hit{h}
		default:
			note(h, p.folded)
		}
	}
	for _, h := range s.pages() {
		note(h, Fold(h.Name))
	}
	return slices.Concat(ranks[:]...)
}

// rank is how well a folded name fits a folded text: 0 is best, 3 not at all.
func rank(name, text string) int {
	switch {
	case strings.HasPrefix(name, text):
		return 0
	case Matches(name, text):
		return 1
	case strings.Contains(name, text):
		return 2
	}
	return 3
}
