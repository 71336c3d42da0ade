package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"zeroms/cmd/zms/control"
)

func newAdd(a *app) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "add CARD|LINK|IMAGE",
		Short: "Add the owner of a card as a contact",
		Long: `Add the owner of a card as a contact. The card is a text, a link, the name of
a file with one of them or with a picture of the QR code (PNG, JPEG), or - for
such a file on stdin.`,
		Args: takes("CARD"),
		RunE: func(c *cobra.Command, args []string) error {
			code, err := a.code(args[0])
			if err != nil {
				return err
			}
			return a.run(c.Context(), control.Request{Cmd: control.CmdAdd, Card: code, Name: name}, one("added"))
		},
	}
	c.Flags().StringVar(&name, "name", "", "what to call them here (default: the name on the card)")
	return c
}

// one shows the contact that a command was about.
func one(what string) show {
	return func(w io.Writer, row control.Row) error {
		c, ok := row.(*control.Contact)
		if !ok {
			return nil
		}
		_, err := fmt.Fprintf(w, "%s #%d %s\n", what, c.ID, nameOf(c))
		return err
	}
}

func nameOf(c *control.Contact) string { return name(c.ID, c.Name) }

// simple is a command that is one request about a contact, if it takes one.
func (a *app) simple(use, short string, people show) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short}
	cmd := c.Name()
	c.Args = takes()
	if use != cmd {
		c.Args = takes("CONTACT")
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		r := control.Request{Cmd: cmd}
		if len(args) > 0 {
			r.Contact = args[0]
		}
		return a.run(c.Context(), r, people)
	}
	return c
}

func newRequests(a *app) *cobra.Command {
	return a.simple("requests", "List strangers who want to talk to you", showContact)
}

func newContacts(a *app) *cobra.Command {
	return a.simple("contacts", "List the contacts, blocked ones too", showContact)
}

func newAccept(a *app) *cobra.Command {
	return a.simple("accept CONTACT", "Accept a request, or take a blocked contact back", one("accepted"))
}

func newBlock(a *app) *cobra.Command {
	return a.simple("block CONTACT", "Take nothing more from a contact or request", one("blocked"))
}

func newRead(a *app) *cobra.Command {
	return a.simple("read CONTACT", "Tell a contact that you have read everything", one("read"))
}

func newStatus(a *app) *cobra.Command {
	c := a.simple("status", "Show how the profile, its messages and its gateways are doing", showStatus)
	status := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		err := status(c, args)
		if err != nil {
			err = a.damage(c.Context(), err)
		}
		return err
	}
	return c
}

func newGateway(a *app) *cobra.Command {
	return group("gateway", "Add, list and remove your gateways",
		newGatewayAdd(a), newGatewayList(a), newGatewayRemove(a))
}

func newGatewayAdd(a *app) *cobra.Command {
	var wait bool
	c := &cobra.Command{
		Use:   "add ADDRESS|IMAGE",
		Short: "Make a gateway one of your own, by its address",
		Long: `Make a gateway one of your own: you can be reached there. The address is a text,
the name of a file with it or with a picture of its QR code (PNG, JPEG), or -
for such a file on stdin.`,
		Args: takes("ADDRESS"),
		RunE: func(c *cobra.Command, args []string) error {
			code, err := a.code(args[0])
			if err != nil {
				return err
			}
			r := control.Request{Cmd: control.CmdGatewayAdd, Gateway: code, Up: wait}
			return a.run(c.Context(), r, func(w io.Writer, row control.Row) error {
				if g, ok := row.(*control.Gateway); ok && !wait {
					_, err := fmt.Fprintf(w, "added %s; zms status tells whether it is connected\n", clean(g.Host))
					return err
				}
				return showGateway(w, row)
			})
		},
	}
	c.Flags().BoolVar(&wait, "wait", false, "wait until it is connected, at most 15 s, or say why it is not")
	return c
}

func newGatewayList(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List your gateways", Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.run(c.Context(), control.Request{Cmd: control.CmdGatewayList}, showGateway)
		},
	}
}

func newGatewayRemove(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "remove GATEWAY", Short: "Give a gateway up, by its host, host:port, key or address", Args: takes("GATEWAY"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.run(c.Context(), control.Request{Cmd: control.CmdGatewayRemove, Gateway: args[0]}, showGateway)
		},
	}
}
