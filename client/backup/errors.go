package backup

import "errors"

// Errors of backups.
var (
	// ErrNotArchive: the file does not begin like an archive.
	ErrNotArchive = errors.New("backup: this file is no ZeroMS archive; choose the file that zms export wrote")
	// ErrNewer: a later version of the program made it.
	ErrNewer = errors.New("backup: a newer version of ZeroMS made this; update ZeroMS and try again")
	// ErrWords: the first chunk does not open with the key of the words.
	ErrWords = errors.New("backup: the 24 words do not open this archive: they are another person's, or the file was changed")
	// ErrPassphrase: the first chunk does not open with the key of the passphrase.
	ErrPassphrase = errors.New("backup: the passphrase does not open this archive; check it and try again. If it is surely right, the file was changed")
	// ErrChanged: something behind the beginning does not verify, or the end is missing.
	ErrChanged = errors.New("backup: the archive is damaged: a part was changed, or its end is missing. Nothing was taken from it; use another copy")
	// ErrOther: the backup is another person's.
	ErrOther = errors.New("backup: this backup is of another identity; use the words, or the profile, that it was made from")
	// ErrNoOwner: there is no identity to back up.
	ErrNoOwner = errors.New("backup: this profile holds no identity; there is nothing to back up")
	// ErrTooLarge: an archive of more than 4 GiB.
	ErrTooLarge = errors.New("backup: the archive is larger than 4 GiB, which is more than this version reads")
	// ErrEmptyPassphrase: a passphrase without characters.
	ErrEmptyPassphrase = errors.New("backup: the passphrase of the archive is empty; enter one, or let the 24 words open it")
	// ErrSafe: the blob does not open as the safe of this person.
	ErrSafe = errors.New("backup: what the gateway keeps does not open with these words")
)
