package people

import (
	"encoding/hex"
	"strings"

	"zeroms/protocol/card"
	"zeroms/protocol/key"
)

// Kind is what a text is that was pasted, opened as a link or read from a picture.
type Kind uint8

// The kinds of texts.
const (
	Empty   Kind = iota // nothing
	Person              // a contact card
	Gateway             // a gateway address
	UserID              // a user ID without more
	Device              // a code that links another device
	Safety              // a safety number, as a QR code holds it
	Broken              // a code of ZeroMS with something wrong in it
	Web                 // the address of a web page
	Foreign             // something else
)

// Given is a text that was looked at.
type Given struct {
	Kind Kind
	Card card.Card          // of a Person
	User key.IdentityPublic // of a Person or UserID
	Text string             // the code alone
	Err  error              // what is wrong with a Broken one
}

// maxGiven bounds the texts that are looked at, in bytes: a long mail with a card in it.
const maxGiven = 64 << 10

// around is what stands around a code in a text.
const around = "<>()[]{}\"'`.,;!?“”‘’«»《》（）【】。，；！？"

// Read finds out what a text is. A card or address may stand among other words.
func Read(text string) Given {
	if len(text) > maxGiven {
		return Given{Kind: Foreign}
	}
	whole := read(text)
	if whole.Kind != Broken && whole.Kind != Web && whole.Kind != Foreign {
		return whole
	}
	for _, field := range strings.Fields(text) {
		part := read(strings.Trim(field, around))
		switch part.Kind {
		case Person, Gateway, UserID, Device:
			return part
		case Broken:
			if whole.Kind != Broken {
				whole = part
			}
		}
	}
	return whole
}

// read looks at a text that is a code as a whole, or none.
func read(text string) Given {
	bare := strings.Join(strings.Fields(text), "")
	if bare == "" {
		return Given{}
	}
	k, err := card.Parse(text)
	if err == nil {
		return Given{Kind: Person, Card: k, User: k.User, Text: bare}
	}
	if _, notAddress := card.ParseAddress(text); notAddress == nil {
		return Given{Kind: Gateway, Text: bare}
	}
	if user, notID := key.ParseUserID(bare); notID == nil {
		return Given{Kind: UserID, User: user, Text: bare}
	}
	if _, is := safetyCode(bare); is {
		return Given{Kind: Safety, Text: bare}
	}
	return Given{Kind: guess(bare), Err: err}
}

// guess tells what a text was meant to be that can't be read; it has no blanks.
func guess(bare string) Kind {
	low := strings.ToLower(bare[:min(len(bare), 512)])
	web := strings.HasPrefix(low, "https://") || strings.HasPrefix(low, "http://")
	switch {
	case strings.HasPrefix(low, "zmslink:"):
		return Device
	case strings.HasPrefix(low, "zms:"), strings.HasPrefix(low, "zmsg:"), strings.HasPrefix(low, "zeroms:"), web && strings.Contains(low, "/c#"):
		return Broken
	case web:
		return Web
	}
	return Foreign
}

// safetyText is the hash behind a safety number as a QR code holds it, which is how
// zms verify --code shows it too: 64 hex digits in capitals, which take little room.
func safetyText(hash [32]byte) string { return strings.ToUpper(hex.EncodeToString(hash[:])) }

// safetyCode is the hash that a text is, if it is one; it has no blanks.
func safetyCode(bare string) (hash [32]byte, is bool) {
	b, err := hex.DecodeString(bare)
	if err != nil || len(b) != len(hash) {
		return hash, false
	}
	return [32]byte(b), true
}
