package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zeroms/cmd/zeroms-gateway/accounts"
	"zeroms/cmd/zeroms-gateway/control"
	"zeroms/cmd/zeroms-gateway/folder"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	database "zeroms/store/mailbox"
)

func newAccounts() *cobra.Command {
	command := &cobra.Command{
		Use:   "accounts",
		Short: "List accounts, remove one, give one a quota of its own",
		Long: `List accounts, remove one, or give one a quota of its own, while the gateway runs
and while it does not.

An account is named by its tag, which says nothing about whose it is; the first 8
or more of its hex digits will do.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("there is no command accounts %s; see zeroms-gateway accounts --help", args[0])}
			}
			return c.Help()
		},
	}
	command.AddCommand(newAccountsList(), newAccountsRemove(), newAccountsQuota())
	return command
}

// orders are the words of --sort, the first one its default.
var orders = []string{"bytes", "rows", "devices", "drops", "doors", "tag"}

func newAccountsList() *cobra.Command {
	var dir, by string
	var page, size int
	var asJSON bool
	command := &cobra.Command{
		Use:   "list --data DIR",
		Short: "List accounts with what they take",
		Long: `List accounts with their devices, drops, doors, what waits for them, and their
quota. SINCE is the day from which the oldest of what waits is: some device has
not taken its mail since. The gateway notes no time at which anybody was there.`,
		Example: `  zeroms-gateway accounts list --data /var/lib/zeroms --sort drops --limit 20
  zeroms-gateway accounts list --data /var/lib/zeroms --limit 0 --json`,
		Args: noArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			switch {
			case !slices.Contains(orders, by):
				return usageError{fmt.Errorf("--sort is %s, not %q", strings.Join(orders, ", "), by)}
			case page < 1 || size < 0 || size == 0 && page > 1:
				return usageError{errors.New("--page begins with 1 and --limit with 0, which is all of them on one page")}
			}
			p, err := listAccounts(command.Context(), dir, by, page, size)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(command.OutOrStdout()).Encode(p)
			}
			return p.Print(command.OutOrStdout())
		},
	}
	dataFlag(command, &dir)
	flags := command.Flags()
	flags.StringVar(&by, "sort", orders[0], strings.Join(orders, ", ")+"; the largest first")
	flags.IntVar(&size, "limit", 50, "accounts a page; 0: all")
	flags.IntVar(&page, "page", 1, "the number of the page")
	flags.BoolVar(&asJSON, "json", false, "as one line of JSON")
	words(command, "sort", orders...)
	return command
}

func listAccounts(ctx context.Context, dir, by string, page, size int) (p accounts.Page, err error) {
	c, db, err := openAccounts(ctx, dir)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	list, total, err := db.Accounts(ctx, database.AccountOrder(by), (page-1)*size, size)
	if err != nil {
		return p, err
	}
	p = accounts.NewPage(list, total, page, size, c.Announced().Quota)
	if page > p.Pages {
		return p, usageError{fmt.Errorf("there are %d pages only", p.Pages)}
	}
	return p, nil
}

// openAccounts opens the database of a directory beside who runs it.
func openAccounts(ctx context.Context, dir string) (folder.Config, *database.DB, error) {
	if err := needData(dir); err != nil {
		return folder.Config{}, nil, err
	}
	c, err := folder.Read(dir)
	if err != nil {
		return c, nil, err
	}
	db, err := database.OpenGuest(ctx, filepath.Join(dir, folder.DatabaseFile))
	return c, db, err
}

func newAccountsRemove() *cobra.Command {
	var dir string
	var yes bool
	command := &cobra.Command{
		Use:   "remove TAG --data DIR",
		Short: "Close an account for good",
		Long: `Close an account for good: its links end at once, its devices can't log in, its
drops take nothing more, and what waits for it is erased.

Its owner reads that the account was closed, and senders that nobody receives
there any more; both look for another way. The same key can't register again for
67 days. The rows of its log stay for that time, without what they carried, and
where the log ended stays for ever: they are the gateway's defence. Receipts for
what is erased are broken promises, as with a lost disk.`,
		Args: oneTag,
		RunE: func(command *cobra.Command, args []string) error {
			return changeAccount(command, dir, args[0], func(ctx context.Context, db *database.DB, row accounts.Row, tag key.AccountTag) error {
				out := command.OutOrStdout()
				if !yes && !confirmed(command, row.Sentence()) {
					return errors.New("nothing was removed")
				}
				err := orOffline(ctx, dir, control.RemoveAccount, control.Order{Tag: tag[:]}, func() error { return db.Remove(ctx, tag, time.Now()) })
				if err == nil {
					fmt.Fprintln(out, "removed", row.Sentence())
				}
				return err
			})
		},
	}
	dataFlag(command, &dir)
	command.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return command
}

func newAccountsQuota() *cobra.Command {
	var dir string
	command := &cobra.Command{
		Use:   "quota TAG BYTES|default --data DIR",
		Short: "Give an account a quota of its own",
		Long: `Give an account a quota of its own for what waits for it, or with "default" the
one that all have (limits.quotaMiB of gateway.json). It binds at once, what waits
already stays; devices hear of it at their next login. It is in backups too.`,
		Example: `  zeroms-gateway accounts quota 3f2a9c0d 2GiB --data /var/lib/zeroms
  zeroms-gateway accounts quota 3f2a9c0d default --data /var/lib/zeroms`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError{errors.New("quota needs TAG and BYTES (or default); see zeroms-gateway accounts quota --help")}
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			quota, err := accounts.ParseQuota(args[1])
			if err != nil {
				return usageError{err}
			}
			return changeAccount(command, dir, args[0], func(ctx context.Context, db *database.DB, row accounts.Row, tag key.AccountTag) error {
				err := orOffline(ctx, dir, control.SetQuota, control.Order{Tag: tag[:], Quota: quota}, func() error { return db.SetQuota(ctx, tag, quota) })
				if err == nil {
					fmt.Fprintf(command.OutOrStdout(), "%s, quota %s\n", row.Sentence(), args[1])
				}
				return err
			})
		},
	}
	dataFlag(command, &dir)
	return command
}

// oneTag wants an account.
func oneTag(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("%s needs one TAG; see zeroms-gateway accounts %s --help", c.Name(), c.Name())}
	}
	return nil
}

// changeAccount finds an account and changes it.
func changeAccount(command *cobra.Command, dir, text string, change func(context.Context, *database.DB, accounts.Row, key.AccountTag) error) (err error) {
	prefix, err := accounts.ParseTag(text)
	if err != nil {
		return usageError{err}
	}
	ctx := command.Context()
	c, db, err := openAccounts(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	info, err := db.FindAccount(ctx, prefix)
	if err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	return change(ctx, db, accounts.NewRow(info, c.Announced().Quota), info.Tag)
}

// confirmed asks on the terminal.
func confirmed(command *cobra.Command, what string) bool {
	fmt.Fprintf(command.ErrOrStderr(), "%s\nRemove it? What waits is lost, and it can't be undone. Type yes: ", what)
	answer, _ := bufio.NewReader(io.LimitReader(command.InOrStdin(), 100)).ReadString('\n')
	return strings.TrimSpace(answer) == "yes"
}

// orOffline has the running gateway do it, or does it while none can start.
func orOffline(ctx context.Context, dir, path string, o control.Order, offline func() error) error {
	err := control.Do(ctx, dir, path, o)
	if !errors.Is(err, control.ErrNotRunning) {
		return err
	}
	d, err := folder.Lock(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return offline()
}

// waiter is a mailbox.Port for one answer.
type waiter chan wire.Payload

// Answer implements mailbox.Port.
func (w waiter) Answer(_ uint64, p wire.Payload) { w <- p }

// Wake implements mailbox.Port.
func (w waiter) Wake() {}

// Close implements mailbox.Port.
func (w waiter) Close(*wire.Error) {}

// removeAccount has the mailbox close an account, and waits until it is on the disk.
func (p *parts) removeAccount(ctx context.Context, tag key.AccountTag) error {
	w := make(waiter, 1)
	p.box.Remove(1, tag, w)
	select {
	case answer := <-w:
		if failure, failed := answer.(*wire.Failure); failed {
			return failure.Err()
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// setQuota notes a quota, and tells the mailbox.
func (p *parts) setQuota(ctx context.Context, tag key.AccountTag, quota uint64) error {
	err := p.store.SetQuota(ctx, tag, quota)
	if err == nil {
		p.box.SetQuota(tag, quota)
	}
	return err
}
