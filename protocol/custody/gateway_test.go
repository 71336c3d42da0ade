package custody

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// This file is an honest gateway, small and in memory, that signs with the real
// code. The tests drive it as attackers do who own accounts and send to them, and
// derive from it the gateways that lie.

const day = 86_400_000 // ms

// grace is how much later than promised the gateway lets things go.
const grace = 3_600_000

// logRow is a row of the model with what it was made from.
type logRow struct {
	wire.Push
	r      [32]byte
	kept   uint64
	origin wire.Position // of the drop's registration
}

// login is an enrolled login key of the model.
type login struct {
	cursor key.CursorID
	from   wire.Position
	start  uint64 // index up to which it was never owed anything
	upto   uint64 // index acknowledged
	ack    []byte // nil: none
	r      [32]byte
	at     wire.Position
}

// registration is one registration of a drop, also an ended one.
type registration struct {
	drop  key.DropID
	start wire.Position
	d0, d [32]byte
	k     uint32
	ended uint64 // ms; 0: live
}

// account is one log of the model.
type account struct {
	mk     key.MailboxPrivate
	tag    key.AccountTag
	rows   []logRow // all there ever were; those up to gone are no longer kept
	gone   uint64   // index
	floor  uint64   // index of the newest row whose payload is owed to nobody
	logins map[key.LoginPublic]*login
	drops  []*registration
	closed uint64 // ms
}

func (a *account) head() (p wire.Position, r [32]byte) {
	if n := len(a.rows); n > 0 {
		return a.rows[n-1].Position, a.rows[n-1].r
	}
	return p, r
}

// live is the registration of a drop that takes envelopes.
func (a *account) live(drop key.DropID) *registration {
	for _, d := range a.drops {
		if d.drop == drop && d.ended == 0 {
			return d
		}
	}
	return nil
}

// model is the gateway. clock is what its computer says, newest the latest time
// it ever went by.
type model struct {
	node          key.NodePrivate
	clock, newest uint64
	incarnation   uint32
	retention     uint64
	accounts      []*account                  // also closed ones
	tombs         map[key.AccountTag][]logRow // logs of those that were forgotten: what the gateway keeps is the head
	taken         map[[2][32]byte][]byte
	book          *book
}

// book is what everybody together has of what a gateway said and was told: what
// attackers work with.
type book struct {
	receipts, heads []*Proof
	states          []*wire.State
	objects         []wire.Object
	logs            map[*account]bool
}

func newModel(seed byte) *model {
	return &model{
		node: key.PrivateFromSeed[key.Node](fill32(seed)), clock: 1_800_000_000_000, newest: 1_800_000_000_000,
		incarnation: 1_800_000_000, retention: 30 * day,
		taken: map[[2][32]byte][]byte{}, tombs: map[key.AccountTag][]logRow{}, book: &book{logs: map[*account]bool{}},
	}
}

// pass lets time go by, and what is due expire.
func (m *model) pass(ms uint64) {
	m.clock += ms
	m.sweep()
}

// sweep erases what is over: payloads after their limit, in the order of the log;
// rows, registrations and closed accounts later.
func (m *model) sweep() {
	m.newest = max(m.newest, m.clock)
	for _, a := range m.accounts {
		for a.floor < uint64(len(a.rows)) && a.rows[a.floor].kept+grace <= m.clock {
			a.floor++
		}
		for a.gone < a.floor && a.rows[a.gone].kept+37*day+grace <= m.clock {
			a.gone++
		}
		a.drops = slices.DeleteFunc(a.drops, func(d *registration) bool {
			return d.ended != 0 && d.ended+67*day+grace <= m.clock && !slices.ContainsFunc(a.rows[a.gone:], func(r logRow) bool { return r.origin == d.start })
		})
	}
	m.accounts = slices.DeleteFunc(m.accounts, func(a *account) bool {
		if a.closed == 0 || a.closed+67*day+grace > m.clock || a.gone < uint64(len(a.rows)) {
			return false
		}
		m.tombs[a.tag] = a.rows
		return true
	})
}

// restart begins a new incarnation.
func (m *model) restart() { m.incarnation = max(m.incarnation+1, uint32(m.clock/1000)) }

// add appends a row, after a start row where one is due.
func (m *model) add(a *account, push wire.Push, origin wire.Position) *logRow {
	if head, r := a.head(); head.Incarnation() != m.incarnation {
		last := key.Join(wire.Uint64(head.Index()), r[:])
		m.append(a, wire.Push{Kind: wire.RowStart, Hash: sha256.Sum256(last)}, wire.Position{})
	}
	return m.append(a, push, origin)
}

func (m *model) append(a *account, push wire.Push, origin wire.Position) *logRow {
	head, r := a.head()
	push.Position, push.Time = wire.At(m.incarnation, head.Index()+1), m.clock
	a.rows = append(a.rows, logRow{push, wire.NextHead(r, push.Row()), m.clock + m.retention, origin})
	m.book.logs[a] = true
	return &a.rows[len(a.rows)-1]
}

// next is where add puts its row.
func (m *model) next(a *account) wire.Position {
	head, _ := a.head()
	if head.Incarnation() != m.incarnation {
		return wire.At(m.incarnation, head.Index()+2)
	}
	return wire.At(m.incarnation, head.Index()+1)
}

func (m *model) object(a *account, drop key.DropID, k uint32, d [32]byte, o wire.Object) {
	m.book.objects = append(m.book.objects, o)
	m.add(a, wire.Push{Kind: wire.RowObject, Drop: drop, K: k, D: d, Hash: sha256.Sum256(o.Encode())}, wire.Position{})
}

func enrolmentObject(mk key.MailboxPrivate, op uint8, lk key.LoginPublic, cursor key.CursorID, ms uint64) wire.Object {
	return wire.Sign(mk, key.ContextEnrol, &wire.Enrolment{Op: op, Account: mk.Public(), Login: lk, Cursor: cursor, Time: ms})
}

// open is the account of a key, opened if there is none; nil if it is closed. The
// log of one that was forgotten goes on.
func (m *model) open(mk key.MailboxPrivate) *account {
	tag := key.AccountTagOf(mk.Public())
	for _, a := range m.accounts {
		if a.tag == tag {
			if a.closed != 0 {
				return nil
			}
			return a
		}
	}
	a := &account{mk: mk, tag: tag, logins: map[key.LoginPublic]*login{}, rows: slices.Clone(m.tombs[tag])}
	a.floor, a.gone = uint64(len(a.rows)), uint64(len(a.rows))
	m.accounts = append(m.accounts, a)
	return a
}

func (m *model) enrol(a *account, lk key.LoginPrivate) {
	pub := lk.Public()
	if a.logins[pub] != nil {
		return
	}
	l := &login{cursor: key.CursorID(pub[:8]), from: m.next(a)}
	head, _ := a.head()
	l.start = head.Index()
	a.logins[pub] = l
	m.object(a, key.DropID{}, 0, [32]byte{}, enrolmentObject(a.mk, wire.OpEnrol, pub, l.cursor, m.clock))
}

func (m *model) remove(a *account, lk key.LoginPublic) {
	if l := a.logins[lk]; l != nil {
		delete(a.logins, lk)
		m.object(a, key.DropID{}, 0, [32]byte{}, enrolmentObject(a.mk, wire.OpRemove, lk, l.cursor, m.clock))
		m.raise(a)
	}
}

func (m *model) close(a *account) {
	m.object(a, key.DropID{}, 0, [32]byte{}, enrolmentObject(a.mk, wire.OpClose, key.LoginPublic{}, key.CursorID{}, m.clock))
	clear(a.logins)
	a.floor, a.closed = uint64(len(a.rows)), m.clock
	for _, d := range a.drops {
		if d.ended == 0 {
			d.ended = m.clock
		}
	}
}

// raise lets go of what every enrolled login key passed.
func (m *model) raise(a *account) {
	if len(a.logins) == 0 {
		return
	}
	low := uint64(len(a.rows))
	for _, l := range a.logins {
		low = min(low, max(l.start, l.upto))
	}
	a.floor = max(a.floor, low)
}

// put registers a drop, unless somebody has it.
func (m *model) put(a *account, drop key.DropID) {
	for _, other := range m.accounts {
		for _, d := range other.drops {
			if d.drop == drop && (other != a || d.ended == 0) {
				return
			}
		}
	}
	d := &registration{drop: drop, start: m.next(a)}
	d.d0 = DropStart(drop, a.tag, d.start)
	d.d = d.d0
	a.drops = append(a.drops, d)
	m.object(a, drop, 0, d.d0, wire.Object{Body: key.Join([]byte("put"), drop[:]), Sig: make([]byte, 64)})
}

func (m *model) end(a *account, drop key.DropID) {
	if d := a.live(drop); d != nil {
		d.ended = m.clock
		m.object(a, drop, d.k, d.d, wire.Object{Body: key.Join([]byte("end"), drop[:]), Sig: make([]byte, 64)})
	}
}

// submit takes envelopes, given by their hashes, into a drop and commits them
// with the head of the log. A repeated one gets its receipt again.
func (m *model) submit(a *account, drop key.DropID, envelopes ...[32]byte) []*Proof {
	d := a.live(drop)
	if d == nil {
		return nil
	}
	var leaves [][]byte
	for _, env := range envelopes {
		leaf := m.taken[[2][32]byte{d.d0, env}]
		if leaf == nil {
			d.k++
			d.d = NextDropHead(d.d, d.k, env)
			row := m.add(a, wire.Push{Kind: wire.RowEnvelope, Drop: drop, K: d.k, Hash: env, D: d.d}, d.start)
			leaf = (&Receipt{
				Node: m.node.Public(), DropHash: sha256.Sum256(drop[:]), Start: d.d0, K: d.k, EnvelopeHash: env,
				Head: d.d, Time: row.Time, Kept: row.kept,
			}).Append(nil)
			m.taken[[2][32]byte{d.d0, env}] = leaf
		}
		leaves = append(leaves, leaf)
	}
	proofs := m.commit(append(leaves, m.headLeaf(a)))
	m.book.receipts = append(m.book.receipts, proofs[:len(envelopes)]...)
	m.book.heads = append(m.book.heads, proofs[len(envelopes)])
	return proofs[:len(envelopes)]
}

// knock takes an envelope at a front door.
func (m *model) knock(door key.DropID, env [32]byte) *Proof {
	leaf := (&Receipt{Node: m.node.Public(), DropHash: sha256.Sum256(door[:]), EnvelopeHash: env, Time: m.clock, Kept: m.clock + m.retention}).Append(nil)
	p := m.commit([][]byte{leaf})[0]
	m.book.receipts = append(m.book.receipts, p)
	return p
}

func (m *model) headLeaf(a *account) []byte {
	p, r := a.head()
	return (&Head{Account: a.tag, Position: p, R: r}).Append(nil)
}

func (m *model) signHead(a *account) *Proof {
	p := m.commit([][]byte{m.headLeaf(a)})[0]
	m.book.heads = append(m.book.heads, p)
	return p
}

// commit signs one tree and hands out a proof of each leaf.
func (m *model) commit(leaves [][]byte) (proofs []*Proof) {
	tree := Build(leaves, time.UnixMilli(int64(m.clock)), m.node)
	items := make([]wire.CommitItem, len(leaves))
	for i := range items {
		items[i].Index = uint32(i)
	}
	c := tree.Commit(items)
	for i := range leaves {
		p, err := ProofOf(c, i)
		if err != nil {
			panic(err)
		}
		proofs = append(proofs, p)
	}
	return proofs
}

// ack acknowledges everything up to an index.
func (m *model) ack(a *account, lk key.LoginPrivate, index uint64) {
	l := a.logins[lk.Public()]
	if l == nil || index <= max(l.upto, l.start) || index > uint64(len(a.rows)) {
		return
	}
	row := &a.rows[index-1]
	l.upto, l.at, l.r = index, row.Position, row.r
	l.ack = lk.Sign(key.ContextMailboxAck, wire.AckTranscript(a.tag, l.cursor, l.at, l.r))
	m.raise(a)
}

// stateBody is what the gateway says of a registration; nil: it knows of no
// registration of the drop by this account, or that one is another's.
func (m *model) stateBody(a *account, drop key.DropID, d0 [32]byte, k uint32, asked [32]byte) (*wire.DropState, [][]byte) {
	head, r := a.head()
	s := &wire.DropState{
		Node: m.node.Public(), Tag: a.tag, DropHash: sha256.Sum256(drop[:]), D0: d0, Head: head, R: r,
		Time: max(m.newest, m.clock), Asked: asked, AskedK: k,
	}
	known := false
	for _, other := range m.accounts {
		for _, d := range other.drops {
			if other != a && d.d0 == d0 {
				return nil, nil
			}
			if other == a && d.drop == drop {
				known = true
				if d.d0 == d0 {
					m.describe(a, d, s)
				}
			}
		}
	}
	if !known || k == 0 || head.Index() == 0 {
		return nil, nil
	}
	var acks [][]byte
	logins := make([]key.LoginPublic, 0, len(a.logins))
	for lk := range a.logins {
		logins = append(logins, lk)
	}
	slices.SortFunc(logins, func(x, y key.LoginPublic) int { return bytes.Compare(x[:], y[:]) })
	for _, lk := range logins {
		l := a.logins[lk]
		c := wire.CursorState{Login: lk, Cursor: l.cursor, From: l.from}
		if l.ack != nil {
			c.Upto, c.R, c.Ack = l.at, l.r, sha256.Sum256(l.ack)
		}
		s.Cursors, acks = append(s.Cursors, c), append(acks, l.ack)
	}
	return s, acks
}

func (m *model) describe(a *account, d *registration, s *wire.DropState) {
	s.Start, s.K, s.D, s.Low = d.start, d.k, d.d, d.k+1
	for i := len(a.rows); i > int(a.gone); i-- {
		row := &a.rows[i-1]
		if row.Kind != wire.RowEnvelope || row.origin != d.start {
			continue
		}
		if row.Position.Index() > a.floor && row.kept > s.Time {
			s.Low = row.K
		}
		if row.K == s.AskedK {
			s.AskedD, s.AskedRow = row.D, row.Position
		}
	}
}

// state answers a StateGet; nil: refused.
func (m *model) state(a *account, drop key.DropID, d0 [32]byte, k uint32, asked [32]byte) *wire.State {
	body, acks := m.stateBody(a, drop, d0, k, asked)
	if body == nil {
		return nil
	}
	return m.sign(*body, acks)
}

func (m *model) sign(body wire.DropState, acks [][]byte) *wire.State {
	s := &wire.State{Object: SignState(body, m.node), Acks: acks}
	m.book.states = append(m.book.states, s)
	return s
}

// about asks for the state that a receipt names.
func (m *model) about(a *account, drop key.DropID, p *Proof) *wire.State {
	r, err := ParseReceipt(p.Leaf)
	if err != nil {
		panic(err)
	}
	return m.state(a, drop, r.Start, r.K, p.Name())
}

// run is the rows of a log from one index to another, as its owner has them.
func (a *account) run(from, to uint64) Run {
	var out Run
	if from > 1 {
		out.R = a.rows[from-2].r
	}
	for i := from; i <= to; i++ {
		out.Rows = append(out.Rows, a.rows[i-1].Row()...)
	}
	return out
}

// all is the whole log.
func (a *account) all() Run { return a.run(1, uint64(len(a.rows))) }

// file is everything in the book.
func (b *book) file(node key.NodePublic) *File {
	f := &File{Node: node, Receipts: b.receipts, Heads: b.heads, States: b.states, Objects: b.objects}
	for a := range b.logs {
		if len(a.rows) > 0 {
			f.Runs = append(f.Runs, a.all())
		}
	}
	return f
}

// some picks items at random, most of them if most is set.
func some[T any](r *rand.Rand, list []T, most bool) (out []T) {
	for _, item := range list {
		if n := r.IntN(8); most && n > 0 || n == 0 {
			out = append(out, item)
		}
	}
	return out
}
