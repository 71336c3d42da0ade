package deposit_test

import (
	"context"
	"encoding/binary"
	"path/filepath"
	"runtime"
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

// days is how many records each account has.
const days = 31

// fill gives accounts records of the coming days, each of random moments.
func fill(t testing.TB, db *stored.DB, accounts int) {
	t.Helper()
	today, tags := address.Day(time.Now()), make([]key.AccountTag, accounts)
	for i := 0; i < accounts; i += 1000 {
		b := &mailbox.Batch{Now: time.Now()}
		for j := i; j < min(i+1000, accounts); j++ {
			binary.BigEndian.PutUint32(tags[j][:], uint32(j)+1)
			b.Accounts = append(b.Accounts, mailbox.AccountChange{Tag: tags[j]})
		}
		if err := db.Commit(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	record := make([]byte, wire.RecordSize)
	for i, tag := range tags {
		c := &deposit.Change{Max: 96, PerDay: 4, Today: today}
		for ahead := range uint32(days) {
			d := deposit.Put{Seq: 1, Deposit: wire.Deposit{Day: today + ahead, Record: record}}
			binary.BigEndian.PutUint64(d.Name[:], uint64(i)*days+uint64(ahead))
			spread := uint32(i*7+int(ahead)*13) % 360
			d.First, d.Last = d.Day*1440-spread, (d.Day+1)*1440+spread
			c.Puts = append(c.Puts, d)
		}
		if _, _, err := db.DepositPut(context.Background(), tag, c); err != nil {
			t.Fatal(err)
		}
	}
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// loaded waits until a service has read what is due.
func loaded(s *deposit.Service) deposit.Stats {
	for last := -1; ; {
		<-time.After(200 * time.Millisecond)
		st := s.Stats()
		if st.Records == last && last > 0 {
			return st
		}
		last = st.Records
	}
}

// Records that are not due stay on the disk.
func TestOnlyWhatIsDueIsInMemory(t *testing.T) {
	const accounts = 400
	path := filepath.Join(t.TempDir(), "mailbox.db")
	synctest.Test(t, func(t *testing.T) {
		db := openDB(t, path)
		defer db.Close()
		fill(t, db, accounts)
		before := heapInUse()
		s, stop := run(t, db, newNetwork(t, 0))
		defer stop()
		pass(time.Second)
		st := s.Stats()
		used := heapInUse() - before
		if st.Records < accounts || st.Records > 2*accounts+accounts/10 {
			t.Errorf("%d records in memory of %d accounts", st.Records, accounts)
		}
		if used > int64(st.Records)*1000+1<<20 {
			t.Errorf("%d bytes for %d records", used, st.Records)
		}
	})
}

// BenchmarkFiftyThousandAccounts is a start with 1.5 million deposits on the disk.
func BenchmarkFiftyThousandAccounts(b *testing.B) {
	db := openDB(&testing.T{}, filepath.Join(b.TempDir(), "mailbox.db"))
	defer db.Close()
	began := time.Now()
	fill(b, db, 50_000)
	b.Logf("filled in %v", time.Since(began))
	for b.Loop() {
		before := heapInUse()
		s, err := deposit.New(deposit.Config{Params: params, Store: db, Transport: newNetwork(nil, 0)})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		began := time.Now()
		go func() { done <- s.Run(ctx) }()
		st := loaded(s)
		b.ReportMetric(time.Since(began).Seconds(), "s-to-load")
		b.ReportMetric(float64(heapInUse()-before)/1e6, "MB-heap")
		b.ReportMetric(float64(st.Records), "records")
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}
