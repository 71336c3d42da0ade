// Command zeroms-gateway runs a ZeroMS gateway: the server that keeps envelopes
// for people who are offline (docs/operations.md).
//
//	zeroms-gateway run    --data DIR --listen ADDR   run it
//	zeroms-gateway init   --data DIR                 make its directory first
//	zeroms-gateway invite --data DIR                 an address that lets people register
//	zeroms-gateway status --data DIR                 what it is doing; peers and dht: among other gateways
//	zeroms-gateway accounts list --data DIR          who takes how much; remove and quota
//	zeroms-gateway doctor --data DIR                 what keeps it from working well
//	zeroms-gateway backup FILE --data DIR            copy it into a file
//	zeroms-gateway restore FILE --data DIR           make a directory from that
//
// The directory holds, all readable by its owner only:
//
//	node.key      the gateway's key, 32 bytes in hex; who has it is this gateway
//	gateway.json  network, registration policy and limits
//	mailbox.db    the database
//	network.json  its place in the network and the gateways it knew last
//	channels.key  the keys by which it opens what comes sealed through others
//	address       the gateway's address, written when it is ready
//	control.sock  for status, accounts and doctor while it runs
//	last-backup   when the last backup was made
//	lock          held while it runs
//
// Exit codes: 0 success, 1 failure, 2 wrong command line, 3 the directory is
// used by another process.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"zeroms/cmd/zeroms-gateway/folder"
	"zeroms/cmd/zeroms-gateway/network"
	"zeroms/protocol/card"
	"zeroms/protocol/wire"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
	exitInUse   = 3
)

func main() { os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr)) }

// usageError is a command line that can't be understood.
type usageError struct{ error }

// asUsage is err as a command line that can't be understood; nil stays nil.
func asUsage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// execute runs one command and returns the exit code. SIGINT and SIGTERM end
// its context.
func execute(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(stderr, "zeroms-gateway: "+err.Error())
	var usage usageError
	var cannot folder.UseError
	var inUse folder.InUseError
	switch {
	case errors.As(err, &usage), errors.As(err, &cannot), errors.Is(err, network.ErrUse):
		return exitUsage
	case errors.As(err, &inUse):
		return exitInUse
	}
	return exitFailure
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "zeroms-gateway",
		Short:         "A ZeroMS gateway: keeps envelopes for people who are offline",
		Version:       version(),
		Args:          cobra.ArbitraryArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("there is no command %q; see zeroms-gateway --help", args[0])}
			}
			return c.Help()
		},
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see zeroms-gateway --help", err)}
	})
	root.AddCommand(newInit(), newRun(), newInvite(), newStatus(), newPeers(), newDHT(), newAccounts(), newDoctor(), newBackup(), newRestore())
	return root
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

// noArgs refuses words that are no flags.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no argument %q; see zeroms-gateway %s --help", c.Name(), args[0], c.Name())}
	}
	return nil
}

// dataFlag adds the flag that every command needs.
func dataFlag(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "data", "", "the gateway's directory (required)")
	c.ValidArgsFunction = cobra.NoFileCompletions
	cobra.CheckErr(c.MarkFlagDirname("data"))
}

// words are what a shell completes for a flag.
func words(c *cobra.Command, flag string, all ...string) {
	cobra.CheckErr(c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(all, cobra.ShellCompDirectiveNoFileComp)))
}

// picture is the QR code of a text with an empty line, at a terminal only: in a file or a
// log it would be colour codes.
func picture(w io.Writer, text string) string {
	if f, ok := w.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return ""
	}
	return card.Terminal(text) + "\n"
}

func needData(dir string) error {
	if dir == "" {
		return usageError{errors.New("--data DIR is missing: name the gateway's directory")}
	}
	return nil
}
