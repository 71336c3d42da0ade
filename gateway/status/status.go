package status

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// ErrNotLoopback: others could read the status.
var ErrNotLoopback = errors.New("the status is served to this computer only: listen on 127.0.0.1, [::1] or localhost")

// Config is what a Status needs.
type Config struct {
	// Version names the program.
	Version string
	// Health is nil while the gateway takes and gives out what it should, else what is
	// wrong and what to do, as one sentence that may be shown to anybody.
	Health func(ctx context.Context) error
	// Read reads the counts. It is called for every scrape.
	Read func() Reading
}

// Status answers health checks and scrapes. Its methods are safe for concurrent use.
type Status struct {
	cfg      Config
	commits  commits
	registry *prometheus.Registry
}

// New makes a Status and starts nothing.
func New(cfg Config) (*Status, error) {
	if cfg.Health == nil || cfg.Read == nil {
		return nil, errors.New("status: Config needs Health and Read")
	}
	s := &Status{cfg: cfg, commits: newCommits(), registry: prometheus.NewRegistry()}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "zeroms_build_info", Help: "1; the label names the version.", ConstLabels: prometheus.Labels{"version": cfg.Version},
	})
	info.Set(1)
	healthy := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "zeroms_healthy", Help: "1 if /healthz says ok, else 0.",
	}, s.healthy)
	parts := append(s.commits.all(), newCollector(cfg.Read), info, healthy,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, part := range parts {
		if err := s.registry.Register(part); err != nil {
			return nil, fmt.Errorf("status: %w", err)
		}
	}
	return s, nil
}

// Commit notes a commit of so many rows and payload bytes, or a failed one.
func (s *Status) Commit(took time.Duration, rows, bytes int, err error) {
	s.commits.note(took, rows, bytes, err)
}

// healthTimeout bounds one look at the health.
const healthTimeout = 5 * time.Second

func (s *Status) healthy() float64 {
	ctx, cancel := context.WithTimeout(context.Background(), healthTimeout)
	defer cancel()
	if s.cfg.Health(ctx) != nil {
		return 0
	}
	return 1
}

// Listen listens on HOST:PORT of this computer. Errors: ErrNotLoopback, and the
// network's.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	if err := CheckAddress(address); err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() { // what localhost turned out to be
		l.Close()
		return nil, ErrNotLoopback
	}
	return l, nil
}

// CheckAddress refuses an address to listen on that is not of this computer only.
func CheckAddress(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.Unmap().IsLoopback()) {
		return ErrNotLoopback
	}
	return nil
}

// Serve answers on l until ctx ends, and closes it.
func (s *Status) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s.handler(), ReadTimeout: 5 * time.Second, WriteTimeout: 15 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 8 << 10, ErrorLog: log.New(io.Discard, "", 0),
	}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *Status) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	return mux
}

// health answers 200 or 503 with a sentence.
func (s *Status) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
	defer cancel()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err := s.cfg.Health(ctx); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, err)
		return
	}
	fmt.Fprintln(w, "ok")
}
