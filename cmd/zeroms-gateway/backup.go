package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"zeroms/cmd/zeroms-gateway/doctor"
	"zeroms/cmd/zeroms-gateway/folder"
	"zeroms/cmd/zeroms-gateway/machine"
	"zeroms/protocol/key"
	database "zeroms/store/mailbox"
)

// A backup is one tar file, not encrypted, of these entries in this order:
//
//	backup.json   manifest
//	node.key      as in the directory, unless left out
//	gateway.json  as in the directory
//	mailbox.db    of one moment; missing if the gateway never ran
const manifestFile = "backup.json"

// backupVersion is the version of the manifest.
const backupVersion = 1

// manifest says what a backup holds.
type manifest struct {
	Version  int       `json:"version"`
	Made     time.Time `json:"made"`
	Network  string    `json:"network"`
	Node     string    `json:"node"` // public key, hex
	Key      bool      `json:"key"`  // node.key is in it
	Database int64     `json:"database"`
	// SHA256 is of mailbox.db, hex; empty if there is none.
	SHA256 string `json:"sha256,omitempty"`
}

func newBackup() *cobra.Command {
	var dir string
	var withoutKey bool
	command := &cobra.Command{
		Use:   "backup FILE --data DIR",
		Short: "Copy a gateway into one file, while it runs or not",
		Long: `Copy a gateway's database, key and configuration into one new file.

The gateway may run meanwhile: the copy is of one moment. The file is readable by
its owner only and not encrypted. Whoever has it can pose as this gateway, unless
--without-key leaves the key out; then keep node.key in another safe place, a
restore needs it.`,
		Example: `  zeroms-gateway backup /mnt/backup/gw.tar --data /var/lib/zeroms`,
		Args:    oneFile,
		RunE: func(command *cobra.Command, args []string) error {
			if err := needData(dir); err != nil {
				return err
			}
			m, err := backup(command.Context(), dir, args[0], !withoutKey)
			if err != nil {
				return err
			}
			if err := doctor.NoteBackup(dir, m.Made); err != nil {
				fmt.Fprintf(command.ErrOrStderr(), "zeroms-gateway: the backup is made, but doctor will not know of it: %v\n", err)
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "backup of gateway %s in %s: %s, database of %d bytes\n",
				m.Node, args[0], m.contents(), m.Database)
			return err
		},
	}
	dataFlag(command, &dir)
	command.ValidArgsFunction = nil // FILE
	command.Flags().BoolVar(&withoutKey, "without-key", false, "leave the gateway's key out")
	return command
}

// oneFile wants the name of a file.
func oneFile(c *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return usageError{fmt.Errorf("%s needs one FILE; see zeroms-gateway %s --help", c.Name(), c.Name())}
	}
	return nil
}

func (m manifest) contents() string {
	if m.Key {
		return "with the key"
	}
	return "without the key"
}

// backup copies the gateway of a directory into a new file.
func backup(ctx context.Context, dir, file string, withKey bool) (m manifest, err error) {
	c, err := folder.Read(dir)
	if err != nil {
		return m, err
	}
	node, err := folder.ReadKey(filepath.Join(dir, folder.KeyFile))
	if err != nil {
		return m, err
	}
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%s exists already and is left as it is; choose another name", file)
	}
	m = manifest{
		Version: backupVersion, Made: time.Now().UTC().Truncate(time.Second), Network: c.Network,
		Node: node.Public().String(), Key: withKey,
	}
	// Beside the outcome, since that is where there must be space.
	copied := file + ".db" + machine.Temporary
	defer os.Remove(copied)
	if err := m.copyDatabase(ctx, filepath.Join(dir, folder.DatabaseFile), copied); err != nil {
		return m, err
	}
	out, err := os.OpenFile(file+machine.Temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return m, err
	}
	defer os.Remove(file + machine.Temporary)
	err = m.write(out, dir, copied)
	if err == nil {
		err = out.Sync()
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return m, fmt.Errorf("the backup can't be written: %w", err)
	}
	if err := os.Rename(file+machine.Temporary, file); err != nil {
		return m, fmt.Errorf("the backup can't be put in its place: %w", err)
	}
	return m, machine.SyncDir(filepath.Dir(file))
}

// copyDatabase copies the database, if there is one, and notes its size and hash.
func (m *manifest) copyDatabase(ctx context.Context, from, to string) error {
	os.Remove(to) // of an earlier attempt
	switch err := database.BackupFile(ctx, from, to); {
	case errors.Is(err, fs.ErrNotExist):
		return nil // it never ran
	case err != nil:
		return fmt.Errorf("the database can't be copied: %w", err)
	}
	f, err := os.Open(to)
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	m.Database, err = io.Copy(hash, f)
	m.SHA256 = hex.EncodeToString(hash.Sum(nil))
	return err
}

// write writes the tar file.
func (m manifest) write(w io.Writer, dir, copied string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	if err := m.put(archive, manifestFile, int64(len(text)), bytes.NewReader(text)); err != nil {
		return err
	}
	files := map[string]string{folder.ConfigFile: filepath.Join(dir, folder.ConfigFile)}
	if m.Key {
		files[folder.KeyFile] = filepath.Join(dir, folder.KeyFile)
	}
	if m.SHA256 != "" {
		files[folder.DatabaseFile] = copied
	}
	for _, name := range []string{folder.KeyFile, folder.ConfigFile, folder.DatabaseFile} {
		if files[name] == "" {
			continue
		}
		if err := m.putFile(archive, name, files[name]); err != nil {
			return err
		}
	}
	return archive.Close()
}

func (m manifest) putFile(archive *tar.Writer, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return m.put(archive, name, info.Size(), f)
}

func (m manifest) put(archive *tar.Writer, name string, size int64, from io.Reader) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: m.Made, Format: tar.FormatPAX}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(archive, from)
	return err
}

// node is the gateway's key as the manifest has it.
func (m manifest) node() (key.NodePublic, error) {
	b, err := hex.DecodeString(m.Node)
	if err != nil {
		return key.NodePublic{}, err
	}
	return key.ParsePublic[key.Node](b)
}
