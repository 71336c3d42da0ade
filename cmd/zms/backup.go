package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"zeroms/client/backup"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/report"
	"zeroms/cmd/zms/rescue"
	"zeroms/cmd/zms/service"
	"zeroms/protocol/key"
	"zeroms/store/chat"
)

func newPhrase(a *app) *cobra.Command {
	var language string
	c := &cobra.Command{
		Use:   "phrase",
		Short: "Show the 24 words that bring your identity back",
		Long: `Show the 24 words that bring your identity back. Whoever reads them is you, for
good: write them on paper, and keep them where nobody else looks. The passphrase
of the profile is asked for again, also if an agent holds the profile; without a
passphrase the words are shown only by a command that opens the profile itself
(locked otherwise: end the agent first). They stand in no log, and in JSON only
with --json.`,
		Annotations: rows("phrase"),
		Args:        takes(),
		RunE:        func(c *cobra.Command, _ []string) error { return a.phrase(c.Context(), language) },
	}
	c.Flags().StringVar(&language, "language", string(key.English), "write them in English or Chinese: `en|zh`")
	return c
}

func (a *app) phrase(ctx context.Context, language string) error {
	at, err := a.reach(ctx)
	if err != nil {
		return err
	}
	defer at.Close()
	if at.DB != nil {
		row, err := service.Words(ctx, at.DB, language)
		if err != nil {
			return err
		}
		return a.emit(report.Says(report.Phrase))(row)
	}
	r := control.Request{Cmd: control.CmdPhrase, Language: language}
	if at.Locked {
		text, err := a.askPassphrase(ctx, "Passphrase of the profile")
		if err != nil {
			return err
		}
		r.OldPassphrase = &text
	}
	return at.Conn.Do(ctx, r, a.emit(report.Says(report.Phrase)))
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
	c.Flags().StringVar(&f.file, "archive-passphrase-file", "", "the passphrase of the archive, if it has one, is the first line of this `FILE` (default: $ZMS_ARCHIVE_PASSPHRASE, else a prompt)")
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
		Long: `Write an encrypted copy of contacts, history, cards and gateways into a new file of
mode 0600 (docs/protocol/backup.md). The 24 words open it (zms phrase), or with
--passphrase a passphrase of its own. It holds neither the words nor any key of this
device: what is restored from it is a new device. FILE must not exist; it appears
when it is whole. What can't be read any more is left out and counted. The profile
may be in use.`,
		Annotations: rows("archive"),
		Args:        takes("FILE"),
		RunE:        func(c *cobra.Command, args []string) error { return a.export(c.Context(), args[0], f) },
	}
	f.add(c, "let a passphrase open the file instead of the 24 words; to restore from it the words are needed as well. --archive-passphrase-file implies this")
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
	if at.Conn != nil {
		return at.Conn.Do(ctx, r, a.emit(report.Says(report.Export)))
	}
	row, err := service.Export(ctx, at.DB, r)
	if err != nil {
		return err
	}
	return a.emit(report.Says(report.Export))(row)
}

func newImport(a *app) *cobra.Command {
	var f archiveFlags
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Bring contacts and history from such a copy into this profile",
		Long: `Bring the contacts and messages of an exported file into this profile, where they
are missing. What the profile knows itself stays as it is, so a second import
changes nothing. The file must be of the same identity. Cards come back if they
belong to the profile's present ones, gateways if it has none. Refused while another
zms that stays holds the profile (locked), and with set-back if the file knows
messages of this very device that the profile does not: then it is an older copy,
see zms rejoin.`,
		Annotations: rows("archive, with what was new"),
		Args:        takes("FILE"),
		RunE:        func(c *cobra.Command, args []string) error { return a.importArchive(c.Context(), args[0], f) },
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
	seed, err := rescue.Seed(ctx, at.DB)
	if err != nil {
		return err
	}
	archive, _, err := a.readArchive(ctx, file, seed, f)
	if err != nil {
		return err
	}
	counts, err := backup.Import(ctx, at.DB, archive.content, time.Now())
	if err != nil {
		return err
	}
	return a.emit(report.Says(report.Import))(service.ArchiveRow(archive.path, archive.lock, counts))
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
		return o, counts, control.Usage("the archive can't be read: %v", err)
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
	way, err := a.access()
	if err != nil || way.Served() || ctx.Err() != nil || !chat.Exists(way.Dir) {
		return failure
	}
	at, err := a.open(ctx)
	if err != nil {
		return failure
	}
	defer at.Close()
	found, err := at.DB.Check(ctx)
	if err != nil || len(found) == 0 {
		return failure
	}
	for _, d := range found {
		if err := a.emit(report.Says(report.Damage))(service.DamageRow(d)); err != nil {
			return err
		}
	}
	return control.Fail("damaged", "%s of the profile can't be read, so it can't run. zms export FILE saves the rest; zms restore --from FILE --profile DIR makes a new profile of it", report.Some(len(found), "row"))
}
