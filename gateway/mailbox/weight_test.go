package mailbox

import (
	"crypto/rand"
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"zeroms/gateway/mailbox/door"
	"zeroms/gateway/mailbox/intake"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// What an account is said to weigh is at least what it takes, and not many times
// as much.
func TestWeightIsWhatAnAccountTakes(t *testing.T) {
	const many = 100_000
	for name, fill := range map[string]func(m *Mailbox, a *account){
		"drops": func(m *Mailbox, a *account) {
			for i := range many {
				m.addDrop(a, Drop{ID: key.DropID(binary.BigEndian.AppendUint64(make([]byte, 8), uint64(i))), Account: a.tag})
			}
		},
		"logins": func(m *Mailbox, a *account) {
			for i := range 5_000 {
				k := key.LoginPublic(binary.BigEndian.AppendUint64(make([]byte, 24), uint64(i)))
				a.logins.Add(&wire.Enrolment{Login: k, Time: 1}, Mark{}).Sig = make([]byte, 64)
			}
		},
		"rows": func(m *Mailbox, a *account) {
			for i := range many / 4 {
				a.log.Append(9, Row{Push: wire.Push{Kind: wire.RowEnvelope, Payload: make([]byte, 1<<10), Time: uint64(i)}})
			}
			a.log.Take()
		},
		"rows without payload": func(m *Mailbox, a *account) {
			for i := range many {
				a.log.Append(9, Row{Push: wire.Push{Kind: wire.RowEnvelope, Time: uint64(i)}})
			}
		},
		"a window": func(m *Mailbox, a *account) {
			s := &Session{account: a}
			for i := range uint64(many) {
				s.window.Hand([]Row{{Push: wire.Push{Position: wire.At(9, i+1)}}}, 0, 1<<20)
			}
			a.sessions = append(a.sessions, s)
		},
		"an intake": func(m *Mailbox, a *account) {
			for i := range uint64(many) {
				row := Row{Push: wire.Push{Kind: wire.RowEnvelope, Position: wire.At(9, i+1)}}
				_, _ = rand.Read(row.Hash[:])
				note(a.intake, a.waiting, &row, 0)
			}
		},
		"doors": func(m *Mailbox, a *account) {
			for i := range uint64(many) {
				row := Row{Push: wire.Push{Kind: wire.RowDoor, Position: wire.At(9, i+1)}}
				_, _ = rand.Read(row.Hash[:])
				binary.BigEndian.PutUint64(row.Drop[:], i/2)
				note(a.intake, a.waiting, &row, 0)
			}
		},
	} {
		m, err := New(Config{
			Node: key.NewPrivate[key.Node](), Store: struct{ Store }{},
			Limits: wire.Limits{Retention: 1, Quota: 1, PushWindow: 1, Devices: 1},
		})
		if err != nil {
			t.Fatal(err)
		}
		before := heap()
		a := m.newAccount(key.AccountTag{1}, &Account{}, time.Now())
		a.intake, a.waiting = intake.New(time.Now()), door.NewWaiting()
		fill(m, a)
		if took, weighs := heap()-before, a.Weight(); weighs < took || weighs > 5*took {
			t.Errorf("%s: %d bytes, said to be %d", name, took, weighs)
		}
		runtime.KeepAlive(m)
	}
}
