// Package gateways has the commands about a profile's gateways: those that it has,
// those that it could have, and how messages come to those of others.
package gateways

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"zeroms/cmd/manual"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/plain"
	"zeroms/cmd/zms/report"
)

// Shell is the command line that the commands are a part of.
type Shell struct {
	// Run makes a request of the profile's owner and prints its answer.
	Run func(ctx context.Context, r control.Request, people report.Show) error
	// Confirm tells what something means and asks whether it shall be done; its error
	// says why not.
	Confirm func(ctx context.Context, meaning, question string) error
	// Code is the card or address that an argument means.
	Code func(argument string) (string, error)
	// Group makes a command that only holds others.
	Group func(use, short string, commands ...*cobra.Command) *cobra.Command
	// Takes checks the number of arguments; names are what they are.
	Takes func(names ...string) cobra.PositionalArgs
}

// command is a command whose answer has these rows.
func command(use, short, long, rows string) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Long: long, Annotations: map[string]string{manual.Rows: rows}}
}

// New is the command gateway.
func New(s Shell) *cobra.Command {
	return s.Group("gateway", "Find, add, list, drain and remove your gateways",
		s.add(), s.find(), s.list(), s.drain(), s.remove())
}

func (s Shell) add() *cobra.Command {
	var wait bool
	c := command("add ADDRESS|IMAGE", "Make a gateway one of your own, by its address",
		`Make a gateway one of your own: you can be reached there. ADDRESS is its text
(ZMSG:...), the name of a file with the text or with a picture of its QR code (PNG,
JPEG), or - for such a file on stdin.`, "gateway")
	c.Args = s.Takes("ADDRESS")
	c.RunE = func(c *cobra.Command, args []string) error {
		code, err := s.Code(args[0])
		if err != nil {
			return err
		}
		r := control.Request{Cmd: control.CmdGatewayAdd, Gateway: code, Up: wait}
		return s.Run(c.Context(), r, func(w io.Writer, row control.Row) error {
			if g, ok := row.(*control.Gateway); ok && !wait {
				_, err := fmt.Fprintf(w, "added %s; zms status tells whether it is connected\n", plain.Text(g.Host))
				return err
			}
			return report.Gateway(w, row)
		})
	}
	c.Flags().BoolVar(&wait, "wait", false, "wait until it is connected and can be given out, at most 15 s, or say why it is not (not-connected; it stays added)")
	return c
}

func (s Shell) find() *cobra.Command {
	var r control.Request
	c := command("find", "Find gateways of the network that could be yours, best first",
		`Find gateways of the network that could be yours: your gateways are asked for others.
Each is connected to and measured, a few at a time, and they are listed best first: by
how long they keep you waiting, how long they keep messages, and so that they are not
all in one network. Those that take everybody, or who has their computer work for it,
are looked for, and only those that your computer may be sent to: whoever lives behind
public gateways is not sent into a local network.

The gateways that are measured see your network address (or your proxy's); with zms
direct set never none is connected to, and so none is measured. Whoever runs your
gateway decides which others it names: look at who runs them, where that matters.

With --add the best of them become yours, until so many of your gateways are
connected. What was added is told. Once there are so many, gateways of yours that
can't be reached are drained: they are read again if they come back (zms gateway
drain), and zms gateway add takes that back.`, "offer, homes")
	c.Args = s.Takes()
	c.RunE = func(c *cobra.Command, _ []string) error {
		r.Cmd = control.CmdGatewayFind
		if f := c.Flags(); f.Changed("add") && r.Homes == 0 || f.Changed("count") && r.N == 0 {
			return control.Usage("--add and --count are at least 1")
		}
		return s.Run(c.Context(), r, report.Offers)
	}
	c.Flags().IntVar(&r.Homes, "add", 0, "make the best ones yours, so that `N` of your gateways are connected, 1 to 5")
	c.Flags().IntVar(&r.N, "count", 0, "list `M` gateways, 1 to 40 (default: 10)")
	c.Flags().BoolVar(&r.Invited, "invited", false, "list those too that take people by invitation only: their operators give out addresses with one")
	return c
}

func (s Shell) list() *cobra.Command {
	c := command("list", "List your gateways",
		`List your gateways: how they are doing, how long they keep you waiting, what they keep
of your messages. Whether they are connected is known to a process that stays; else see
zms status.`, "gateway")
	c.Args = s.Takes()
	c.RunE = func(c *cobra.Command, _ []string) error {
		return s.Run(c.Context(), control.Request{Cmd: control.CmdGatewayList}, report.Gateway)
	}
	return c
}

func (s Shell) drain() *cobra.Command {
	c := command("drain GATEWAY", "Leave a gateway without losing a message, by its host, host:port, key or address",
		`Leave a gateway without losing a message. From now on contacts are sent to your
other gateways; what still comes here is read until a day after all of them know it,
for 37 days at most. Then the gateway is removed by itself. zms gateway add takes
that back.`, "gateway")
	c.Args = s.Takes("GATEWAY")
	c.RunE = func(c *cobra.Command, args []string) error {
		return s.Run(c.Context(), control.Request{Cmd: control.CmdGatewayDrain, Gateway: args[0]}, report.Gateway)
	}
	return c
}

func (s Shell) remove() *cobra.Command {
	var yes bool
	c := command("remove GATEWAY", "Give a gateway up at once, by its host, host:port, key or address",
		`Give a gateway up, named by its host, host:port, key (at least 8 hex digits) or
address. Contacts learn where else you are; what waits there and what they send there
until then is not read any more: they send it again. zms gateway drain avoids that.

Without the only gateway where you receive nobody can write to you, and no answer and
no acknowledgement reaches you. On a terminal it tells that and asks; else it needs
--yes.`, "gateway")
	c.Args = s.Takes("GATEWAY")
	c.RunE = func(c *cobra.Command, args []string) error {
		r := control.Request{Cmd: control.CmdGatewayRemove, Gateway: args[0], Yes: yes}
		err := s.Run(c.Context(), r, report.Gateway)
		if f := new(control.Failure); !errors.As(err, &f) || f.Name != control.NameLast {
			return err
		} else if err := s.Confirm(c.Context(), f.Message, "Remove it? [y/N]"); err != nil {
			return err
		}
		r.Yes = true
		return s.Run(c.Context(), r, report.Gateway)
	}
	c.Flags().BoolVar(&yes, "yes", false, "remove also the only gateway where you receive, without a question")
	return c
}

// NewDirect is the command direct.
func NewDirect(s Shell) *cobra.Command {
	set := command("set fallback|always|never", "Say whether gateways of others may be connected to",
		`Say whether gateways may be connected to that are none of yours:

  fallback  only if none of your gateways can bring a message there (the default)
  always    your gateways are not asked
  never     what none of them can bring waits

Your gateway brings a message to that of a contact sealed: it sees neither whom it is
for nor from whom, and the other gateway does not see where you are. A gateway that is
connected to sees your network address, or your proxy's. Messages that went so are
marked: direct in the history, and where they are sent. Gateways without TLS on this
computer, and those behind .onion addresses, are always connected to.

The setting is sealed in the profile, and not in what zms export writes. What waits is
tried again at once.`, "direct")
	set.Args = s.Takes("fallback|always|never")
	set.RunE = func(c *cobra.Command, args []string) error {
		return s.Run(c.Context(), control.Request{Cmd: control.CmdDirectSet, Direct: args[0]}, report.Says(report.Direct))
	}
	show := command("show", "Show whether gateways of others may be connected to", "", "direct")
	show.Args = s.Takes()
	show.RunE = func(c *cobra.Command, _ []string) error {
		return s.Run(c.Context(), control.Request{Cmd: control.CmdDirectShow}, report.Says(report.Direct))
	}
	return s.Group("direct", "Show and set whether gateways of others may be connected to", set, show)
}
