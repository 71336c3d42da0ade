package status

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Reading is what a gateway has counted since its start, and what is there now.
type Reading struct {
	Links, Guests, LinksLimit       int   // now, and at most
	Accepted, Refused               int64 // links
	Slow, Silent, Faults, Evicted   int64 // links that ended because of that
	Logins, Rejected                int64
	Submits, Pushes, Acks, Profiles int64
	BytesIn, BytesOut               int64
	Refusals                        map[string]int64 // requests, by the name of the error
	LinkQueue                       int64            // bytes that wait for slow readers
	CommitQueue                     int64            // payload bytes that wait for a commit
	CommitAnswers                   int              // answers that wait for a commit
	Database, Log, Free             int64            // bytes: the file, its write-ahead log, free on the disk
	Draining                        bool
	Network                         Network
}

// metric is one number of a Reading under its name and label.
type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*Reading) float64
	label string // its value, if the metric has a label
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("zeroms_"+name, help, labels, nil)
}

// metrics lists every number of a Reading but Refusals.
func metrics() (all []metric) {
	count := func(name, help string, value func(*Reading) int64) {
		all = append(all, metric{desc(name, help), prometheus.CounterValue, func(r *Reading) float64 { return float64(value(r)) }, ""})
	}
	gauge := func(name, help string, value func(*Reading) int64) {
		all = append(all, metric{desc(name, help), prometheus.GaugeValue, func(r *Reading) float64 { return float64(value(r)) }, ""})
	}
	family := func(kind prometheus.ValueType, d *prometheus.Desc, values map[string]func(*Reading) int64) {
		for label, value := range values {
			all = append(all, metric{d, kind, func(r *Reading) float64 { return float64(value(r)) }, label})
		}
	}
	gauge("links", "Links that are served now.", func(r *Reading) int64 { return int64(r.Links) })
	gauge("guests", "Links of them without login.", func(r *Reading) int64 { return int64(r.Guests) })
	gauge("links_limit", "Links that can be served.", func(r *Reading) int64 { return int64(r.LinksLimit) })
	count("links_accepted_total", "Links that were accepted.", func(r *Reading) int64 { return r.Accepted })
	count("links_refused_total", "Links that were refused because of draining or limits.", func(r *Reading) int64 { return r.Refused })
	family(prometheus.CounterValue, desc("links_ended_total", "Links that the gateway ended, by reason.", "reason"), map[string]func(*Reading) int64{
		"slow":    func(r *Reading) int64 { return r.Slow },
		"silent":  func(r *Reading) int64 { return r.Silent },
		"faulty":  func(r *Reading) int64 { return r.Faults },
		"evicted": func(r *Reading) int64 { return r.Evicted },
	})
	family(prometheus.CounterValue, desc("logins_total", "Logins, by result.", "result"), map[string]func(*Reading) int64{
		"ok":       func(r *Reading) int64 { return r.Logins },
		"rejected": func(r *Reading) int64 { return r.Rejected },
	})
	count("submissions_total", "Envelopes that were submitted.", func(r *Reading) int64 { return r.Submits })
	count("pushes_total", "Rows that were pushed to devices.", func(r *Reading) int64 { return r.Pushes })
	count("acknowledgements_total", "Acknowledgements of devices.", func(r *Reading) int64 { return r.Acks })
	count("profile_reads_total", "Profiles that were read.", func(r *Reading) int64 { return r.Profiles })
	count("received_bytes_total", "Bytes of messages that came over links.", func(r *Reading) int64 { return r.BytesIn })
	count("sent_bytes_total", "Bytes of messages that went over links.", func(r *Reading) int64 { return r.BytesOut })
	family(prometheus.GaugeValue, desc("queue_bytes", "Bytes that wait, by queue.", "queue"), map[string]func(*Reading) int64{
		"links":  func(r *Reading) int64 { return r.LinkQueue },
		"commit": func(r *Reading) int64 { return r.CommitQueue },
	})
	gauge("commit_queue_answers", "Answers that wait for a commit.", func(r *Reading) int64 { return int64(r.CommitAnswers) })
	family(prometheus.GaugeValue, desc("database_bytes", "Size of the database, by file.", "file"), map[string]func(*Reading) int64{
		"database": func(r *Reading) int64 { return r.Database },
		"log":      func(r *Reading) int64 { return r.Log },
	})
	gauge("disk_free_bytes", "Space that the gateway can still use on the database's disk.", func(r *Reading) int64 { return r.Free })
	gauge("draining", "1 while the gateway is shutting down.", func(r *Reading) int64 {
		if r.Draining {
			return 1
		}
		return 0
	})
	network(count, gauge, family)
	return all
}

// collector reads everything at once when it is asked.
type collector struct {
	read     func() Reading
	metrics  []metric
	refusals *prometheus.Desc
}

func newCollector(read func() Reading) *collector {
	return &collector{
		read: read, metrics: metrics(),
		refusals: desc("refusals_total", "Requests that were refused, by the name of the error (docs/protocol/wire.md).", "reason"),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		out <- m.desc
	}
	out <- c.refusals
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	r := c.read()
	for _, m := range c.metrics {
		var labels []string
		if m.label != "" {
			labels = []string{m.label}
		}
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(&r), labels...)
	}
	for reason, n := range r.Refusals {
		out <- prometheus.MustNewConstMetric(c.refusals, prometheus.CounterValue, float64(n), reason)
	}
}

// commits are observed one by one.
type commits struct {
	seconds prometheus.Histogram
	rows    prometheus.Histogram
	bytes   prometheus.Counter
	failed  prometheus.Counter
}

func newCommits() commits {
	return commits{
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "zeroms_commit_duration_seconds", Help: "How long commits took until they were on the disk.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5},
		}),
		rows: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "zeroms_commit_rows", Help: "Rows of the log in one commit: envelopes and what devices signed.",
			Buckets: []float64{0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000},
		}),
		bytes:  prometheus.NewCounter(prometheus.CounterOpts{Name: "zeroms_commit_bytes_total", Help: "Payload bytes of all commits."}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{Name: "zeroms_commits_failed_total", Help: "Commits that failed."}),
	}
}

func (c commits) all() []prometheus.Collector {
	return []prometheus.Collector{c.seconds, c.rows, c.bytes, c.failed}
}

// note counts one commit.
func (c commits) note(took time.Duration, rows, bytes int, err error) {
	if err != nil {
		c.failed.Inc()
		return
	}
	c.seconds.Observe(took.Seconds())
	c.rows.Observe(float64(rows))
	c.bytes.Add(float64(bytes))
}
