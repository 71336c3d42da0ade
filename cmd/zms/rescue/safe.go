package rescue

import (
	"context"
	"errors"
	"sync"
	"time"

	"zeroms/client/backup"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Errors of FetchSafe.
var (
	// ErrNoSafe: the gateway has nothing under the name that follows from the words.
	ErrNoSafe = errors.New("the gateway keeps nothing for these words: it is not one of your gateways, or no device of yours has been there since. Try another gateway of yours, or restore without --gateway")
	// ErrNoAnswer: the gateway can't be reached.
	ErrNoAnswer = errors.New("the gateway does not answer; check its address and your connection, or restore without --gateway")
)

// safeWait bounds asking a gateway for the safe.
const safeWait = 30 * time.Second

// FetchSafe asks the gateway for the safe of the seed and opens it, over a link
// of the dialer. Nobody logs in for that. Errors: ErrNoSafe, ErrNoAnswer, those of backup.OpenSafe and of the
// gateway.
func FetchSafe(ctx context.Context, dialer home.Dialer, seed key.Seed, at card.Address) (*backup.Content, error) {
	ctx, cancel := context.WithTimeout(ctx, safeWait)
	defer cancel()
	where, h := backup.SafeAt(at), profile.Home{Address: at}
	got, ok := runRequest(ctx, dialer, home.Request{
		To: home.Target{Endpoint: profile.FromLease(h.Lease()).Endpoint(), Network: at.Network}, Token: 1,
		Payload: &wire.ProfileGet{Name: key.SafeSigner(seed, where).Public()},
	})
	switch {
	case !ok:
		return nil, ErrNoAnswer
	case errors.Is(got.Err, wire.ErrNoProfile):
		return nil, ErrNoSafe
	case got.Err != nil:
		return nil, got.Err
	}
	blob, ok := got.Payload.(*wire.Profile)
	if !ok {
		return nil, wire.ErrUnexpected
	}
	return backup.OpenSafe(blob.Blob, seed, where, time.Now())
}

// runRequest makes one request as a guest; ok is false if ctx ended first.
func runRequest(ctx context.Context, dialer home.Dialer, r home.Request) (got home.Answered, ok bool) {
	answers := make(chan home.Answered, 1)
	pool := home.New(home.Config{Dialer: dialer, Timing: home.Timing{}.Default(), Events: func(ev home.Event) {
		if got, ok := ev.(home.Answered); ok {
			answers <- got
		}
	}})
	linking, stop := context.WithCancel(ctx)
	var links sync.WaitGroup
	links.Go(func() { _ = pool.Run(linking) })
	defer links.Wait()
	defer stop()
	pool.Send(r)
	select {
	case <-ctx.Done():
		return got, false
	case got = <-answers:
		return got, true
	}
}
