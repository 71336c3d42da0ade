package wire

import "fmt"

// Code is the number of an error in the error table and in error frames.
type Code uint16

// Retry tells what the other side should do after an error.
type Retry uint8

// The kinds of Retry.
const (
	Never     Retry = iota // the same bytes will fail again
	Later                  // the same bytes may pass later: back off
	Reconnect              // on a new link
	Refresh                // after new addresses, keys or positions were learnt
)

// String is the word used in documents and status output.
func (r Retry) String() string {
	return [...]string{"never", "later", "reconnect", "refresh"}[r&3]
}

// The codes of the error table (docs/protocol/wire.md, "Errors").
const (
	CodeMalformed      Code = 1
	CodeTruncated      Code = 2
	CodeTrailing       Code = 3
	CodeNotCanonical   Code = 4
	CodeTooLarge       Code = 5
	CodeVersion        Code = 6
	CodeNetwork        Code = 7
	CodeWrongNode      Code = 8
	CodeSignature      Code = 9
	CodePublicKey      Code = 10
	CodeCheck          Code = 11
	CodeWrongKind      Code = 12
	CodeExpired        Code = 13
	CodeClock          Code = 14
	CodeUnexpected     Code = 15
	CodeSuite          Code = 16
	CodeValue          Code = 17
	CodeNotLoggedIn    Code = 30
	CodeLogin          Code = 31
	CodeInvite         Code = 32
	CodeClosed         Code = 33
	CodeLimit          Code = 34
	CodeDropTaken      Code = 35
	CodeUnknownDrop    Code = 36
	CodeCapability     Code = 37
	CodeQuota          Code = 38
	CodeDoorFull       Code = 39
	CodeSizeClass      Code = 40
	CodeStaleClaim     Code = 41
	CodeNoProfile      Code = 42
	CodeAckMismatch    Code = 43
	CodeUnavailable    Code = 44
	CodeBusy           Code = 45
	CodeDraining       Code = 46
	CodeLinkClosed     Code = 47
	CodeWork           Code = 48
	CodeSetBack        Code = 49
	CodeUnreachable    Code = 50
	CodeNoChannel      Code = 51
	CodeNoRecord       Code = 52
	CodeStamp          Code = 53
	CodeScope          Code = 54
	CodeOlder          Code = 55
	CodeNotServing     Code = 56
	CodeImage          Code = 60
	CodeNoQR           Code = 61
	CodeOpen           Code = 62
	CodeReplayed       Code = 63
	CodeWrongRecipient Code = 64
	CodeStaleList      Code = 65
)

// Entry is one row of the error table.
type Entry struct {
	Code     Code
	Name     string
	Retry    Retry
	Sentence string
}

// Table is the error table: every code with its name, whether to try again,
// and the sentence a person reads.
var Table = []Entry{
	{CodeMalformed, "malformed", Never, "The data is damaged or was not made for ZeroMS; copy or send it again."},
	{CodeTruncated, "truncated", Never, "The data ends too early; copy or send the whole of it."},
	{CodeTrailing, "trailing-bytes", Never, "There is extra data after the end; copy exactly the code and nothing else."},
	{CodeNotCanonical, "not-canonical", Never, "The data is not in its one valid form and was refused; update ZeroMS on the side that made it."},
	{CodeTooLarge, "too-large", Never, "The data is larger than its kind may be; send less at once."},
	{CodeVersion, "version", Never, "This was made by another version; update ZeroMS on the older side."},
	{CodeNetwork, "network", Never, "The other side belongs to another network; check the address."},
	{CodeWrongNode, "wrong-gateway-key", Never, "The gateway has another key than its address says: it was set up anew or somebody stands in between. Ask its operator for the current address."},
	{CodeSignature, "signature", Never, "A signature is not valid: the data was changed or is not from whom it claims. It was refused; ask for it again."},
	{CodePublicKey, "public-key", Never, "A public key is not valid and was refused; ask its owner for a new card or address."},
	{CodeCheck, "check", Never, "A check value does not match: there is a typing or scanning error. Copy it again."},
	{CodeWrongKind, "wrong-kind", Never, "This is a ZeroMS code of another kind; scan or paste the one that is asked for."},
	{CodeExpired, "expired", Refresh, "This has expired; ask for a new one."},
	{CodeClock, "clock", Later, "The clocks differ by more than a day; set the clock of this computer."},
	{CodeUnexpected, "unexpected", Never, "The other side sent something that does not belong here: one of the two programs is faulty. Update both."},
	{CodeSuite, "suite", Never, "This uses encryption that this version does not know; update ZeroMS."},
	{CodeValue, "value", Never, "A value is outside of what its kind allows; update ZeroMS on the side that made it."},
	{CodeNotLoggedIn, "not-logged-in", Reconnect, "This needs an account at the gateway; add the gateway first."},
	{CodeLogin, "login", Never, "The gateway does not know this device; add the gateway again."},
	{CodeInvite, "invite", Never, "The gateway takes new people by invitation only, and this invitation is missing, used up or wrong. Ask its operator for one."},
	{CodeClosed, "closed", Never, "The account at this gateway was closed; add the gateway again or choose another one."},
	{CodeLimit, "limit", Later, "A limit of the gateway is reached; it is tried again in a while."},
	{CodeDropTaken, "drop-taken", Never, "The drop belongs to another account at this gateway; use another gateway for this contact."},
	{CodeUnknownDrop, "unknown-drop", Refresh, "The recipient no longer receives there; the current address is looked up."},
	{CodeCapability, "capability", Refresh, "The recipient's gateway does not accept this sender there; the current address is looked up."},
	{CodeQuota, "quota-full", Later, "The recipient's mailbox is full; the message waits here and goes out when there is room."},
	{CodeDoorFull, "door-full", Later, "Too many requests wait for the recipient; the message waits here and goes out later."},
	{CodeSizeClass, "size-class", Never, "An envelope has a size that the protocol does not know; update ZeroMS."},
	{CodeStaleClaim, "stale-claim", Refresh, "A newer claim exists; it is read before this is tried again."},
	{CodeNoProfile, "no-profile", Later, "The gateway holds no profile for this card: it may have been revoked, or its owner moved. Ask the owner for a new card."},
	{CodeAckMismatch, "ack-mismatch", Reconnect, "Gateway and device disagree on what was delivered; they compare again."},
	{CodeUnavailable, "unavailable", Later, "The gateway can't store anything at the moment; it is tried again in a while."},
	{CodeBusy, "busy", Later, "The gateway is busy; it is tried again in a while."},
	{CodeDraining, "draining", Reconnect, "The gateway is shutting down; the connection is made again in a while."},
	{CodeLinkClosed, "link-closed", Reconnect, "The connection to the gateway was lost; it is made again."},
	{CodeWork, "work", Refresh, "More work is asked for now, to keep automatic requests out; it is computed and tried again."},
	{CodeSetBack, "set-back", Never, "This profile is an older copy of itself: a newer state of it has been in use since. Give it a device of its own with zms rejoin."},
	{CodeUnreachable, "unreachable", Later, "The other gateway can't be reached at the moment; it is tried again in a while."},
	{CodeNoChannel, "no-channel", Reconnect, "The other gateway no longer knows this channel; a new one is opened."},
	{CodeNoRecord, "no-record", Later, "The network knows no address for this card or ID at the moment; it is looked up again in a while."},
	{CodeStamp, "stamp", Refresh, "The stamp on a record is missing or for another day; a new one is computed."},
	{CodeScope, "scope", Never, "The gateway does not connect to this address: it is outside of the scope of its network (loopback, lan or public), or its own; use an address of the other gateway that is within the scope."},
	{CodeOlder, "older", Refresh, "A newer record of the same day is known; it is read before this is tried again."},
	{CodeNotServing, "not-serving", Later, "The gateway does not do this: it is not part of the network, or does not forward; another one is asked."},
	{CodeImage, "image", Never, "This is not a picture that can be read; choose a PNG or JPEG of a reasonable size."},
	{CodeNoQR, "no-qr", Never, "No QR code was found in the picture; try a sharper or straighter one, or paste the text."},
	{CodeOpen, "open", Never, "It can't be decrypted with the keys of this device; ask the sender to send it again."},
	{CodeReplayed, "replayed", Never, "This was received before; there is nothing to do."},
	{CodeWrongRecipient, "wrong-recipient", Never, "This was made for somebody else and was refused; there is nothing to do."},
	{CodeStaleList, "stale-list", Refresh, "The sender's device list is older than the one known; it is fetched again."},
}

// Error is an error of the table, with an optional detail that never holds
// secrets. Two Errors are the same to errors.Is if their codes are.
type Error struct {
	Code   Code
	Detail string
}

// The errors of the table as values for errors.Is.
var (
	ErrMalformed      = &Error{Code: CodeMalformed}
	ErrTruncated      = &Error{Code: CodeTruncated}
	ErrTrailing       = &Error{Code: CodeTrailing}
	ErrNotCanonical   = &Error{Code: CodeNotCanonical}
	ErrTooLarge       = &Error{Code: CodeTooLarge}
	ErrVersion        = &Error{Code: CodeVersion}
	ErrNetwork        = &Error{Code: CodeNetwork}
	ErrWrongNode      = &Error{Code: CodeWrongNode}
	ErrSignature      = &Error{Code: CodeSignature}
	ErrPublicKey      = &Error{Code: CodePublicKey}
	ErrCheck          = &Error{Code: CodeCheck}
	ErrWrongKind      = &Error{Code: CodeWrongKind}
	ErrExpired        = &Error{Code: CodeExpired}
	ErrClock          = &Error{Code: CodeClock}
	ErrUnexpected     = &Error{Code: CodeUnexpected}
	ErrSuite          = &Error{Code: CodeSuite}
	ErrValue          = &Error{Code: CodeValue}
	ErrNotLoggedIn    = &Error{Code: CodeNotLoggedIn}
	ErrLogin          = &Error{Code: CodeLogin}
	ErrInvite         = &Error{Code: CodeInvite}
	ErrClosed         = &Error{Code: CodeClosed}
	ErrLimit          = &Error{Code: CodeLimit}
	ErrDropTaken      = &Error{Code: CodeDropTaken}
	ErrUnknownDrop    = &Error{Code: CodeUnknownDrop}
	ErrCapability     = &Error{Code: CodeCapability}
	ErrQuota          = &Error{Code: CodeQuota}
	ErrDoorFull       = &Error{Code: CodeDoorFull}
	ErrSizeClass      = &Error{Code: CodeSizeClass}
	ErrStaleClaim     = &Error{Code: CodeStaleClaim}
	ErrNoProfile      = &Error{Code: CodeNoProfile}
	ErrAckMismatch    = &Error{Code: CodeAckMismatch}
	ErrUnavailable    = &Error{Code: CodeUnavailable}
	ErrBusy           = &Error{Code: CodeBusy}
	ErrDraining       = &Error{Code: CodeDraining}
	ErrLinkClosed     = &Error{Code: CodeLinkClosed}
	ErrWork           = &Error{Code: CodeWork}
	ErrSetBack        = &Error{Code: CodeSetBack}
	ErrUnreachable    = &Error{Code: CodeUnreachable}
	ErrNoChannel      = &Error{Code: CodeNoChannel}
	ErrNoRecord       = &Error{Code: CodeNoRecord}
	ErrStamp          = &Error{Code: CodeStamp}
	ErrScope          = &Error{Code: CodeScope}
	ErrOlder          = &Error{Code: CodeOlder}
	ErrNotServing     = &Error{Code: CodeNotServing}
	ErrImage          = &Error{Code: CodeImage}
	ErrNoQR           = &Error{Code: CodeNoQR}
	ErrOpen           = &Error{Code: CodeOpen}
	ErrReplayed       = &Error{Code: CodeReplayed}
	ErrWrongRecipient = &Error{Code: CodeWrongRecipient}
	ErrStaleList      = &Error{Code: CodeStaleList}
)

// Lookup finds the table's row for a code; unknown codes get a row that says
// so and that nothing is tried again at once.
func Lookup(c Code) Entry {
	for _, e := range Table {
		if e.Code == c {
			return e
		}
	}
	return Entry{c, fmt.Sprintf("error-%d", c), Later, "The other side reported an error that this version does not know; update ZeroMS."}
}

// Error is the sentence of the table, with the detail in parentheses.
func (e *Error) Error() string {
	row := Lookup(e.Code)
	if e.Detail == "" {
		return row.Sentence + " [" + row.Name + "]"
	}
	return row.Sentence + " [" + row.Name + ": " + e.Detail + "]"
}

// Is reports whether target is an error of the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Because is the same error with a detail for people who look closer. The
// detail must not hold secrets.
func (e *Error) Because(detail string) *Error { return &Error{Code: e.Code, Detail: detail} }
