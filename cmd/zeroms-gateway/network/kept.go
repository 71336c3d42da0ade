package network

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"zeroms/cmd/zeroms-gateway/machine"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

const (
	placeFile = "network.json"
	keysFile  = "channels.key"
)

// Files are the names of what is kept in a gateway's directory.
func Files() []string { return []string{placeFile, keysFile} }

// maxKept bounds the contacts that are kept.
const maxKept = 256

// place is network.json.
type place struct {
	dir string
	// X solves the puzzle of the network Solved for as many bits as it says.
	X      uint64 `json:"x"`
	Bits   uint8  `json:"bits"`
	Solved bool   `json:"solved"`
	// Contacts are gateways that were known when this was written, 59 bytes each in
	// base64.
	Contacts []string `json:"contacts,omitempty"`
}

// load reads what is kept in a directory; nothing is there at first. What is damaged
// is made anew: such a gateway begins anew in the network.
func load(dir string, log *slog.Logger) (*place, error) {
	p, err := read(dir)
	if errors.Is(err, errDamaged) {
		log.Warn(placeFile+" is damaged and made anew: the gateway gets another place in the network", "error", err)
		return &place{dir: dir}, nil
	}
	return p, err
}

// errDamaged: the file holds something else.
var errDamaged = errors.New("it is not what the gateway wrote")

// Check reports whether what is kept in a directory can be read. Errors: why not.
func Check(dir string) error {
	_, err := read(dir)
	return err
}

func read(dir string) (*place, error) {
	p := &place{dir: dir}
	text, err := os.ReadFile(filepath.Join(dir, placeFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p, nil
	case err != nil:
		return nil, fmt.Errorf("%s can't be read: %w", placeFile, err)
	}
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if len(p.contacts()) != len(p.Contacts) {
		return nil, fmt.Errorf("%w: it names gateways that are none", errDamaged)
	}
	return p, nil
}

// patience is for how long the service manager is asked to wait, again and again.
const patience = time.Minute

// solve finds the gateway's place in the network, once in its life.
func (p *place) solve(ctx context.Context, at key.Place, bits uint8, log *slog.Logger) error {
	if p.Solved && p.Bits >= bits && address.Solved(key.NodeIDOf(at, p.X), bits) {
		return nil
	}
	log.Info("the gateway computes its place in the network, once; this takes some seconds")
	began := time.Now()
	told := began
	x, ok := address.SolveWhile(at, bits, func() bool {
		if time.Since(told) > patience/4 { // a slow computer may take longer than a start may
			told = time.Now()
			_ = machine.Notify(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", patience.Microseconds()))
		}
		return ctx.Err() == nil
	})
	if !ok {
		return ctx.Err()
	}
	log.Info("the gateway has a place in the network", "seconds", time.Since(began).Seconds())
	p.X, p.Bits, p.Solved = x, bits, true
	return p.write()
}

// contacts are the gateways that were known.
func (p *place) contacts() (out []wire.Contact) {
	for _, text := range p.Contacts {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			continue
		}
		if c, err := wire.ParseContact(b); err == nil && c.Addr.IsValid() && len(out) < maxKept {
			out = append(out, c)
		}
	}
	return out
}

// save keeps the gateways that are known.
func (p *place) save(contacts []wire.Contact) error {
	p.Contacts = p.Contacts[:0]
	for _, c := range contacts[:min(len(contacts), maxKept)] {
		p.Contacts = append(p.Contacts, base64.StdEncoding.EncodeToString(c.AppendTo(nil)))
	}
	return p.write()
}

func (p *place) write() error {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return machine.WriteFile(filepath.Join(p.dir, placeFile), append(text, '\n'))
}

// keys keeps the keys of channels. It is forward's Keys.
type keys struct{ dir string }

// Load implements forward.Keys.
func (k keys) Load() ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(k.dir, keysFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// Save implements forward.Keys.
func (k keys) Save(b []byte) error { return machine.WriteFile(filepath.Join(k.dir, keysFile), b) }
