package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"zeroms/client"
	"zeroms/client/backup"
	"zeroms/client/profile"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/input"
	"zeroms/cmd/zms/owner"
	"zeroms/cmd/zms/report"
	"zeroms/cmd/zms/rescue"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/store/chat"
)

// restoreFlags are the flags of restore.
type restoreFlags struct {
	words, from, gateway, name string
	open                       bool
	archive                    archiveFlags
}

func newRestore(a *app) *cobra.Command {
	var f restoreFlags
	c := &cobra.Command{
		Use:   "restore",
		Short: "Make a profile anew from the 24 words and what was saved",
		Long: `Make a profile anew from the 24 words, in an empty directory: with --from what zms
export wrote, with --gateway what one of your gateways keeps for you, or both. The
profile is there whole or not at all. What did not come back is in the row's lost:

| from | comes back | does not |
|---|---|---|
| --from FILE | identity, name, contacts, history, cards, gateways, verification | sessions; what was said after the export, unless a contact sends it again |
| --gateway ADDRESS | identity, name, the newest contacts (some 50), working cards, gateways, verification | sessions, history, older contacts, requests, what changed within the last hour |
| both | the newer of each | sessions |
| neither | identity and user ID | everything else; cards given out before do not work any more |

In any case this is a new device: the old one is removed from the device list, and
contacts' sessions are set up anew by themselves when zms runs next. Messages that
never left the old device are marked as failed.`,
		Annotations: rows("device"),
		Args:        takes(),
		RunE:        func(c *cobra.Command, _ []string) error { return a.restore(c.Context(), f) },
	}
	c.Flags().StringVar(&f.words, "words-file", "", "read the 24 words from this `FILE`, - is stdin (default: a prompt without echo)")
	c.Flags().StringVar(&f.from, "from", "", "a `FILE` that zms export wrote")
	c.Flags().StringVar(&f.gateway, "gateway", "", "ask a gateway of yours for what it keeps: an `ADDRESS|IMAGE` as for zms gateway add")
	c.Flags().StringVar(&f.name, "name", "", "the `NAME` that others call you by, if nothing restored tells")
	c.Flags().BoolVar(&f.open, "no-passphrase", false, "keep the new profile's key in a file of mode 0600 without a passphrase")
	f.archive.add(c, "")
	return c
}

func (a *app) restore(ctx context.Context, f restoreFlags) error {
	dir, err := a.dir()
	if err != nil {
		return err
	}
	if err := a.vacant(ctx, dir); err != nil {
		return err
	}
	if err := card.CheckName(f.name); err != nil {
		return err
	}
	seed, err := a.words(ctx, f.words)
	if err != nil {
		return err
	}
	content, err := a.saved(ctx, seed, f)
	if err != nil {
		return err
	}
	rows, err := backup.Restore(content, seed, f.name, time.Now())
	if err != nil {
		return err
	}
	row, err := a.plant(ctx, dir, rows, f.open)
	if err != nil {
		return err
	}
	tell(row, content, f)
	return a.emit(report.Says(report.Restored))(row)
}

// vacant refuses a directory with an identity in it before anything is asked.
func (a *app) vacant(ctx context.Context, dir string) error {
	if !chat.Exists(dir) {
		return nil
	}
	taken := control.Fail("exists", "there is a profile in %s already; name another directory with --profile, or bring an archive into it with zms import", dir)
	at, err := a.open(ctx)
	if f := new(control.Failure); errors.As(err, &f) && f.Name == control.NameNeeds {
		return taken
	}
	if err != nil {
		return err
	}
	defer at.Close()
	rows, err := at.DB.Load(ctx)
	if err != nil || len(rows) > 0 {
		return taken
	}
	return nil
}

// maxWords bounds a file with the 24 words in bytes.
const maxWords = 4096

// words reads the recovery phrase from a file, stdin or the terminal, where it
// is not shown.
func (a *app) words(ctx context.Context, file string) (key.Seed, error) {
	var text string
	switch file {
	case "":
		var err error
		text, err = a.prompt(ctx, "The 24 words", true)
		if errors.Is(err, errNoTerminal) {
			return key.Seed{}, control.Fail(control.NameNeeds, "the 24 words are needed; give --words-file FILE, or run zms in a terminal to be asked")
		}
		if err != nil {
			return key.Seed{}, err
		}
	default:
		from := io.Reader(a.stdin)
		if file != "-" {
			f, err := os.Open(file)
			if err != nil {
				return key.Seed{}, control.Usage("the file with the words can't be read: %v", err)
			}
			defer f.Close()
			from = f
		}
		b, err := io.ReadAll(io.LimitReader(from, maxWords))
		if err != nil {
			return key.Seed{}, control.Usage("the file with the words can't be read: %v", err)
		}
		text = string(b)
	}
	return key.ParsePhrase(text)
}

// saved is what an archive and a gateway know; nil if neither is asked.
func (a *app) saved(ctx context.Context, seed key.Seed, f restoreFlags) (content *backup.Content, err error) {
	if f.from != "" {
		o, _, err := a.readArchive(ctx, f.from, seed, f.archive)
		if err != nil {
			return nil, err
		}
		content = o.content
	}
	if f.gateway == "" {
		return content, nil
	}
	code, err := input.Code(a.stdin, f.gateway)
	if err != nil {
		return nil, err
	}
	at, err := card.ParseAddress(code)
	if err != nil {
		return nil, err
	}
	via, err := a.via()
	if err != nil {
		return nil, err
	}
	dialer, err := link.NewDialer(link.Config{Proxy: via.Proxy})
	if err != nil {
		return nil, err
	}
	safe, err := rescue.FetchSafe(ctx, dialer, seed, at)
	if err != nil || content == nil {
		return safe, err
	}
	return content, content.Join(safe)
}

// plant makes the profile and puts everything into it at once. What an
// interrupted restore left is taken over.
func (a *app) plant(ctx context.Context, dir string, rows []profile.Row, open bool) (row *control.Device, err error) {
	var at owner.Place
	if chat.Exists(dir) {
		at, err = a.open(ctx)
	} else {
		at, err = a.newPlace(ctx, dir, open)
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, at.Close()) }()
	if there, err := at.DB.Load(ctx); err != nil || len(there) > 0 {
		return nil, errors.Join(client.ErrExists, err)
	}
	via, err := a.via()
	if err != nil {
		return nil, err
	}
	if err := at.DB.Commit(ctx, &profile.Batch{Now: time.Now(), Put: append(rows, via.Rows()...)}); err != nil {
		return nil, err
	}
	t, err := rescue.Count(rows)
	return &control.Device{
		Type: control.TypeDevice, User: key.UserIDText(t.User), Device: t.Device.String(), Path: dir, Contacts: t.Contacts,
		Messages: t.Messages, Gateways: t.Gateways, Dropped: t.Dropped, Locked: at.Locked,
	}, err
}

// tell notes what did not come back.
func tell(r *control.Device, c *backup.Content, f restoreFlags) {
	r.Lost = []string{control.LostSessions}
	if f.from == "" {
		r.Lost = append(r.Lost, control.LostHistory)
	}
	if c == nil {
		r.Lost = append(r.Lost, control.LostContacts, control.LostCards, control.LostGateways)
		return
	}
	r.Missing = c.More
	if c.Owner.Device != (key.DeviceID{}) {
		r.Old = c.Owner.Device.String()
	}
}

func newRejoin(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "rejoin",
		Short: "Give a profile that was copied or set back a device of its own",
		Long: `Give this profile a device of its own: for a profile that was put back from an
older copy, or of which a copy runs elsewhere (a gateway then refuses it with
set-back). Two of them would use the same keys and break each other's
conversations. Contacts, history, cards and gateways stay; sessions are set up anew,
the old device is removed from the device list, and the other copy does not work any
more.`,
		Annotations: rows("device"),
		Args:        takes(),
		RunE:        func(c *cobra.Command, _ []string) error { return a.rejoin(c.Context()) },
	}
}

func (a *app) rejoin(ctx context.Context) (err error) {
	at, err := a.own(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, at.Close()) }()
	out, err := backup.Rejoin(ctx, at.DB, time.Now())
	if err != nil {
		return err
	}
	seed, err := rescue.Seed(ctx, at.DB)
	if err != nil {
		return err
	}
	return a.emit(report.Says(report.Rejoined))(&control.Device{
		Type: control.TypeDevice, User: key.UserIDText(seed.Identity().Public()), Device: out.Device.String(), Old: out.Old.String(),
		Contacts: out.Contacts, Dropped: out.Dropped, Lost: []string{control.LostSessions}, Locked: at.Locked,
	})
}
