// Package kept is what zms keeps in a profile beside the engine's rows, sealed
// like them: the proxy that links go through, whether gateways of others may be
// connected to, what bots have done, what fans gave out, and what the desktop app
// keeps about conversations and itself.
//
//	table 30  settings: key "proxy", {1: 1, 2: host, 3: port, 4: user, 5: password}
//	          key "direct", {1: 1, 2: 1 always, 2 never}; absent: fallback
//	table 31  bots: key SHA-256("bot" | 0 | name)[:16], {1: 1, 2: name}
//	          and of each contact SHA-256("bot" | 0 | name | 0 | number 8)[:16],
//	          {1: 1, 2: name, 3: number, 4: floor, 5: [[device 8, [[from, to]]]]}
//	          of a fan the same under the name "fan/" name
//	table 32  fans: key SHA-256("fan" | 0 | name)[:16],
//	          {1: 1, 2: name, 3: [[message 32, contact, worker, until, tries]]}
//	table 33  conversations in the app: key contact number 8,
//	          {1: 1, 2: pinned, 3: muted, 4: draft}; absent: none of it
//	table 34  the app: key "app", {1: 1, 2: notify, 3: ctrl+enter, 4: tray, 5: quiet,
//	          6: words saved, 7: gateway inside, 8: open to the local network,
//	          9: minutes until it locks}; absent: zeros
//
// The engine does not see these rows, and copies of a profile have them; archives and
// safes don't, as they don't have what tables 30 to 32 keep.
//
// What a newer version wrote into tables 30 to 32 stops everything, since who goes on
// without it might connect where the user did not want to, or do a thing twice. In 33
// and 34 it does not: it counts as absent, where the Desk becomes a guarded one, and
// stays as it is: SetChat and SetDesk return wire.ErrVersion there.
package kept

import (
	"context"
	"slices"
	"sync"

	"zeroms/client"
	"zeroms/client/profile"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// The tables.
const (
	TableSetting profile.Table = 30
	TableBot     profile.Table = 31
	TableFan     profile.Table = 32
	TableChat    profile.Table = 33
	TableDesk    profile.Table = 34
)

const (
	version    = 1
	maxSetting = 4 << 10
	maxMarks   = 4 << 20
)

// Store is a profile's store as the engine sees it. What is kept is known once
// the engine, or somebody else, has loaded it.
type Store struct {
	client.Store

	mu     sync.Mutex
	proxy  *link.Proxy        // guarded by mu
	direct client.Direct      // guarded by mu
	bots   map[string]*Bot    // guarded by mu: and all in them
	leases map[string][]Lease // guarded by mu: by fan
	chats  map[uint64]Chat    // guarded by mu: by contact
	desk   Desk               // guarded by mu
	newer  map[uint64]bool    // guarded by mu: contacts whose Chat a newer version wrote
	ahead  bool               // guarded by mu: a newer version wrote the Desk
	ready  chan struct{}      // closed once it is loaded
	once   sync.Once
}

// New makes a Store over a profile's own.
func New(s client.Store) *Store {
	return &Store{
		Store: s, bots: map[string]*Bot{}, leases: map[string][]Lease{}, chats: map[uint64]Chat{}, newer: map[uint64]bool{},
		ready: make(chan struct{}),
	}
}

// Load returns the engine's rows, and keeps the others.
func (s *Store) Load(ctx context.Context) ([]profile.Row, error) {
	rows, err := s.Store.Load(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rows = slices.DeleteFunc(rows, func(r profile.Row) bool {
		switch r.Table {
		case TableSetting:
			err = firstOf(err, s.setting(r))
		case TableBot:
			err = firstOf(err, s.botRow(r))
		case TableFan:
			err = firstOf(err, s.fanRow(r))
		case TableChat:
			s.chatRow(r)
		case TableDesk:
			s.deskRow(r)
		default:
			return false
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	s.once.Do(func() { close(s.ready) })
	return rows, nil
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// Loaded is closed once what is kept is known.
func (s *Store) Loaded() <-chan struct{} { return s.ready }

const keyProxy = "proxy"

type proxyRecord struct {
	Version  uint8  `cbor:"1,keyasint"`
	Host     string `cbor:"2,keyasint"`
	Port     uint16 `cbor:"3,keyasint"`
	User     string `cbor:"4,keyasint,omitempty"`
	Password string `cbor:"5,keyasint,omitempty"`
}

// setting reads a row of TableSetting. A setting that is not known is of a newer
// version: where it matters, as who sees the user's address, nothing may run as
// if it were not there.
func (s *Store) setting(r profile.Row) error {
	switch string(r.Key) {
	case keyProxy:
	case keyDirect:
		return s.directRow(r)
	default:
		return wire.ErrVersion.Because("this profile was written by a newer version of ZeroMS")
	}
	var p proxyRecord
	if err := wire.Unmarshal(r.Data, &p, maxSetting); err != nil {
		return err
	}
	if p.Version != version {
		return wire.ErrVersion.Because("this profile was written by a newer version of ZeroMS")
	}
	s.proxy = &link.Proxy{Host: p.Host, Port: p.Port, User: p.User, Password: p.Password}
	return nil
}

// Proxy is the proxy that the profile's links go through, nil if they go directly.
func (s *Store) Proxy() *link.Proxy {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proxy
}

// ProxyRow is the row that keeps a proxy.
func ProxyRow(p *link.Proxy) profile.Row {
	return profile.Row{Table: TableSetting, Key: []byte(keyProxy), Data: wire.Marshal(&proxyRecord{
		Version: version, Host: p.Host, Port: p.Port, User: p.User, Password: p.Password,
	})}
}

// SetProxy keeps a proxy, or with nil none.
func (s *Store) SetProxy(ctx context.Context, p *link.Proxy) error {
	b := &profile.Batch{Erase: []profile.Ref{{Table: TableSetting, Key: []byte(keyProxy)}}}
	if p != nil {
		b = &profile.Batch{Put: []profile.Row{ProxyRow(p)}}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.Commit(ctx, b); err != nil {
		return err
	}
	s.proxy = p
	return nil
}
