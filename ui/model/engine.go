// Package model holds the view models of the desktop app: what its screens show and
// do, without a screen. It declares what it needs of an open profile as small
// interfaces, most of which *client.Client fulfils as it is; cmd/zeroms joins them
// to a Profile, tests use package modeltest.
//
// View models are plain structs of the screen's goroutine. Nothing here waits on
// that goroutine: what asks the engine goes through Async, which hands the answer
// back.
package model

import (
	"context"
	"time"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
)

// Profile is an open profile, as the screens see it.
type Profile struct {
	Talk   Talk
	People People
	Proof  Proof
	Cards  Cards
	Homes  Homes
	Nearby Nearby
	Self   Self
	Notes  Notes
	Safe   Safe
	Inside Inside
}

// Talk is conversations.
type Talk interface {
	Contacts(ctx context.Context) ([]client.Contact, error)
	// Latest is the newest line of each conversation that has one.
	Latest(ctx context.Context) ([]client.Message, error)
	History(ctx context.Context, id client.ContactID, before uint32, n int) (page []client.Message, next uint32, more bool, err error)
	Gaps(ctx context.Context, id client.ContactID) ([]client.Gap, error)
	Send(ctx context.Context, to client.ContactID, text string) (client.Message, error)
	// MarkRead clears the count of unread messages, and tells the contact if tell is true.
	MarkRead(ctx context.Context, id client.ContactID, tell bool) error
	Subscribe() *client.Subscription
}

// People is contacts and requests.
type People interface {
	Add(ctx context.Context, k card.Card, alias string) (client.Contact, error)
	Accept(ctx context.Context, id client.ContactID) (client.Contact, error)
	Block(ctx context.Context, id client.ContactID) error
	// Remove keeps the history unless erase is true.
	Remove(ctx context.Context, id client.ContactID, erase bool) (client.Contact, error)
	Verify(ctx context.Context, id client.ContactID, verified bool) error
	// Rename gives a contact another name here; empty: the one they call themselves.
	Rename(ctx context.Context, id client.ContactID, alias string) (client.Contact, error)
	SafetyNumber(ctx context.Context, id client.ContactID) (digits string, hash [32]byte, err error)
}

// Proof is what can be shown about messages.
type Proof interface {
	Details(ctx context.Context, id client.MessageID) (client.Details, error)
	// EvidenceOf is a file that shows to anybody which gateway took an own message.
	EvidenceOf(ctx context.Context, id client.MessageID) ([]byte, error)
	// Agreement tells how far both ends are known to have the same transcript.
	Agreement(ctx context.Context, id client.ContactID) (client.Agreement, error)
	Erase(ctx context.Context, id client.MessageID) error
}

// Cards is what the user hands out.
type Cards interface {
	// Cards lists all cards, oldest first.
	Cards(ctx context.Context) ([]client.Card, error)
	NewCard(ctx context.Context) (client.Card, error)
	PublicCard(ctx context.Context, bits uint8, byKey bool) (client.Card, error)
	RevokeCard(ctx context.Context, id key.CardID) error
	// Address tells what a renewal of the address would change, or has changed.
	Address(ctx context.Context) (client.Address, error)
	RenewAddress(ctx context.Context) (client.Address, error)
}

// Homes is the user's gateways.
type Homes interface {
	Gateways(ctx context.Context) ([]client.Gateway, error)
	AddGateway(ctx context.Context, a card.Address) (client.Gateway, error)
	RemoveGateway(ctx context.Context, node key.NodePublic) error
	DrainGateway(ctx context.Context, node key.NodePublic) (client.Gateway, error)
	// FindGateways asks the network and measures; it takes seconds.
	FindGateways(ctx context.Context, s client.Search) ([]client.Offer, error)
	UseGateways(ctx context.Context, n int, offers []client.Offer) (client.Used, error)
	EvidenceAgainst(ctx context.Context, node key.NodePublic) ([]byte, error)
}

// Neighbour is a gateway in the local network that said that it is there and proved
// its key.
type Neighbour struct {
	Address card.Address
	// Open tells that it takes people without an invitation.
	Open bool
	// Took is how long the connection took.
	Took time.Duration
}

// Nearby finds gateways of the local network.
type Nearby interface {
	// Find calls found for each gateway, once, until ctx ends.
	Find(ctx context.Context, found func(Neighbour)) error
}

// Self is the user.
type Self interface {
	Status(ctx context.Context) (client.Status, error)
	// SetName changes what others see the user as, who have given no name of their own.
	SetName(ctx context.Context, name string) error
	Direct() client.Direct
	SetDirect(ctx context.Context, d client.Direct) error
	// Proxy is the URL of the proxy that links go through, without its password; empty:
	// none. Fixed tells that this start was told so, whatever the profile says.
	Proxy() (url string, fixed bool)
	// SetProxy keeps another one, socks5://[user:password@]host:port; empty: none.
	SetProxy(ctx context.Context, url string) error
	// Diagnostics is a text about this program and its connections that names no people,
	// no keys and no content.
	Diagnostics(ctx context.Context) (string, error)
}

// Chat is what the app keeps about one conversation.
type Chat struct {
	Pinned, Muted bool
	Draft         string
}

// Notify is what a notification shows.
type Notify uint8

// The kinds of notifications.
const (
	NotifyText Notify = iota // name and text
	NotifyName               // who wrote
	NotifyBare               // that somebody wrote
	NotifyOff                // none
)

// Settings is what the app keeps in the profile, sealed like everything in it.
type Settings struct {
	Notify Notify
	// CtrlEnter tells that Enter breaks the line and Ctrl+Enter sends.
	CtrlEnter bool
	// Tray tells that the app goes on when its window is closed.
	Tray bool
	// Quiet tells that others are not told what was read.
	Quiet bool
	// WordsSaved tells that the user wrote the 24 words down.
	WordsSaved bool
	// Inside tells that the gateway inside the app starts with it.
	Inside bool
	// InsideOpen tells that it serves the local network and not just this computer.
	InsideOpen bool
	// LockAfter is after how many minutes without input the app locks itself; 0: never.
	LockAfter uint16
}

// Notes is what the app keeps in the profile beside the engine's rows.
type Notes interface {
	// Chats are the conversations about which something is kept.
	Chats() map[client.ContactID]Chat
	// SetChat keeps it; the zero Chat: nothing.
	SetChat(ctx context.Context, id client.ContactID, c Chat) error
	Settings() Settings
	SetSettings(ctx context.Context, s Settings) error
}

// Safe is how the profile is kept.
type Safe interface {
	// Locked tells that it has a passphrase.
	Locked() bool
	// CheckPassphrase reports whether it is the profile's.
	CheckPassphrase(ctx context.Context, passphrase string) error
	// ChangePassphrase changes it; empty: none.
	ChangePassphrase(ctx context.Context, old, next string) error
	// Words are the 24 words; the passphrase is needed if there is one.
	Words(ctx context.Context, passphrase string) ([]string, error)
	// Export writes an archive of the profile into a new file, locked by the passphrase
	// given or, if that is empty, by the 24 words.
	Export(ctx context.Context, file, passphrase string) (Archive, error)
}

// Archive is what an archive holds.
type Archive struct{ Contacts, Messages, Cards, Gateways, Skipped int }

// InsideState is how the gateway inside the app is doing.
type InsideState struct {
	Running bool
	Open    bool // it serves the local network
	// Address is how others name it, with an invitation for this user; zero while it
	// does not run.
	Address card.Address
	// Reach are the addresses, host:port, by which it can be reached: those of this
	// computer in its networks, or of loopback.
	Reach []string
	// Public tells that one of them is an address of the internet.
	Public bool
	// Problem is why it does not run, if it should.
	Problem string
	// Accounts is how many people it serves.
	Accounts int
}

// Inside is a gateway that runs inside the app, for as long as the app runs.
type Inside interface {
	State() InsideState
	// Start starts it and returns when it serves; open: for the local network too.
	Start(ctx context.Context, open bool) (InsideState, error)
	Stop(ctx context.Context) error
	// Invite is its address with an invitation for one more person.
	Invite(ctx context.Context) (card.Address, error)
}

// Door is the way to an open profile.
type Door interface {
	// Dir is the profile's directory.
	Dir() string
	// State tells what is there. Error: why nothing can be done with it.
	State(ctx context.Context) (DoorState, error)
	// Create makes an identity; an empty passphrase: the profile has none.
	Create(ctx context.Context, name, passphrase string) (*Profile, error)
	Restore(ctx context.Context, r Restoration) (*Profile, error)
	// Unlock opens a profile; passphrase is empty for one that has none.
	Unlock(ctx context.Context, passphrase string) (*Profile, error)
	// Rejoin gives the open profile, which was set back or copied, a device of its own and
	// opens it anew; the Profile before is not to be used any more, whatever comes of it.
	Rejoin(ctx context.Context) (*Profile, error)
}

// DoorState is what stands behind a Door.
type DoorState uint8

// The states of a Door.
const (
	DoorEmpty  DoorState = iota // no profile yet
	DoorLocked                  // it takes a passphrase
	DoorReady                   // it opens without one
)

// Held is an error of a Door: another process has the profile, or its window. It passes by
// itself when that one ends.
type Held interface {
	error
	// Holder is what people call the process, and its number; 0: that is not known.
	Holder() (name string, pid int)
	// Silent tells that it should have answered and does not.
	Silent() bool
	// End ends it, whether it likes that or not.
	End(ctx context.Context) error
}

// Restoration is what a profile is made of anew.
type Restoration struct {
	Words      string // the 24 words, in any spacing and case
	Name       string // for who saved none
	Archive    string // a file; empty: none
	ArchiveKey string // its passphrase; empty: the words open it
	Gateway    card.Address
	Passphrase string // of the new profile; empty: none
}

// Scheme is light or dark.
type Scheme uint8

// The schemes.
const (
	SchemeSystem Scheme = iota
	SchemeLight
	SchemeDark
)

// Look is how the app looks: it is kept outside of the profile, as it is needed
// before that is open, and holds nothing personal.
type Look struct {
	// Language is "en", "zh-Hans", or empty: the system's.
	Language string `json:"language,omitempty"`
	Scheme   Scheme `json:"scheme,omitempty"`
	// Zoom is in percent, 0 for 100.
	Zoom int `json:"zoom,omitempty"`
	// Width and Height are the window's, 0 for the first size.
	Width  float32 `json:"width,omitempty"`
	Height float32 `json:"height,omitempty"`
}
