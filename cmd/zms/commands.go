package main

import (
	"time"

	"github.com/spf13/cobra"

	"zeroms/cmd/manual"
	"zeroms/cmd/zms/complete"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/gateways"
	"zeroms/cmd/zms/input"
	"zeroms/cmd/zms/report"
)

func newAdd(a *app) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "add CARD|LINK|IMAGE|ID",
		Short: "Add the owner of a card as a contact",
		Long: `Add the owner of a card as a contact and greet them. CARD is the text (ZMS:...), a
web link, a zeroms: link, the name of a file with one of these or with a picture
of the QR code (PNG, JPEG), or - for such a file on stdin. ID is the user ID of
somebody who chose to be found by it alone (zms card show --public --by-key).`,
		Annotations: rows("contact"),
		Args:        takes("CARD"),
		RunE: func(c *cobra.Command, args []string) error {
			code, err := input.Given(a.stdin, args[0])
			if err != nil {
				return err
			}
			return a.run(c.Context(), control.Request{Cmd: control.CmdAdd, Card: code, Name: name}, report.One("added"))
		},
	}
	c.Flags().StringVar(&name, "name", "", "the `NAME` to call them by here (default: that on the card)")
	return c
}

// words are what a command says about itself.
type words struct{ use, short, long, rows string }

// rows notes which rows a command prints.
func rows(text string) map[string]string { return map[string]string{manual.Rows: text} }

// simple is a command that is one request about a contact, if it takes one.
func (a *app) simple(say words, people report.Show) *cobra.Command {
	c := &cobra.Command{Use: say.use, Short: say.short, Long: say.long, Annotations: rows(say.rows)}
	cmd := c.Name()
	c.Args = takes()
	if say.use != cmd {
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
	return a.simple(words{"requests", "List strangers who want to talk to you",
		"List strangers who want to talk to you. Nothing is answered before you accept.", "contact"}, report.Contact)
}

func newAccept(a *app) *cobra.Command {
	return a.simple(words{"accept CONTACT", "Accept a request, or take a blocked contact back", "", "contact"}, report.One("accepted"))
}

func newBlock(a *app) *cobra.Command {
	return a.simple(words{"block CONTACT", "Take nothing more from a contact or request", "", "contact"}, report.One("blocked"))
}

func newRead(a *app) *cobra.Command {
	return a.simple(words{"read CONTACT", "Tell a contact that you have read everything", "", "contact"}, report.One("read"))
}

func newStatus(a *app) *cobra.Command {
	c := a.simple(words{"status", "Show how the profile, its messages and its gateways are doing",
		`Show how the profile, its messages and its gateways are doing. If the profile can't
run because some of what is stored can't be read, it names those rows instead (rows:
damage) and fails with damaged; zms export then saves everything else.`, "status"}, report.Status)
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

// shell is the command line as packages of further commands see it.
func (a *app) shell() gateways.Shell {
	return gateways.Shell{
		Run: a.run, Confirm: a.sure, Code: func(argument string) (string, error) { return input.Given(a.stdin, argument) }, Group: group, Takes: takes,
	}
}

func newLookup(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "lookup ID|CARD|IMAGE|CONTACT",
		Short: "Find where somebody receives now, in the network of gateways",
		Long: `Find where somebody receives now, in the network of gateways: by their card, their
user ID if they chose to be found by it alone, or as a contact. Your gateway is asked;
it learns neither who that is nor where they receive. That somebody is not there is
known after up to 15 s.`,
		Annotations: rows("found"),
		Args:        takes("ID|CARD|IMAGE|CONTACT"),
		RunE: func(c *cobra.Command, args []string) error {
			code, err := input.Code(a.stdin, args[0])
			if err != nil {
				return err
			}
			slow := time.AfterFunc(time.Second, func() { a.note("looking in the network of gateways ...") })
			defer slow.Stop()
			return a.run(c.Context(), control.Request{Cmd: control.CmdLookup, Card: code}, report.Found)
		},
	}
}

func newCompletion() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print what makes a shell complete commands, contacts and gateways",
		Long: `Print the script that makes a shell complete commands, flags, contacts and
gateways: see "Shell completion".`,
		Args: takes("bash|zsh|fish"),
		RunE: func(c *cobra.Command, args []string) error {
			return complete.Script(c.Root(), args[0], c.OutOrStdout())
		},
	}
}
