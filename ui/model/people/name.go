package people

import (
	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/ui/model"
	"zeroms/ui/words"
)

// nameTrouble says why somebody can't be called that; empty: they can.
func nameTrouble(w *words.Words, name string) string {
	switch {
	case card.CheckName(name) == nil:
		return ""
	case tooLong(name):
		return w.Say("people.name.long")
	}
	return w.Say("people.name.hidden")
}

// nameOf is what a contact is shown as.
func nameOf(c client.Contact) string {
	if name := model.Name(c.Name); name != "" {
		return name
	}
	return key.UserIDText(c.User)[:8]
}

// groups sets text apart into groups of n characters.
func groups(text string, n int) []string {
	var out []string
	for len(text) > n {
		out, text = append(out, text[:n]), text[n:]
	}
	return append(out, text)
}
