package mailbox_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/custody"
	"zeroms/protocol/wire"
)

// eachMemory runs a test with room for a part of the accounts, and with none.
func eachMemory(t *testing.T, test func(t *testing.T, store mailbox.Store, bytes int)) {
	for _, bytes := range []int{1, 128 << 10} {
		t.Run(fmt.Sprint(bytes, " bytes"), func(t *testing.T) {
			eachStore(t, func(t *testing.T, store mailbox.Store) { test(t, store, bytes) })
		})
	}
}

// Accounts take no more memory in all than they may, whatever lies in them; and
// those whose part was let go of work as before.
func TestAccountsInMemoryAreBounded(t *testing.T) {
	eachMemory(t, func(t *testing.T, store mailbox.Store, bytes int) {
		const accounts, linked, rounds = 24, 8, 12
		w := newWorld(t, store, func(c *mailbox.Config) { c.Memory = bytes })
		p := w.port()
		var devices []*device
		var drops []testDrop
		for i := range accounts {
			d := w.account()
			devices, drops = append(devices, d), append(drops, d.drop())
			if i >= linked {
				d.sess.Detach()
			}
		}
		most := 0
		first := make([]*custody.Receipt, accounts)
		env := make([][]byte, accounts)
		for k := range uint32(rounds) {
			for i, drop := range drops {
				sent := envelope(4<<10, 0x01)
				r := p.send(drop, sent)
				if r.K != k+1 {
					t.Fatalf("account %d: k = %d, want %d", i, r.K, k+1)
				}
				if k == 0 {
					first[i], env[i] = r, sent
				}
				weight, _ := w.box.Weight()
				most = max(most, weight)
			}
		}
		for i, drop := range drops {
			if again := p.send(drop, env[i]); *again != *first[i] {
				t.Errorf("account %d: an envelope got a second receipt", i)
			}
		}
		// What can't be let go of: accounts with links, those of the last two
		// seconds, and the one that is at work.
		if limit := bytes + bytes/8 + accounts*5<<10 + rounds*6<<10; most > limit {
			t.Errorf("%d bytes, may be %d", most, limit)
		}
		for i, d := range devices {
			if i >= linked {
				d.attach()
			}
			if n := len(d.pull()); n != 3+rounds {
				t.Errorf("account %d: %d rows", i, n)
			}
			d.ack()
		}
		wait(time.Minute)
		if err := devices[0].sess.Ack(devices[0].ackOf(devices[0].at, devices[0].r)); err != nil {
			t.Error(err)
		}
	})
}

// Without a limit the same accounts take several times as much.
func TestAccountsTakeMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newMemory())
		p := w.port()
		for range 24 {
			drop := w.account().drop()
			for range 12 {
				p.send(drop, envelope(4<<10, 0x01))
			}
		}
		if weight, accounts := w.box.Weight(); accounts != 24 || weight < 4*(128<<10) {
			t.Errorf("%d accounts, %d bytes: the bound is not tested", accounts, weight)
		}
	})
}

// Many submissions at once to accounts for which there is no room all come
// through, each once.
func TestSubmissionsComeThroughWithoutRoom(t *testing.T) {
	eachMemory(t, func(t *testing.T, store mailbox.Store, bytes int) {
		const accounts, each = 6, 20
		w := newWorld(t, store, func(c *mailbox.Config) { c.Memory = bytes })
		var devices []*device
		var drops []testDrop
		for range accounts {
			d := w.account()
			devices, drops = append(devices, d), append(drops, d.drop())
		}
		ports := make([]*port, accounts*2)
		var wg sync.WaitGroup
		for i := range ports {
			ports[i] = w.port()
			wg.Go(func() {
				for n := range uint64(each) {
					env := message()
					for try := range uint64(50) {
						id := 1 + n*100 + try
						ports[i].submitAs(id, drops[int(n+uint64(i))%accounts], env)
						for !ports[i].answered(id) {
							<-time.After(time.Millisecond)
						}
						if f, failed := ports[i].answer(id).(*wire.Failure); !failed || f.Code != wire.CodeBusy {
							ports[i].receipt(id)
							break
						}
					}
				}
			})
		}
		wg.Wait()
		for i, d := range devices {
			rows, seen := d.pull(), map[uint32]bool{}
			for _, row := range rows {
				if row.Kind == wire.RowEnvelope {
					seen[row.K] = true
				}
			}
			if want := len(ports) * each / accounts; len(rows) != 3+want || len(seen) != want || !seen[uint32(want)] {
				t.Errorf("account %d: %d rows, %d envelopes", i, len(rows), len(seen))
			}
		}
	})
}

// A place at a door is remembered whatever leaves memory: also one that is being
// displaced.
func TestDoorsStayFullWithoutRoom(t *testing.T) {
	eachMemory(t, func(t *testing.T, store mailbox.Store, bytes int) {
		w := newWorld(t, store, func(c *mailbox.Config) { c.Memory = bytes; c.Limits.Quota = 1 << 20 })
		a, other := w.account(), w.account()
		p, o, busy := w.port(), w.newDoor(), other.drop()
		id := a.doorPut(o, wire.Millis(time.Now()))
		settle()
		a.port.want(id, nil)
		for range wire.DoorPending {
			p.send(o.testDrop, envelope(4<<10, 0x81))
			p.send(busy, message()) // takes the place in memory
		}
		id = p.submit(o.testDrop, envelope(4<<10, 0x81))
		settle()
		p.refused(id, wire.CodeDoorFull)
		a.pull()
		a.ack()
		settle()
		p.send(busy, message())
		p.send(o.testDrop, envelope(4<<10, 0x81))
	})
}

// What is on its way to the disk is not there yet: who forgets what an account
// took must not take it again.
func TestWhatWaitsForItsCommitIsNotTakenTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		w := newWorld(t, store, func(c *mailbox.Config) { c.Memory = 1 })
		a, other := w.account(), w.account()
		p, drop, busy := w.port(), a.drop(), other.drop()
		durable := message()
		r := p.send(drop, durable)
		envelopes := [][]byte{durable, message(), message()}
		gate := make(chan struct{})
		store.set(func() { store.gate = gate })
		var ids [][3]uint64
		for round := range 3 {
			var now [3]uint64
			for i, env := range envelopes {
				if now[i] = p.submitAs(uint64(100*round+i+1), drop, env); round == 0 {
					settle() // the second one's commit runs, the third one waits behind it
				}
				p.submitAs(uint64(100*round+i+50), busy, message()) // takes the place in memory
			}
			ids = append(ids, now)
		}
		store.set(func() { store.gate = nil })
		close(gate)
		settle()
		for i := range envelopes {
			for round := range ids {
				if got := p.receipt(ids[round][i]); got.K != r.K+uint32(i) {
					t.Errorf("envelope %d, round %d: k = %d", i, round, got.K)
				}
			}
		}
		if n := len(a.pull()); n != 3+len(envelopes) {
			t.Errorf("%d rows", n)
		}
	})
}

// An account with more rows than are read at once.
func TestALongIntakeIsReadInParts(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store, func(c *mailbox.Config) { c.Memory, c.Limits.Quota = 1, 64<<20 })
		a, other := w.account(), w.account()
		p, drop, busy := w.port(), a.drop(), other.drop()
		var envelopes [][]byte
		for i := range uint64(9000) {
			envelopes = append(envelopes, message())
			if p.submitAs(i+1, drop, envelopes[i]); i%3000 == 2999 {
				settle()
			}
		}
		settle()
		for _, i := range []uint64{0, 4090, 4100, 8190, 8200, 8999} {
			p.send(busy, message()) // takes the place in memory
			if weight, _ := w.box.Weight(); weight > 64<<10 {
				t.Errorf("%d bytes", weight)
			}
			r, first := p.send(drop, envelopes[i]), p.receipt(i+1)
			if *r != *first || r.K != uint32(i)+1 {
				t.Errorf("envelope %d: k = %d and %d", i, first.K, r.K)
			}
		}
		p.send(busy, message())
		if r := p.send(drop, message()); r.K != 9001 {
			t.Errorf("k = %d", r.K)
		}
	})
}
