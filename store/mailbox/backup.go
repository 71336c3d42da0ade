package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"zeroms/store"
)

// backupBatch is how many bytes one transaction of a backup takes.
const backupBatch = 4 << 20

// BackupFile copies the database src into the new file dst, also while a gateway
// is working with it. Errors: OpenGuest's and Backup's.
func BackupFile(ctx context.Context, src, dst string) error {
	db, err := OpenGuest(ctx, src)
	if err != nil {
		return err
	}
	return errors.Join(db.Backup(ctx, dst), db.Close())
}

// Backup copies the database as it is at one moment into the new file dst, which
// is whole and on the disk when it appears. Meanwhile the database is read and
// written as always, but its write-ahead log grows. Errors: fs.ErrExist, the
// store's, and those of the file system.
//
// A gateway that starts with a copy begins a new incarnation, above all that it
// ever had as long as its clock is right, so it gives no position twice. What it
// took since the copy was made is lost, and those who have receipts for it can
// prove that.
func (d *DB) Backup(ctx context.Context, dst string) (err error) {
	if _, err := os.Lstat(dst); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("back up to %s: %w", dst, errors.Join(err, fs.ErrExist))
	}
	part := dst + ".part"
	if err := removeDatabase(part); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeDatabase(part)) }()
	to, err := Open(ctx, part)
	if err != nil {
		return err
	}
	if err := errors.Join(d.copyTo(ctx, to), to.Close()); err != nil {
		return fmt.Errorf("back up to %s: %w", dst, err)
	}
	if err := os.Rename(part, dst); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(dst))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// removeDatabase removes the files of a database that exist.
func removeDatabase(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// copyTo copies every row of one moment into an empty database.
func (d *DB) copyTo(ctx context.Context, to *DB) error {
	return d.db.Read(ctx, func(v *store.View) error {
		// sqlite_sequence comes last: inserting accounts changes it.
		tables, err := v.Query(`SELECT name, (SELECT count(*) FROM pragma_table_info(s.name)) FROM sqlite_schema s
			WHERE type = 'table' AND name NOT LIKE 'sqlite\_stat%' ESCAPE '\' ORDER BY name = 'sqlite_sequence', name`)
		if err != nil {
			return err
		}
		for tables.Next() {
			var name string
			var columns int
			if err := tables.Scan(&name, &columns); err != nil {
				return err
			}
			if err := copyTable(ctx, v, to, name, columns); err != nil {
				return fmt.Errorf("table %s: %w", name, err)
			}
		}
		return tables.Err()
	})
}

// copyTable replaces what a table holds.
func copyTable(ctx context.Context, v *store.View, to *DB, name string, columns int) error {
	rows, err := v.Query(`SELECT * FROM ` + name)
	if err != nil {
		return err
	}
	values, row := make([]any, columns), make([]any, columns)
	for i := range values {
		row[i] = &values[i]
	}
	insert := `INSERT INTO ` + name + ` VALUES (?` + strings.Repeat(`, ?`, columns-1) + `)`
	first, more := true, true
	for more {
		err := to.db.Write(ctx, func(tx *store.Tx) error {
			if first {
				first = false
				if _, err := tx.Exec(`DELETE FROM ` + name); err != nil {
					return err
				}
			}
			for size := 0; size < backupBatch; {
				if more = rows.Next(); !more {
					return rows.Err()
				}
				if err := rows.Scan(row...); err != nil {
					return err
				}
				if _, err := tx.Exec(insert, values...); err != nil {
					return err
				}
				for _, value := range values {
					if b, ok := value.([]byte); ok {
						size += len(b)
					}
					size += 16
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
