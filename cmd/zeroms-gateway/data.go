package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"zeroms/cmd/zeroms-gateway/control"
	"zeroms/cmd/zeroms-gateway/machine"
	"zeroms/gateway/mailbox"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	"zeroms/store"
)

// The files of a gateway's directory.
const (
	keyFile      = "node.key"
	configFile   = "gateway.json"
	databaseFile = "mailbox.db"
	addressFile  = "address"
	lockFile     = control.LockFile
)

// configVersion is the version of gateway.json.
const configVersion = 1

// The registration policies as they stand in gateway.json and on the command
// line. An undecided one is found by each run.
const (
	registerOpen      = "open"
	registerInvite    = "invite"
	registerWork      = "work"
	registerUndecided = ""
)

// config is gateway.json.
type config struct {
	Version      int    `json:"version"`
	Network      string `json:"network"`
	Registration string `json:"registration,omitempty"`
	// RegisterBits is the work for an account; 0: defaultBits.
	RegisterBits int    `json:"registerBits,omitempty"`
	Limits       limits `json:"limits,omitzero"`
}

func (c config) check() error {
	if c.Version != configVersion {
		return fmt.Errorf("%s is of version %d, this program knows %d; update zeroms-gateway", configFile, c.Version, configVersion)
	}
	if _, err := networkOf(c.Network); err != nil {
		return err
	}
	if c.RegisterBits < 0 || c.RegisterBits > wire.MaxWorkBits || c.RegisterBits != 0 && c.RegisterBits < minBits {
		return fmt.Errorf("registerBits is %d to %d, not %d; each bit more doubles the work", minBits, wire.MaxWorkBits, c.RegisterBits)
	}
	if err := errors.Join(c.Limits.check(), c.complete().crowded()); err != nil {
		return err
	}
	return checkRegistration(c.Registration)
}

// minBits is the least work that keeps anybody out.
const minBits = 16

func checkRegistration(r string) error {
	switch r {
	case registerOpen, registerInvite, registerWork, registerUndecided:
		return nil
	}
	return usageError{fmt.Errorf("registration is open, invite or work, not %q", r)}
}

// policy is the mailbox's name of the registration policy of this run.
func (d *data) policy() mailbox.Registration {
	switch d.registration {
	case registerOpen:
		return mailbox.Open
	case registerWork:
		return mailbox.ByWork
	}
	return mailbox.InviteOnly
}

// takes is what the gateway's descriptor says of who may register.
func (d *data) takes() address.Flags {
	switch d.registration {
	case registerOpen:
		return address.TakesAll
	case registerWork:
		return address.TakesInvited | address.TakesWork
	}
	return address.TakesInvited
}

// networkOf turns a network's name into its identifier: public, lab, or any
// four letters and digits of a network of one's own.
func networkOf(name string) (key.Network, error) {
	switch name {
	case "public":
		return card.NetworkPublic, nil
	case "lab":
		return card.NetworkLab, nil
	}
	var n key.Network
	plain := len(name) == len(n)
	for _, r := range name {
		plain = plain && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9')
	}
	if !plain {
		return n, usageError{fmt.Errorf("a network is public, lab, or four lower-case letters and digits, not %q", name)}
	}
	copy(n[:], name)
	return n, nil
}

// data is a gateway's directory, locked for this process.
type data struct {
	dir    string
	made   bool // the directory is new too
	keyed  bool // it held a key already
	lock   *store.Lock
	config config
	node   key.NodePrivate
	// registration is the policy of this run, set by decide.
	registration string
}

func (d *data) path(name string) string { return filepath.Join(d.dir, name) }

// Close gives the directory back.
func (d *data) Close() error { return d.lock.Close() }

func (d *data) network() key.Network {
	n, _ := networkOf(d.config.Network) // checked when it was read
	return n
}

// exists reports whether dir is a gateway's directory.
func exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, configFile))
	return err == nil
}

// openData locks and reads an existing gateway's directory.
func openData(dir string) (*data, error) {
	d, err := lockData(dir)
	if err != nil {
		return nil, err
	}
	if err := d.load(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func lockData(dir string) (*data, error) {
	lock, err := store.LockDir(dir, lockFile)
	if errors.Is(err, store.ErrLocked) {
		return nil, inUseError{dir}
	}
	if err != nil {
		return nil, err
	}
	return &data{dir: dir, lock: lock}, nil
}

// inUseError: another process has locked the directory.
type inUseError struct{ dir string }

// Error names the process, as the lock file does.
func (e inUseError) Error() string {
	process := ""
	if n := control.Pid(e.dir); n != 0 {
		process = fmt.Sprintf(" (process %d)", n)
	}
	return fmt.Sprintf("another zeroms-gateway%s runs on %s; stop it first or choose another directory", process, e.dir)
}

func (d *data) load() error {
	c, err := readConfig(d.dir)
	if err != nil {
		return err
	}
	d.config = c
	d.node, err = readKey(d.path(keyFile))
	return err
}

// readKey reads a gateway's key file.
func readKey(path string) (node key.NodePrivate, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return node, fmt.Errorf("the gateway's key can't be read; restore %s from a backup: %w", keyFile, err)
	}
	var seed [32]byte
	text = bytes.TrimSpace(text)
	if len(text) != hex.EncodedLen(len(seed)) {
		return node, errBadKey
	}
	if _, err := hex.Decode(seed[:], text); err != nil {
		return node, errBadKey
	}
	return key.PrivateFromSeed[key.Node](seed), nil
}

var errBadKey = errors.New("the gateway's key file " + keyFile + " is damaged; restore it from a backup")

func readConfig(dir string) (config, error) {
	text, err := os.ReadFile(filepath.Join(dir, configFile))
	if errors.Is(err, fs.ErrNotExist) {
		return config{}, fmt.Errorf("there is no gateway in %s; make one with zeroms-gateway init --data %s", dir, dir)
	}
	if err != nil {
		return config{}, fmt.Errorf("the gateway's configuration can't be read: %w", err)
	}
	var c config
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return config{}, fmt.Errorf("%s in %s is not valid; correct it: %w", configFile, dir, err)
	}
	if err := c.check(); err != nil {
		return config{}, fmt.Errorf("%s in %s is not valid; correct it: %w", configFile, dir, err)
	}
	return c, nil
}

// create makes a gateway in a new or empty directory and locks it. It goes on
// where an earlier attempt broke off: the configuration is written last.
func create(dir string, c config) (*data, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	made, err := makeDir(dir)
	if err != nil {
		return nil, err
	}
	if err := checkEmpty(dir); err != nil {
		return nil, err
	}
	d, err := lockData(dir)
	if err != nil {
		return nil, err
	}
	d.made = made
	if err := d.fill(c); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// makeDir makes a directory if it is not there.
func makeDir(dir string) (made bool, err error) {
	_, err = os.Stat(dir)
	made = errors.Is(err, fs.ErrNotExist)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, fmt.Errorf("the directory can't be made: %w", err)
	}
	return made, nil
}

func (d *data) fill(c config) error {
	if exists(d.dir) {
		return fmt.Errorf("there is a gateway in %s already; run it with zeroms-gateway run --data %s", d.dir, d.dir)
	}
	_, err := os.Stat(d.path(keyFile))
	if d.keyed = !errors.Is(err, fs.ErrNotExist); !d.keyed {
		seed := key.NewPrivate[key.Node]().Seed()
		if err := machine.WriteFile(d.path(keyFile), append([]byte(hex.EncodeToString(seed)), '\n')); err != nil {
			return err
		}
	}
	d.config = c
	if err := d.saveConfig(); err != nil {
		return err
	}
	return d.load()
}

func (d *data) saveConfig() error {
	text, err := json.MarshalIndent(d.config, "", "  ")
	if err != nil {
		return err
	}
	return machine.WriteFile(d.path(configFile), append(text, '\n'))
}

// checkEmpty refuses a directory in which somebody else's files are.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	own := []string{keyFile, keyFile + machine.Temporary, configFile, configFile + machine.Temporary, lockFile}
	for _, e := range entries {
		if !slices.Contains(own, e.Name()) {
			return fmt.Errorf("%s is not empty and holds no gateway; choose another directory", dir)
		}
	}
	return nil
}

func newInit() *cobra.Command {
	var dir string
	c := config{Version: configVersion}
	command := &cobra.Command{
		Use:   "init --data DIR",
		Short: "Make a gateway's directory with its key",
		Long: `Make a gateway's directory with its key and its configuration. run does it too;
this is for looking at gateway.json, or setting limits, before the first run.`,
		Example: `  zeroms-gateway init --data /var/lib/zeroms --registration invite`,
		Args:    noArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := needData(dir); err != nil {
				return err
			}
			d, err := create(dir, c)
			if err != nil {
				return err
			}
			defer d.Close()
			fmt.Fprintf(command.OutOrStdout(), "gateway %s made in %s\n", d.node.Public(), dir)
			return nil
		},
	}
	dataFlag(command, &dir)
	command.Flags().StringVar(&c.Network, "network", "public", "public, lab, or four letters of a network of your own")
	command.Flags().StringVar(&c.Registration, "registration", registerUndecided,
		"who may register: open, invite or work (default: each run decides, open on loopback, else invite)")
	words(command, "registration", registerOpen, registerInvite, registerWork)
	words(command, "network", "public", "lab")
	return command
}
