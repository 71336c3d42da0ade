package people_test

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"zeroms/cmd/zeroms-lab/people"
	"zeroms/protocol/card"
)

var (
	plain    = flag.Bool("plain", false, "benchmarks: without TLS")
	messages = flag.Int("messages", 2000, "benchmarks: the messages of e2e")
	away     = flag.Int("away", 10_000, "benchmarks: the messages of waiting")
	disk     = flag.String("disk", "", "benchmarks: a directory on the disk that counts (default: the test's)")
	profile  = flag.String("profile", "", "benchmarks: a file for the CPU profile of what is measured")
	program  = flag.String("gateway", "", "the zeroms-gateway program (default: it is built)")
)

// built is the zeroms-gateway program; TestMain names it.
var built string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "people-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if built = *program; built == "" {
		built = filepath.Join(dir, "zeroms-gateway")
		// go run keeps what it links in the build cache: it is linked once for the tests of all packages.
		if out, err := exec.Command("go", "run", "-exec=cp", "zeroms/cmd/zeroms-gateway", built).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
			return 1
		}
	}
	return m.Run()
}

// gateway starts a gateway process and returns where it serves.
func gateway(t testing.TB, args ...string) people.Config {
	t.Helper()
	dir := *disk
	if dir == "" {
		dir = t.TempDir()
	}
	data, err := os.MkdirTemp(dir, "gateway-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(data) })
	cmd := exec.Command(built, append([]string{"run", "--data", data, "--listen", "127.0.0.1:0", "--network", "lab"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	c := people.Config{Dir: dir}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "ZMSG:") {
			if c.Gateway, err = card.ParseAddress(line); err != nil {
				t.Fatal(err)
			}
		}
		if strings.HasPrefix(line, "ready ") {
			go func() {
				for lines.Scan() {
				}
			}()
			return c
		}
	}
	t.Fatal("the gateway did not become ready")
	return c
}

func TestE2E(t *testing.T) {
	for _, inFlight := range []int{1, 16} {
		r, err := people.E2E{InFlight: inFlight, Messages: 100}.Run(t.Context(), gateway(t, "--plain"))
		if err != nil {
			t.Fatal(err)
		}
		if r.Tally != (people.Tally{}) {
			t.Errorf("%d in flight: %+v", inFlight, r.Tally)
		}
		if len(r.Took) != 100 || r.P50 <= 0 || r.P99 < r.P50 || r.Most < r.P99 || r.PerSecond <= 0 || r.Sync <= 0 || r.CPU <= 0 {
			t.Errorf("%d in flight: not everything was measured: %+v", inFlight, r)
		}
	}
}

func TestWaiting(t *testing.T) {
	r, err := people.Waiting{Messages: 1200}.Run(t.Context(), gateway(t))
	if err != nil {
		t.Fatal(err)
	}
	if r.Tally != (people.Tally{}) {
		t.Errorf("%+v", r.Tally)
	}
	if r.First <= 0 || r.Took < r.First || r.Filled <= 0 || r.Sync <= 0 || r.CPU <= 0 {
		t.Errorf("not everything was measured: %+v", r)
	}
}

func TestNothingToMeasure(t *testing.T) {
	if _, err := (people.E2E{InFlight: 0, Messages: 1}).Run(t.Context(), people.Config{}); err == nil {
		t.Error("nothing in flight was measured")
	}
	if _, err := (people.Waiting{}).Run(t.Context(), people.Config{}); err == nil {
		t.Error("nothing that waits was measured")
	}
}

func benchConfig(b *testing.B) people.Config {
	var args []string
	if *plain {
		args = append(args, "--plain")
	}
	return gateway(b, args...)
}

func profiled(b *testing.B) func() {
	if *profile == "" {
		return func() {}
	}
	f, err := os.Create(*profile)
	if err != nil {
		b.Fatal(err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		b.Fatal(err)
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func benchmarkE2E(b *testing.B, inFlight int) {
	c := benchConfig(b)
	stop := profiled(b)
	r, err := people.E2E{InFlight: inFlight, Messages: *messages}.Run(b.Context(), c)
	stop()
	if err != nil {
		b.Fatal(err)
	}
	if r.Tally != (people.Tally{}) {
		b.Errorf("%+v", r.Tally)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(millis(r.P50), "p50-ms")
	b.ReportMetric(millis(r.P90), "p90-ms")
	b.ReportMetric(millis(r.P99), "p99-ms")
	b.ReportMetric(millis(r.Most), "max-ms")
	b.ReportMetric(r.PerSecond, "msg/s")
	b.ReportMetric(millis(r.Sync), "sync-ms")
	b.ReportMetric(millis(r.CPU)*1000, "cpu-us/msg")
	b.ReportMetric(millis(2*r.Sync)+0.7, "aim-ms")
}

func BenchmarkE2E1(b *testing.B)  { benchmarkE2E(b, 1) }
func BenchmarkE2E16(b *testing.B) { benchmarkE2E(b, 16) }

func BenchmarkWaiting(b *testing.B) {
	c := benchConfig(b)
	stop := profiled(b)
	r, err := people.Waiting{Messages: *away}.Run(b.Context(), c)
	stop()
	if err != nil {
		b.Fatal(err)
	}
	if r.Tally != (people.Tally{}) {
		b.Errorf("%+v", r.Tally)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(millis(r.Open), "open-ms")
	b.ReportMetric(millis(r.First), "first-ms")
	b.ReportMetric(millis(r.Took), "took-ms")
	b.ReportMetric(millis(r.Filled), "filled-ms")
	b.ReportMetric(millis(r.Sync), "sync-ms")
	b.ReportMetric(millis(r.CPU)*1000, "cpu-us/msg")
}
