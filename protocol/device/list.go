package device

import (
	"bytes"
	"slices"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Limits of what is kept of a chain.
const (
	MaxRefs     = 64 // hashes of entries, the newest ones
	MaxFormer   = 32 // devices that are no longer listed
	maxRevoked  = 64 // revocations that hold whatever the entries say
	maxRivals   = 16 // forks that were reported
	maxListSize = 16 << 10
)

// List is what is known of one user's chain: the newest entry, the hashes of
// earlier ones, devices that are no longer listed, and every revocation seen
// on any branch. The zero List is not usable; NewList makes one.
type List struct {
	user    key.IdentityPublic
	newest  *Entry
	refs    []link       // ascending n, one an n, newest included
	revoked []Revocation // ascending At; they hold for good
	former  []Device
	next    []byte // the first next identity hash seen
	rivals  []link // entries of other branches that were reported
}

// link is an entry's place and full hash.
type link struct {
	_    struct{} `cbor:",toarray"`
	N    uint32
	Hash [32]byte
}

// NewList starts without any entry of user's chain: the first entry accepted
// is trusted for where the chain stands (trust on first use).
func NewList(user key.IdentityPublic) *List { return &List{user: user} }

// Outcome is what Accept did.
type Outcome struct {
	// Changed tells that the list is to be stored again.
	Changed bool
	// Fork is set the first time an entry shows that the chain has two branches.
	Fork *Fork
}

// Fork is two entries with one n. The union of both branches' revocations
// holds at once. Kept and Lost tell which branch the list follows.
type Fork struct {
	N          uint32
	Kept, Lost [32]byte
	// Entry is the entry that showed the fork, for evidence.
	Entry *Entry
	// Grew tells that both branches went on after they had parted:
	// equivocation, which no race between two devices explains.
	Grew bool
}

// Accept follows the chain with a verified entry. A newer entry is adopted; if
// entries between are missing their hashes stay unknown until they are accepted
// too. An older entry teaches its predecessor's hash if its own hash is known.
// Of two entries with one n the lower hash stays, unless one branch goes on:
// then that one is followed. Errors: wire.ErrWrongRecipient (another user's
// entry), wire.ErrStaleList (older than anything known), wire.ErrValue (it does
// not follow from its predecessor).
func (l *List) Accept(e *Entry) (Outcome, error) {
	if e.User != l.user {
		return Outcome{}, wire.ErrWrongRecipient.Because("the device list of somebody else")
	}
	if l.newest == nil {
		l.adopt(e)
		return Outcome{Changed: true}, nil
	}
	if e.N > l.newest.N {
		return l.grow(e)
	}
	known, ok := l.HashAt(e.N)
	switch {
	case !ok:
		return Outcome{}, wire.ErrStaleList
	case known == e.hash:
		return Outcome{Changed: l.backfill(e)}, nil
	}
	return l.part(e, known), nil
}

// grow adopts an entry with a higher n than all known ones.
func (l *List) grow(e *Entry) (Outcome, error) {
	last := l.newest
	var fork *Fork
	if e.N == last.N+1 {
		if e.Prev == last.hash {
			if err := follows(last, e); err != nil {
				return Outcome{}, err
			}
		} else {
			fork = l.report(&Fork{N: last.N, Kept: e.Prev, Lost: last.hash, Entry: e})
		}
	}
	l.adopt(e)
	return Outcome{Changed: true, Fork: fork}, nil
}

// follows checks an entry against its direct predecessor.
func follows(last, e *Entry) error {
	for _, d := range e.Devices {
		if before, ok := last.Device(d.ID); ok && before != d {
			return wire.ErrValue.Because("a listed device was changed")
		} else if !ok && d.Added != e.N {
			return wire.ErrValue.Because("a device appears that no entry added")
		}
		if slices.ContainsFunc(last.Revoked, func(r Revocation) bool { return r.ID == d.ID }) {
			return wire.ErrValue.Because("a revoked device came back")
		}
	}
	for _, d := range last.Devices {
		_, stays := e.Device(d.ID)
		if !stays && !slices.Contains(e.Revoked, Revocation{ID: d.ID, At: e.N}) {
			return wire.ErrValue.Because("a device left without being revoked")
		}
	}
	if len(last.Next) != 0 && !bytes.Equal(last.Next, e.Next) {
		return wire.ErrValue.Because("the next identity was changed")
	}
	return nil
}

// part handles an entry whose n is known with another hash.
func (l *List) part(e *Entry, known [32]byte) Outcome {
	before, ok := l.HashAt(e.N - 1)
	grew := ok && before != e.Prev
	fork := &Fork{N: e.N, Kept: known, Lost: e.hash, Entry: e, Grew: grew}
	if e.N == l.newest.N && !grew && bytes.Compare(e.hash[:], known[:]) < 0 {
		fork.Kept, fork.Lost = e.hash, known
		l.adopt(e)
	} else {
		l.learn(e)
	}
	fork = l.report(fork)
	return Outcome{Changed: fork != nil, Fork: fork}
}

// report remembers the branch that is not followed, and returns nil if it was
// reported before.
func (l *List) report(f *Fork) *Fork {
	lost := link{N: f.N, Hash: f.Lost}
	if slices.Contains(l.rivals, lost) {
		return nil
	}
	l.rivals = append(l.rivals, lost)
	l.rivals = l.rivals[max(0, len(l.rivals)-maxRivals):]
	return f
}

// adopt makes e the newest entry.
func (l *List) adopt(e *Entry) {
	last := l.newest
	l.newest = e
	l.refs = slices.DeleteFunc(l.refs, func(r link) bool { return r.N >= e.N })
	if e.N > 1 {
		l.setRef(e.N-1, e.Prev)
	}
	l.setRef(e.N, e.hash)
	if last != nil {
		l.learn(last)
	}
	l.learn(e)
	if len(l.next) == 0 {
		l.next = e.Next
	}
}

// learn keeps what an entry says of devices that the newest one does not list.
func (l *List) learn(e *Entry) {
	for _, d := range e.Devices {
		if _, listed := l.newest.Device(d.ID); !listed && !slices.ContainsFunc(l.former, func(f Device) bool { return f.ID == d.ID }) {
			l.former = append(l.former, d)
		}
	}
	l.former = slices.DeleteFunc(l.former, func(f Device) bool { _, listed := l.newest.Device(f.ID); return listed })
	l.former = l.former[max(0, len(l.former)-MaxFormer):]
	for _, r := range e.Revoked {
		if !l.isRevoked(r.ID) {
			at, _ := slices.BinarySearchFunc(l.revoked, r.At, func(k Revocation, n uint32) int {
				if k.At > n {
					return 1
				}
				return -1 // behind those of the same entry
			})
			l.revoked = slices.Insert(l.revoked, at, r)
		}
	}
	l.revoked = l.revoked[max(0, len(l.revoked)-maxRevoked):]
}

// backfill learns from a known older entry what stood before it.
func (l *List) backfill(e *Entry) bool {
	former, revoked := len(l.former), len(l.revoked)
	if e.N != l.newest.N {
		l.learn(e)
	}
	changed := len(l.former) != former || len(l.revoked) != revoked
	if e.N > 1 {
		if _, ok := l.HashAt(e.N - 1); !ok && len(l.refs) < MaxRefs {
			l.setRef(e.N-1, e.Prev)
			changed = true
		}
	}
	return changed
}

func (l *List) setRef(n uint32, hash [32]byte) {
	at, ok := l.find(n)
	if ok {
		l.refs[at].Hash = hash
	} else {
		l.refs = slices.Insert(l.refs, at, link{N: n, Hash: hash})
	}
	l.refs = l.refs[max(0, len(l.refs)-MaxRefs):]
}

func (l *List) find(n uint32) (int, bool) {
	return slices.BinarySearchFunc(l.refs, n, func(r link, n uint32) int { return int(int64(r.N) - int64(n)) })
}

func (l *List) isRevoked(id key.DeviceID) bool {
	return slices.ContainsFunc(l.revoked, func(r Revocation) bool { return r.ID == id })
}

// Clone is a copy to return to if a later step fails.
func (l *List) Clone() *List {
	c := *l
	c.refs, c.revoked, c.former, c.rivals = slices.Clone(l.refs), slices.Clone(l.revoked), slices.Clone(l.former), slices.Clone(l.rivals)
	return &c
}

// User is whose list this is.
func (l *List) User() key.IdentityPublic { return l.user }

// Newest is the newest entry, nil if none is known.
func (l *List) Newest() *Entry { return l.newest }

// Ref names the newest entry; the zero Ref if none is known.
func (l *List) Ref() Ref {
	if l.newest == nil {
		return Ref{}
	}
	return l.newest.Ref()
}

// HashAt is H(entry) of entry n of the chain, if it is known.
func (l *List) HashAt(n uint32) ([32]byte, bool) {
	if at, ok := l.find(n); ok {
		return l.refs[at].Hash, true
	}
	return [32]byte{}, false
}

// Has tells whether r names an entry of the chain that is known.
func (l *List) Has(r Ref) bool {
	hash, ok := l.HashAt(r.N)
	return ok && RefOf(r.N, hash) == r
}

// Device finds a device that is or was listed, to verify what it signed.
func (l *List) Device(id key.DeviceID) (Device, bool) {
	if l.newest != nil {
		if d, ok := l.newest.Device(id); ok {
			return d, true
		}
	}
	if at := slices.IndexFunc(l.former, func(d Device) bool { return d.ID == id }); at >= 0 {
		return l.former[at], true
	}
	return Device{}, false
}

// Live tells whether a device stands in the newest entry and was revoked on no
// branch of the chain.
func (l *List) Live(id key.DeviceID) bool {
	if l.newest == nil || l.isRevoked(id) {
		return false
	}
	_, listed := l.newest.Device(id)
	return listed
}

// Devices are the live devices, in the order in which they were added.
func (l *List) Devices() []Device {
	if l.newest == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(l.newest.Devices), func(d Device) bool { return l.isRevoked(d.ID) })
}

// Vouches finds the live device id if r is an entry of this chain that is not
// older than the device: the condition under which its bundle counts.
func (l *List) Vouches(id key.DeviceID, r Ref) (Device, bool) {
	if !l.Live(id) || !l.Has(r) {
		return Device{}, false
	}
	d, _ := l.newest.Device(id)
	return d, r.N >= d.Added
}

// Origin is H of the entry that added a device, from which the device's chains
// of messages start, if that entry's hash is known.
func (l *List) Origin(id key.DeviceID) ([32]byte, bool) {
	d, ok := l.Device(id)
	if !ok {
		return [32]byte{}, false
	}
	return l.HashAt(d.Added)
}

// Succession is SHA-256 of the identity key that follows this one: the first
// that was seen, whatever later entries say; empty if there is none.
func (l *List) Succession() []byte { return slices.Clone(l.next) }

// stored is a List in storage.
type stored struct {
	User    key.IdentityPublic `cbor:"1,keyasint"`
	Newest  []byte             `cbor:"2,keyasint"`
	Refs    []link             `cbor:"3,keyasint"`
	Revoked []Revocation       `cbor:"4,keyasint"`
	Former  []Device           `cbor:"5,keyasint"`
	Next    []byte             `cbor:"6,keyasint"`
	Rivals  []link             `cbor:"7,keyasint"`
}

// Encode is the list for storage, at most 16 KiB.
func (l *List) Encode() []byte {
	s := stored{User: l.user, Refs: l.refs, Revoked: l.revoked, Former: l.former, Next: l.next, Rivals: l.rivals}
	if l.newest != nil {
		s.Newest = l.newest.raw
	}
	return wire.Marshal(s)
}

// DecodeList reads a list from the caller's own sealed storage: signatures were
// verified before it was stored and are not verified again. Errors: those of
// wire.Unmarshal, wire.ErrValue.
func DecodeList(b []byte) (*List, error) {
	var s stored
	if err := wire.Unmarshal(b, &s, maxListSize); err != nil {
		return nil, err
	}
	l := &List{user: s.User, refs: s.Refs, revoked: s.Revoked, former: s.Former, next: s.Next, rivals: s.Rivals}
	if len(s.Newest) != 0 {
		e, _, err := decode(s.Newest)
		if err != nil {
			return nil, err
		}
		l.newest = e
	}
	if err := l.check(); err != nil {
		return nil, err
	}
	return l, nil
}

// check finds a stored list that Encode did not write.
func (l *List) check() error {
	bad := wire.ErrValue.Because("stored device list")
	if len(l.refs) > MaxRefs || len(l.revoked) > maxRevoked || len(l.former) > MaxFormer || len(l.rivals) > maxRivals {
		return bad
	}
	if l.newest == nil {
		if len(l.refs)+len(l.revoked)+len(l.former)+len(l.next)+len(l.rivals) != 0 {
			return bad
		}
		return nil
	}
	hash, ok := l.HashAt(l.newest.N)
	if l.newest.User != l.user || !ok || hash != l.newest.hash || l.refs[len(l.refs)-1].N != l.newest.N || (len(l.next) != 0 && len(l.next) != 32) {
		return bad
	}
	ascending := slices.IsSortedFunc(l.refs, func(a, b link) int { return int(int64(a.N) - int64(b.N)) }) &&
		slices.IsSortedFunc(l.revoked, func(a, b Revocation) int { return int(int64(a.At) - int64(b.At)) })
	if !ascending {
		return bad
	}
	return nil
}
