// Package modeltest is an open profile in memory, for tests of view models and
// screens: contacts, messages in all states, gaps, gateways, cards and settings.
//
// A World answers like the engine, and its methods make things happen: a message
// comes in, a gateway goes down. What it does is told to its Feed before the method
// returns, and its Async runs work at once, so a test is one goroutine. Times are
// those of the World's clock, which stands still until Pass. With Options.Messages it holds any number of
// messages: they are made when they are read.
package modeltest

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/protocol/key"
	"zeroms/ui/model"
	"zeroms/ui/words"
)

// Options say what a World begins with. The zero Options: the people, the gateways and
// the cards of a profile that was used for some weeks.
type Options struct {
	// Now is what its clock shows; zero: Noon.
	Now time.Time
	// Language of its Words; empty: English.
	Language string
	// Empty leaves out all people, messages, gateways and cards.
	Empty bool
	// People are further contacts, with Messages messages in all, the n-th of them with
	// twice as many as an average one if n is even, and few if not.
	People, Messages int
	// Passphrase locks the profile; empty: it has none.
	Passphrase string
}

// Noon is the beginning of the clock: Friday, 20 November 2026, 12:41:30 where the test runs.
func Noon() time.Time { return time.Date(2026, 11, 20, 12, 41, 30, 0, time.Local) }

// World is a profile in memory.
type World struct {
	Feed  *model.Feed
	Async *Async
	Words *words.Words
	// Neighbours are the gateways that Nearby finds.
	Neighbours []model.Neighbour
	// Offers are what FindGateways finds.
	Offers []client.Offer
	// Door is what its Door says is there.
	Door model.DoorState

	now      time.Time
	self     key.IdentityPublic
	name     string
	device   key.DeviceID
	direct   client.Direct
	proxy    string
	people   []*person
	gateways []client.Gateway
	setBack  bool
	cards    []client.Card
	renewal  client.Renewal
	chats    map[client.ContactID]model.Chat
	settings model.Settings
	pass     string
	inside   model.InsideState
	told     map[client.ContactID]int // read marks that were sent
	failing  map[string]error
	calls    map[string]int
}

// New makes a World.
func New(t testing.TB, o Options) *World {
	t.Helper()
	if o.Now.IsZero() {
		o.Now = Noon()
	}
	if o.Language == "" {
		o.Language = words.English
	}
	say, err := words.New(o.Language)
	if err != nil {
		t.Fatal(err)
	}
	w := &World{
		Feed: model.NewFeed(func(f func()) { f() }), Async: &Async{}, Words: say, Door: model.DoorReady, now: o.Now,
		name: "Mira", self: userOf("Mira"), device: key.DeviceID(hash("Mira's computer")[:8]),
		chats: map[client.ContactID]model.Chat{}, settings: model.Settings{Tray: true}, pass: o.Passphrase,
		told: map[client.ContactID]int{}, failing: map[string]error{}, calls: map[string]int{},
	}
	if !o.Empty {
		w.furnish()
	}
	w.crowd(o.People, o.Messages)
	return w
}

// Profile is the World as the screens see it.
func (w *World) Profile() *model.Profile {
	return &model.Profile{
		Talk: talk{w}, People: people{w}, Proof: proof{w}, Cards: cards{w}, Homes: homes{w},
		Nearby: nearby{w}, Self: self{w}, Notes: notes{w}, Safe: safe{w}, Inside: inside{w},
	}
}

// Deps is what view models are made with.
func (w *World) Deps() model.Deps {
	return model.Deps{Words: w.Words, Async: w.Async, Feed: w.Feed, Profile: w.Profile(), Now: w.Now}
}

// Now is what the clock shows.
func (w *World) Now() time.Time { return w.now }

// Pass moves the clock.
func (w *World) Pass(d time.Duration) { w.now = w.now.Add(d) }

// Fail has all further calls of a method of the Profile fail, "Send" or "AddGateway",
// until err is nil.
func (w *World) Fail(method string, err error) { w.failing[method] = err }

// Calls is how often a method of the Profile was called, failed calls included.
func (w *World) Calls(method string) int { return w.calls[method] }

// enter counts a call and tells whether it fails.
func (w *World) enter(method string) error {
	w.calls[method]++
	return w.failing[method]
}

// Tell hands events to the Feed, as if the engine had emitted them.
func (w *World) Tell(events ...client.Event) { w.Feed.Tell(events) }

// Lag loses events: the Feed tells that all must be read again.
func (w *World) Lag() { w.Tell(client.Lagged{}) }

// Async runs work at once, or, while Hold is set, when Release is called.
type Async struct {
	Hold bool
	held []func(context.Context) func()
}

// Do is model.Async's.
func (a *Async) Do(work func(ctx context.Context) (then func())) {
	if a.Hold {
		a.held = append(a.held, work)
		return
	}
	run(work)
}

// Slow is model.Async's.
func (a *Async) Slow(work func(ctx context.Context) (then func())) { a.Do(work) }

// Waiting is how much work is held.
func (a *Async) Waiting() int { return len(a.held) }

// Release runs what is held, and what that asks for.
func (a *Async) Release() {
	for a.Hold = false; len(a.held) > 0; {
		work := a.held[0]
		a.held = a.held[1:]
		run(work)
	}
}

// Answer runs the oldest work that is held, and returns what remains to be done with
// its answer on the screen's goroutine: what happens before that happens in between.
func (a *Async) Answer() (then func()) {
	work := a.held[0]
	a.held = a.held[1:]
	if then = work(context.Background()); then == nil {
		then = func() {}
	}
	return then
}

func run(work func(context.Context) func()) {
	if then := work(context.Background()); then != nil {
		then()
	}
}

// hash makes 32 bytes of a text, the same ones each time.
func hash(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// userOf is the key of somebody, the same one each time.
func userOf(name string) key.IdentityPublic {
	return key.PrivateFromSeed[key.Identity]([32]byte(hash(name))).Public()
}
