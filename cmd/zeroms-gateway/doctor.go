package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"zeroms/cmd/zeroms-gateway/control"
	"zeroms/cmd/zeroms-gateway/doctor"
	"zeroms/cmd/zeroms-gateway/folder"
	"zeroms/cmd/zeroms-gateway/network"
)

func newDoctor() *cobra.Command {
	var dir, listen string
	var asJSON bool
	command := &cobra.Command{
		Use:   "doctor --data DIR",
		Short: "Look for what keeps the gateway from working well",
		Long: `Look for what keeps the gateway from working well: its address, port, network,
clock, disk, limits, key, backup and database. Every line says what is so, and what to do if
it is not well. It works while the gateway runs and while it does not; while it
runs, it is asked at its public address, as a client would ask it.

Run it as the user that the gateway runs as. Exit code 1 if there is a problem.`,
		Example: `  zeroms-gateway doctor --data /var/lib/zeroms`,
		Args:    noArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := needData(dir); err != nil {
				return err
			}
			s, err := subject(command.Context(), dir, listen)
			if err != nil {
				return err
			}
			found := doctor.Examine(command.Context(), s, doctor.This())
			if err := doctor.Print(command.OutOrStdout(), found, asJSON); err != nil {
				return err
			}
			if n := doctor.Problems(found); n > 0 {
				return fmt.Errorf("%d problems were found", n)
			}
			return nil
		},
	}
	dataFlag(command, &dir)
	command.Flags().StringVar(&listen, "listen", "", "HOST:PORT to listen on, for a gateway that does not run (default: all addresses, with the port of its address)")
	command.Flags().BoolVar(&asJSON, "json", false, "as one line of JSON for each finding")
	return command
}

// subject is the gateway of a directory, as doctor looks at it.
func subject(ctx context.Context, dir, listen string) (doctor.Subject, error) {
	c, err := folder.Read(dir)
	if err != nil {
		return doctor.Subject{}, err
	}
	s := doctor.Subject{
		Dir: dir, Key: filepath.Join(dir, folder.KeyFile), Database: filepath.Join(dir, folder.DatabaseFile), Listen: listen,
		Links: c.Capacity().Conns, OpenFiles: filesFor(c.Capacity().Conns), Memory: c.Memory(), Backup: doctor.LastBackup(dir),
		NetworkError: network.Check(dir),
	}
	if node, err := folder.ReadKey(s.Key); err != nil {
		s.KeyError = err
	} else {
		s.Node = node.Public()
	}
	if address, err := lastAddress(dir); err == nil {
		s.Address = &address
	}
	switch l, err := control.Ask(ctx, dir); {
	case errors.As(err, &s.Silent):
		s.Pid = s.Silent.Pid
	case err == nil:
		s.Pid, s.Listen, s.Overlay = l.Pid, l.Listen, l.Overlay
	case !errors.Is(err, control.ErrNotRunning):
		return s, err
	case s.Listen == "" && s.Address != nil:
		s.Listen = net.JoinHostPort("", strconv.Itoa(int(s.Address.Port)))
	case s.Listen == "":
		s.Listen = ":443"
	}
	return s, nil
}
