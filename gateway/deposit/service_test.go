package deposit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway/deposit"
	"zeroms/gateway/mailbox"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	stored "zeroms/store/mailbox"
)

var params = address.Parameters{Network: key.Network{'t', 'e', 's', 't'}, Scope: address.Loopback, StampBits: 6}

// network is the other gateways, all of which do what they should.
type network struct {
	t        *testing.T
	gateways []wire.Contact

	mu     sync.Mutex
	held   map[[32]byte][]byte // by name
	events []event
	fail   error
}

// event is a record that was stored, or looked for.
type event struct {
	at   time.Time
	to   key.NodePublic
	name [32]byte
	seq  uint32 // 0: looked for
}

func newNetwork(t *testing.T, gateways int) *network {
	n := &network{t: t, held: map[[32]byte][]byte{}}
	for i := range gateways {
		n.gateways = append(n.gateways, wire.Contact{
			Node: key.NodePublic{byte(i + 1), 9}, Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(4000+i)),
			Transports: wire.TransportWSS,
		})
	}
	return n
}

func (n *network) Sample(count int, not ...key.NodePublic) (out []wire.Contact) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.gateways {
		if !slices.Contains(not, c.Node) && len(out) < count {
			out = append(out, c)
		}
	}
	return out
}

func (n *network) Ask(ctx context.Context, to wire.Contact, request wire.Payload) (wire.Payload, error) {
	select {
	case <-time.After(40 * time.Millisecond):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail != nil {
		return nil, n.fail
	}
	now := time.Now()
	switch p := request.(type) {
	case *wire.Publish:
		out := &wire.Published{}
		for _, item := range p.Items {
			it, err := address.CheckItem(item, params, now)
			if err != nil {
				n.t.Errorf("a record that no holder takes: %v", err)
				return wire.FailureOf(err), nil
			}
			n.held[it.Name] = bytes.Clone(item.Record)
			n.events = append(n.events, event{now, to.Node, it.Name, it.Seq})
			out.Holders = append(out.Holders, 20)
		}
		return out, nil
	case *wire.RecordGet:
		n.events = append(n.events, event{now, to.Node, p.Name, 0})
		if b := n.held[p.Name]; b != nil {
			return &wire.Record{Record: b}, nil
		}
		return wire.FailureOf(wire.ErrNoRecord), nil
	}
	n.t.Errorf("a request of type %d", request.Type())
	return nil, wire.ErrUnexpected
}

// of are the events of a name.
func (n *network) of(name [32]byte) (stores, looks []event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.events {
		switch {
		case e.name != name:
		case e.seq > 0:
			stores = append(stores, e)
		default:
			looks = append(looks, e)
		}
	}
	return stores, looks
}

// user is somebody with an account.
type user struct {
	tag key.AccountTag
	key key.MailboxPublic
	ik  key.IdentityPrivate
	s   key.AddressSecret
}

func newUser(t *testing.T, db *stored.DB) *user {
	t.Helper()
	mk := key.NewPrivate[key.Mailbox]().Public()
	u := &user{tag: key.AccountTagOf(mk), key: mk, ik: key.NewPrivate[key.Identity](), s: key.NewAddressSecret()}
	commit(t, db, mailbox.AccountChange{Tag: u.tag, Key: u.key})
	return u
}

func commit(t *testing.T, db *stored.DB, change mailbox.AccountChange) {
	t.Helper()
	if err := db.Commit(t.Context(), &mailbox.Batch{Now: time.Now(), Accounts: []mailbox.AccountChange{change}}); err != nil {
		t.Fatal(err)
	}
}

// record is the user's for the day so many days from today.
func (u *user) record(t *testing.T, ahead int, seq uint32) wire.Deposit {
	t.Helper()
	day := uint32(int(address.Day(time.Now())) + ahead)
	b, err := address.SealRecord(&address.Record{Made: time.Now(), Day: day, Seq: seq}, u.ik, u.s, params.Network)
	if err != nil {
		t.Fatal(err)
	}
	h, err := address.ParseRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	return wire.Deposit{Name: h.Name, Day: day, First: day*1440 - 200, Last: (day+1)*1440 + 100, Record: b}
}

func openDB(t *testing.T, path string) *stored.DB {
	t.Helper()
	db, err := stored.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// run runs a service on a database until the function that it returns is called.
func run(t *testing.T, store deposit.Store, n *network) (*deposit.Service, func()) {
	t.Helper()
	s, err := deposit.New(deposit.Config{Params: params, Store: store, Transport: n})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return s, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func put(t *testing.T, s *deposit.Service, u *user, items ...wire.Deposit) {
	t.Helper()
	if err := s.Put(t.Context(), u.tag, &wire.DepositPut{Items: items}); err != nil {
		t.Fatal(err)
	}
}

// pass lets time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// states are what a user is told, by name.
func states(t *testing.T, s *deposit.Service, u *user) map[[32]byte]wire.Deposited {
	t.Helper()
	got, err := s.Get(t.Context(), u.tag)
	if err != nil {
		t.Fatal(err)
	}
	all := map[[32]byte]wire.Deposited{}
	for _, d := range got.Items {
		all[d.Name] = d
	}
	return all
}

// From the deposit to the network, at once; then it is looked for, and the user sees it.
func TestADepositIsPublished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	synctest.Test(t, func(t *testing.T) {
		db := openDB(t, path)
		defer db.Close()
		n := newNetwork(t, 5)
		s, stop := run(t, db, n)
		defer stop()
		u := newUser(t, db)
		began := time.Now()
		today, later := u.record(t, 0, 1), u.record(t, 3, 1)
		put(t, s, u, today, later)
		pass(100 * time.Millisecond)
		stores, _ := n.of(today.Name)
		if len(stores) != 1 || stores[0].at.Sub(began) > 50*time.Millisecond {
			t.Fatalf("%+v after %v", stores, began)
		}
		pass(time.Minute)
		_, looks := n.of(today.Name)
		if len(looks) != 1 || looks[0].to == stores[0].to {
			t.Fatalf("%+v", looks)
		}
		all := states(t, s, u)
		if d := all[today.Name]; d.Holders != 20 || d.Seq != 1 || wire.Time(d.Stored).Before(began) || d.Verified <= d.Stored {
			t.Errorf("%+v", d)
		}
		if d := all[later.Name]; len(all) != 2 || d.Day != later.Day || d.Stored != 0 {
			t.Errorf("%+v", d)
		}
		put(t, s, u, u.record(t, 0, 2)) // a change goes out at once
		pass(100 * time.Millisecond)
		if stores, _ = n.of(today.Name); stores[len(stores)-1].seq != 2 {
			t.Errorf("%+v", stores)
		}
		back := today
		back.Record = nil
		put(t, s, u, back)
		pass(3 * time.Hour)
		if again, _ := n.of(today.Name); len(again) != len(stores) || len(states(t, s, u)) != 1 {
			t.Error("what was taken back is published still")
		}
	})
}

// Who ends in the middle of a request blames nobody for it: the relay of a record
// stays the one of its day.
func TestAnEndBlamesNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	synctest.Test(t, func(t *testing.T) {
		db := openDB(t, path)
		defer db.Close()
		s, stop := run(t, db, newNetwork(t, 5))
		u := newUser(t, db)
		put(t, s, u, u.record(t, 0, 1))
		pass(20 * time.Millisecond)
		if s.Stats().InFlight != 1 {
			t.Fatal("nothing is on its way")
		}
		stop()
		kept, err := db.DepositsFrom(t.Context(), deposit.Mark{}, 1<<32-1, 10)
		if err != nil || len(kept) != 1 || len(kept[0].Relay) == 0 || kept[0].Stored != 0 || s.Stats().Unreached != 0 {
			t.Errorf("%+v, %v, %+v", kept, err, s.Stats())
		}
	})
}

// Ten days of some users, of whom one closes the account in the middle; the gateway
// is killed now and then, and goes on from its disk.
func TestDaysWithKills(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		const users, days = 5, 10
		path := filepath.Join(dir, "0.db")
		db := openDB(t, path)
		n := newNetwork(t, 9)
		s, stop := run(t, db, n)
		var people []*user
		items := map[[32]byte]wire.Deposit{}
		for range users {
			u := newUser(t, db)
			people = append(people, u)
			for day := range days {
				d := u.record(t, day, 1)
				items[d.Name] = d
				put(t, s, u, d)
			}
		}
		var closed time.Time
		for i := range days*24/7 + 7 {
			pass(7 * time.Hour)
			if i == 12 {
				commit(t, db, mailbox.AccountChange{Tag: people[0].tag, Key: people[0].key, Closed: true})
				closed = time.Now()
			}
			if i%6 == 5 { // killed: what the disk has at this moment is all that is left
				next := filepath.Join(dir, fmt.Sprintf("%d.db", i))
				if err := db.Backup(t.Context(), next); err != nil {
					t.Fatal(err)
				}
				stop()
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
				pass(time.Duration(i) * time.Minute)
				db = openDB(t, next)
				s, stop = run(t, db, n)
			}
		}
		stop()
		for name, d := range items {
			checkDay(t, n, name, d, people[0].owns(t, d))
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		mine := map[[32]byte]bool{}
		for name, d := range items {
			if h := people[0]; h.owns(t, d) {
				mine[name] = true
			}
		}
		after := 0
		for _, e := range n.events {
			if mine[e.name] && e.seq > 0 && e.at.After(closed.Add(time.Second)) {
				after++
			}
		}
		if len(mine) != days || after != 0 {
			t.Errorf("%d records of a closed account were published after it", after)
		}
		if st := s.Stats(); st.Records != 0 || st.DiskFails {
			t.Errorf("%+v", st)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// owns reports whether a record is the user's.
func (u *user) owns(t *testing.T, d wire.Deposit) bool {
	t.Helper()
	name, err := key.RecordName(u.ik.Public(), u.s, params.Network, d.Day)
	return err == nil && name == d.Name
}

// checkDay holds what happened to a record against what should have; short: the
// account was closed.
func checkDay(t *testing.T, n *network, name [32]byte, d wire.Deposit, short bool) {
	t.Helper()
	stores, looks := n.of(name)
	first, last := time.Unix(int64(d.First)*60, 0), time.Unix(int64(d.Last)*60, 0)
	relays := map[key.NodePublic]bool{}
	if last.Before(time.Now()) && len(stores) < 20 && !short {
		t.Errorf("stored %d times", len(stores))
	}
	for i, e := range stores {
		relays[e.to] = true
		if e.at.Before(first) || e.at.After(last.Add(time.Second)) {
			t.Errorf("stored at %v, outside of %v..%v", e.at, first, last)
		}
		if i > 0 && e.at.Sub(stores[i-1].at) > 80*time.Minute+90*time.Minute { // a gateway may have been down for 90 minutes
			t.Errorf("rested for %v", e.at.Sub(stores[i-1].at))
		}
	}
	for _, e := range looks {
		if relays[e.to] {
			t.Error("a relay looked for what it stored")
		}
	}
	if len(relays) > 2 { // a kill may come before the relay was kept
		t.Errorf("%d relays for one record", len(relays))
	}
}

// All that is wrong with a request is said, and nothing of it is kept.
func TestWhatCantBeDeposited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	synctest.Test(t, func(t *testing.T) {
		db := openDB(t, path)
		defer db.Close()
		s, stop := run(t, db, newNetwork(t, 3))
		defer stop()
		u, other := newUser(t, db), newUser(t, db)
		good := u.record(t, 1, 5)
		with := func(change func(*wire.Deposit)) []wire.Deposit {
			bad := u.record(t, 2, 1)
			bad.Record = bytes.Clone(bad.Record)
			change(&bad)
			return []wire.Deposit{good, bad}
		}
		foreign := other.record(t, 2, 1)
		many := make([]wire.Deposit, wire.MaxDeposits+1)
		for _, c := range []struct {
			what  string
			items []wire.Deposit
			want  error
		}{
			{"nothing", nil, wire.ErrValue},
			{"too many", many, wire.ErrTooLarge},
			{"one twice", []wire.Deposit{good, good}, wire.ErrValue},
			{"a changed record", with(func(d *wire.Deposit) { d.Record[300] ^= 1 }), wire.ErrSignature},
			{"half a record", with(func(d *wire.Deposit) { d.Record = d.Record[:512] }), wire.ErrTruncated},
			{"more than a record", with(func(d *wire.Deposit) { d.Record = append(d.Record, 0) }), wire.ErrTrailing},
			{"another one's name", with(func(d *wire.Deposit) { d.Name = foreign.Name }), wire.ErrValue},
			{"another one's record", with(func(d *wire.Deposit) { d.Record = foreign.Record }), wire.ErrValue},
			{"another day", with(func(d *wire.Deposit) { d.Day++; d.First += 1440; d.Last += 1440 }), wire.ErrValue},
			{"a day that is over", []wire.Deposit{u.record(t, -2, 1)}, wire.ErrClock},
			{"a day too far ahead", []wire.Deposit{u.record(t, 32, 1)}, wire.ErrClock},
			{"too early", with(func(d *wire.Deposit) { d.First = d.Day*1440 - 361 }), wire.ErrValue},
			{"too late", with(func(d *wire.Deposit) { d.Last = (d.Day+1)*1440 + 361 }), wire.ErrValue},
			{"no time at all", with(func(d *wire.Deposit) { d.First = d.Last }), wire.ErrValue},
		} {
			if err := s.Put(t.Context(), u.tag, &wire.DepositPut{Items: c.items}); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.what, err, c.want)
			}
		}
		if n := len(states(t, s, u)); n != 0 {
			t.Fatalf("%d deposits are there", n)
		}
		put(t, s, u, good)
		put(t, s, u, good)
		if err := s.Put(t.Context(), u.tag, &wire.DepositPut{Items: []wire.Deposit{u.record(t, 1, 4)}}); !errors.Is(err, wire.ErrOlder) {
			t.Errorf("an older one: %v", err)
		}
		if err := s.Put(t.Context(), key.AccountTag{7}, &wire.DepositPut{Items: []wire.Deposit{good}}); !errors.Is(err, wire.ErrClosed) {
			t.Errorf("an account that there is not: %v", err)
		}
		edge := u.record(t, 31, 1)
		edge.First, edge.Last = edge.Day*1440-360, (edge.Day+1)*1440+360
		put(t, s, u, edge, u.record(t, -1, 1))
	})
}

// What an account may change is bounded; another one does not pay for it.
func TestDepositsHaveABudget(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	synctest.Test(t, func(t *testing.T) {
		db := openDB(t, path)
		defer db.Close()
		s, stop := run(t, db, newNetwork(t, 3))
		defer stop()
		u, other := newUser(t, db), newUser(t, db)
		d := u.record(t, 5, 1)
		taken := 0
		for range 1000 {
			err := s.Put(t.Context(), u.tag, &wire.DepositPut{Items: []wire.Deposit{d}})
			if err == nil {
				taken++
			} else if !errors.Is(err, wire.ErrLimit) {
				t.Fatal(err)
			}
		}
		if taken != 960 {
			t.Errorf("%d requests were taken", taken)
		}
		put(t, s, other, other.record(t, 5, 1))
		pass(time.Hour)
		for range 192 {
			put(t, s, u, d)
		}
		if err := s.Put(t.Context(), u.tag, &wire.DepositPut{Items: []wire.Deposit{d}}); !errors.Is(err, wire.ErrLimit) {
			t.Errorf("%v", err)
		}
	})
}

// failing is a store whose disk fails for a while.
type failing struct {
	deposit.Store
	mu  sync.Mutex
	err error
}

func (f *failing) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *failing) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *failing) DepositPut(ctx context.Context, a key.AccountTag, c *deposit.Change) ([]deposit.Deposit, []int64, error) {
	if err := f.failure(); err != nil {
		return nil, nil, err
	}
	return f.Store.DepositPut(ctx, a, c)
}

func (f *failing) DepositsOf(ctx context.Context, a key.AccountTag) ([]deposit.Deposit, error) {
	if err := f.failure(); err != nil {
		return nil, err
	}
	return f.Store.DepositsOf(ctx, a)
}

func (f *failing) DepositsFrom(ctx context.Context, after deposit.Mark, until uint32, max int) ([]deposit.Deposit, error) {
	if err := f.failure(); err != nil {
		return nil, err
	}
	return f.Store.DepositsFrom(ctx, after, until, max)
}

func (f *failing) DepositRecords(ctx context.Context, ids []int64) ([]deposit.Held, error) {
	if err := f.failure(); err != nil {
		return nil, err
	}
	return f.Store.DepositRecords(ctx, ids)
}

func (f *failing) DepositStates(ctx context.Context, all []deposit.State) error {
	if err := f.failure(); err != nil {
		return err
	}
	return f.Store.DepositStates(ctx, all)
}

// A disk that fails is said, and everything goes on when it works again.
func TestTheDiskFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	synctest.Test(t, func(t *testing.T) {
		db := openDB(t, path)
		defer db.Close()
		n, store := newNetwork(t, 3), &failing{Store: db}
		s, stop := run(t, store, n)
		u := newUser(t, db)
		today, tomorrow := u.record(t, 0, 1), u.record(t, 1, 1)
		put(t, s, u, today, tomorrow)
		pass(time.Minute)
		store.fail(errors.New("no disk"))
		before, _ := n.of(today.Name)
		pass(22 * time.Hour) // tomorrow's becomes due meanwhile
		if after, _ := n.of(today.Name); len(after) != len(before) || !s.Stats().DiskFails {
			t.Errorf("%d stores without a disk, %+v", len(after)-len(before), s.Stats())
		}
		if err := s.Put(t.Context(), u.tag, &wire.DepositPut{Items: []wire.Deposit{today}}); !errors.Is(err, wire.ErrUnavailable) {
			t.Errorf("%v", err)
		}
		if _, err := s.Get(t.Context(), u.tag); !errors.Is(err, wire.ErrUnavailable) {
			t.Errorf("%v", err)
		}
		store.fail(nil)
		pass(40 * time.Minute)
		for _, d := range []wire.Deposit{today, tomorrow} {
			if after, _ := n.of(d.Name); len(after) == 0 || after[len(after)-1].at.Before(time.Now().Add(-40*time.Minute)) {
				t.Errorf("day %d: it was not stored again", d.Day)
			}
		}
		if s.Stats().DiskFails {
			t.Errorf("%+v", s.Stats())
		}
		stop()
		// The states of before and after were kept.
		again, stop := run(t, db, n)
		defer stop()
		if st := states(t, again, u)[tomorrow.Name]; st.Stored == 0 || st.Holders != 20 {
			t.Errorf("%+v", st)
		}
	})
}

// Alone in its network a home keeps trying, and says so; its users' records go out
// when somebody comes.
func TestAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	synctest.Test(t, func(t *testing.T) {
		db := openDB(t, path)
		defer db.Close()
		n := newNetwork(t, 0)
		s, stop := run(t, db, n)
		defer stop()
		u := newUser(t, db)
		today := u.record(t, 0, 1)
		put(t, s, u, today)
		pass(3 * time.Hour)
		if st := s.Stats(); !st.Alone || st.InFlight != 0 {
			t.Errorf("%+v", st)
		}
		n.mu.Lock()
		n.gateways = newNetwork(t, 1).gateways
		n.mu.Unlock()
		pass(2 * time.Minute)
		stores, looks := n.of(today.Name)
		if st := s.Stats(); len(stores) != 1 || len(looks) != 1 || st.Alone || !st.Unobserved {
			t.Errorf("%d stores, %d looks, %+v", len(stores), len(looks), st)
		}
	})
}

// Many users at once, from as many links: all of them are published within seconds,
// and the last number of each is what is found.
func TestManyUsersAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	synctest.Test(t, func(t *testing.T) {
		db := openDB(t, path)
		defer db.Close()
		n := newNetwork(t, 9)
		s, stop := run(t, db, n)
		defer stop()
		var people []*user
		for range 40 {
			people = append(people, newUser(t, db))
		}
		var links sync.WaitGroup
		for _, u := range people {
			links.Go(func() {
				for seq := range uint32(3) {
					items := []wire.Deposit{u.record(t, 0, seq+1), u.record(t, 1, seq+1)}
					if err := s.Put(t.Context(), u.tag, &wire.DepositPut{Items: items}); err != nil {
						t.Error(err)
					}
					if got, err := s.Get(t.Context(), u.tag); err != nil || len(got.Items) != 2 {
						t.Errorf("%+v, %v", got, err)
					}
				}
			})
		}
		links.Wait()
		pass(2 * time.Minute)
		for _, u := range people {
			name, err := key.RecordName(u.ik.Public(), u.s, params.Network, address.Day(time.Now()))
			if err != nil {
				t.Fatal(err)
			}
			stores, looks := n.of(name)
			if len(stores) == 0 || stores[len(stores)-1].seq != 3 || len(looks) == 0 {
				t.Errorf("%d stores, %d looks", len(stores), len(looks))
			}
			if d := states(t, s, u)[name]; d.Seq != 3 || d.Verified == 0 {
				t.Errorf("%+v", d)
			}
		}
	})
}
