package service

import (
	"context"

	"zeroms/client/backup"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/rescue"
	"zeroms/protocol/key"
	"zeroms/store/chat"
)

// Words is the row of the 24 words. Whoever calls it has made sure that the one
// who asks may see them.
func Words(ctx context.Context, k Keys, language string) (*control.Phrase, error) {
	lang := key.Language(language)
	switch language {
	case "":
		lang = key.English
	case string(key.English), string(key.Chinese):
	default:
		return nil, control.Usage("the words are written in en or zh, not %q", language)
	}
	seed, err := rescue.Seed(ctx, k)
	if err != nil {
		return nil, err
	}
	return &control.Phrase{Type: control.TypePhrase, Language: string(lang), Words: seed.Phrase(lang)}, nil
}

// phrase answers somebody who came by the socket: an open profile must not give
// its identity away to whoever sits down before it, so the passphrase is asked
// for again. Where there is none, only a process that opens the profile itself
// shows the words.
func (p *Profile) phrase(ctx context.Context, r control.Request, emit control.Emit) error {
	if !p.Locked.Load() {
		return control.Fail(control.NameLocked, "the profile has no passphrase to ask for, so the words are not shown while zms %s (process %d) holds it; end that and run the command again", p.Owner, p.PID)
	}
	if r.OldPassphrase == nil {
		return chat.ErrNeedsPassphrase
	}
	if err := p.Keys.CheckPassphrase(chat.Passphrase(*r.OldPassphrase)); err != nil {
		return err
	}
	row, err := Words(ctx, p.Keys, r.Language)
	if err != nil {
		return err
	}
	return emit(row)
}

// export answers the request with the archive that was written.
func (p *Profile) export(ctx context.Context, r control.Request, emit control.Emit) error {
	row, err := Export(ctx, p.Keys, r)
	if err != nil {
		return err
	}
	return emit(row)
}

// Export writes an archive into the file that the request names. The profile may
// be in use.
func Export(ctx context.Context, k Keys, r control.Request) (*control.Archive, error) {
	lock := control.LockWords
	if r.ArchivePassphrase != nil {
		lock = control.LockPassphrase
	}
	counts, err := rescue.WriteArchive(ctx, k, r.File, r.ArchivePassphrase)
	if err != nil {
		return nil, err
	}
	return ArchiveRow(r.File, lock, counts), nil
}

// ArchiveRow tells what came of an archive.
func ArchiveRow(file, lock string, n backup.Counts) *control.Archive {
	return &control.Archive{
		Type: control.TypeArchive, File: file, Lock: lock, Contacts: n.Contacts, Messages: n.Messages, Cards: n.Cards,
		Gateways: n.Homes, Evidence: n.Evidence, Skipped: n.Skipped,
	}
}

// DamageRow names a row of the profile that can't be read.
func DamageRow(d *chat.Damage) *control.Damage {
	row := &control.Damage{Type: control.TypeDamage, Place: d.Place(), Table: int(d.Table), Row: d.Row, Contact: d.Conv, Reason: "its seal does not verify"}
	if d.Reason != nil {
		row.Reason = control.Explain(d.Reason).Message
	}
	return row
}
