package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"

	"zeroms/client"
	"zeroms/client/account"
	"zeroms/client/backup"
	"zeroms/client/evidence"
	"zeroms/client/history"
	"zeroms/cmd/zms/rescue"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
	"zeroms/store"
	"zeroms/store/chat"
)

// The exit codes of the command line.
const (
	ExitOK       = 0
	ExitFailure  = 1
	ExitUsage    = 2 // the command line or request can't be understood
	ExitLocked   = 3 // a passphrase is needed or wrong, or another process holds the profile
	ExitNotFound = 4 // no such profile, contact, message, card, gateway, fan, evidence or record of the network
	ExitTimeout  = 5 // what was waited for did not happen in time
	ExitBot      = 6 // the program of listen --exec failed
)

// The names of failures that commands make themselves; the others stand in
// causes and in the error table of the protocol.
const (
	NameUsage        = "usage"
	NameFailure      = "failure"
	NameStopped      = "stopped"
	NameTimeout      = "timeout"
	NameInterrupted  = "interrupted"
	NameLocked       = "locked"
	NameNeeds        = "needs-passphrase"
	NameNoProfile    = "no-profile"
	NameNoContact    = "no-contact"
	NameNoCard       = "no-card"
	NameNotHome      = "not-home"
	NameNotConnected = "not-connected"
	NameLast         = "last-gateway"
	NameNoRecord     = "no-record"
	NameNoFan        = "no-fan"
	NameRefused      = "refused"
	NameNoSafe       = "no-safe"
	NameNoMessage    = "no-message"
	NameNoOffer      = "none-found"
	NameNoEvidence   = "no-evidence"
	NameBot          = "bot"
	NameVersion      = "version"
)

// Failure is why a command failed: a name for scripts and a sentence for
// people that says what to do. It holds no secrets.
type Failure struct {
	// a stable name for scripts.
	Name string `json:"name"`
	// the sentence.
	Message string `json:"message"`
}

// Error is the sentence.
func (f *Failure) Error() string { return f.Message }

// Fail makes a Failure.
func Fail(name, format string, args ...any) *Failure {
	return &Failure{Name: name, Message: fmt.Sprintf(format, args...)}
}

// Usage makes a Failure of a request that can't be understood.
func Usage(format string, args ...any) *Failure { return Fail(NameUsage, format, args...) }

// cause is an error of a lower layer and its name.
type cause struct {
	err  error
	name string
}

var causes = []cause{
	{client.ErrNoContact, NameNoContact},
	{account.ErrNoHome, NameNotHome},
	{account.ErrLast, NameLast},
	{client.ErrNoGateway, "no-gateway"},
	{client.ErrNoOffer, NameNoOffer},
	{account.ErrTooMany, "too-many"},
	{client.ErrBlocked, "blocked"},
	{client.ErrRequest, "request"},
	{client.ErrRemoved, "removed"},
	{account.ErrOverlap, "overlap"},
	{client.ErrOwnCard, "own-card"},
	{client.ErrTooLong, "too-long"},
	{client.ErrExists, "exists"},
	{client.ErrNoSelf, NameNoProfile},
	{client.ErrStopped, NameStopped},
	{history.ErrNotFound, NameNoMessage},
	{evidence.ErrNoReceipt, NameNoEvidence},
	{evidence.ErrNoFault, NameNoEvidence},
	{chat.ErrExists, "exists"},
	{chat.ErrNoProfile, NameNoProfile},
	{chat.ErrNeedsPassphrase, NameNeeds},
	{chat.ErrWrongPassphrase, "wrong-passphrase"},
	{chat.ErrNoPassphrase, "no-passphrase"},
	{chat.ErrEmptyPassphrase, "empty-passphrase"},
	{chat.ErrPermissions, "permissions"},
	{chat.ErrIncomplete, "damaged"},
	{chat.ErrOtherKey, "damaged"},
	{chat.ErrDamaged, "damaged"},
	{store.ErrCorrupt, "damaged"},
	{store.ErrForeign, "damaged"},
	{store.ErrNewer, "newer"},
	{store.ErrFull, "disk-full"},
	{store.ErrLocked, NameLocked},
	{backup.ErrNotArchive, "archive"},
	{backup.ErrChanged, "archive"},
	{backup.ErrTooLarge, "archive"},
	{backup.ErrNewer, "newer"},
	{backup.ErrWords, "wrong-words"},
	{backup.ErrPassphrase, "wrong-passphrase"},
	{backup.ErrEmptyPassphrase, "empty-passphrase"},
	{backup.ErrOther, "other-identity"},
	{backup.ErrNoOwner, NameNoProfile},
	{backup.ErrSafe, "wrong-words"},
	{key.ErrPhraseCheck, "wrong-words"},
	{rescue.ErrNoSafe, NameNoSafe},
	{rescue.ErrNoAnswer, NameNotConnected},
	{rescue.ErrFile, NameUsage},
	{rescue.ErrPath, NameUsage},
	{link.ErrProxyAddress, NameUsage},
	{syscall.ENOSPC, "disk-full"},
	{context.DeadlineExceeded, NameTimeout},
}

var exits = map[string]int{
	NameUsage:          ExitUsage,
	NameNeeds:          ExitLocked,
	"wrong-passphrase": ExitLocked,
	"wrong-words":      ExitLocked,
	"no-passphrase":    ExitLocked,
	NameLocked:         ExitLocked,
	NameNoProfile:      ExitNotFound,
	NameNoContact:      ExitNotFound,
	NameNoCard:         ExitNotFound,
	NameNotHome:        ExitNotFound,
	NameNoSafe:         ExitNotFound,
	NameNoMessage:      ExitNotFound,
	NameNoOffer:        ExitNotFound,
	NameNoEvidence:     ExitNotFound,
	NameNoRecord:       ExitNotFound,
	NameNoFan:          ExitNotFound,
	NameTimeout:        ExitTimeout,
	NameNotConnected:   ExitTimeout,
	NameBot:            ExitBot,
}

// Exit is an exit code, what it means, and the names of the failures that have it.
type Exit struct {
	Code    int
	Meaning string
	Names   []string
}

// meanings are the exit codes in words.
var meanings = map[int]string{
	ExitOK:       "done",
	ExitFailure:  "failed",
	ExitUsage:    "the command line, a file named there, or the request can't be understood",
	ExitLocked:   "a passphrase or the 24 words are needed or wrong, or another process holds the profile",
	ExitNotFound: "there is no such profile, contact, message, card, gateway or fan, nothing saved at a gateway or published in the network, or no evidence",
	ExitTimeout:  "what was waited for did not happen in time",
	ExitBot:      "the program of listen --exec failed",
}

// Exits are all exit codes. The names of ExitFailure are those that commands make,
// beside the ones of the error table of the protocol.
func Exits() []Exit {
	out := make([]Exit, len(meanings))
	for code, meaning := range meanings {
		out[code] = Exit{Code: code, Meaning: meaning}
	}
	named := map[string]int{
		NameFailure: ExitFailure, NameStopped: ExitFailure, NameInterrupted: ExitFailure, NameRefused: ExitFailure, NameVersion: ExitFailure,
	}
	for _, c := range causes {
		named[c.name] = (&Failure{Name: c.name}).Exit()
	}
	for name, code := range exits {
		named[name] = code
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		out[named[name]].Names = append(out[named[name]].Names, name)
	}
	return out
}

// Exit is the exit code of the command line for this failure.
func (f *Failure) Exit() int {
	if code, ok := exits[f.Name]; ok {
		return code
	}
	return ExitFailure
}

// packages are what errors of this program begin with; people have no use for it.
var packages = []string{"client: ", "chat: ", "store: ", "link: ", "card: ", "key: ", "message: ", "home: ", "backup: "}

// Explain turns any error into a Failure.
func Explain(err error) *Failure {
	if f := new(Failure); errors.As(err, &f) {
		return f
	}
	if w := new(wire.Error); errors.As(err, &w) {
		row := wire.Lookup(w.Code)
		if w.Detail == "" {
			return &Failure{row.Name, row.Sentence}
		}
		return &Failure{row.Name, row.Sentence + " (" + w.Detail + ")"}
	}
	text := err.Error()
	for _, p := range packages {
		text = strings.TrimPrefix(text, p)
	}
	if p := new(key.PhraseError); errors.As(err, &p) {
		return &Failure{"wrong-words", text}
	}
	for _, c := range causes {
		if errors.Is(err, c.err) {
			return &Failure{c.name, text}
		}
	}
	if errors.Is(err, context.Canceled) {
		return &Failure{NameInterrupted, "the command was interrupted; run it again to see how far it came"}
	}
	return &Failure{NameFailure, text}
}
