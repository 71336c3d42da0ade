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
	CmdAdd           = "add"
	CmdRequests      = "requests"
	CmdAccept        = "accept"
	CmdBlock         = "block"
	CmdContacts      = "contacts"
	CmdSend          = "send"
	CmdListen        = "listen"
	CmdHistory       = "history"
	CmdRead          = "read"
	CmdVerify        = "verify"
	CmdStatus        = "status"
	CmdPassphrase    = "passphrase"
	CmdPhrase        = "phrase"
	CmdExport        = "export"
	CmdErase         = "erase"
	CmdEvidence      = "evidence export"
)

// What send can wait for.
const (
	WaitCustody   = "custody"
	WaitDelivered = "delivered"
)

// Request is one command with its arguments and flags; each command reads its
// own fields and ignores the others.
type Request struct {
	Cmd string `json:"cmd"`
	// Contact is a number (3 or #3), name or user ID.
	Contact string `json:"contact,omitempty"`
	// Card is the text or link of a contact card.
	Card string `json:"card,omitempty"`
	// Name is the name to give to a new contact.
	Name string `json:"name,omitempty"`
	// Gateway is an address, or what names one of the home gateways.
	Gateway string `json:"gateway,omitempty"`
	// Text is the message to send.
	Text string `json:"text,omitempty"`
	// Wait is what send waits for: WaitCustody or WaitDelivered.
	Wait string `json:"wait,omitempty"`
	// Up makes gateway add wait until the gateway is connected.
	Up bool `json:"up,omitempty"`
	// Timeout bounds the waiting.
	Timeout Duration `json:"timeout,omitzero"`
	// New, List and Revoke (a card's id) belong to card show.
	New    bool   `json:"new,omitempty"`
	List   bool   `json:"list,omitempty"`
	Revoke string `json:"revoke,omitempty"`
	// N, Before and Peek belong to history. Without Before it shows the end.
	N      int     `json:"n,omitempty"`
	Before *uint32 `json:"before,omitempty"`
	Peek   bool    `json:"peek,omitempty"`
	// Yes marks a contact as verified, Undo takes that back.
	Yes  bool `json:"yes,omitempty"`
	Undo bool `json:"undo,omitempty"`
	// OldPassphrase and NewPassphrase are absent where there is none.
	OldPassphrase *string `json:"old_passphrase,omitempty"`
	NewPassphrase *string `json:"new_passphrase,omitempty"`
	// Message is the id of a message in hex, at least its first half; Until is
	// erase's bound.
	Message string    `json:"message,omitempty"`
	Until   time.Time `json:"until,omitzero"`
	// Public makes card show about the card for everybody; Bits is the work that
	// its door takes, 0: as it is, or of a new one the least.
	Public bool  `json:"public,omitempty"`
	Bits   uint8 `json:"bits,omitempty"`
	// Language of the words: en or zh.
	Language string `json:"language,omitempty"`
	// File is where export writes to, as a whole path; ArchivePassphrase locks
	// it, the 24 words do if it is absent.
	File              string  `json:"file,omitempty"`
	ArchivePassphrase *string `json:"archive_passphrase,omitempty"`
}

// ParseRequest reads a request. Unknown fields are refused: they are spelling
// mistakes, or the other side expects something that would not happen.
func ParseRequest(line []byte) (Request, error) {
	var r Request
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Request{}, usage("the request can't be read: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Request{}, usage("there is something behind the request: send one object a connection")
	}
	return r, nil
}

// Offline reports whether the command needs nothing but what is stored.
func (r Request) Offline() bool {
	switch r.Cmd {
	case CmdCardShow:
		return !r.New && !r.Public && r.Revoke == ""
	case CmdGatewayList, CmdVerify, CmdPassphrase, CmdErase, CmdEvidence:
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
