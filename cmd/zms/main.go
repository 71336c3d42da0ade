// Command zms is ZeroMS in a terminal, for people, scripts and bots
// (docs/cli.md has every command, its JSON and the exit codes).
//
// Every command is a request (package control). The process that owns the
// profile serves it: another one by its socket, else this one, which opens the
// profile and runs the engine for as long as the command needs.
//
//	main.go        the command line and how it ends
//	commands.go    commands that are one request; setup.go, chat.go those that are more
//	package gateways has those about gateways
//	people.go      contacts, who is none any more, and hiding from those who are not
//	talk.go        the chat on the whole screen (package tui); listen.go bots (package bot) and fans
//	profile.go     where the profile is and the way to its owner (package owner); proxy.go to gateways
//	erase.go       erasing contents; evidence.go what gateways signed, to show and to check
//	backup.go      the 24 words, archives, what is damaged; restore.go a profile from what was saved (package rescue)
//	debug.go       what goes over the links
//	passphrase.go  passphrases from the environment, a file or the terminal
//	output.go      rows as JSON, or for people (packages report and plain); cards and texts come from package input
//	manual.md      docs/cli.md but for what the commands and rows say themselves
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"zeroms/cmd/zms/complete"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/gateways"
	"zeroms/cmd/zms/owner"
	"zeroms/cmd/zms/plain"
	"zeroms/protocol/wire"
)

func main() {
	os.Exit(execute(os.Args[1:], &app{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv,
		person: term.IsTerminal(int(os.Stdout.Fd())),
	}))
}

// app is what all commands share.
type app struct {
	stdin  *os.File
	stdout io.Writer
	stderr io.Writer
	getenv func(string) string
	person bool // stdout is a terminal

	// flags of every command
	profile    string
	json       bool
	passphrase string // the file's name
	proxy      string // a URL, or "direct"
	verbose    bool

	way   *owner.Access // to the profile, once it is known
	typed string        // the passphrase that the user typed
}

// execute runs one command and returns the exit code. SIGINT and SIGTERM end
// its context.
func execute(args []string, a *app) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot(a)
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return control.ExitOK
	}
	// The flags may not have been understood.
	a.json = a.json || slices.Contains(args, "--json")
	return a.fail(control.Explain(err))
}

// fail tells why a command failed and returns the exit code.
func (a *app) fail(f *control.Failure) int {
	if a.json {
		if line, err := control.FinalLine(f); err == nil {
			_, _ = a.stdout.Write(line)
		}
	} else {
		fmt.Fprintln(a.stderr, "zms: "+plain.Text(f.Message))
	}
	return f.Exit()
}

// log writes to stderr if the user wants to see it. Log lines hold no keys, no
// secrets of cards and no plaintext.
func (a *app) log() *slog.Logger {
	if !a.verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func newRoot(a *app) *cobra.Command {
	root := group("zms", "ZeroMS in a terminal: messages between people, through gateways that nobody has to trust",
		newInit(a), newCard(a), gateways.New(a.shell()), newAdd(a), newRequests(a), newAccept(a), newBlock(a), newRemove(a), newContacts(a),
		newLookup(a), newSend(a), newChat(a), newListen(a), newFan(a), newHistory(a), newRead(a), newVerify(a), newStatus(a), newPassphrase(a), newAgent(a), newErase(a), newEvidence(a),
		gateways.NewDirect(a.shell()), newProxy(a), newPhrase(a), newExport(a), newImport(a), newRestore(a), newRejoin(a), newDebug(a), newCompletion())
	root.Version = version()
	root.SilenceUsage, root.SilenceErrors = true, true
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return control.Usage("%v; see %s --help", err, c.CommandPath())
	})
	root.Flags().Bool("version", false, "print the version and that of the protocol")
	flags := root.PersistentFlags()
	flags.StringVar(&a.profile, "profile", "", "the profile is in this `DIR` (default: $ZMS_PROFILE, else $XDG_DATA_HOME/zeroms, else ~/.local/share/zeroms)")
	flags.BoolVar(&a.json, "json", false, "print JSON, one object a line")
	flags.StringVar(&a.passphrase, "passphrase-file", "", "the passphrase is the first line of this `FILE` (default: $ZMS_PASSPHRASE, else a prompt without echo on a terminal)")
	flags.StringVar(&a.proxy, "proxy", "", "make connections through this SOCKS5 `PROXY`, socks5://HOST:PORT, or direct (default: $ZMS_PROXY, else what the profile keeps: see zms proxy set)")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "print a log to stderr: gateways that can't be reached, links that end, sessions made anew; it holds no secret keys, no secrets of cards and no texts. The links are those of the zms that holds the profile, so give it to that one")
	complete.Commands(root, a.dir)
	// Long usages are wrapped, at a width that most terminals have.
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), "FlagUsages ", "FlagUsagesWrapped 100 "))
	return root
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return control.Usage("there is no command %q; see %s --help", args[0], c.CommandPath())
			}
			return c.Help()
		},
	}
	c.AddCommand(commands...)
	return c
}

// takes checks how many arguments a command has; names are what they are.
func takes(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return control.Usage("%s is missing; write %s", names[len(args)], c.UseLine())
		case len(args) > len(names):
			return control.Usage("%s takes no further argument %q (quote a text with blanks); write %s",
				c.CommandPath(), args[len(names)], c.UseLine())
		}
		return nil
	}
}

// version names the build: the module's version or the commit, and the protocol.
func version() string {
	name := "devel"
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			name = v
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && name == "devel" && len(s.Value) >= 12 {
				name = s.Value[:12]
			}
		}
	}
	return fmt.Sprintf("%s (protocol %d)", name, wire.Version)
}
