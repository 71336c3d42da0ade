// Package folder is a gateway's directory: its key, its configuration and the lock that
// keeps it for one process. What runs on it stands elsewhere.
//
//	node.key      the gateway's key, 32 bytes in hex
//	gateway.json  Config
//	mailbox.db    the database; address: as others name the gateway
//	lock          held while the gateway runs
package folder

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

	"zeroms/cmd/zeroms-gateway/control"
	"zeroms/cmd/zeroms-gateway/machine"
	"zeroms/cmd/zeroms-gateway/network"
	"zeroms/gateway/mailbox"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	"zeroms/store"
)

// The files of a gateway's directory.
const (
	KeyFile      = "node.key"
	ConfigFile   = "gateway.json"
	DatabaseFile = "mailbox.db"
	AddressFile  = "address"
	LockFile     = control.LockFile
)

// Version is the version of gateway.json.
const Version = 1

// The registration policies as they stand in gateway.json and on the command
// line. An undecided one is found by each run.
const (
	RegisterOpen      = "open"
	RegisterInvite    = "invite"
	RegisterWork      = "work"
	RegisterUndecided = ""
)

// Config is gateway.json.
type Config struct {
	Version      int    `json:"version"`
	Network      string `json:"network"`
	Registration string `json:"registration,omitempty"`
	// RegisterBits is the work for an account; 0: defaultBits.
	RegisterBits int    `json:"registerBits,omitempty"`
	Limits       Limits `json:"limits,omitzero"`
}

// Check refuses what no gateway can be run with.
func (c Config) Check() error {
	if c.Version != Version {
		return fmt.Errorf("%s is of version %d, this program knows %d; update zeroms-gateway", ConfigFile, c.Version, Version)
	}
	if _, err := NetworkOf(c.Network); err != nil {
		return err
	}
	if c.RegisterBits < 0 || c.RegisterBits > wire.MaxWorkBits || c.RegisterBits != 0 && c.RegisterBits < minBits {
		return fmt.Errorf("registerBits is %d to %d, not %d; each bit more doubles the work", minBits, wire.MaxWorkBits, c.RegisterBits)
	}
	if err := errors.Join(c.Limits.Check(), c.Complete().crowded()); err != nil {
		return err
	}
	return CheckRegistration(c.Registration)
}

// minBits is the least work that keeps anybody out.
const minBits = 16

// CheckRegistration refuses what is no registration policy. Error: UseError.
func CheckRegistration(r string) error {
	switch r {
	case RegisterOpen, RegisterInvite, RegisterWork, RegisterUndecided:
		return nil
	}
	return UseError{fmt.Errorf("registration is open, invite or work, not %q", r)}
}

// Policy is the mailbox's name of the registration policy of this run.
func (d *Folder) Policy() mailbox.Registration {
	switch d.Registration {
	case RegisterOpen:
		return mailbox.Open
	case RegisterWork:
		return mailbox.ByWork
	}
	return mailbox.InviteOnly
}

// Takes is what the gateway's descriptor says of who may register.
func (d *Folder) Takes() address.Flags {
	switch d.Registration {
	case RegisterOpen:
		return address.TakesAll
	case RegisterWork:
		return address.TakesInvited | address.TakesWork
	}
	return address.TakesInvited
}

// UseError: somebody asked for what can't be.
type UseError struct{ error }

// NetworkOf turns a network's name into its identifier: public, lab, or any
// four letters and digits of a network of one's own. Error: UseError.
func NetworkOf(name string) (key.Network, error) {
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
		return n, UseError{fmt.Errorf("a network is public, lab, or four lower-case letters and digits, not %q", name)}
	}
	copy(n[:], name)
	return n, nil
}

// Folder is a gateway's directory, locked for this process.
type Folder struct {
	// Dir is where it is, as it was named.
	Dir    string
	Config Config
	Node   key.NodePrivate
	// Registration is the policy of this run, set by Decide.
	Registration string

	made  bool // the directory is new too
	keyed bool // it held a key already
	lock  *store.Lock
}

// Path is that of a file in it.
func (d *Folder) Path(name string) string { return filepath.Join(d.Dir, name) }

// Close gives the directory back.
func (d *Folder) Close() error { return d.lock.Close() }

// Network is the network that the gateway belongs to.
func (d *Folder) Network() key.Network {
	n, _ := NetworkOf(d.Config.Network) // checked when it was read
	return n
}

// Exists reports whether dir is a gateway's directory.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, ConfigFile))
	return err == nil
}

// Open locks and reads an existing gateway's directory.
func Open(dir string) (*Folder, error) {
	d, err := Lock(dir)
	if err != nil {
		return nil, err
	}
	if err := d.Load(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// Lock locks an existing directory, whatever is in it. Error: InUseError.
func Lock(dir string) (*Folder, error) {
	lock, err := store.LockDir(dir, LockFile)
	if errors.Is(err, store.ErrLocked) {
		return nil, InUseError{dir}
	}
	if err != nil {
		return nil, err
	}
	return &Folder{Dir: dir, lock: lock}, nil
}

// InUseError: another process has locked the directory.
type InUseError struct{ dir string }

// Error names the process, as the lock file does.
func (e InUseError) Error() string {
	process := ""
	if n := control.Pid(e.dir); n != 0 {
		process = fmt.Sprintf(" (process %d)", n)
	}
	return fmt.Sprintf("another zeroms-gateway%s runs on %s; stop it first or choose another directory", process, e.dir)
}

// Load reads the configuration and the key.
func (d *Folder) Load() error {
	c, err := Read(d.Dir)
	if err != nil {
		return err
	}
	d.Config = c
	d.Node, err = ReadKey(d.Path(KeyFile))
	return err
}

// ReadKey reads a gateway's key file.
func ReadKey(path string) (node key.NodePrivate, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return node, fmt.Errorf("the gateway's key can't be read; restore %s from a backup: %w", KeyFile, err)
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

var errBadKey = errors.New("the gateway's key file " + KeyFile + " is damaged; restore it from a backup")

// Read reads the configuration in a directory.
func Read(dir string) (Config, error) {
	text, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, fmt.Errorf("there is no gateway in %s; make one with zeroms-gateway init --data %s", dir, dir)
	}
	if err != nil {
		return Config{}, fmt.Errorf("the gateway's configuration can't be read: %w", err)
	}
	var c Config
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return Config{}, fmt.Errorf("%s in %s is not valid; correct it: %w", ConfigFile, dir, err)
	}
	if err := c.Check(); err != nil {
		return Config{}, fmt.Errorf("%s in %s is not valid; correct it: %w", ConfigFile, dir, err)
	}
	return c, nil
}

// Create makes a gateway in a new or empty directory and locks it. It goes on
// where an earlier attempt broke off: the configuration is written last.
func Create(dir string, c Config) (*Folder, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	made, err := makeDir(dir)
	if err != nil {
		return nil, err
	}
	if err := checkEmpty(dir); err != nil {
		return nil, err
	}
	d, err := Lock(dir)
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

func (d *Folder) fill(c Config) error {
	if Exists(d.Dir) {
		return fmt.Errorf("there is a gateway in %s already; run it with zeroms-gateway run --data %s", d.Dir, d.Dir)
	}
	_, err := os.Stat(d.Path(KeyFile))
	if d.keyed = !errors.Is(err, fs.ErrNotExist); !d.keyed {
		seed := key.NewPrivate[key.Node]().Seed()
		if err := machine.WriteFile(d.Path(KeyFile), append([]byte(hex.EncodeToString(seed)), '\n')); err != nil {
			return err
		}
	}
	d.Config = c
	if err := d.saveConfig(); err != nil {
		return err
	}
	return d.Load()
}

func (d *Folder) saveConfig() error {
	text, err := json.MarshalIndent(d.Config, "", "  ")
	if err != nil {
		return err
	}
	return machine.WriteFile(d.Path(ConfigFile), append(text, '\n'))
}

// checkEmpty refuses a directory in which somebody else's files are.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	own := []string{KeyFile, KeyFile + machine.Temporary, ConfigFile, ConfigFile + machine.Temporary, LockFile}
	for _, e := range entries {
		if !slices.Contains(own, e.Name()) {
			return fmt.Errorf("%s is not empty and holds no gateway; choose another directory", dir)
		}
	}
	return nil
}

// Decide settles who may register in this run: the command line, which is kept
// for later ones, else what was kept, else everybody if only this computer can
// reach the gateway. The last is found anew at each start: what was tried on
// loopback must not be open once others can reach it.
func (d *Folder) Decide(local bool, registration string) error {
	before := d.Config
	if registration != RegisterUndecided {
		d.Config.Registration = registration
	}
	d.Registration = d.Config.Registration
	switch {
	case d.Registration != RegisterUndecided:
	case local:
		d.Registration = RegisterOpen
	default:
		d.Registration = RegisterInvite
	}
	if d.Config == before {
		return nil
	}
	return d.saveConfig()
}

// Empty makes or locks a directory in which nothing is.
func Empty(dir string) (*Folder, error) {
	made, err := makeDir(dir)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Name() != LockFile {
			return nil, fmt.Errorf("%s is not empty and nothing is overwritten; choose a new directory", dir)
		}
	}
	d, err := Lock(dir)
	if err == nil {
		d.made = made
	}
	return d, err
}

// Remove takes away what an attempt to restore, or to start for the first time, has
// written. A key that was there before stays, and of such a directory the lock.
func (d *Folder) Remove() {
	if !d.keyed {
		os.Remove(d.Path(KeyFile))
	}
	for _, name := range append(network.Files(), KeyFile+machine.Temporary, ConfigFile, DatabaseFile, DatabaseFile+"-wal", DatabaseFile+"-shm", control.File) {
		os.Remove(d.Path(name))
		os.Remove(d.Path(name) + machine.Temporary)
	}
	if d.made {
		os.Remove(d.Path(LockFile))
		os.Remove(d.Dir) // fails if somebody else put something there
		return
	}
	machine.SyncDir(filepath.Clean(d.Dir))
}
