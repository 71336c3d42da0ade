package meter_test

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
	"time"

	"zeroms/cmd/zeroms-lab/bench/meter"
)

func TestCPUGrowsWithWork(t *testing.T) {
	before, err := meter.CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 1<<20)
	for range 10_000 {
		sum := sha256.Sum256(block)
		copy(block, sum[:])
		if now, err := meter.CPU(os.Getpid()); err != nil || now > before {
			return
		}
	}
	t.Error("10 GB of SHA-256 took no CPU time")
}

func TestProcessThatIsNone(t *testing.T) {
	if _, err := meter.CPU(1 << 30); err == nil {
		t.Error("CPU of no process")
	}
	if _, err := meter.MemoryOf(1 << 30); err == nil {
		t.Error("memory of no process")
	}
}

func TestMemory(t *testing.T) {
	m, err := meter.MemoryOf(os.Getpid())
	if err != nil || m.Anonymous <= 0 || m.Pss <= 0 || m.RSS < m.Anonymous || m.RSS < m.Pss {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestFdatasync(t *testing.T) {
	dir := t.TempDir()
	took, err := meter.Fdatasync(dir, 3)
	if err != nil || took <= 0 {
		t.Errorf("%v, %v", took, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	if _, err := meter.Fdatasync(filepath.Join(dir, "nowhere"), 1); err == nil {
		t.Error("durable writes into a directory that is none")
	}
}

func TestQuantile(t *testing.T) {
	var samples []time.Duration
	for i := range 100 {
		samples = append(samples, time.Duration((i*37)%100))
	}
	for q, want := range map[float64]time.Duration{0: 0, 0.5: 50, 0.99: 99, 1: 99} {
		if got := meter.Quantile(samples, q); got != want {
			t.Errorf("%v: %d, want %d", q, got, want)
		}
	}
	if got := meter.Quantile(nil, 0.5); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
}

func TestDiskOf(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"b": 100, "a/c": 5} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := meter.DiskOf(dir); err != nil || got != 105 {
		t.Errorf("%d bytes, %v; want 105", got, err)
	}
	if _, err := meter.DiskOf(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a directory that is none has a size")
	}
}

func TestCalibrate(t *testing.T) {
	m, err := meter.Calibrate()
	if err != nil || m.SHA256 <= 0 || m.Copy <= 0 || m.Verify <= 0 || m.Echo <= 0 || m.Speed <= 0 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestCountsAdd(t *testing.T) {
	a := meter.Counts{Sent: 1, Custody: 2, Delivered: 3, Done: 4, ToPush: []time.Duration{5}}
	a.Add(meter.Counts{Sent: 10, Custody: 20, Delivered: 30, Done: 40, ToPush: []time.Duration{6}, ToCustody: []time.Duration{7}})
	if a.Sent != 11 || a.Custody != 22 || a.Delivered != 33 || a.Done != 44 || len(a.ToPush) != 2 || len(a.ToCustody) != 1 {
		t.Errorf("%+v", a)
	}
}
