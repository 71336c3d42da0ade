package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"zeroms/cmd/zeroms-gateway/folder"
)

func newInit() *cobra.Command {
	var dir string
	c := folder.Config{Version: folder.Version}
	command := &cobra.Command{
		Use:   "init --data DIR",
		Short: "Make a gateway's directory with its key",
		Long: `Make a gateway's directory with its key and its configuration. run does it too;
this is for looking at gateway.json, or setting limits, before the first run.`,
		Example: `  zeroms-gateway init --data /var/lib/zeroms --registration invite`,
		Args:    noArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := needData(dir); err != nil {
				return err
			}
			d, err := folder.Create(dir, c)
			if err != nil {
				return err
			}
			defer d.Close()
			fmt.Fprintf(command.OutOrStdout(), "gateway %s made in %s\n", d.Node.Public(), dir)
			return nil
		},
	}
	dataFlag(command, &dir)
	command.Flags().StringVar(&c.Network, "network", "public", "public, lab, or four letters of a network of your own")
	command.Flags().StringVar(&c.Registration, "registration", folder.RegisterUndecided,
		"who may register: open, invite or work (default: each run decides, open on loopback, else invite)")
	words(command, "registration", folder.RegisterOpen, folder.RegisterInvite, folder.RegisterWork)
	words(command, "network", "public", "lab")
	return command
}
