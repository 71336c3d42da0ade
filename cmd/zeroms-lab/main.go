// Command zeroms-lab runs whole ZeroMS networks on one machine.
//
//	zeroms-lab demo   two people, two gateways, one of them killed: the story of
//	                  their messages with the times of every hop
//	zeroms-lab bench  what a gateway carries, what that costs it, and what the app takes
//	zeroms-lab net    people who chat through gateways that are killed, drained and
//	                  cut off: whether everything arrives, and how soon
//	zeroms-lab dht    the gateway network among foes, on a virtual clock
//	zeroms-lab app    two people who talk by the desktop app, driven by mouse and keyboard
//
// Exit codes: 0 success, 1 failure, 2 wrong command line.
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

	"zeroms/cmd/zeroms-lab/appdrive/story"
	"zeroms/cmd/zeroms-lab/bench"
	"zeroms/cmd/zeroms-lab/child"
	"zeroms/cmd/zeroms-lab/demo"
	"zeroms/cmd/zeroms-lab/dht"
	netlab "zeroms/cmd/zeroms-lab/net"
	"zeroms/protocol/wire"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() { os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr)) }

// usageError is a command line that can't be understood.
type usageError struct{ error }

// execute runs one command and returns the exit code. Whatever else would end
// the process (Ctrl-C, a hang-up, a closed pipe) ends the command's context, so
// that it ends its children first.
func execute(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var silent interface{ Silent() }
	if errors.As(err, &silent) {
		return exitFailure
	}
	fmt.Fprintln(stderr, "zeroms-lab: "+err.Error())
	if usage := (usageError{}); errors.As(err, &usage) {
		return exitUsage
	}
	var wrong interface{ Usage() }
	if errors.As(err, &wrong) {
		return exitUsage
	}
	return exitFailure
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "zeroms-lab",
		Short:         "Whole ZeroMS networks on one machine",
		Version:       version(),
		Args:          cobra.ArbitraryArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("there is no command %q; see zeroms-lab --help", args[0])}
			}
			return c.Help()
		},
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see zeroms-lab --help", err)}
	})
	root.AddCommand(newDemo(), bench.New(), dht.New(), netlab.New(), story.New())
	return root
}

func newDemo() *cobra.Command {
	var c demo.Config
	command := &cobra.Command{
		Use:   "demo",
		Short: "Let two people talk through two gateways on this machine",
		Long: `Start five gateways and two people as processes on this machine, let them
exchange cards as pictures and talk, send one of them away and kill gateways in
between, and print what happens with the time that every hop of every message
took. In the end the transcripts of both are compared: the command fails if
they differ in anything.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("demo takes no argument %q; see zeroms-lab demo --help", args[0])}
			}
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) error {
			var err error
			if c.Zms, err = child.Program(c.Zms, "zms"); err != nil {
				return err
			}
			if c.Gateway, err = child.Program(c.Gateway, "zeroms-gateway"); err != nil {
				return err
			}
			c.Out = command.OutOrStdout()
			return demo.Run(command.Context(), c)
		},
	}
	flags := command.Flags()
	flags.StringVar(&c.Zms, "zms", "", "the zms program (default: the one beside this program)")
	flags.StringVar(&c.Gateway, "gateway", "", "the zeroms-gateway program (default: the one beside this program)")
	flags.BoolVar(&c.Keep, "keep", false, "keep the directory with profiles, cards and gateways")
	return command
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
