package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"zeroms/client/backup"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/report"
	"zeroms/cmd/zms/rescue"
	"zeroms/protocol/key"
	"zeroms/store/chat"
)

// own opens the profile and keeps it for this command alone: it waits for a
// command that ends by itself and gives up if somebody stays.
func (a *app) own(ctx context.Context) (place, error) {
	look := time.NewTicker(ownerLook)
	defer look.Stop()
	for {
		at, err := a.reach(ctx)
		if err != nil || at.db != nil {
			return at, err
		}
		hello := at.conn.Hello
		if err := at.Close(); err != nil {
			return place{}, err
		}
		if hello.Lasting {
			return place{}, control.Fail(control.NameLocked, "zms %s (process %d) holds the profile already; use it, or stop it first and run the command again", hello.Owner, hello.PID)
		}
		select {
		case <-ctx.Done():
			return place{}, ctx.Err()
		case <-look.C:
		}
	}
}

// says shows rows to people in the words of package report.
func says(words func(control.Row, func(string) string) string) show {
	return func(w io.Writer, row control.Row) error {
		_, err := io.WriteString(w, words(row, clean))
		return err
	}
}

func newPhrase(a *app) *cobra.Command {
	var language string
	c := &cobra.Command{
		Use:   "phrase",
		Short: "Show the 24 words that bring your identity back",
		Long: `Show the 24 words that bring your identity back. Whoever reads them is you, for
good: write them on paper, and keep them where nobody else looks. The passphrase
of the profile is asked for again.`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return a.phrase(c.Context(), language) },
	}
	c.Flags().StringVar(&language, "language", string(key.English), "write them in English (en) or Chinese (zh)")
	return c
}

func (a *app) phrase(ctx context.Context, language string) error {
	at, err := a.reach(ctx)
	if err != nil {
		return err
	}
	defer at.Close()
	if at.db != nil {
		row, err := control.Words(ctx, at.db, language)
		if err != nil {
			return err
		}
		return a.emit(says(report.Phrase))(row)
	}
	r := control.Request{Cmd: control.CmdPhrase, Language: language}
	if at.locked {
		text, err := a.askPassphrase(ctx, "Passphrase of the profile")
		if err != nil {
			return err
		}
		r.OldPassphrase = &text
	}
	return at.conn.Do(ctx, r, a.emit(says(report.Phrase)))
}

// archiveFlags say what opens an archive.
type archiveFlags struct {
	passphrase bool
	file       string
}

func (f *archiveFlags) add(c *cobra.Command, passphrase string) {
	if passphrase != "" {
		c.Flags().BoolVar(&f.passphrase, "passphrase", false, passphrase)
	}
	c.Flags().StringVar(&f.file, "archive-passphrase-file", "", "read the passphrase of the archive from the first line of this file (default: $ZMS_ARCHIVE_PASSPHRASE, else ask)")
}

// givenArchivePassphrase is the archive's passphrase if nobody has to be asked.
func (a *app) givenArchivePassphrase(f archiveFlags) (text string, ok bool, err error) {
	if f.file != "" {
		text, err = readPassphrase(f.file)
		return text, true, err
	}
	text = a.getenv("ZMS_ARCHIVE_PASSPHRASE")
	return text, text != "", nil
}

// archivePassphrase is the passphrase of an archive that is there.
func (a *app) archivePassphrase(ctx context.Context, f archiveFlags) (string, error) {
	text, ok, err := a.givenArchivePassphrase(f)
	if ok || err != nil {
		return text, err
	}
	text, err = a.prompt(ctx, "Passphrase of the archive", true)
	if errors.Is(err, errNoTerminal) {
		return "", control.Fail(control.NameNeeds, "the archive has a passphrase; set ZMS_ARCHIVE_PASSPHRASE, give --archive-passphrase-file FILE, or run zms in a terminal to be asked")
	}
	return text, err
}

func newExport(a *app) *cobra.Command {
	var f archiveFlags
	c := &cobra.Command{
		Use:   "export FILE",
		Short: "Write an encrypted copy of contacts and history into a file",
		Long: `Write an encrypted copy of contacts, history, cards and gateways into a new file.
The 24 words open it (zms phrase), or with --passphrase a passphrase of its own.
It holds neither the words nor anything by which another device could pass for
this one: what is restored from it is a new device.`,
		Args: takes("FILE"),
		RunE: func(c *cobra.Command, args []string) error { return a.export(c.Context(), args[0], f) },
	}
	f.add(c, "let a passphrase open it instead of the 24 words")
	return c
}

func (a *app) export(ctx context.Context, file string, f archiveFlags) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	r := control.Request{Cmd: control.CmdExport, File: path}
	if f.passphrase || f.file != "" {
		text, ok, err := a.givenArchivePassphrase(f)
		if err == nil && !ok {
			text, err = a.newPassphrase(ctx)
		}
		if err != nil {
			return err
		}
		r.ArchivePassphrase = &text
	}
	at, err := a.reach(ctx)
	if err != nil {
		return err
	}
	defer at.Close()
	if at.conn != nil {
		return at.conn.Do(ctx, r, a.emit(says(report.Export)))
	}
	row, err := control.Export(ctx, at.db, r)
	if err != nil {
		return err
	}
	return a.emit(says(report.Export))(row)
}

func newImport(a *app) *cobra.Command {
	var f archiveFlags
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Bring contacts and history from such a copy into this profile",
		Long: `Bring the contacts and messages of an exported file into this profile, where they
are missing. What the profile knows itself stays as it is; importing twice
changes nothing. The file must be of the same identity.`,
		Args: takes("FILE"),
		RunE: func(c *cobra.Command, args []string) error { return a.importArchive(c.Context(), args[0], f) },
	}
	f.add(c, "")
	return c
}

func (a *app) importArchive(ctx context.Context, file string, f archiveFlags) (err error) {
	at, err := a.own(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, at.Close()) }()
	seed, err := rescue.Seed(ctx, at.db)
	if err != nil {
		return err
	}
	archive, _, err := a.readArchive(ctx, file, seed, f)
	if err != nil {
		return err
	}
	counts, err := backup.Import(ctx, at.db, archive.content, time.Now())
	if err != nil {
		return err
	}
	return a.emit(says(report.Import))(control.ArchiveRow(archive.path, archive.lock, counts))
}

// opened is an archive that was read.
type opened struct {
	path, lock string
	content    *backup.Content
}

// readArchive reads a file and asks for its passphrase if it has one.
func (a *app) readArchive(ctx context.Context, file string, seed key.Seed, flags archiveFlags) (o opened, counts backup.Counts, err error) {
	o = opened{lock: control.LockWords}
	if o.path, err = filepath.Abs(file); err != nil {
		return o, counts, err
	}
	f, err := os.Open(file)
	if err != nil {
		return o, counts, control.Fail(control.NameUsage, "the archive can't be read: %v", err)
	}
	defer f.Close()
	o.content, counts, err = backup.Read(f, backup.Keys{Seed: seed, Passphrase: func() (string, error) {
		o.lock = control.LockPassphrase
		return a.archivePassphrase(ctx, flags)
	}})
	return o, counts, err
}

// damage tells after a failure which rows of the profile can't be read, if that
// is what is wrong; else it returns the failure.
func (a *app) damage(ctx context.Context, failure error) (err error) {
	if a.served || ctx.Err() != nil {
		return failure
	}
	dir, err := a.dir()
	if err != nil || !chat.Exists(dir) {
		return failure
	}
	at, err := a.open(ctx, dir)
	if err != nil {
		return failure
	}
	defer at.Close()
	found, err := at.db.Check(ctx)
	if err != nil || len(found) == 0 {
		return failure
	}
	for _, d := range found {
		if err := a.emit(says(report.Damage))(control.DamageRow(d)); err != nil {
			return err
		}
	}
	return control.Fail("damaged", "%s of the profile can't be read, so it can't run. zms export FILE saves the rest; zms restore --from FILE --profile DIR makes a new profile of it", report.Some(len(found), "row"))
}
