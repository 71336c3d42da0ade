// Package tui is zms chat: conversations in a terminal. It knows a profile only
// by the requests and rows of package control, asked through Profile.
//
//	tui.go       Run: the screen, and what happens in the profile as it comes
//	model.go     what is on the screen, and how a message of the loop changes it
//	rows.go      rows of the profile; ask.go requests, one after another where order counts
//	talk.go      one conversation: its timeline and what is written to it; package pages reads its history
//	keys.go      what keys do, which is the help too; mouse.go the mouse
//	view.go      the screen; boxes.go and help.go what lies over it
//
// Texts of others are measured and made harmless by package text, wherever they
// are shown.
package tui

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"zeroms/cmd/zms/control"
)

// Profile is the profile, whoever owns it; *owner.Access is one but for Unlock.
type Profile interface {
	// Ask makes one request.
	Ask(ctx context.Context, r control.Request, emit control.Emit) error
	// Follow listens until ctx ends, which is no error, from one owner of the
	// profile to the next.
	Follow(ctx context.Context, r control.Request, emit control.Emit) error
	// Unlock gives the passphrase that Follow failed for the lack of.
	Unlock(passphrase string)
}

// Config is what a chat needs.
type Config struct {
	Profile Profile
	// Contact is whom to talk to, as the command line names them; empty: nobody yet.
	Contact string
	// Bell rings the terminal's bell when a message comes.
	Bell bool
	// In and Out are the terminal, Environ its environment.
	In      io.Reader
	Out     io.Writer
	Environ []string
	// Note tells something after the screen was given back.
	Note func(string)
	// Zone is the time zone, Now the clock; nil: the computer's.
	Zone *time.Location
	Now  func() time.Time
}

// maxBatch is how many rows are taken into the screen at once.
const maxBatch = 4096

// settleWait is how long the end waits for messages that have not left yet.
const settleWait = 5 * time.Second

// Run shows the chat until the user leaves it or ctx ends. It fails before it
// takes the screen if the profile can't be had or there is no such contact.
func Run(ctx context.Context, cfg Config) error {
	running, stop := context.WithCancel(ctx)
	f := &feed{profile: cfg.Profile, rows: make(chan control.Row, maxBatch), again: make(chan struct{}, 1), ended: make(chan error, 1)}
	var work sync.WaitGroup
	work.Go(func() { f.run(running) })
	defer work.Wait()
	defer stop()

	if err := f.ready(running); err != nil {
		return err
	}
	m := newModel(running, cfg)
	m.again = f.again
	if err := m.prepare(); err != nil {
		return err
	}
	p := tea.NewProgram(m, tea.WithContext(running), tea.WithInput(cfg.In), tea.WithOutput(cfg.Out),
		tea.WithEnvironment(cfg.Environ), tea.WithoutSignalHandler())
	work.Go(func() { f.runPump(running, p.Send) })
	_, err := p.Run()
	if ctx.Err() != nil || errors.Is(err, tea.ErrProgramKilled) && m.failed == nil {
		return nil
	}
	if err != nil {
		return err
	}
	if m.failed != nil {
		return m.failed
	}
	return m.settle(ctx)
}

// feed brings what happens in the profile to the screen.
type feed struct {
	profile Profile
	rows    chan control.Row
	again   chan struct{} // the passphrase was given
	ended   chan error    // why following ended
}

// run follows the profile. When that fails for the lack of a passphrase, it goes
// on after one was given.
func (f *feed) run(ctx context.Context) {
	for {
		err := f.profile.Follow(ctx, control.Request{Cmd: control.CmdListen}, func(row control.Row) error {
			select {
			case f.rows <- row:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = control.Fail(control.NameStopped, "the process that held the profile has ended; start zms chat again")
		}
		select {
		case f.ended <- err:
		case <-ctx.Done():
			return
		}
		select {
		case <-f.again:
		case <-ctx.Done():
			return
		}
	}
}

// ready waits until the profile is followed.
func (f *feed) ready(ctx context.Context) error {
	for {
		select {
		case row := <-f.rows:
			if _, ok := row.(*control.Ready); ok {
				return nil
			}
		case err := <-f.ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// runPump sends rows to the screen, as many at once as there are: each sending
// draws it once.
func (f *feed) runPump(ctx context.Context, send func(tea.Msg)) {
	for {
		select {
		case row := <-f.rows:
			batch := rowsMsg{row}
			for more := true; more && len(batch) < maxBatch; {
				select {
				case row := <-f.rows:
					batch = append(batch, row)
				default:
					more = false
				}
			}
			send(batch)
		case err := <-f.ended:
			send(endedMsg{err})
		case <-ctx.Done():
			return
		}
	}
}

// settle waits for messages that were sent and have not left, if this process
// is the one that they would leave from.
func (m *Model) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for told := false; ; told = true {
		waiting := false
		err := m.cfg.Profile.Ask(ctx, control.Request{Cmd: control.CmdStatus}, func(row control.Row) error {
			if s, ok := row.(*control.Status); ok {
				waiting = s.Waiting > 0 && s.PID == os.Getpid() && up(s.Gateways) > 0
			}
			return nil
		})
		if err != nil || !waiting {
			return nil // what did not leave does so when zms runs next
		}
		if !told && m.cfg.Note != nil {
			m.cfg.Note("sending what has not left yet ...")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
}

func up(gateways []control.Gateway) (n int) {
	for _, g := range gateways {
		if g.Up {
			n++
		}
	}
	return n
}
