package main

import (
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"zeroms/cmd/zeroms-gateway/control"
	"zeroms/cmd/zeroms-gateway/folder"
	"zeroms/cmd/zeroms-gateway/network"
)

func newPeers() *cobra.Command {
	var dir string
	var asJSON bool
	command := &cobra.Command{
		Use:     "peers --data DIR",
		Short:   "List the gateways that a running gateway knows",
		Long:    `List the gateways that a running gateway knows, those known longest first: key, way, round trip, address.`,
		Example: `  zeroms-gateway peers --data /var/lib/zeroms`,
		Args:    noArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := needData(dir); err != nil {
				return err
			}
			all, err := control.AskPeers(command.Context(), dir)
			if err != nil {
				return notRunning(err, dir)
			}
			if asJSON {
				return json.NewEncoder(command.OutOrStdout()).Encode(all)
			}
			return network.PrintPeers(command.OutOrStdout(), all)
		},
	}
	dataFlag(command, &dir)
	command.Flags().BoolVar(&asJSON, "json", false, "as one line of JSON")
	return command
}

func newDHT() *cobra.Command {
	var dir string
	var asJSON bool
	command := &cobra.Command{
		Use:   "dht --data DIR",
		Short: "Show a running gateway's part in its network: table, records, rates",
		Long: `Show a running gateway's part in its network: whom it knows, what it holds for
others, what it asks and serves. It names nobody.`,
		Example: `  zeroms-gateway dht --data /var/lib/zeroms`,
		Args:    noArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := needData(dir); err != nil {
				return err
			}
			l, err := control.Ask(command.Context(), dir)
			if err != nil {
				return notRunning(err, dir)
			}
			if asJSON {
				return json.NewEncoder(command.OutOrStdout()).Encode(l.Overlay)
			}
			return network.PrintDHT(command.OutOrStdout(), l.Overlay, l.Since)
		},
	}
	dataFlag(command, &dir)
	command.Flags().BoolVar(&asJSON, "json", false, "as one line of JSON")
	return command
}

// notRunning says what to do about a gateway that does not run.
func notRunning(err error, dir string) error {
	if _, none := folder.Read(dir); none != nil {
		return none
	}
	if errors.Is(err, control.ErrNotRunning) {
		return errors.New("the gateway on " + dir + " does not run; this is about a running one")
	}
	return err
}
