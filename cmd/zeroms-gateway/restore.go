package main

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"zeroms/cmd/zeroms-gateway/folder"
	"zeroms/cmd/zeroms-gateway/machine"
	database "zeroms/store/mailbox"
)

// maxSmall bounds the entries of a backup that are no database, in bytes.
const maxSmall = 64 << 10

// afterRestore tells the operator what a restored gateway is.
const afterRestore = `Lost is what came after the backup: envelopes (senders send again what stays unacknowledged), accounts, drops, cards'
doors and invites. Devices connect by themselves when the gateway is reached at its address; those that had seen more
say so, set their drops up again and ask their contacts for what is missing. The log goes on under a new incarnation.
Run it in one place only: two gateways with one key contradict each other, and anybody can prove that. Among gateways
it gets a new place and knows nobody: name those to join its network by with --join once more.
`

func newRestore() *cobra.Command {
	var dir, keyFrom string
	command := &cobra.Command{
		Use:   "restore FILE --data DIR",
		Short: "Make a gateway's directory from a backup",
		Long: `Make a new gateway's directory from a backup. It is never an existing one.

` + afterRestore,
		Example: `  zeroms-gateway restore gw.tar --data /var/lib/zeroms-new`,
		Args:    oneFile,
		RunE: func(command *cobra.Command, args []string) error {
			if err := needData(dir); err != nil {
				return err
			}
			m, err := restore(command.Context(), args[0], dir, keyFrom)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "restored gateway %s as of %s in %s\n%s",
				m.Node, m.Made.Format(time.RFC3339), dir, afterRestore)
			return err
		},
	}
	dataFlag(command, &dir)
	command.ValidArgsFunction = nil // FILE
	command.Flags().StringVar(&keyFrom, "key", "", "the gateway's node.key, for a backup without it")
	return command
}

// restore makes a gateway in a new or empty directory. Of a backup that turns out
// to be damaged it leaves nothing behind.
func restore(ctx context.Context, file, dir, keyFrom string) (m manifest, err error) {
	f, err := os.Open(file)
	if err != nil {
		return m, fmt.Errorf("the backup can't be read: %w", err)
	}
	defer f.Close()
	archive := tar.NewReader(f)
	if m, err = readManifest(archive); err != nil {
		return m, fmt.Errorf("%s is no backup of a gateway that this program can read: %w", file, err)
	}
	if m.Key == (keyFrom != "") {
		return m, m.keyMissing()
	}
	d, err := folder.Empty(dir)
	if err != nil {
		return m, err
	}
	defer d.Close()
	if err = unpack(ctx, d, archive, &m, keyFrom); err != nil {
		d.Remove()
	}
	return m, err
}

func (m manifest) keyMissing() error {
	if m.Key {
		return usageError{errors.New("the backup holds the gateway's key; leave --key out")}
	}
	return usageError{errors.New("the backup was made without the gateway's key; name that file with --key FILE")}
}

// readManifest reads the first entry.
func readManifest(archive *tar.Reader) (m manifest, err error) {
	text, err := readSmall(archive, manifestFile)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, err
	}
	if m.Version != backupVersion {
		return m, fmt.Errorf("it is of version %d, this program knows %d; update zeroms-gateway", m.Version, backupVersion)
	}
	_, err = m.node()
	return m, err
}

// readSmall reads the next entry, which must have this name.
func readSmall(archive *tar.Reader, name string) ([]byte, error) {
	if err := expectEntry(archive, name); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(archive, maxSmall+1))
	if err == nil && len(text) > maxSmall {
		err = fmt.Errorf("%s is too large", name)
	}
	return text, err
}

func expectEntry(archive *tar.Reader, name string) error {
	h, err := archive.Next()
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s is missing", name)
	case err != nil:
		return err
	case h.Name != name || h.Typeflag != tar.TypeReg:
		return fmt.Errorf("there is something else in the place of %s", name)
	}
	return nil
}

// unpack writes what a backup holds, the configuration last: without it the
// directory is no gateway's.
func unpack(ctx context.Context, d *folder.Folder, archive *tar.Reader, m *manifest, keyFrom string) error {
	keyText, err := m.readKey(archive, keyFrom)
	if err != nil {
		return err
	}
	if err := machine.WriteFile(d.Path(folder.KeyFile), keyText); err != nil {
		return err
	}
	node, err := folder.ReadKey(d.Path(folder.KeyFile))
	if err != nil {
		return err
	}
	if node.Public().String() != m.Node {
		return fmt.Errorf("the key is not that of the gateway %s of the backup", m.Node)
	}
	configText, err := readSmall(archive, folder.ConfigFile)
	if err != nil {
		return damaged(err)
	}
	if m.SHA256 != "" {
		if err := unpackDatabase(ctx, d, archive, m); err != nil {
			return err
		}
	}
	if _, err := archive.Next(); !errors.Is(err, io.EOF) {
		return damaged(errors.New("there is more in it than a backup has"))
	}
	if err := machine.WriteFile(d.Path(folder.ConfigFile), configText); err != nil {
		return err
	}
	return d.Load()
}

func damaged(err error) error {
	return fmt.Errorf("the backup is damaged; use another one: %w", err)
}

// readKey is the text of node.key: from the backup, or from the file that the
// operator kept.
func (m *manifest) readKey(archive *tar.Reader, keyFrom string) ([]byte, error) {
	if !m.Key {
		text, err := os.ReadFile(keyFrom)
		if err != nil {
			return nil, fmt.Errorf("the gateway's key can't be read: %w", err)
		}
		return text, nil
	}
	text, err := readSmall(archive, folder.KeyFile)
	if err != nil {
		return nil, damaged(err)
	}
	return text, nil
}

// unpackDatabase writes the database and opens it once, which checks it and
// brings it to this program's version.
func unpackDatabase(ctx context.Context, d *folder.Folder, archive *tar.Reader, m *manifest) error {
	if err := expectEntry(archive, folder.DatabaseFile); err != nil {
		return damaged(err)
	}
	f, err := os.OpenFile(d.Path(folder.DatabaseFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, hash), io.LimitReader(archive, m.Database+1))
	if err == nil {
		err = f.Sync()
	}
	closed := f.Close()
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return damaged(err)
	case err != nil || closed != nil:
		return fmt.Errorf("the database can't be written: %w", errors.Join(err, closed))
	}
	if hex.EncodeToString(hash.Sum(nil)) != m.SHA256 {
		return damaged(errors.New("the database is not as it was written"))
	}
	db, err := database.Open(ctx, d.Path(folder.DatabaseFile))
	if err != nil {
		return err
	}
	return db.Close()
}
