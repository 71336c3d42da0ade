package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zeroms/cmd/zeroms-gateway/control"
	"zeroms/cmd/zeroms-gateway/doctor"
	"zeroms/cmd/zeroms-gateway/machine"
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
			if err := printFindings(command.OutOrStdout(), found, asJSON); err != nil {
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
	c, err := readConfig(dir)
	if err != nil {
		return doctor.Subject{}, err
	}
	s := doctor.Subject{
		Dir: dir, Key: filepath.Join(dir, keyFile), Database: filepath.Join(dir, databaseFile), Listen: listen,
		Links: c.capacity().Conns, OpenFiles: filesFor(c.capacity().Conns), Memory: c.memory(), Backup: lastBackup(dir),
		NetworkError: network.Check(dir),
	}
	if node, err := readKey(s.Key); err != nil {
		s.KeyError = err
	} else {
		s.Node = node.Public()
	}
	if address, err := lastAddress(dir); err == nil {
		s.Address = &address
	}
	switch l, err := control.Ask(ctx, dir); {
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

func printFindings(w io.Writer, found []doctor.Finding, asJSON bool) error {
	lines := json.NewEncoder(w)
	for _, f := range found {
		if asJSON {
			if err := lines.Encode(f); err != nil {
				return err
			}
			continue
		}
		text := fmt.Sprintf("%-8s %-9s %s\n", f.Level, f.Check, f.Text)
		if f.Do != "" {
			text += fmt.Sprintf("%18s -> %s\n", "", f.Do)
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

// backupNoted is the file that says when the last backup of the directory was made.
const backupNoted = "last-backup"

// noteBackup writes it, for the owner of the directory.
func noteBackup(dir string, made time.Time) error {
	path := filepath.Join(dir, backupNoted)
	if err := writeFile(path, []byte(made.Format(time.RFC3339)+"\n")); err != nil {
		return err
	}
	if owner, err := machine.Stat(dir); err == nil && os.Geteuid() == 0 && owner.Owner > 0 {
		return os.Chown(path, owner.Owner, -1)
	}
	return nil
}

// lastBackup is when the last backup was made; zero: none is known.
func lastBackup(dir string) time.Time {
	text, err := os.ReadFile(filepath.Join(dir, backupNoted))
	if err != nil {
		return time.Time{}
	}
	made, err := time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
	if err != nil {
		return time.Time{}
	}
	return made
}
