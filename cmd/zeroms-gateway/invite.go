package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zeroms/cmd/zeroms-gateway/folder"
	"zeroms/protocol/card"
	database "zeroms/store/mailbox"
)

// The bounds of an invite.
const (
	maxUses    = 1000
	maxExpires = 366 * 24 * time.Hour
)

func newInvite() *cobra.Command {
	var dir, expires string
	var uses int
	command := &cobra.Command{
		Use:   "invite --data DIR",
		Short: "Print an address with which people can register",
		Long: `Print the gateway's address with a new invite in it, as text and, at a terminal, as
a QR code. It works while the gateway runs and while it does not.`,
		Example: `  zeroms-gateway invite --data /var/lib/zeroms --uses 5 --expires 30d`,
		Args:    noArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := needData(dir); err != nil {
				return err
			}
			lasts, err := parseDays(expires)
			if err != nil {
				return err
			}
			if uses < 1 || uses > maxUses {
				return usageError{fmt.Errorf("--uses is 1 to %d", maxUses)}
			}
			ends := time.Now().Add(lasts).UTC()
			text, err := invite(command.Context(), dir, uses, ends)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "%s\n%sinvite uses=%d expires=%s\n",
				text, picture(command.OutOrStdout(), text), uses, ends.Format(time.RFC3339))
			return err
		},
	}
	dataFlag(command, &dir)
	command.Flags().IntVar(&uses, "uses", 1, "how many accounts it opens")
	command.Flags().StringVar(&expires, "expires", "30d", "how long it is valid: days (30d) or hours (12h)")
	return command
}

// parseDays reads a duration in whole days, or as Go writes durations.
func parseDays(text string) (time.Duration, error) {
	var d time.Duration
	var err error
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(min(max(n, 0), 1000)) * 24 * time.Hour
	} else {
		d, err = time.ParseDuration(text)
	}
	if err != nil || d <= 0 || d > maxExpires {
		return 0, usageError{fmt.Errorf("--expires is for example 30d or 12h, at most 366d, not %q", text)}
	}
	return d, nil
}

// invite makes an invite and puts it into the gateway's address. It writes to
// the database whether or not the gateway runs on it.
func invite(ctx context.Context, dir string, uses int, ends time.Time) (text string, err error) {
	if _, err := folder.Read(dir); err != nil {
		return "", err
	}
	address, err := lastAddress(dir)
	if err != nil {
		return "", err
	}
	db, err := database.OpenGuest(ctx, filepath.Join(dir, folder.DatabaseFile))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if address.Invite, err = db.MakeInvite(ctx, uses, ends); err != nil {
		return "", err
	}
	return address.Text()
}

// lastAddress is the address of the last run.
func lastAddress(dir string) (card.Address, error) {
	text, err := os.ReadFile(filepath.Join(dir, folder.AddressFile))
	if errors.Is(err, os.ErrNotExist) {
		return card.Address{}, fmt.Errorf("the gateway has no address yet; run it once with zeroms-gateway run --data %s", dir)
	}
	if err != nil {
		return card.Address{}, err
	}
	a, err := card.ParseAddress(string(text))
	if err != nil {
		return card.Address{}, fmt.Errorf("%s is damaged; run the gateway once to write it anew: %w", folder.AddressFile, err)
	}
	return a, nil
}
