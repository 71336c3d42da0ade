package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zeroms/cmd/zeroms-gateway/control"
	"zeroms/cmd/zeroms-gateway/folder"
	"zeroms/cmd/zeroms-gateway/network"
	database "zeroms/store/mailbox"
)

// report is what the status command shows.
type report struct {
	Running      bool          `json:"running"`
	Address      string        `json:"address,omitempty"`
	Network      string        `json:"network"`
	Registration string        `json:"registration,omitempty"`  // of this run, else what was set; empty: each run decides
	RegisterBits int           `json:"register_bits,omitempty"` // of registration by work
	Limits       folder.Limits `json:"limits"`                  // as they are after the next start
	Stored       *stored       `json:"stored,omitempty"`        // none before the first run
	Live         *control.Live `json:"live,omitempty"`          // while it runs
}

// stored is what the database holds.
type stored struct {
	Accounts  int   `json:"accounts"`
	Devices   int   `json:"devices"`
	Drops     int   `json:"drops"`
	Doors     int   `json:"doors"`
	Profiles  int   `json:"profiles"`
	Invites   int   `json:"invites"`   // uses left
	Envelopes int64 `json:"envelopes"` // bytes on the disk
	Waiting   int64 `json:"waiting"`   // bytes of them that are owed to somebody
}

func newStatus() *cobra.Command {
	var dir string
	var asJSON bool
	command := &cobra.Command{
		Use:   "status --data DIR",
		Short: "Show whether the gateway runs and what it holds",
		Long: `Show whether the gateway runs, its address and limits, what its database holds
and, while it runs, what it has counted. It names nobody.`,
		Example: `  zeroms-gateway status --data /var/lib/zeroms`,
		Args:    noArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := needData(dir); err != nil {
				return err
			}
			s, err := readStatus(command.Context(), dir)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(command.OutOrStdout()).Encode(s)
			}
			return s.print(command.OutOrStdout())
		},
	}
	dataFlag(command, &dir)
	command.Flags().BoolVar(&asJSON, "json", false, "as one line of JSON")
	return command
}

// readStatus asks the configuration, the database and the running gateway.
func readStatus(ctx context.Context, dir string) (report, error) {
	c, err := folder.Read(dir)
	if err != nil {
		return report{}, err
	}
	s := report{Network: c.Network, Registration: c.Registration, Limits: c.Complete()}
	if text, err := os.ReadFile(filepath.Join(dir, folder.AddressFile)); err == nil {
		s.Address = strings.TrimSpace(string(text))
	}
	if s.Stored, err = readStored(ctx, filepath.Join(dir, folder.DatabaseFile)); err != nil {
		return report{}, err
	}
	switch l, err := control.Ask(ctx, dir); {
	case err == nil:
		s.Running, s.Live, s.Registration = true, &l, l.Registration
	case !errors.Is(err, control.ErrNotRunning):
		return report{}, err
	}
	if s.Registration == folder.RegisterWork {
		s.RegisterBits = int(c.Bits())
	}
	return s, nil
}

// readStored counts what is in the database; nil if there is none yet.
func readStored(ctx context.Context, path string) (out *stored, err error) {
	db, err := database.OpenGuest(ctx, path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	n, err := db.Stats(ctx)
	if err != nil {
		return nil, err
	}
	return &stored{
		Accounts: n.Accounts, Devices: n.Devices, Drops: n.Drops, Doors: n.Doors,
		Profiles: n.Profiles, Invites: n.Invites, Envelopes: n.Envelopes, Waiting: n.Waiting,
	}, nil
}

// print writes the status for people.
func (s report) print(w io.Writer) error {
	lines := []string{"stopped"}
	if s.Live != nil {
		lines[0] = "running since " + s.Live.Since.Format(time.RFC3339)
	}
	registration := s.Registration
	if registration == folder.RegisterUndecided {
		registration = "decided at each start"
	}
	if s.RegisterBits != 0 {
		registration += fmt.Sprintf(", %d bits", s.RegisterBits)
	}
	lines = append(lines, "network "+s.Network, "registration "+registration, s.Limits.Line())
	if s.Address != "" {
		lines = append(lines, "address "+s.Address)
	}
	if n := s.Stored; n != nil {
		lines = append(lines,
			fmt.Sprintf("accounts %d with %d devices, %d drops, %d doors, %d profiles", n.Accounts, n.Devices, n.Drops, n.Doors, n.Profiles),
			fmt.Sprintf("envelopes %d bytes, %d of them waiting", n.Envelopes, n.Waiting),
			fmt.Sprintf("invites %d uses left", n.Invites))
	}
	if s.Live != nil {
		lines = append(lines, network.Lines(s.Live.Overlay)...)
		c := s.Live.Links
		lines = append(lines,
			fmt.Sprintf("links %d now of at most %d, %d of them guests; %d accepted, %d refused",
				c.Links, s.Live.MostLinks, c.Guests, c.Accepted, c.Refused),
			fmt.Sprintf("logins %d, %d rejected", c.Logins, c.Rejected),
			fmt.Sprintf("submissions %d, pushes %d, acknowledgements %d, profiles read %d", c.Submits, c.Pushes, c.Acks, c.Profiles),
			fmt.Sprintf("refused as busy %d; links ended: %d slow, %d silent, %d faulty", c.Busy, c.Slow, c.Silent, c.Faults),
			fmt.Sprintf("bytes %d in, %d out", c.BytesIn, c.BytesOut))
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}
