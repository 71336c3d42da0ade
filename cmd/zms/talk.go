package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/owner"
	"zeroms/cmd/zms/plain"
	"zeroms/cmd/zms/tui"
)

func newChat(a *app) *cobra.Command {
	var silent bool
	c := &cobra.Command{
		Use:   "chat [CONTACT]",
		Short: "Talk to people on the whole screen",
		Long:  chatHelp + chatKeys(),
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return takes("CONTACT")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			contact := ""
			if len(args) > 0 {
				contact = args[0]
			}
			return a.chat(c.Context(), contact, !silent)
		},
	}
	c.Flags().BoolVar(&silent, "no-bell", false, "do not ring the terminal's bell when a message comes")
	return c
}

// chatHelp says what the chat is like; chatKeys, which keys it has, follows.
const chatHelp = `Talk to people on the whole screen of a terminal: contacts at the left, the
conversation beside them, and below it what you write. In a window of less than
60 columns the list is a screen of its own.

Pasted text is never sent by its line feeds. The wheel of the mouse scrolls, and a
click opens a conversation; F6 gives the mouse back to the terminal to select text
(most terminals do that too while Shift is held). Messages are marked as read when
their conversation is open and its end is seen. What you write to somebody and do
not send is kept while the chat runs.

The signs behind your own messages: ○ queued, ✓ in custody of a gateway, ✓✓
delivered, bright when it was read, ✗ failed or not delivered; "directly" says that
a gateway that is none of yours saw your network address. Messages that are missing
have a row of their own in their place, which says what is done about it.

The chat uses the zms that runs on the profile (zms agent); without one it stays
connected itself and serves other commands, as zms listen does. Colours follow
the terminal, and NO_COLOR is respected. With --verbose the log has to go into a
file (2>FILE).
`

// chatKeys is the table of keys.
func chatKeys() string {
	var b strings.Builder
	for _, row := range tui.Keys() {
		if row[1] == "" {
			fmt.Fprintf(&b, "\n%s:\n\n", row[0])
		} else {
			fmt.Fprintf(&b, "    %-24s %s\n", row[0], row[1])
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// chat takes the screen, after the passphrase was asked.
func (a *app) chat(ctx context.Context, contact string, bell bool) error {
	stderr, _ := a.stderr.(*os.File)
	switch {
	case a.json || !a.person || !term.IsTerminal(int(a.stdin.Fd())):
		return control.Usage("zms chat needs a terminal; scripts use zms send and zms listen")
	case a.verbose && stderr != nil && term.IsTerminal(int(stderr.Fd())):
		return control.Usage("the log would disturb the screen; send it to a file with 2>FILE")
	}
	way, err := a.access()
	if err != nil {
		return err
	}
	lock := &lock{prompt: a.askPassphrase, given: a.givenPassphrase}
	way.Name, way.Passphrase = "chat", lock.passphrase
	at, err := way.Reach(ctx)
	if err != nil {
		return err
	}
	if err := at.Close(); err != nil {
		return err
	}
	lock.take(a.typed)
	return tui.Run(ctx, tui.Config{
		Profile: chatProfile{way, lock}, Contact: contact, Bell: bell, In: a.stdin, Out: a.stdout, Environ: os.Environ(),
		Note: func(s string) { fmt.Fprintln(a.stderr, plain.Text(s)) },
	})
}

// chatProfile is the way to a profile for the chat.
type chatProfile struct {
	*owner.Access
	lock *lock
}

// Unlock gives the passphrase that was typed on the screen.
func (p chatProfile) Unlock(passphrase string) { p.lock.take(passphrase) }

// lock knows the passphrase. While the screen is taken, nothing can be asked for
// in the usual way.
type lock struct {
	prompt func(context.Context, string) (string, error)
	given  func() (string, bool, error)

	mu     sync.Mutex
	screen bool   // guarded by mu
	typed  string // guarded by mu
}

// take takes the screen, and what was typed if anything was.
func (l *lock) take(typed string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.screen, l.typed = true, typed
}

func (l *lock) passphrase(ctx context.Context, prompt string) (string, error) {
	l.mu.Lock()
	screen, typed := l.screen, l.typed
	l.mu.Unlock()
	switch {
	case !screen:
		return l.prompt(ctx, prompt)
	case typed != "":
		return typed, nil
	}
	text, ok, err := l.given()
	if err == nil && !ok {
		err = control.Fail(control.NameNeeds, "the profile is locked; type its passphrase")
	}
	return text, err
}
