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
	"zeroms/cmd/zms/input"
	"zeroms/cmd/zms/owner"
	"zeroms/cmd/zms/plain"
	"zeroms/cmd/zms/report"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
)

func newSend(a *app) *cobra.Command {
	var wait string
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "send CONTACT TEXT|-",
		Short: "Send a message; - reads it from stdin",
		Long: `Send a message of at most 14,000 bytes; - reads it from stdin without its last
line feed. Once queued is printed the message is stored and finds its way by
itself whenever zms runs. Without --wait: if another zms that stays owns the
profile, the command ends at once, else when a gateway has custody or after 10 s,
with exit code 0 either way.

--wait delivered takes as long as the recipient's acknowledgement, and those are
gathered: the first one leaves after 0.2 s, the next ones 1 s apart. So a script that
waits for each of many messages sends about one a second; it is faster to wait for the
last one only.`,
		Annotations: rows("message, then change for each new state"),
		Args:        takes("CONTACT", "TEXT"),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := input.Text(a.stdin, args[1])
			if err != nil {
				return err
			}
			if timeout <= 0 {
				return control.Usage("--timeout is a duration above 0, for example 30s or 5m")
			}
			return a.send(c.Context(), control.Request{
				Cmd: control.CmdSend, Contact: args[0], Text: text, Wait: wait, Timeout: control.Duration(timeout),
			})
		},
	}
	c.Flags().StringVar(&wait, "wait", "", "wait until a gateway has signed for the message, or every device of the recipient has it: `custody|delivered`")
	c.Flags().DurationVar(&timeout, "timeout", control.DefaultWait, "how long --wait waits, a `DURATION` such as 90s or 5m; then the exit code is 5 and the message still goes on")
	return c
}

// send sends and says, if the message did not leave, what becomes of it.
func (a *app) send(ctx context.Context, r control.Request) error {
	state := ""
	emit := a.emit(report.Sending())
	err := a.ask(ctx, r, func(row control.Row) error {
		if m, ok := row.(*control.Message); ok {
			state = m.State
			if m.NoAnswer {
				a.note("you have no gateway: no answer and no acknowledgement can reach you, and messages leave only once zms has run for a minute (zms agent); add one with zms gateway add ADDRESS")
			}
		}
		return emit(row)
	})
	if err != nil || state != "queued" {
		return err
	}
	if a.way.Served() {
		a.note("queued; the zms that runs on the profile sends it")
	} else {
		a.note("queued; it goes out when zms runs next (zms listen or zms agent)")
	}
	return nil
}

func newHistory(a *app) *cobra.Command {
	var n int
	var before uint32
	var peek bool
	c := &cobra.Command{
		Use:   "history CONTACT",
		Short: "Show the last messages with a contact and mark them as read",
		Long: `Show the last messages with a contact, oldest first, and tell them that you have
read everything. Where messages of the contact are missing or lost, a gap stands
in their place.`,
		Annotations: rows("message and gap, at the end page"),
		Args:        takes("CONTACT"),
		RunE: func(c *cobra.Command, args []string) error {
			r := control.Request{Cmd: control.CmdHistory, Contact: args[0], N: n, Peek: peek}
			if c.Flags().Changed("before") {
				r.Before = &before
			}
			if n < 1 || n > control.MaxLines {
				return control.Usage("-n is 1 to %d", control.MaxLines)
			}
			return a.run(c.Context(), r, report.History)
		},
	}
	c.Flags().IntVarP(&n, "lines", "n", control.DefaultLines, "about how many messages, a `NUMBER` from 1 to 1000")
	c.Flags().Uint32Var(&before, "before", 0, "those below this `HEIGHT`: next of the page shown before")
	c.Flags().BoolVar(&peek, "peek", false, "do not mark them as read")
	return c
}

func newVerify(a *app) *cobra.Command {
	var code, undo, yes bool
	c := &cobra.Command{
		Use:   "verify CONTACT",
		Short: "Compare the safety number with a contact",
		Long: `Show the safety number, 60 digits that both of you see alike if nobody stands in
between. Compare them in a call or face to face. On a terminal the command then
asks whether they are the same.`,
		Annotations: rows("safety"),
		Args:        takes("CONTACT"),
		RunE: func(c *cobra.Command, args []string) error {
			r := control.Request{Cmd: control.CmdVerify, Contact: args[0], Yes: yes, Undo: undo}
			return a.verify(c.Context(), r, code)
		},
	}
	c.Flags().BoolVar(&code, "code", false, "show the 32 bytes behind it too, as a QR code and in hex")
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
		if err := report.Safety(w, s); err != nil || !code {
			return err
		}
		upper := strings.ToUpper(plain.Text(s.Code)) // capitals take less room in a QR code
		_, err := fmt.Fprintf(w, "\n%s\n%s\n", card.Terminal(upper), plain.Text(s.Code))
		return err
	})
	if err != nil || a.json || seen == nil || seen.Verified || r.Undo {
		return err
	}
	answer, err := a.prompt(ctx, "Do both of you see the same? Type yes to mark "+report.Name(seen.Contact, seen.Name)+" as verified", false)
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
			_, err := fmt.Fprintf(w, "%s is verified\n", report.Name(s.Contact, s.Name))
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
other commands, which need no passphrase then. SIGINT and SIGTERM end it (exit code
0).`,
		Annotations: rows("ready"),
		Args:        takes(),
		RunE:        func(c *cobra.Command, _ []string) error { return a.agent(c.Context()) },
	}
}

// agent waits for its turn if a command that ends by itself has the profile.
func (a *app) agent(ctx context.Context) error {
	way, err := a.access()
	if err != nil {
		return err
	}
	at, err := way.Own(ctx)
	if err == nil {
		err = way.Run(ctx, at.DB, owner.Tenure{Owner: "agent", Lasting: true, Locked: at.Locked}, a.serveUntilStopped)
	}
	if owner.Interrupted(ctx, err) {
		return nil
	}
	return err
}

func (a *app) serveUntilStopped(ctx context.Context, p *owner.Profile) error {
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
