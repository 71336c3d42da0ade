package story

import (
	"fmt"

	"github.com/spf13/cobra"

	"zeroms/cmd/zeroms-lab/appdrive"
	"zeroms/cmd/zeroms-lab/child"
)

// wrong is a command line that can't be understood.
type wrong struct{ error }

// Usage marks it as one.
func (wrong) Usage() {}

// New is the command "app".
func New() *cobra.Command {
	var c Config
	command := &cobra.Command{
		Use:   "app",
		Short: "Let two people talk by the desktop app, driven by mouse and keyboard",
		Long: `Start two gateways and, for two people, the desktop app, each on a display in memory
(Xvfb, OpenGL in software) with a D-Bus of its own, and drive both with xdotool as
people would: they make their identities, take gateways by invitation, exchange a card
as an image file, drop one with the mouse, are given cards that do not work, talk in two
languages and with dead keys, are told of messages by notifications, and their system
turns dark, a window is closed and comes back by the tray; one app is killed and started again, a gateway is killed, language and
colours change, and one is locked and unlocked. Every step leaves pictures of the
windows in --out.

The command fails if a step does not come to its end in time, if the transcripts, as
zms tells them, are not what was typed, or if an app complains in its output.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return wrong{fmt.Errorf("%s takes no argument %q; see %s --help", c.Name(), args[0], c.CommandPath())}
			}
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) error {
			for name, path := range map[string]*string{"zeroms": &c.App, "zeroms-gateway": &c.Gateway, "zms": &c.Zms} {
				var err error
				if *path, err = child.Program(*path, name); err != nil {
					return wrong{err}
				}
			}
			if err := appdrive.CheckTools(); err != nil {
				return err
			}
			c.Print = command.OutOrStdout()
			return Run(command.Context(), c)
		},
	}
	f := command.Flags()
	f.StringVar(&c.App, "app", "", "the zeroms program (default: the one beside this program, like the next two)")
	f.StringVar(&c.Gateway, "gateway", "", "the zeroms-gateway program")
	f.StringVar(&c.Zms, "zms", "", "the zms program")
	f.StringVar(&c.Out, "out", "app-pictures", "the directory for the pictures")
	f.BoolVar(&c.Keep, "keep", false, "keep the directory with profiles and gateways")
	return command
}
