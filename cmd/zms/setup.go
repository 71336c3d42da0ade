package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"zeroms/client"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/owner"
	"zeroms/cmd/zms/plain"
	"zeroms/cmd/zms/report"
	"zeroms/protocol/card"
	"zeroms/store/chat"
)

func newInit(a *app) *cobra.Command {
	var name string
	var open bool
	c := &cobra.Command{
		Use:   "init",
		Short: "Make a profile: your identity, on this computer",
		Long: `Make a profile: your identity, and its first device on this computer. Its content
is sealed with a key that the passphrase locks, or that lies in a file of mode
0600. On a terminal the new passphrase is asked for twice.`,
		Annotations: rows("profile"),
		Args:        takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := card.CheckName(name); err != nil {
				return err
			}
			row, err := a.create(c.Context(), name, open)
			if err != nil {
				return err
			}
			return a.emit(report.New)(row)
		},
	}
	c.Flags().StringVar(&name, "name", "", "the `NAME` that others call you by unless they choose another; it stands on your cards, at most 64 bytes")
	c.Flags().BoolVar(&open, "no-passphrase", false, "keep the key in a file of mode 0600 without a passphrase")
	return c
}

// create makes the profile and the identity in it. What an interrupted create
// left is completed.
func (a *app) create(ctx context.Context, name string, open bool) (*control.Identity, error) {
	way, err := a.access()
	if err != nil {
		return nil, err
	}
	dir := way.Dir
	var at owner.Place
	if chat.Exists(dir) {
		at, err = a.open(ctx)
	} else {
		at, err = a.newPlace(ctx, dir, open)
	}
	if f := new(control.Failure); errors.As(err, &f) && f.Name == control.NameNeeds && chat.Exists(dir) {
		return nil, control.Fail("exists", "there is a profile in %s already; use it, or name another directory with --profile", dir)
	}
	if err != nil {
		return nil, err
	}
	if err := client.Create(ctx, at.DB, name, time.Now()); err != nil {
		return nil, errors.Join(err, at.Close())
	}
	var row *control.Identity
	t := owner.Tenure{Owner: "init", Offline: true, Locked: at.Locked}
	err = way.Run(ctx, at.DB, t, func(ctx context.Context, p *owner.Profile) (err error) {
		if way.Via != nil && way.Via.Proxy != nil {
			if err := p.Kept.SetProxy(ctx, way.Via.Proxy); err != nil {
				return err
			}
		}
		row, err = p.Identity(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	row.Path = dir
	return row, nil
}

// newPlace makes the files of a profile and its key.
func (a *app) newPlace(ctx context.Context, dir string, open bool) (owner.Place, error) {
	if open {
		if a.passphrase != "" {
			return owner.Place{}, control.Usage("--no-passphrase and --passphrase-file exclude each other; give one of them")
		}
		db, err := chat.Create(ctx, dir, chat.NoPassphrase())
		return owner.Place{DB: db}, err
	}
	text, given, err := a.givenPassphrase()
	if err == nil && !given {
		text, err = a.newPassphrase(ctx)
	}
	if err != nil {
		return owner.Place{}, err
	}
	db, err := chat.Create(ctx, dir, chat.Passphrase(text))
	return owner.Place{DB: db, Locked: true}, err
}

func newCard(a *app) *cobra.Command {
	return group("card", "Show and renew your cards: who has one can write to you", newCardShow(a), newCardRenew(a))
}

// cardFlags are the flags of card show.
type cardFlags struct {
	png, revoke          string
	link, text, new, all bool
	public, byKey, bare  bool
	bits                 uint8
}

func (f cardFlags) check() error {
	var given []string
	for name, set := range map[string]bool{"--new": f.new, "--revoke": f.revoke != "", "--list": f.all, "--public": f.public} {
		if set {
			given = append(given, name)
		}
	}
	if len(given) > 1 {
		return control.Usage("--new, --revoke, --list and --public exclude each other; give one of them")
	}
	if (f.bits != 0 || f.byKey) && !f.public {
		return control.Usage("--work and --by-key are about the card to publish; give --public too")
	}
	if f.bare && (f.revoke != "" || f.all || f.link) {
		return control.Usage("--no-gateways is about a card that is shown, and a link leads to a gateway; leave --revoke, --list and --link out")
	}
	if f.link && f.text || (f.link || f.text || f.png != "") && (f.revoke != "" || f.all) {
		return control.Usage("--link, --text, --revoke and --list exclude each other, and --png goes with a card that is shown; give one of them")
	}
	return nil
}

func newCardShow(a *app) *cobra.Command {
	var f cardFlags
	c := &cobra.Command{
		Use:   "show",
		Short: "Show your newest card, as QR code and text",
		Long: `Show the newest card that works: on a terminal as QR code and text, else as text.
Who has a card can write to you first, so hand it to people and do not publish it.

With --public it is another card, the one to publish. A first message by it costs
its sender's computer some work, which keeps floods of requests away.`,
		Annotations: rows("card"),
		Args:        takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if _, err := os.Lstat(f.png); f.png != "" && err == nil {
				return noPicture(fs.ErrExist) // before a card is made for it
			}
			r := control.Request{Cmd: control.CmdCardShow, New: f.new, List: f.all, Revoke: f.revoke, Public: f.public, Bits: f.bits, ByKey: f.byKey, Bare: f.bare}
			return a.ask(c.Context(), r, func(row control.Row) error { return a.showCard(row, f) })
		},
	}
	c.Flags().StringVar(&f.png, "png", "", "write the QR code as a picture into this new `FILE` (mode 0600)")
	c.Flags().BoolVar(&f.link, "link", false, "print the card as a link")
	c.Flags().BoolVar(&f.text, "text", false, "print the card as text only")
	c.Flags().BoolVar(&f.new, "new", false, "make a further card, which can be revoked by itself")
	c.Flags().StringVar(&f.revoke, "revoke", "", "end the `CARD` with this id (or the beginning of it): nobody can write first with it any more; contacts made with it stay")
	c.Flags().BoolVar(&f.public, "public", false, "show the one card that you may publish, which is made if there is none. Who finds it can write to you first; that costs their computer some work, and there is room for only so many such requests at a time")
	c.Flags().Uint8Var(&f.bits, "work", 0, "with --public: how much work a first message takes, 20 to 40 zero `BITS`; each bit doubles it. It stays so until it is changed (at first 20). The card stays the same")
	c.Flags().BoolVar(&f.byKey, "by-key", false, "with --public: let everybody find you who knows your user ID, without the card. Anybody can then also see that you move between gateways, and count you. A public card that was made without it is revoked")
	c.Flags().BoolVar(&f.bare, "no-gateways", false, "name no gateways on the card: it stays good wherever you move, as long as the network knows you. It is told if that is not so")
	c.Flags().BoolVar(&f.all, "list", false, "list the cards that you gave out")
	return c
}

// pngSide is the side of a card's picture in pixels.
const pngSide = 720

// showCard prints one card as the flags say.
func (a *app) showCard(row control.Row, f cardFlags) error {
	c, ok := row.(*control.Card)
	if !ok {
		return nil
	}
	if f.png != "" {
		picture, err := card.EncodePNG(c.Text, pngSide)
		if err != nil {
			return err
		}
		if err := writePrivate(f.png, picture); err != nil {
			return noPicture(err)
		}
		c.PNG = f.png
	}
	if c.Problem != "" {
		a.note("nobody can find you by %s at the moment: %s", map[bool]string{true: "your user ID", false: "this card"}[c.ByKey], c.Problem)
	}
	if a.json {
		return a.emitJSON(c)
	}
	var err error
	switch {
	case f.all || f.revoke != "":
		_, err = fmt.Fprintln(a.stdout, report.Card(c))
	case f.link:
		_, err = fmt.Fprintln(a.stdout, plain.Text(c.Link))
	case f.text:
		_, err = fmt.Fprintln(a.stdout, plain.Text(c.Text))
	case f.png != "":
		_, err = fmt.Fprintf(a.stdout, "card %s is in %s\n", plain.Text(c.ID), plain.Text(f.png))
	case a.person:
		who := "who has it can write to you"
		if c.Public {
			who = "publish it as you like; who finds it can write to you"
		}
		_, err = fmt.Fprintf(a.stdout, "%s\n%s\n\ncard %s: %s\n", card.Terminal(c.Text), plain.Text(c.Text), plain.Text(c.ID), who)
	default:
		_, err = fmt.Fprintln(a.stdout, plain.Text(c.Text))
	}
	return err
}

// writePrivate writes a new file that only its owner can read, the whole of it or none.
func writePrivate(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// noPicture is why a card's picture was not written.
func noPicture(err error) error {
	if p := new(fs.PathError); errors.As(err, &p) {
		err = p.Err
	}
	return control.Usage("the picture can't be written there; choose another name or folder (%v)", err)
}

func newPassphrase(a *app) *cobra.Command {
	var file string
	var remove bool
	c := &cobra.Command{
		Use:   "passphrase",
		Short: "Change the profile's passphrase, set one, or remove it",
		Long: `Change the passphrase, set one, or remove it. The present one comes from
--passphrase-file, $ZMS_PASSPHRASE or a prompt. The profile is not sealed anew: a
copy of profile.key made before still opens with the old passphrase. A profile
without a passphrase is open to everybody who can read its files.`,
		Annotations: rows("profile"),
		Args:        takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if remove && file != "" {
				return control.Usage("--remove and --new-passphrase-file exclude each other; give one of them")
			}
			return a.changePassphrase(c.Context(), file, remove)
		},
	}
	c.Flags().StringVar(&file, "new-passphrase-file", "", "the new passphrase is the first line of this `FILE` (default: $ZMS_NEW_PASSPHRASE, else a prompt, twice)")
	c.Flags().BoolVar(&remove, "remove", false, "have no passphrase: keep the key in a file of mode 0600")
	return c
}

func (a *app) changePassphrase(ctx context.Context, file string, remove bool) error {
	r := control.Request{Cmd: control.CmdPassphrase}
	locked, err := a.locked(ctx)
	if err != nil {
		return err
	}
	if locked {
		old, err := a.askPassphrase(ctx, "Present passphrase")
		if err != nil {
			return err
		}
		r.OldPassphrase = &old
	}
	if !remove {
		next, err := a.nextPassphrase(ctx, file)
		if err != nil {
			return err
		}
		r.NewPassphrase = &next
	}
	return a.run(ctx, r, func(w io.Writer, row control.Row) error {
		p, ok := row.(*control.Identity)
		if !ok {
			return nil
		}
		text := "the profile has no passphrase any more: whoever can read its files reads everything in it"
		if p.Locked {
			text = "the profile has a new passphrase; copies of profile.key made before keep the old one"
		}
		_, err := fmt.Fprintln(w, text)
		return err
	})
}

// nextPassphrase is the new passphrase from a file, the environment or the user.
func (a *app) nextPassphrase(ctx context.Context, file string) (string, error) {
	if file != "" {
		return readPassphrase(file)
	}
	if text := a.getenv("ZMS_NEW_PASSPHRASE"); text != "" {
		return text, nil
	}
	return a.newPassphrase(ctx)
}

// locked reports whether the profile has a passphrase.
func (a *app) locked(ctx context.Context) (bool, error) {
	at, err := a.reach(ctx)
	if err != nil {
		return false, err
	}
	return at.Locked, at.Close()
}
