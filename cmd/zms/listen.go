package main

import (
	"context"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zeroms/cmd/zms/bot"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/owner"
	"zeroms/cmd/zms/report"
)

// defaultBot is the name of a bot that has none.
const defaultBot = "bot"

// listenFlags are the flags of listen.
type listenFlags struct {
	contact, exec, as, fan string
	program, stdin         bool
	patience               time.Duration
}

func newListen(a *app) *cobra.Command {
	var f listenFlags
	c := &cobra.Command{
		Use:   "listen",
		Short: "Print messages and changes as they come, until Ctrl-C",
		Long: `Print messages and changes as they come, until SIGINT or SIGTERM (exit code 0).
The first row is ready. If the process that owned the profile ends, listen takes its
place and says lagged.

With --exec it is a bot that is told, and may answer: see "Bots". With --stdin, so is
whoever writes to stdin and reads stdout. With --fan it is a worker, one of any number
that share all incoming messages: see "Fans".`,
		Annotations: rows("ready, then message, change, contact, read, gap and gateway"),
		Args:        takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			f.program = c.Flags().Changed("exec")
			return a.listen(c.Context(), f)
		},
	}
	c.Flags().StringVar(&f.contact, "contact", "", "only what concerns this `CONTACT`")
	c.Flags().StringVar(&f.exec, "exec", "", "run this `PROGRAM`, a bot, and speak with it over its stdin and stdout. It is a command line with arguments, split into words as by a shell; but no shell runs it")
	c.Flags().BoolVar(&f.stdin, "stdin", false, "speak the language of bots over stdin and stdout, until stdin ends")
	c.Flags().StringVar(&f.fan, "fan", "", "be a worker of this `FAN`, any name as of a bot; it says over stdin what is done, unless --exec is given")
	c.Flags().DurationVar(&f.patience, "patience", control.DefaultPatience, "with --fan: after how long without a word its message goes to another worker, 1s to 1h")
	c.Flags().StringVar(&f.as, "as", "", "the `BOT` whose work is remembered, any name of 1 to 32 letters a to z, digits, dots, hyphens and underscores (default: "+defaultBot+")")
	return c
}

func (a *app) listen(ctx context.Context, f listenFlags) error {
	switch {
	case f.fan != "" && (f.as != "" || f.contact != "") || f.fan == "" && f.patience != control.DefaultPatience:
		return control.Usage("--fan goes without --as and --contact, and --patience with --fan")
	case f.program && f.stdin || f.as != "" && !f.program && !f.stdin:
		return control.Usage("--exec and --stdin exclude each other, and --as goes with one of them")
	}
	if f.fan != "" && !control.ValidName(f.fan) {
		return control.Usage("a fan's name has 1 to %d letters a to z, digits, dots, hyphens and underscores, unlike %q", control.MaxName, f.fan)
	}
	way, err := a.access()
	if err != nil {
		return err
	}
	b := &bot.Bot{Access: way, Name: f.as, Contact: f.contact, Fan: f.fan, Patience: f.patience}
	if b.Name == "" {
		b.Name = defaultBot
	}
	switch {
	case f.program:
		return a.runBot(ctx, b, f.exec)
	case f.stdin || f.fan != "":
		a.json = true
		return b.Serve(ctx, a.stdin, keptOpen{a.stdout})
	}
	return way.Follow(ctx, control.Request{Cmd: control.CmdListen, Contact: f.contact}, a.emit(report.Live()))
}

// runBot runs a program as a bot.
func (a *app) runBot(ctx context.Context, b *bot.Bot, line string) error {
	words, err := bot.Words(line)
	if err != nil {
		return err
	}
	if err := a.unlock(ctx, b.Access); err != nil {
		return err
	}
	said := false
	b.Ready = func(row control.Row) error {
		if said {
			return nil
		}
		said = true
		return a.emit(report.Live())(row)
	}
	return b.Run(ctx, bot.Program{Words: words, Env: bot.Environment(os.Environ(), b.Access.Dir), Stderr: a.stderr})
}

// unlock makes sure that the profile can be had before a program runs: whoever is
// to type the passphrase types it now.
func (a *app) unlock(ctx context.Context, way *owner.Access) error {
	at, err := way.Reach(ctx)
	if err != nil {
		return err
	}
	return at.Close()
}

func newFan(a *app) *cobra.Command {
	one := func(use, short, cmd string) *cobra.Command {
		c := &cobra.Command{Use: use, Short: short, Annotations: rows("fan"), Args: takes(strings.Fields(use)[1:]...)}
		c.RunE = func(c *cobra.Command, args []string) error {
			return a.run(c.Context(), control.Request{Cmd: cmd, Fan: strings.Join(args, "")}, report.Fan)
		}
		return c
	}
	return group("fan", "List and remove what workers share",
		one("list", "List the fans: how many workers they have, and what waits for them", control.CmdFanList),
		one("remove FAN", "Forget what a fan has done; it must have no workers", control.CmdFanRemove))
}

// keptOpen is a writer that stays open.
type keptOpen struct{ io.Writer }

// Close does nothing.
func (keptOpen) Close() error { return nil }
