package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zeroms/cmd/zms/control"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
)

func newSend(a *app) *cobra.Command {
	var wait string
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "send CONTACT TEXT|-",
		Short: "Send a message; - reads it from stdin",
		Long: `Send a message; - reads it from stdin. Once the command says queued, the message
is stored and finds its way by itself whenever zms runs. Without --wait and
without another zms that runs on the profile, the command stays until a gateway
has custody, at most 10 s.`,
		Args: takes("CONTACT", "TEXT"),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := a.text(args[1])
			if err != nil {
				return err
			}
			if timeout <= 0 {
				return control.Fail(control.NameUsage, "--timeout is a duration above 0, for example 30s or 5m")
			}
			return a.send(c.Context(), control.Request{
				Cmd: control.CmdSend, Contact: args[0], Text: text, Wait: wait, Timeout: control.Duration(timeout),
			})
		},
	}
	c.Flags().StringVar(&wait, "wait", "", "wait until the message is in custody or delivered")
	c.Flags().DurationVar(&timeout, "timeout", control.DefaultWait, "how long --wait waits")
	return c
}

// send sends and says, if the message did not leave, what becomes of it.
func (a *app) send(ctx context.Context, r control.Request) error {
	state := ""
	emit := a.emit(showSending())
	err := a.ask(ctx, r, func(row control.Row) error {
		if m, ok := row.(*control.Message); ok {
			state = m.State
		}
		return emit(row)
	})
	if err != nil || state != "queued" {
		return err
	}
	if a.served {
		a.note("queued; the zms that runs on the profile sends it")
	} else {
		a.note("queued; it goes out when zms runs next (zms listen or zms agent)")
	}
	return nil
}

func newListen(a *app) *cobra.Command {
	var contact string
	c := &cobra.Command{
		Use:   "listen",
		Short: "Print messages and changes as they come, until Ctrl-C",
		Args:  takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.listen(c.Context(), control.Request{Cmd: control.CmdListen, Contact: contact})
		},
	}
	c.Flags().StringVar(&contact, "contact", "", "only what concerns this contact")
	return c
}

// listen follows the profile from owner to owner: when the process that it is
// attached to ends, it owns the profile itself.
func (a *app) listen(ctx context.Context, r control.Request) error {
	emit := a.emit(showLive())
	for {
		err := a.askOnce(ctx, r, emit)
		if interrupted(ctx, err) {
			return nil
		}
		if f := new(control.Failure); !errors.As(err, &f) || f.Name != control.NameStopped {
			return err
		}
		if err := emit(&control.Lagged{Type: control.TypeLagged}); err != nil {
			return err
		}
	}
}

func newHistory(a *app) *cobra.Command {
	var n int
	var before uint32
	var peek bool
	c := &cobra.Command{
		Use:   "history CONTACT",
		Short: "Show the last messages with a contact and mark them as read",
		Args:  takes("CONTACT"),
		RunE: func(c *cobra.Command, args []string) error {
			r := control.Request{Cmd: control.CmdHistory, Contact: args[0], N: n, Peek: peek}
			if c.Flags().Changed("before") {
				r.Before = &before
			}
			if n < 1 || n > control.MaxLines {
				return control.Fail(control.NameUsage, "-n is 1 to %d", control.MaxLines)
			}
			return a.run(c.Context(), r, showHistory)
		},
	}
	c.Flags().IntVarP(&n, "lines", "n", control.DefaultLines, "how many messages")
	c.Flags().Uint32Var(&before, "before", 0, "those below this height: the page before")
	c.Flags().BoolVar(&peek, "peek", false, "do not mark them as read")
	return c
}

func newVerify(a *app) *cobra.Command {
	var code, undo, yes bool
	c := &cobra.Command{
		Use:   "verify CONTACT",
		Short: "Compare the safety number with a contact",
		Long: `Show the safety number. Both of you see the same digits if nobody stands in
between; compare them in a call or face to face, then confirm.`,
		Args: takes("CONTACT"),
		RunE: func(c *cobra.Command, args []string) error {
			r := control.Request{Cmd: control.CmdVerify, Contact: args[0], Yes: yes, Undo: undo}
			return a.verify(c.Context(), r, code)
		},
	}
	c.Flags().BoolVar(&code, "code", false, "show it as a QR code and in hex too")
	c.Flags().BoolVar(&yes, "yes", false, "mark the contact as verified: you have compared it")
	c.Flags().BoolVar(&undo, "undo", false, "mark the contact as not verified")
	return c
}

func (a *app) verify(ctx context.Context, r control.Request, code bool) error {
	var seen *control.Safety
	err := a.run(ctx, r, func(w io.Writer, row control.Row) error {
		s, ok := row.(*control.Safety)
		if !ok {
			return nil
		}
		seen = s
		if err := showSafety(w, s); err != nil || !code {
			return err
		}
		upper := strings.ToUpper(clean(s.Code)) // capitals take less room in a QR code
		_, err := fmt.Fprintf(w, "\n%s\n%s\n", card.Terminal(upper), clean(s.Code))
		return err
	})
	if err != nil || a.json || seen == nil || seen.Verified || r.Undo {
		return err
	}
	answer, err := a.prompt(ctx, "Do both of you see the same? Type yes to mark "+name(seen.Contact, seen.Name)+" as verified", false)
	if errors.Is(err, errNoTerminal) {
		a.note("not marked; compare it, then run the command with --yes")
		return nil
	}
	if err != nil {
		return err
	}
	if !strings.EqualFold(strings.TrimSpace(answer), "yes") {
		a.note("not marked")
		return nil
	}
	r.Yes = true
	return a.run(ctx, r, func(w io.Writer, row control.Row) error {
		if s, ok := row.(*control.Safety); ok {
			_, err := fmt.Fprintf(w, "%s is verified\n", name(s.Contact, s.Name))
			return err
		}
		return nil
	})
}

func newAgent(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "agent",
		Short: "Own the profile and serve other commands until stopped",
		Long: `Own the profile: stay connected to the gateways, send and receive, and serve
other commands, which need no passphrase then. SIGINT and SIGTERM end it.`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return a.agent(c.Context()) },
	}
}

// agent waits for its turn if a command that ends by itself has the profile.
func (a *app) agent(ctx context.Context) error {
	at, err := a.own(ctx)
	if interrupted(ctx, err) {
		return nil
	}
	if err != nil {
		return err
	}
	err = a.runOwner(ctx, at.db, tenure{owner: "agent", lasting: true, locked: at.locked}, a.serveUntilStopped)
	if interrupted(ctx, err) {
		return nil
	}
	return err
}

func (a *app) serveUntilStopped(ctx context.Context, p *control.Profile) error {
	dir, err := a.dir()
	if err != nil {
		return err
	}
	s, err := p.Client.Status(ctx)
	if err != nil {
		return err
	}
	ready := &control.Ready{Type: control.TypeReady, User: key.UserIDText(s.User), Socket: filepath.Join(dir, control.SocketName)}
	err = a.emit(func(w io.Writer, _ control.Row) error {
		_, err := fmt.Fprintf(w, "ready: other zms commands use process %d now; end it with Ctrl-C\n", os.Getpid())
		return err
	})(ready)
	if err != nil {
		return err
	}
	return p.Await(ctx)
}
