package ui

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"zeroms/cmd/zeroms-lab/appdrive"
	"zeroms/cmd/zeroms-lab/child"
)

// wrong is a command line that can't be understood.
type wrong struct{ error }

// Usage marks it as one.
func (wrong) Usage() {}

func usage(format string, args ...any) error { return wrong{fmt.Errorf(format, args...)} }

// errMissed is returned when everything was measured and a budget was missed.
var errMissed = errors.New("the app misses a budget")

// New is the command "ui".
func New() *cobra.Command {
	c := &config{}
	var asJSON, markdown bool
	command := &cobra.Command{
		Use:   "ui",
		Short: "Measure the desktop app against its budgets",
		Long: `Make a profile with many messages, start the desktop app with it on a display in
memory (Xvfb, OpenGL in software), drive it with xdotool, and print each of its
budgets beside what was measured (docs/performance.md):

  start   from the start of the process until the window can be used, with nothing of
          the program and the profile in the disk cache
  open    a click on a conversation until it is on the screen
  key     a key press in the composer until its character is
  scroll  a turn of the wheel until the messages have moved
  jump    a jump to another place of a long conversation
  send    a click on send until the message is shown as in custody of the gateway
  memory  resident after all that
  idle    CPU time without the focus, of one core

The 95th percentile counts. The command fails if a budget was missed, once everything
was measured.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("%s takes no argument %q; see %s --help", c.Name(), args[0], c.CommandPath())
			}
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) (err error) {
			if asJSON && markdown {
				return usage("--json and --markdown are two forms; choose one")
			}
			if err := c.check(); err != nil {
				return err
			}
			c.out = tableSink{command.OutOrStdout(), markdown}
			if asJSON {
				c.out = jsonSink{command.OutOrStdout()}
			}
			c.notes = command.ErrOrStderr()
			return c.run(command.Context())
		},
	}
	f := command.Flags()
	f.BoolVar(&asJSON, "json", false, "one JSON object a line")
	f.BoolVar(&markdown, "markdown", false, "a table of Markdown")
	f.StringVar(&c.app, "app", "", "the zeroms program (default: the one beside this program, like the next two)")
	f.StringVar(&c.gateway, "gateway", "", "the zeroms-gateway program")
	f.StringVar(&c.zms, "zms", "", "the zms program")
	f.StringVar(&c.cache, "cache", "", "keep the generated profile in this directory for later runs (default: none)")
	f.StringVar(&c.shots, "shots", "", "write pictures of the window into this directory (default: none)")
	f.IntVar(&c.crowd.Messages, "messages", 100_000, "messages of the profile")
	f.IntVar(&c.crowd.Conversations, "conversations", 500, "conversations that they are in, the first ones long, the others short")
	f.IntVar(&c.starts, "starts", 5, "how often the app is started")
	f.IntVar(&c.rounds, "rounds", 30, "how often conversations are opened, the view jumps and messages are sent")
	return command
}

// check finds the programs and what is wrong with the numbers.
func (c *config) check() error {
	if c.starts < 1 || c.rounds < 1 {
		return usage("--starts and --rounds are 1 at least, not %d and %d", c.starts, c.rounds)
	}
	c.crowd.Seed = 1
	if err := c.crowd.check(); err != nil {
		return wrong{err}
	}
	for name, path := range map[string]*string{"zeroms": &c.app, "zeroms-gateway": &c.gateway, "zms": &c.zms} {
		var err error
		if *path, err = child.Program(*path, name); err != nil {
			return wrong{err}
		}
	}
	return appdrive.CheckTools()
}

// copyProfile copies the files of a profile that nobody has open.
func copyProfile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	if err := os.Chmod(to, 0o700); err != nil {
		return err
	}
	files, err := os.ReadDir(to)
	for _, f := range files {
		err = errors.Join(err, os.Chmod(filepath.Join(to, f.Name()), 0o600))
	}
	return err
}
