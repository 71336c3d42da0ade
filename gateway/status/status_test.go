package status

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// served is a Status behind a listener.
type served struct {
	t   *testing.T
	s   *Status
	url string
}

func serve(t *testing.T, health func(context.Context) error, read func() Reading) *served {
	t.Helper()
	s, err := New(Config{Version: "1.2.3", Health: health, Read: read})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return &served{t, s, "http://" + l.Addr().String()}
}

func (s *served) get(path string) (code int, body string) {
	s.t.Helper()
	response, err := http.Get(s.url + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func (s *served) scrape() map[string]*dto.MetricFamily {
	s.t.Helper()
	code, body := s.get("/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if code != http.StatusOK || err != nil {
		s.t.Fatalf("%d, %v:\n%s", code, err, body)
	}
	return families
}

// number is the value of a metric with a label's value, "" for none.
func number(t *testing.T, f *dto.MetricFamily, label string) float64 {
	t.Helper()
	for _, m := range f.GetMetric() {
		if label == "" && len(m.Label) == 0 || len(m.Label) == 1 && m.Label[0].GetValue() == label {
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	t.Errorf("%s{%s} is missing", f.GetName(), label)
	return -1
}

func full() Reading {
	return Reading{
		Links: 1, Guests: 2, LinksLimit: 3, Accepted: 4, Refused: 5, Slow: 6, Silent: 7, Faults: 8, Evicted: 9,
		Logins: 10, Rejected: 11, Submits: 12, Pushes: 13, Acks: 14, Profiles: 15, BytesIn: 16, BytesOut: 17,
		Refusals: map[string]int64{"busy": 18, "limit": 0}, LinkQueue: 19, CommitQueue: 20, CommitAnswers: 21,
		Database: 22, Log: 23, Free: 24, Draining: true,
		Network: Network{
			Serving: true, Known: 30, Fresh: 31, Stale: 32, Size: 33, Records: 34, Descriptors: 35, Held: 36,
			Added: 37, Refreshed: 38, Replaced: 39, PassedOn: 40, Expired: 41, Evicted: 42, OverRate: 43, OverQuota: 44,
			Found: 45, Missed: 46, Stores: 47, Answered: 48, Failed: 49, Served: 50, Declined: 51, Suspicions: 52, WrongAnswers: 53,
			Links: 54, Channels: 55, QUIC: 56, TCP: 57, DialsFailed: 58, Callers: 59,
			SentOn: 60, Local: 61, Unreached: 62, Withheld: 63, Opened: 64, Unopened: 65, Throttled: 66,
			Deposits: 67, Due: 68, Lost: 69, Stored: 70, Refused: 71, Verified: 72, Unverified: 73,
			RelayedStores: 74, RelayedGets: 75, RelayedNot: 76,
		},
	}
}

func well(context.Context) error { return nil }

func TestScrape(t *testing.T) {
	s := serve(t, well, full)
	s.s.Commit(3*time.Millisecond, 4, 4096, nil)
	s.s.Commit(30*time.Millisecond, 40, 40960, nil)
	s.s.Commit(time.Second, 7, 7, errors.New("disk"))
	families := s.scrape()
	for name, want := range map[string]float64{
		"links": 1, "guests": 2, "links_limit": 3, "links_accepted_total": 4, "links_refused_total": 5,
		"links_ended_total slow": 6, "links_ended_total silent": 7, "links_ended_total faulty": 8, "links_ended_total evicted": 9,
		"logins_total ok": 10, "logins_total rejected": 11, "submissions_total": 12, "pushes_total": 13,
		"acknowledgements_total": 14, "profile_reads_total": 15, "received_bytes_total": 16, "sent_bytes_total": 17,
		"refusals_total busy": 18, "refusals_total limit": 0, "queue_bytes links": 19, "queue_bytes commit": 20,
		"commit_queue_answers": 21, "database_bytes database": 22, "database_bytes log": 23, "disk_free_bytes": 24,
		"network_serving": 1, "network_gateways known": 30, "network_gateways fresh": 31, "network_gateways stale": 32, "network_size": 33,
		"network_held record": 34, "network_held descriptor": 35, "network_held_bytes": 36,
		"network_records_total added": 37, "network_records_total refreshed": 38, "network_records_total replaced": 39, "network_records_total passed_on": 40,
		"network_records_total expired": 41, "network_records_total evicted": 42, "network_records_total over_rate": 43, "network_records_total over_quota": 44,
		"network_lookups_total found": 45, "network_lookups_total missed": 46, "network_stores_total": 47,
		"network_requests_total answered": 48, "network_requests_total failed": 49, "network_requests_total served": 50, "network_requests_total refused": 51,
		"network_suspicions_total": 52, "network_wrong_answers_total": 53, "network_links": 54, "channels": 55,
		"network_links_opened_total quic": 56, "network_links_opened_total tcp": 57, "network_dials_failed_total": 58, "network_callers_total": 59,
		"forwards_out_total sent": 60, "forwards_out_total local": 61, "forwards_out_total unreachable": 62, "forwards_out_total refused": 63,
		"forwards_in_total opened": 64, "forwards_in_total unopened": 65, "forwards_in_total refused": 66,
		"deposits held": 67, "deposits due": 68, "deposits lost": 69, "deposits_total stored": 70, "deposits_total failed": 71,
		"deposits_total verified": 72, "deposits_total unverified": 73, "relayed_total stored": 74, "relayed_total found": 75, "relayed_total refused": 76,
		"draining": 1, "healthy": 1, "build_info 1.2.3": 1, "commits_failed_total": 1, "commit_bytes_total": 45056,
	} {
		name, label, _ := strings.Cut(name, " ")
		if got := number(t, families["zeroms_"+name], label); got != want {
			t.Errorf("%s{%s} is %v, want %v", name, label, got, want)
		}
	}
	seconds := families["zeroms_commit_duration_seconds"].GetMetric()[0].GetHistogram()
	if seconds.GetSampleCount() != 2 || seconds.GetSampleSum() < .0329 || seconds.GetSampleSum() > .0331 {
		t.Errorf("%v", seconds)
	}
	rows := families["zeroms_commit_rows"].GetMetric()[0].GetHistogram()
	if rows.GetSampleCount() != 2 || rows.GetSampleSum() != 44 {
		t.Errorf("%v", rows)
	}
	for _, other := range []string{"go_goroutines", "go_memstats_heap_alloc_bytes", "process_open_fds", "process_max_fds", "process_resident_memory_bytes"} {
		if families[other] == nil {
			t.Errorf("%s is missing", other)
		}
	}
	for name, f := range families {
		if strings.HasPrefix(name, "zeroms_") && f.GetHelp() == "" {
			t.Errorf("%s has no help", name)
		}
	}
}

// The table of docs/operations.md has the metrics that there are, with the labels
// that they have.
func TestMetricsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| ((?:`zeroms_[a-z_]+(?:\\{[a-z]+\\})?`(?:, )?)+) \\|").FindAllStringSubmatch(string(text), -1) {
		for _, cell := range regexp.MustCompile("`(zeroms_[a-z_]+)(?:\\{([a-z]+)\\})?`").FindAllStringSubmatch(row[1], -1) {
			documented[cell[1]] = cell[2]
		}
	}
	s := serve(t, well, full)
	families := s.scrape()
	there := map[string]string{}
	for name, f := range families {
		if !strings.HasPrefix(name, "zeroms_") {
			continue
		}
		there[name] = ""
		for _, l := range f.GetMetric()[0].Label {
			there[name] = l.GetName()
		}
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if label, ok := documented[name]; !ok || label != there[name] {
			t.Errorf("docs/operations.md lacks %s{%s}", name, there[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(documented)) {
		if _, ok := there[name]; !ok {
			t.Errorf("docs/operations.md has %s, which there is not", name)
		}
	}
}

func TestHealth(t *testing.T) {
	var wrong atomic.Pointer[error]
	s := serve(t, func(ctx context.Context) error {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("a look at the health without a bound")
		}
		if err := wrong.Load(); err != nil {
			return *err
		}
		return nil
	}, full)
	if code, body := s.get("/healthz"); code != 200 || body != "ok\n" {
		t.Errorf("%d %q", code, body)
	}
	down := errors.New("The disk is full; free some space.")
	wrong.Store(&down)
	if code, body := s.get("/healthz"); code != 503 || body != "The disk is full; free some space.\n" {
		t.Errorf("%d %q", code, body)
	}
	if got := number(t, s.scrape()["zeroms_healthy"], ""); got != 0 {
		t.Errorf("healthy is %v", got)
	}
	wrong.Store(nil)
	if code, _ := s.get("/healthz"); code != 200 {
		t.Errorf("%d after it was put right", code)
	}
	if code, _ := s.get("/"); code != 404 {
		t.Errorf("%d for another path", code)
	}
}

func TestOnlyThisComputer(t *testing.T) {
	for _, address := range []string{":9464", "0.0.0.0:9464", "[::]:9464", "192.0.2.1:9464", "example.org:80", "[::ffff:192.0.2.1]:80"} {
		if _, err := Listen(t.Context(), address); !errors.Is(err, ErrNotLoopback) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"127.0.0.1:0", "127.9.9.9:0", "localhost:0"} {
		l, err := Listen(t.Context(), address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if tcp := l.Addr().(*net.TCPAddr); !tcp.IP.IsLoopback() {
			t.Errorf("%s: %v", address, tcp)
		}
		l.Close()
	}
	if CheckAddress("[::1]:1") != nil || CheckAddress("9464") == nil {
		t.Error("addresses are misjudged")
	}
	if _, err := New(Config{}); err == nil {
		t.Error("a Status without anything to tell")
	}
}

func BenchmarkCommit(b *testing.B) {
	s, err := New(Config{Health: well, Read: full})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s.Commit(time.Millisecond, 10, 10<<10, nil)
	}
}
