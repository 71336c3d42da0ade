package control

import (
	"encoding/json"
	"time"
)

// Row is one line of an answer: a *Hello, *Identity..., told apart by its type.
// Times are UTC with milliseconds; absent where unknown.
type Row interface{ row() }

// The types of rows.
const (
	TypeHello   = "hello"
	TypeProfile = "profile"
	TypeCard    = "card"
	TypeGateway = "gateway"
	TypeContact = "contact"
	TypeMessage = "message" // new in the history
	TypeChange  = "change"  // a known message with a new state or place
	TypePage    = "page"
	TypeRead    = "read"
	TypeSafety  = "safety"
	TypeStatus  = "status"
	TypeReady   = "ready"
	TypeLagged  = "lagged"
	TypePhrase  = "phrase"
	TypeArchive = "archive"
	TypeDevice  = "device"
	TypeDamage  = "damage"
	TypeProxy   = "proxy"
	TypeFan     = "fan"
	TypeFound   = "found"
	TypeAnswer  = "answer"
	TypeRenewal = "renewal"
)

// What an archive is opened with.
const (
	LockWords      = "words"
	LockPassphrase = "passphrase"
)

// What a restored profile lacks, in the words of a Device row.
const (
	LostSessions = "sessions"
	LostHistory  = "history"
	LostContacts = "contacts"
	LostCards    = "cards"
	LostGateways = "gateways"
)

// Hello is the first line on a socket: who owns the profile.
type Hello struct {
	// `hello`.
	Type string `json:"type"`
	// 1; others speak another language.
	Version int `json:"version"`
	// the command that owns the profile.
	Owner string `json:"owner"`
	// its process.
	PID int `json:"pid"`
	// whether it stays until it is stopped.
	Lasting bool `json:"lasting"`
	// whether the profile has a passphrase.
	Locked bool `json:"locked"`
	// the proxy that its links go through, if there is one.
	Proxy string `json:"proxy,omitempty"`
}

// Identity is the answer of init and passphrase: whose profile it is.
type Identity struct {
	// `profile`.
	Type string `json:"type"`
	// user ID, 56 characters.
	User string `json:"user"`
	// your name, may be empty.
	Name string `json:"name"`
	// the directory, if it was made.
	Path string `json:"path,omitempty"`
	// whether it has a passphrase.
	Locked bool `json:"locked"`
}

// Card is a card that was given out.
type Card struct {
	// `card`.
	Type string `json:"type"`
	// 16 hex digits.
	ID string `json:"id"`
	// time.
	Created time.Time `json:"created"`
	// time, if it expires.
	Expires time.Time `json:"expires,omitzero"`
	// whether it was revoked.
	Revoked bool `json:"revoked"`
	// until when it works at the latest, if your address was renewed since it was made.
	Ends time.Time `json:"ends,omitzero"`
	// true, if your address was renewed since it was made.
	Former bool `json:"former,omitempty"`
	// true, if it is the one to publish.
	Public bool `json:"public,omitempty"`
	// true, if your user ID alone is enough to find you.
	ByKey bool `json:"by_key,omitempty"`
	// the card, a secret to be handed over; if it works and you have a gateway.
	Text string `json:"text,omitempty"`
	// the same as a web link.
	Link string `json:"link,omitempty"`
	// the same as a `zeroms:` link.
	DeepLink string `json:"deep_link,omitempty"`
	// why nobody can find you by it at the moment, if so; told of a card that names no gateways or is found by key.
	Problem string `json:"problem,omitempty"`
	// the picture that was written, if one was.
	PNG string `json:"png,omitempty"`
}

// Gateway is a home gateway.
type Gateway struct {
	// `gateway`.
	Type string `json:"type"`
	// the gateway's key, 64 hex digits.
	Node string `json:"node"`
	// host:port.
	Host string `json:"host,omitempty"`
	// address without invitation.
	Address string `json:"address,omitempty"`
	// true, if it was removed.
	Removed bool `json:"removed,omitempty"`
	// since when contacts are no longer sent there, if so (`gateway drain`).
	Draining time.Time `json:"draining,omitzero"`
	// when it stops being one of yours at the latest, if it is drained.
	Ends time.Time `json:"ends,omitzero"`
	// whether it is connected.
	Up bool `json:"up"`
	// since when it is, or is not.
	Since time.Time `json:"since,omitzero"`
	// how long connecting and login took, if it is or was connected.
	TookMS int64 `json:"took_ms,omitempty"`
	// when it is tried next, if an attempt failed.
	Retry time.Time `json:"retry,omitzero"`
	// why it is not connected, if so.
	Problem string `json:"problem,omitempty"`
	// bytes waiting there, if known.
	Used uint64 `json:"used,omitempty"`
	// bytes that may wait there, if known.
	Quota uint64 `json:"quota,omitempty"`
	// how long it keeps messages in seconds, if known.
	Retention int64 `json:"retention_s,omitempty"`
	// how many faults are proven against it, if any: see `zms evidence export`.
	Faults int `json:"faults,omitempty"`
	// how many contacts can write to you there.
	Contacts int `json:"contacts"`
	// how long things take there, if anything was measured.
	Seen *Seen `json:"seen,omitempty"`
	// true, if it is connected and brings messages to other gateways, sealed.
	Forwards bool `json:"forwards,omitempty"`
	// how many of your messages are in its custody, not yet acknowledged by the recipient.
	Held int `json:"held"`
	// how many of your messages it took since the owner of the profile started.
	Taken int `json:"taken"`
	// how it stands with the records by which others find where you are, if that is known.
	Records *Records `json:"records,omitempty"`
}

// Records is how a gateway stands with the address records that it publishes.
type Records struct {
	// for how many days after today it has them; -1: not even today's.
	Days int `json:"days"`
	// true, if that is few and the gateway gets no new ones now: nobody finds you by them afterwards.
	Low bool `json:"low,omitempty"`
	// how many it lacks, if any.
	Missing int `json:"missing,omitempty"`
	// how many gateways hold today's, as far as it has said.
	Holders int `json:"holders,omitempty"`
	// when it stored today's last, as far as it has said.
	Stored time.Time `json:"stored,omitzero"`
	// when another gateway found it last, as far as it has said.
	Verified time.Time `json:"verified,omitzero"`
	// why it lacks something, if so.
	Problem string `json:"problem,omitempty"`
}

// Renewal is a renewal of your address (`card renew`), or what one would do.
type Renewal struct {
	// `renewal`.
	Type string `json:"type"`
	// whether it was done; if not, it is what would happen.
	Done bool `json:"done"`
	// when your address was renewed, while the one before still works.
	Since time.Time `json:"since,omitzero"`
	// until when the one before works at the latest, while it does.
	Ends time.Time `json:"ends,omitzero"`
	// how many contacts have not acknowledged the new one, while the one before works.
	Untold int `json:"untold,omitempty"`
	// how many contacts learn the new one by themselves.
	Contacts int `json:"contacts,omitempty"`
	// list of `card` rows: those that stop working, or did.
	Cards []Card `json:"cards,omitempty"`
	// true, if you have a public card: whoever has that still finds you.
	Public bool `json:"public,omitempty"`
	// its id, if you have one.
	PublicCard string `json:"public_card,omitempty"`
	// the new `card`, if it was made.
	Card *Card `json:"card,omitempty"`
}

// Contact is a person.
type Contact struct {
	// `contact`.
	Type string `json:"type"`
	// the contact's number here.
	ID uint64 `json:"id"`
	// their user ID.
	User string `json:"user"`
	// what they are called here, may be empty.
	Name string `json:"name"`
	// `request`, `accepted`, `blocked` or `removed`.
	State string `json:"state"`
	// whether you compared the safety number.
	Verified bool `json:"verified"`
	// whether they have answered at least once.
	Answered bool `json:"answered"`
	// time.
	Added time.Time `json:"added"`
	// number of unread messages.
	Unread int `json:"unread"`
	// why nothing can be sent to them at the moment, if so.
	Problem string `json:"problem,omitempty"`
}

// Message is a message and how far it has come.
type Message struct {
	// `message` or `change`.
	Type string `json:"type"`
	// id of the signed message, 64 hex digits, the same at both ends.
	ID string `json:"id"`
	// number of the contact.
	Contact uint64 `json:"contact"`
	// their name.
	Name string `json:"name"`
	// whether it is yours.
	Outgoing bool `json:"outgoing"`
	// `text`, or another kind of message.
	Kind string `json:"kind"`
	// the text, if it is one.
	Text string `json:"text,omitempty"`
	// first 32 hex digits of the id that it answers, if it does.
	ReplyTo string `json:"reply_to,omitempty"`
	// true, if a newer version is needed to show it.
	Unknown bool `json:"unknown,omitempty"`
	// true, if its content was erased, here or by who wrote it.
	Erased bool `json:"erased,omitempty"`
	// place in the conversation; equal heights are ordered by `id`.
	Height uint32 `json:"height"`
	// number in the chain of its device.
	Seq uint32 `json:"seq"`
	// the device that wrote it, 16 hex digits.
	Device string `json:"device"`
	// the writer's clock.
	Written time.Time `json:"written"`
	// when it came in here; for your own, as `written`.
	Received time.Time `json:"received"`
	// when your gateway took it in, if incoming.
	Gateway time.Time `json:"gateway,omitzero"`
	// true, if later messages were here before it.
	Late bool `json:"late,omitempty"`
	// `queued`, `custody`, `delivered`, `read` or `failed`, if outgoing.
	State string `json:"state,omitempty"`
	// when it was submitted to a gateway, if it was.
	Submitted time.Time `json:"submitted,omitzero"`
	// when the gateway's receipt was here, if it is.
	Custody time.Time `json:"custody,omitzero"`
	// until when the gateway keeps it, if in custody.
	Until time.Time `json:"until,omitzero"`
	// when the acknowledgement was here, if it is.
	Delivered time.Time `json:"delivered,omitzero"`
	// when the read mark was here, if it is.
	Read time.Time `json:"read,omitzero"`
	// hash of the gateway with custody, 32 hex digits, if there is one.
	Holder string `json:"holder,omitempty"`
	// devices of the recipient that did not take it in time, if there are any (state `not-delivered`).
	Undelivered []string `json:"undelivered,omitempty"`
	// bytes of its envelope on the wire, if it has one.
	Size int `json:"size,omitempty"`
	// how often it was handed to a worker before, if it was: somebody may have begun with it.
	Again uint32 `json:"again,omitempty"`
	// true in the answer to `send`, if you have no gateway: no answer and no acknowledgement can reach you.
	NoAnswer bool `json:"no_answer,omitempty"`
	// true, if it is yours and a gateway that is none of yours was connected to for it: that gateway saw your network
	// address (or your proxy's).
	Direct bool `json:"direct,omitempty"`
}

// Page ends a history: where to go on.
type Page struct {
	// `page`.
	Type string `json:"type"`
	// `--before` of the page before.
	Next uint32 `json:"next"`
	// whether there is one.
	More bool `json:"more"`
}

// Read reports that a contact has read our messages up to Seq.
type Read struct {
	// `read`.
	Type string `json:"type"`
	// number of the contact who has read.
	Contact uint64 `json:"contact"`
	// their name.
	Name string `json:"name"`
	// everything of yours up to this `seq` was read.
	Seq uint32 `json:"seq"`
	// when the read mark was here.
	At time.Time `json:"at"`
}

// Safety is what two people compare to know that nobody stands in between.
type Safety struct {
	// `safety`.
	Type string `json:"type"`
	// number of the contact.
	Contact uint64 `json:"contact"`
	// their name.
	Name string `json:"name"`
	// 60 digits in 12 groups.
	Digits string `json:"digits"`
	// the 32 bytes behind them in hex.
	Code string `json:"code"`
	// whether the contact is marked as verified.
	Verified bool `json:"verified"`
}

// Status sums the profile up.
type Status struct {
	// `status`.
	Type string `json:"type"`
	// your user ID.
	User string `json:"user"`
	// your name.
	Name string `json:"name"`
	// this device, 16 hex digits.
	Device string `json:"device"`
	// number of contacts, blocked ones too.
	Contacts int `json:"contacts"`
	// number of requests.
	Requests int `json:"requests"`
	// messages that no gateway has signed for yet.
	Waiting int `json:"waiting"`
	// messages in custody that nobody has acknowledged yet.
	Custody int `json:"custody"`
	// where these are, the most first, if there are any.
	Held []Held `json:"held,omitempty"`
	// messages refused for good.
	Failed int `json:"failed"`
	// envelopes since the start that could not be opened.
	Ignored uint64 `json:"ignored"`
	// true, if this is an older copy of the profile, which is not used any more: see `zms rejoin`.
	SetBack bool `json:"set_back,omitempty"`
	// what this computer's clock lacks in seconds (below 0: it is ahead), if the gateways agree that it is
	// wrong by more than a day.
	ClockOff int64 `json:"clock_off_s,omitempty"`
	// what was done about losses, see below.
	Repairs Repairs `json:"repairs"`
	// whether the profile has a passphrase.
	Locked bool `json:"locked"`
	// the proxy that all links go through, if there is one.
	Proxy string `json:"proxy,omitempty"`
	// list of `gateway` rows.
	Gateways []Gateway `json:"gateways"`
	// the renewal of your address, while the one before still works.
	Renewal *Renewal `json:"renewal,omitempty"`
	// the command that owns the profile.
	Owner string `json:"owner"`
	// its process.
	PID int `json:"pid"`
}

// Ready tells that what follows is live: listen has subscribed, an agent serves.
type Ready struct {
	// `ready`.
	Type string `json:"type"`
	// your user ID.
	User string `json:"user,omitempty"`
	// the socket, if it is from `agent`.
	Socket string `json:"socket,omitempty"`
}

// Lagged tells that rows of listen were lost; read the history.
type Lagged struct {
	// `lagged`: rows of listen were lost, and everything is in the history.
	Type string `json:"type"`
}

// Phrase is the recovery phrase: whoever reads it owns the identity.
type Phrase struct {
	// `phrase`.
	Type string `json:"type"`
	// `en` or `zh`.
	Language string `json:"language"`
	// the 24 words.
	Words string `json:"words"`
}

// Archive tells what an archive holds, or what an import took from it.
type Archive struct {
	// `archive`.
	Type string `json:"type"`
	// its whole path.
	File string `json:"file"`
	// `words` or `passphrase`: what opens it.
	Lock string `json:"lock"`
	// number of contacts in it; of import, that were new. The same for the next ones.
	Contacts int `json:"contacts"`
	// messages.
	Messages int `json:"messages"`
	// cards.
	Cards int `json:"cards"`
	// gateways.
	Gateways int `json:"gateways"`
	// proven faults of gateways.
	Evidence int `json:"evidence"`
	// rows that could not be read where it was made.
	Skipped int `json:"skipped"`
}

// Device is the new device that restore and rejoin made.
type Device struct {
	// `device`.
	Type string `json:"type"`
	// user ID.
	User string `json:"user"`
	// the new device, 16 hex digits.
	Device string `json:"device"`
	// the device that it replaces, if it is known.
	Old string `json:"old,omitempty"`
	// the profile's directory, if it was made.
	Path string `json:"path,omitempty"`
	// number of contacts; of `rejoin`, those who will be told.
	Contacts int `json:"contacts"`
	// messages that came back.
	Messages int `json:"messages"`
	// gateways that came back.
	Gateways int `json:"gateways"`
	// contacts that did not fit into what the gateway keeps.
	Missing int `json:"missing"`
	// own messages that never left, marked as failed.
	Dropped int `json:"dropped"`
	// what did not come back: any of `sessions`, `history`, `contacts`, `cards`, `gateways`.
	Lost []string `json:"lost"`
	// whether the profile has a passphrase.
	Locked bool `json:"locked"`
}

// Damage is a row of the profile that can't be read.
type Damage struct {
	// `damage`.
	Type string `json:"type"`
	// the row in words.
	Place string `json:"place"`
	// number of its table (docs/protocol/at-rest.md).
	Table int `json:"table"`
	// its number there, if it has one.
	Row int64 `json:"row,omitempty"`
	// number of the contact that it is about, if it is.
	Contact uint64 `json:"contact,omitempty"`
	// what is wrong with it.
	Reason string `json:"reason"`
}

// Proxy tells how links are made.
type Proxy struct {
	// `proxy`.
	Type string `json:"type"`
	// the one that the profile keeps, as a URL without user and password; absent if links are made
	// directly.
	Proxy string `json:"proxy,omitempty"`
	// true, if a user and a password are shown to it.
	Login bool `json:"login,omitempty"`
	// what the process that owns the profile was told to use instead, if it was: a URL, or `direct`.
	Override string `json:"override,omitempty"`
}

// Fan is what the workers of one name have and what waits for them.
type Fan struct {
	// `fan`.
	Type string `json:"type"`
	// its name.
	Name string `json:"name"`
	// how many workers listen now.
	Workers int `json:"workers"`
	// messages that a worker has.
	Handed int `json:"handed"`
	// messages that wait for one, of those that are known while there are workers.
	Waiting int `json:"waiting"`
	// true, if there may be others, which are not looked at yet.
	More bool `json:"more,omitempty"`
	// true, if it was removed.
	Removed bool `json:"removed,omitempty"`
	// how many messages it had not done, if it was removed with some; `handed` of them a worker had, and `more` tells
	// that there were others.
	GivenUp int `json:"given_up,omitempty"`
}

// Found is what a person has published in the network (`lookup`).
type Found struct {
	// `found`.
	Type string `json:"type"`
	// when the record was made.
	Made time.Time `json:"made"`
	// how long the lookup took, in milliseconds.
	TookMS float64 `json:"took_ms"`
	// the gateways where they receive.
	Gateways []FoundAt `json:"gateways"`
	// true, if the record contradicts the device list that is known: ask the person.
	Fork bool `json:"fork,omitempty"`
}

func (*Found) row() {}

func (*Renewal) row() {}

// FoundAt is a gateway where somebody receives.
type FoundAt struct {
	// the gateway's key, 64 hex digits.
	Node string `json:"node"`
	// host:port.
	Host string `json:"host"`
	// until when that holds.
	Ends time.Time `json:"ends"`
}

// Answer is a part of the answer to a request of a bot.
type Answer struct {
	// `answer`.
	Type string `json:"type"`
	// that of the request, as it was given; absent if it had none.
	ID json.RawMessage `json:"id,omitempty"`
	// a row of the answer: one line for each.
	Row json.RawMessage `json:"row,omitempty"`
	// true in the last line, if the request was done.
	OK bool `json:"ok,omitempty"`
	// in the last line instead, if it was not: as in "Errors".
	Error *Failure `json:"error,omitempty"`
}

// Other is a row of a type that this version does not know.
type Other json.RawMessage

func (*Hello) row()    {}
func (*Identity) row() {}
func (*Card) row()     {}
func (*Gateway) row()  {}
func (*Contact) row()  {}
func (*Message) row()  {}
func (*Page) row()     {}
func (*Read) row()     {}
func (*Safety) row()   {}
func (*Status) row()   {}
func (*Ready) row()    {}
func (*Lagged) row()   {}
func (*Phrase) row()   {}
func (*Archive) row()  {}
func (*Device) row()   {}
func (*Damage) row()   {}
func (*Proxy) row()    {}
func (*Fan) row()      {}
func (*Answer) row()   {}
func (Other) row()     {}

// empty returns a row of a type to decode into, nil if it is not known.
func empty(name string) Row {
	switch name {
	case TypeHello:
		return &Hello{}
	case TypeProfile:
		return &Identity{}
	case TypeCard:
		return &Card{}
	case TypeGateway:
		return &Gateway{}
	case TypeContact:
		return &Contact{}
	case TypeFound:
		return &Found{}
	case TypeRenewal:
		return &Renewal{}
	case TypeOffer:
		return &Offer{}
	case TypeHomes:
		return &Homes{}
	case TypeDirect:
		return &Direct{}
	case TypeMessage, TypeChange:
		return &Message{}
	case TypePage:
		return &Page{}
	case TypeRead:
		return &Read{}
	case TypeSafety:
		return &Safety{}
	case TypeStatus:
		return &Status{}
	case TypeReady:
		return &Ready{}
	case TypeLagged:
		return &Lagged{}
	case TypePhrase:
		return &Phrase{}
	case TypeArchive:
		return &Archive{}
	case TypeDevice:
		return &Device{}
	case TypeDamage:
		return &Damage{}
	case TypeProxy:
		return &Proxy{}
	case TypeFan:
		return &Fan{}
	case TypeAnswer:
		return &Answer{}
	case TypeGap:
		return &Gap{}
	case TypeErased:
		return &Erased{}
	case TypeEvidence:
		return &Evidence{}
	case TypeVerdict:
		return &Verdict{}
	case TypeFrame:
		return &Frame{}
	case TypeLost:
		return &Lost{}
	}
	return nil
}

// Stamp is a time as rows carry it: UTC with milliseconds.
func Stamp(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}
