package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// The names of requests are the commands of the command line.
const (
	CmdCardShow      = "card show"
	CmdGatewayAdd    = "gateway add"
	CmdGatewayList   = "gateway list"
	CmdGatewayRemove = "gateway remove"
	CmdGatewayDrain  = "gateway drain"
	CmdGatewayFind   = "gateway find"
	CmdDirectSet     = "direct set"
	CmdDirectShow    = "direct show"
	CmdAdd           = "add"
	CmdLookup        = "lookup"
	CmdRequests      = "requests"
	CmdAccept        = "accept"
	CmdBlock         = "block"
	CmdRemove        = "remove"
	CmdCardRenew     = "card renew"
	CmdContacts      = "contacts"
	CmdSend          = "send"
	CmdListen        = "listen"
	CmdFrames        = "debug frames"
	CmdHistory       = "history"
	CmdRead          = "read"
	CmdVerify        = "verify"
	CmdStatus        = "status"
	CmdPassphrase    = "passphrase"
	CmdPhrase        = "phrase"
	CmdExport        = "export"
	CmdErase         = "erase"
	CmdEvidence      = "evidence export"
	CmdDone          = "done"
	CmdHold          = "hold"
	CmdFree          = "free"
	CmdFanList       = "fan list"
	CmdFanRemove     = "fan remove"
	CmdProxySet      = "proxy set"
	CmdProxyShow     = "proxy show"
	CmdProxyClear    = "proxy clear"
)

// What send can wait for.
const (
	WaitCustody   = "custody"
	WaitDelivered = "delivered"
)

// The bounds of history.
const (
	DefaultLines = 20
	MaxLines     = 1000
)

// DefaultWait bounds what send waits for, unless the request says.
const DefaultWait = time.Minute

// DefaultPatience is how long a worker of a fan may be silent, unless it says.
const DefaultPatience = 30 * time.Second

// Request is one command with its arguments and flags; each command reads its
// own fields and ignores the others.
type Request struct {
	// the command as on the command line: `"gateway add"`; all but `init`, `agent`, `chat`, `import`,
	// `restore`, `rejoin`, `evidence verify` and `completion`; and `done`: a bot is done with a message;
	// `hold`: a worker is at work; `free`: it gives back what it has.
	Cmd string `json:"cmd"`
	// CONTACT.
	Contact string `json:"contact,omitempty"`
	// `add`: the text or link of a card, or a user ID; `lookup`: these, or CONTACT.
	Card string `json:"card,omitempty"`
	// `add`: what to call them.
	Name string `json:"name,omitempty"`
	// `gateway add`: the address; `gateway remove`, `gateway drain`, `evidence export`, `debug frames`: GATEWAY.
	Gateway string `json:"gateway,omitempty"`
	// `send`: the message.
	Text string `json:"text,omitempty"`
	// `send`: `custody` or `delivered`.
	Wait string `json:"wait,omitempty"`
	// `gateway add`: wait until it is connected.
	Up bool `json:"up,omitempty"`
	// `send`, `gateway add`: how long to wait, `"90s"`; `listen` with `fan`: how long the worker may be silent.
	Timeout Duration `json:"timeout,omitzero"`
	// `card show`: as the flag.
	New bool `json:"new,omitempty"`
	// `card show`: as the flag.
	List bool `json:"list,omitempty"`
	// `card show`: as the flag.
	Revoke string `json:"revoke,omitempty"`
	// `history`: how many messages; `gateway find`: what `--count` is.
	N int `json:"n,omitempty"`
	// `gateway find`: what `--add` is.
	Homes int `json:"homes,omitempty"`
	// `gateway find`: as the flag.
	Invited bool `json:"invited,omitempty"`
	// `direct set`: `fallback`, `always` or `never`.
	Direct string `json:"direct,omitempty"`
	// `history`: as the flag.
	Before *uint32 `json:"before,omitempty"`
	// `history`: as the flag; `contacts`, `requests`: tell what is here, and wait for no gateway.
	Peek bool `json:"peek,omitempty"`
	// `verify`: as the flag; `card renew`: do it, instead of telling what it would do; `gateway remove`: also the
	// only gateway where you receive.
	Yes bool `json:"yes,omitempty"`
	// `remove`: as the flag.
	Erase bool `json:"erase,omitempty"`
	// `contacts`: as the flag.
	Removed bool `json:"removed,omitempty"`
	// `verify`: as the flag.
	Undo bool `json:"undo,omitempty"`
	// `passphrase`, `phrase`: the present one; absent if there is none.
	OldPassphrase *string `json:"old_passphrase,omitempty"`
	// `passphrase`: the new one; absent to have none.
	NewPassphrase *string `json:"new_passphrase,omitempty"`
	// `erase`, `done`: MESSAGE; `evidence export`: MESSAGE, or the whole key of a gateway.
	Message string `json:"message,omitempty"`
	// `erase` with `contact`: before when, as a time.
	Until time.Time `json:"until,omitzero"`
	// `card show`: as the flag.
	Public bool `json:"public,omitempty"`
	// `card show` with `public`: what `--work` is.
	Bits uint8 `json:"bits,omitempty"`
	// `card show`: with public: the user ID alone is to find you.
	ByKey bool `json:"by_key,omitempty"`
	// `card show`: name no gateways on the card.
	Bare bool `json:"bare,omitempty"`
	// `debug frames`: as the flag.
	Raw bool `json:"raw,omitempty"`
	// `phrase`: as the flag.
	Language string `json:"language,omitempty"`
	// `export`: the whole path of the new file.
	File string `json:"file,omitempty"`
	// `export`: what opens it; absent for the 24 words.
	ArchivePassphrase *string `json:"archive_passphrase,omitempty"`
	// `listen`: the name under which the work of a bot is remembered: what it has not done comes first;
	// `done`: the same.
	Bot string `json:"bot,omitempty"`
	// `listen`, `done`, `hold`, `free`, `fan remove`: the fan.
	Fan string `json:"fan,omitempty"`
	// `listen`, `hold`, `free`: the worker of the fan, a name that no other worker has and that it keeps when it
	// comes back.
	Worker string `json:"worker,omitempty"`
	// `hold`, `free`: the worker takes nothing more.
	Leave bool `json:"leave,omitempty"`
	// `proxy set`: the proxy as a URL, with user and password if there are any.
	Proxy string `json:"proxy,omitempty"`
}

// MaxName bounds the name of a bot, fan or worker in bytes.
const MaxName = 32

// ValidName reports whether a bot, fan or worker may be called so: 1 to MaxName
// letters a to z, digits, dots, hyphens and underscores.
func ValidName(name string) bool {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_' {
			return false
		}
	}
	return name != "" && len(name) <= MaxName
}

// ParseRequest reads a request. Unknown fields are refused: they are spelling
// mistakes, or the other side expects something that would not happen.
func ParseRequest(line []byte) (Request, error) {
	var r Request
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Request{}, Usage("the request can't be read: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Request{}, Usage("there is something behind the request: send one object a connection")
	}
	return r, nil
}

// Endless reports whether the request ends only when the other side wants it to.
func (r Request) Endless() bool { return r.Cmd == CmdListen || r.Cmd == CmdFrames }

// Offline reports whether the command needs nothing but what is stored.
func (r Request) Offline() bool {
	switch r.Cmd {
	case CmdCardShow:
		return !r.New && !r.Public && !r.Bare && r.Revoke == ""
	case CmdContacts, CmdRequests:
		return r.Peek || r.Removed
	case CmdCardRenew:
		return !r.Yes
	case CmdGatewayList, CmdFanList, CmdFanRemove, CmdVerify, CmdPassphrase, CmdErase, CmdEvidence, CmdProxySet, CmdProxyShow, CmdProxyClear, CmdDirectSet, CmdDirectShow:
		return true
	}
	return false
}

// Duration is a time.Duration that JSON writes as Go does: "1m30s".
type Duration time.Duration

// MarshalText writes the duration.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads a duration that is not negative.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is no duration; write for example 30s or 5m", text)
	}
	*d = Duration(v)
	return nil
}
