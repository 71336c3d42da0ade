package places

import (
	"strings"
	"unicode/utf8"

	"zeroms/protocol/card"
	"zeroms/ui/words"
)

// named is the name that the error table has for what a gateway's problem says, which
// stands in brackets at its end.
func named(problem string) string {
	at := strings.LastIndexByte(problem, '[')
	if at < 0 || !strings.HasSuffix(problem, "]") {
		return ""
	}
	name, _, _ := strings.Cut(problem[at+1:len(problem)-1], ":")
	return name
}

// Final reports whether trying again will not help: the user has to do something.
func Final(problem string) bool {
	switch named(problem) {
	case "wrong-gateway-key", "invite", "network", "login", "closed", "version", "suite", "set-back":
		return true
	}
	return strings.Contains(problem, "not a ZeroMS gateway")
}

// Problem says in plain words why a gateway is not there, or can't be trusted; empty:
// nothing is wrong.
func Problem(w *words.Words, problem string) string {
	switch named(problem) {
	case "wrong-gateway-key":
		return w.Say("places.problem.key")
	case "invite":
		return w.Say("places.problem.invite")
	case "network":
		return w.Say("places.problem.network")
	case "login", "closed", "not-logged-in":
		return w.Say("places.problem.account")
	case "version", "suite", "unexpected":
		return w.Say("places.problem.version")
	case "clock", "expired":
		return w.Say("places.problem.clock")
	case "set-back":
		return w.Say("places.problem.setback")
	case "work":
		return w.Say("places.problem.work")
	case "busy", "unavailable", "limit":
		return w.Say("places.problem.busy")
	case "draining":
		return w.Say("places.problem.closing")
	}
	return unnamed(w, problem)
}

// unnamed is Problem for what stands in no table: what the system said, and what this
// client found out itself.
func unnamed(w *words.Words, problem string) string {
	says := func(part string) bool { return strings.Contains(problem, part) }
	switch {
	case problem == "" || problem == "connecting":
		return ""
	case says("the gateway's clock"):
		return w.Say("places.problem.theirs")
	case says("not a ZeroMS gateway"):
		return w.Say("places.problem.other")
	case says("proxy"):
		return w.Say("places.problem.proxy")
	case says("rows do not follow"), says("which it never got"), says("signed another mailbox"), says("does not hand out"):
		return w.Say("places.problem.false")
	case says("lost a part of the mailbox"):
		return w.Say("places.problem.lost")
	}
	return w.Say("places.problem.gone")
}

// NameProblem says why nobody can be called that; empty: it is a good name.
func NameProblem(w *words.Words, name string) string {
	switch {
	case strings.TrimSpace(name) == "":
		return w.Say("places.name.empty")
	case len(name) > card.MaxName && utf8.ValidString(name):
		return w.Say("places.name.long")
	case card.CheckName(strings.TrimSpace(name)) != nil:
		return w.Say("places.name.signs")
	}
	return ""
}
