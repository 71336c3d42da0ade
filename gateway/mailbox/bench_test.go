package mailbox_test

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	sqlite "zeroms/store/mailbox"
)

// counter is a port that counts receipts and rings when all of a round are there.
type counter struct {
	left atomic.Int64
	done chan struct{}
}

func (c *counter) Answer(_ uint64, p wire.Payload) {
	n := int64(1)
	if commit, ok := p.(*wire.Commit); ok {
		n = 0
		for _, item := range commit.Items {
			if item.ID != 0 {
				n++
			}
		}
	}
	if n > 0 && c.left.Add(-n) == 0 {
		c.done <- struct{}{}
	}
}

func (c *counter) Wake() {}

func (c *counter) Close(*wire.Error) {}

// BenchmarkSubmit measures durable, receipted messages of 1 KiB in rounds of 256
// through the mailbox and SQLite: wall and CPU time a message (user and system,
// all threads).
func BenchmarkSubmit(b *testing.B) {
	for _, accounts := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("accounts=%d", accounts), func(b *testing.B) { benchmarkSubmit(b, accounts) })
	}
}

func benchmarkSubmit(b *testing.B, accounts int) {
	const round = 256
	store, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "mailbox.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	w := &world{t: &testing.T{}, node: key.NewPrivate[key.Node]()}
	w.cfg = mailbox.Config{Node: w.node, Limits: testLimits, Store: store}
	w.cfg.Limits.Quota = 1 << 40
	w.start()
	defer w.stop()
	c := &counter{done: make(chan struct{}, 1)}
	drops := make([]testDrop, accounts)
	for i := range drops {
		drops[i] = benchAccount(b, w, c)
	}
	var wall, cpu time.Duration
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		subs := make([]mailbox.Submission, round)
		for i := range subs {
			drop, env := drops[i%accounts], message()
			subs[i] = mailbox.Submission{ID: uint64(i + 1), Submit: &wire.Submit{
				Drop: drop.id, MAC: drop.cap.Authenticate(drop.id, sha256.Sum256(env)), Envelope: env,
			}}
		}
		c.left.Store(round)
		began, used := time.Now(), cpuTime()
		b.StartTimer()
		for some := range slices.Chunk(subs, 16) {
			w.box.Submit(c, some...)
		}
		<-c.done
		wall += time.Since(began)
		cpu += cpuTime() - used
	}
	messages := float64(b.N * round)
	b.ReportMetric(float64(cpu.Nanoseconds())/1000/messages, "cpu-us/message")
	b.ReportMetric(messages/wall.Seconds(), "messages/s")
}

// benchAccount registers an account with one device and one drop.
func benchAccount(b *testing.B, w *world, c *counter) testDrop {
	d := w.stranger(key.NewPrivate[key.Mailbox]())
	c.left.Store(1)
	w.box.Register(1, d.registration(nil), c)
	<-c.done
	sess, _, err := w.box.Attach(d.lk.Public(), c)
	if err != nil {
		b.Fatal(err)
	}
	drop := w.newDrop()
	c.left.Store(1)
	sess.DropPut(2, &wire.DropPut{Object: d.dropObject(wire.OpDropPut, drop), Capability: [32]byte(drop.cap.Bytes())})
	<-c.done
	sess.Detach()
	return drop
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
