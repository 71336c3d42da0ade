package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/report"
)

func newContacts(a *app) *cobra.Command {
	var removed bool
	c := &cobra.Command{
		Use:         "contacts",
		Short:       "List the contacts, blocked ones too",
		Annotations: rows("contact"),
		Args:        takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.run(c.Context(), control.Request{Cmd: control.CmdContacts, Removed: removed}, report.Contact)
		},
	}
	c.Flags().BoolVar(&removed, "removed", false, "list those that you removed; zms history still shows what was said, unless it was erased")
	return c
}

func newRemove(a *app) *cobra.Command {
	var erase bool
	c := &cobra.Command{
		Use:   "remove CONTACT",
		Short: "Make somebody a contact no more",
		Long: `Make somebody a contact no more, or refuse a request. Where they wrote to is deleted at
all of your gateways, and nothing more is sent to them: what no gateway has taken yet
is marked as failed. What was said stays (zms history). They can still write first by
a card of yours, like strangers; zms block prevents that, and zms card renew hides you
from them (in the network up to 3 hours later). To have them back, add them with a
card.`,
		Annotations: rows("contact"),
		Args:        takes("CONTACT"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.run(c.Context(), control.Request{Cmd: control.CmdRemove, Contact: args[0], Erase: erase}, report.One("removed"))
		},
	}
	c.Flags().BoolVar(&erase, "erase", false, "erase what was said, too, here; this can't be undone. What an interruption left is erased when the command is given again")
	return c
}

func newCardRenew(a *app) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "renew",
		Short: "Hide from everybody who is not one of your contacts",
		Long: `Renew your address: the secret on all of your cards by which others find you. Your
contacts learn the new one by themselves. Everybody else who knows the present one -
people that you removed or blocked, whoever has a card of yours - can then no longer
find you, nor see whether and where you are, at the latest 3 hours after the present
one stopped working: so long the network may keep what was published under it. All
cards that you gave out stop working; a new one is made at once.

Until all contacts have acknowledged the new address, for 37 days at most, the present
one works too, and it can't be renewed again. Whoever is away for longer needs a new
card. A public card is not touched: revoke it too if nobody shall find you by it.

On a terminal it tells what stops working and asks; else it needs --yes.`,
		Annotations: rows("renewal"),
		Args:        takes(),
		RunE:        func(c *cobra.Command, _ []string) error { return a.renew(c.Context(), yes) },
	}
	c.Flags().BoolVar(&yes, "yes", false, "do it without a question")
	return c
}

// renew tells what a renewal of the address ends, asks, and does it.
func (a *app) renew(ctx context.Context, yes bool) error {
	r := control.Request{Cmd: control.CmdCardRenew}
	if !yes {
		overlaps := false
		err := a.ask(ctx, r, func(row control.Row) error {
			plan, ok := row.(*control.Renewal)
			if overlaps = ok && !plan.Ends.IsZero(); overlaps {
				return nil // it can't be done now: the engine says when
			}
			return a.emit(report.Says(report.Renewal))(row)
		})
		if err == nil && !overlaps {
			err = a.confirm(ctx, "Renew your address? [y/N]")
		}
		if err != nil {
			return err
		}
	}
	r.Yes = true
	return a.run(ctx, r, report.Says(report.Renewal))
}

// confirm asks whether something shall be done. Errors: a Failure of the name
// NameUsage where nobody can be asked, and for any answer but yes.
func (a *app) confirm(ctx context.Context, question string) error { return a.sure(ctx, "", question) }

// sure is confirm of something whose meaning has to be told.
func (a *app) sure(ctx context.Context, meaning, question string) error {
	answer, err := a.prompt(ctx, strings.TrimSpace(meaning+" "+question), false)
	switch {
	case errors.Is(err, errNoTerminal):
		return control.Usage("%s", strings.TrimSpace(meaning+" nothing was changed: give --yes to do it"))
	case err != nil:
		return err
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return control.Usage("nothing was changed")
	}
	return nil
}
