// Package bot joins a program to a profile (docs/cli.md, "Bots"): the program
// reads what happens as JSON lines and writes requests as JSON lines, whose
// answers come back among what happens.
//
//	bot.go      Bot and its run; lines.go the lines in both directions
//	process.go  the program as a process; words.go its command line
//
// Four goroutines serve a bot: one follows the profile's owner, one writes lines
// to the bot, one reads its requests, one does them, in their order. If the bot
// does not read, all of them wait; it may then still write maxRequests requests.
package bot

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/owner"
)

// maxRequests is how many requests of a bot wait to be done.
const maxRequests = 1024

// Bot is a bot that is to run.
type Bot struct {
	// Access is the way to the profile's owner.
	Access *owner.Access
	// Name is under which name it is remembered what the bot has done.
	Name string
	// Fan makes the bot a worker of a fan, if it is not empty: it has no name of its
	// own then, and gets one message after the other, each as one of all workers. It
	// may be silent for Patience (0: control.DefaultPatience).
	Fan      string
	Patience time.Duration
	// Contact limits what is handed over to one contact, if it is not empty.
	Contact string
	// Ready is told when the bot is being served, and again after each new owner; nil:
	// nobody is.
	Ready control.Emit

	// drain is how long the bot's last requests may take; 0 is drainWait. Patience
	// likewise bounds a standstill, and grace is how long the bot may go on writing
	// after the end of ctx.
	drain, patience, grace time.Duration
}

// The waiting that Run does.
const (
	// drainWait is how long what a bot wrote before its end may take.
	drainWait = 10 * time.Second
	// settleWait is how long what the bot asked for at last may take to go out.
	settleWait = 5 * time.Second
	// settleLook is how often that is looked at.
	settleLook = 20 * time.Millisecond
	// retireWait is how long the owner may take to hear that a worker ends.
	retireWait = 2 * time.Second
	// standstill is how long a bot may write without reading before it counts as stuck.
	standstill = time.Minute
)

// errGone ends the writing to a bot that has ended.
var errGone = errors.New("bot: it reads no more")

// Serve serves a bot that writes requests to in and reads from out, until in
// ends, which is its proper end, or ctx does. The end of ctx closes out; what the
// bot still writes until it closes in is done. Errors: those of the owner, and a
// Failure of the name NameBot if the bot breaks the rules.
func (b *Bot) Serve(ctx context.Context, in io.Reader, out io.WriteCloser) error {
	life, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	s := &session{bot: b, worker: workerName(), out: out, end: end, handed: map[string]handed{}, requests: make(chan []byte, maxRequests), last: make(chan struct{})}
	defer context.AfterFunc(ctx, func() {
		s.retire(life, control.CmdHold)
		s.hangUp()
	})()
	var following, talking sync.WaitGroup
	following.Go(func() {
		if err := s.follow(life); err != nil && !errors.Is(err, errGone) {
			end(err)
		}
	})
	reading := make(chan error, 1)
	go func() { reading <- s.read(life, in) }() // in may stay open for ever: nobody waits for that
	talking.Go(func() { s.runRequests(life) })
	if b.Fan != "" {
		talking.Go(func() { s.runHolding(life) })
	}
	err := s.await(ctx, life, reading)
	s.stop()
	late := time.AfterFunc(or(b.drain, drainWait), func() {
		end(errGone)
		s.hangUp() // somebody may wait for it to read
	})
	defer late.Stop()
	talking.Wait()
	s.settle(life)
	if ctx.Err() != nil { // told to end: somebody else does what is left
		s.retire(life, control.CmdFree)
	}
	end(errGone)
	s.hangUp()
	following.Wait()
	if cause := context.Cause(life); err == nil && !errors.Is(cause, errGone) {
		err = cause
	}
	if owner.Interrupted(ctx, err) || errors.Is(err, errGone) {
		return nil
	}
	return err
}

// retire tells for a worker that it takes nothing more, and with CmdFree that it
// gives back what it has.
func (s *session) retire(life context.Context, cmd string) {
	if s.bot.Fan == "" {
		return
	}
	limited, cancel := context.WithTimeout(life, retireWait)
	defer cancel()
	_ = s.bot.Access.Ask(limited, s.about(control.Request{Cmd: cmd, Leave: true}), func(control.Row) error { return nil })
}

// await waits for the end of what the bot writes, or for why nothing goes on.
func (s *session) await(ctx, life context.Context, reading <-chan error) error {
	select {
	case err := <-reading:
		return err
	case <-life.Done():
		return context.Cause(life)
	case <-ctx.Done():
	}
	late := time.NewTimer(s.bot.grace)
	defer late.Stop()
	select {
	case err := <-reading:
		return err
	case <-life.Done():
		return context.Cause(life)
	case <-late.C:
		return nil
	}
}

func or(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// session is a bot being served.
type session struct {
	// static
	bot      *Bot
	worker   string // what it is called as the worker of a fan
	end      context.CancelCauseFunc
	requests chan []byte
	last     chan struct{} // closed when no more requests are taken
	ending   sync.Once

	asked bool        // owned by runRequests, then by Serve: something was asked for
	busy  atomic.Bool // a request is being done

	writing sync.Mutex // one line at a time
	out     io.WriteCloser
	closing sync.Once

	mu     sync.Mutex
	held   time.Time         // guarded by mu: when it was told last that the worker is at work
	wrote  uint64            // guarded by mu: lines that the bot took
	handed map[string]handed // guarded by mu: messages that it was handed, by id
}

// handed is a message that a bot was given.
type handed struct {
	again uint32
	done  bool
}

// manyHanded is from how many messages on those that are done are forgotten.
const manyHanded = 1 << 16

// stop takes no more requests.
func (s *session) stop() { s.ending.Do(func() { close(s.last) }) }

// hangUp closes what the bot reads.
func (s *session) hangUp() { s.closing.Do(func() { _ = s.out.Close() }) }

// follow hands over what happens.
func (s *session) follow(ctx context.Context) error {
	r := s.about(control.Request{Cmd: control.CmdListen, Contact: s.bot.Contact})
	return s.bot.Access.Follow(ctx, r, func(row control.Row) error {
		switch row := row.(type) {
		case *control.Ready:
			if s.bot.Ready != nil {
				if err := s.bot.Ready(row); err != nil {
					return err
				}
			}
		case *control.Message:
			if !s.news(row) {
				return nil
			}
		}
		return s.say(row)
	})
}

// news reports whether a message was not handed over yet: after a new owner, and
// where what happens meets what is left from before, one comes twice.
func (s *session) news(m *control.Message) bool {
	if m.Outgoing || m.Type != control.TypeMessage {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// What a worker lost and gets again it is told again.
	if before, was := s.handed[m.ID]; was && before.again >= m.Again {
		return false
	}
	if len(s.handed) >= manyHanded {
		maps.DeleteFunc(s.handed, func(_ string, h handed) bool { return h.done })
	}
	s.handed[m.ID] = handed{again: m.Again}
	return true
}

// workerName is a name that no other worker has.
func workerName() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it does not fail
	return hex.EncodeToString(b[:])
}

// about makes a request one about what the bot has done, or the worker.
func (s *session) about(r control.Request) control.Request {
	if s.bot.Fan == "" {
		r.Bot = s.bot.Name
		return r
	}
	r.Fan, r.Worker = s.bot.Fan, s.worker
	if r.Cmd == control.CmdListen {
		r.Timeout = control.Duration(s.bot.Patience)
	}
	return r
}
