package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"zeroms/cmd/zeroms-gateway/machine"
)

// backupNoted is the file that says when the last backup of the directory was made.
const backupNoted = "last-backup"

// NoteBackup notes that a backup was made, for the owner of the directory. Errors: what
// the system reports.
func NoteBackup(dir string, made time.Time) error {
	path := filepath.Join(dir, backupNoted)
	if err := machine.WriteFile(path, []byte(made.Format(time.RFC3339)+"\n")); err != nil {
		return err
	}
	if owner, err := machine.Stat(dir); err == nil && os.Geteuid() == 0 && owner.Owner > 0 {
		return os.Chown(path, owner.Owner, -1)
	}
	return nil
}

// LastBackup is when the last backup was made; zero: none is known.
func LastBackup(dir string) time.Time {
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
