package people

import (
	"strings"

	"zeroms/ui/words"
)

// named is the name that the error table has for what an error says, which stands in
// brackets at its end, with or without a detail.
func named(text string) string {
	at := strings.LastIndexByte(text, '[')
	if at < 0 || !strings.HasSuffix(text, "]") {
		return ""
	}
	name, _, _ := strings.Cut(text[at+1:len(text)-1], ":")
	return name
}

// Frozen reports whether a contact's problem is that messages of a device of theirs
// contradict each other, which time does not mend.
func Frozen(problem string) bool { return strings.Contains(problem, "was frozen") }

// Problem says in plain words why nothing can be sent to somebody called name; empty:
// nothing is wrong.
func Problem(w *words.Words, name, problem string) string {
	if problem == "" {
		return ""
	}
	if Frozen(problem) {
		return w.Say("people.problem.frozen", "Name", name)
	}
	switch named(problem) {
	case "no-profile":
		return w.Say("people.problem.card", "Name", name)
	case "quota-full", "door-full":
		return w.Say("people.problem.full", "Name", name)
	case "capability", "unknown-drop":
		return w.Say("people.problem.moved", "Name", name)
	case "network":
		return w.Say("people.problem.network", "Name", name)
	case "work":
		return w.Say("people.problem.work", "Name", name)
	case "set-back":
		return w.Say("people.problem.setback")
	}
	return w.Say("people.problem.gone", "Name", name)
}

// brokenTrouble says what is wrong with a code of ZeroMS that can't be read, and what
// to do.
func brokenTrouble(w *words.Words, err error) string {
	if err == nil {
		return w.Say("people.broken.damaged")
	}
	switch named(err.Error()) {
	case "version", "suite":
		return w.Say("people.broken.version")
	case "public-key", "value", "not-canonical":
		return w.Say("people.broken.wrong")
	}
	return w.Say("people.broken.damaged")
}
