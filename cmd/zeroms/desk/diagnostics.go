package desk

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"zeroms/client"
)

// named matches the name of an error of the protocol's table in a problem, which ends
// with "[name]" or "[name: detail]". The rest of a problem may name a host.
var named = regexp.MustCompile(`\[([a-z-]+)[\]:]`)

// Diagnostics implements model.Self. Gateways stand there by their number.
func (s self) Diagnostics(ctx context.Context) (string, error) {
	st, err := s.p.Client.Status(ctx)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("ZeroMS %s, %s, %s/%s, %d cores", s.desk.cfg.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	line("open for %s, now %s", time.Since(s.since).Round(time.Second), time.Now().UTC().Format(time.RFC3339))
	line("memory %d MB, goroutines %d", memory()>>20, runtime.NumGoroutine())
	line("profile.db %d KiB and %d KiB of log, passphrase %s", s.size("profile.db")>>10, s.size("profile.db-wal")>>10, yes(s.p.Locked.Load()))
	_, told := s.p.Route.Override()
	line("proxy %s, told at the start %s, gateways of others %s", yes(s.p.Route.Proxy() != nil), yes(told), policies[s.p.Kept.Direct()])
	line("messages: %d wait, %d in custody, %d failed; %d requests to gateways have no answer yet", st.Waiting, st.Custody, st.Failed, st.Pending)
	line("ignored envelopes %d, clock off by %s, set back %s", st.Ignored, st.Clock.Round(time.Second), yes(st.SetBack))
	line("repairs %+v", st.Repairs)
	for i, g := range st.Gateways {
		line("gateway %d: %s", i+1, state(g))
	}
	in := s.desk.inside.State()
	line("gateway inside: running %s, open %s, reached at a public address %s, accounts %d, problem %s",
		yes(in.Running), yes(in.Open), yes(in.Public), in.Accounts, yes(in.Problem != ""))
	return b.String(), nil
}

// policies are whether gateways of others are connected to.
var policies = map[client.Direct]string{client.Fallback: "as a fallback", client.Always: "always", client.Never: "never"}

// state is how a gateway is doing, without who it is.
func state(g client.Gateway) string {
	text := "not connected"
	switch {
	case g.Up:
		text = fmt.Sprintf("connected within %s, %s ago", g.Took.Round(time.Millisecond), time.Since(g.Since).Round(time.Second))
	case g.Problem == "connecting":
		text = "connecting"
	}
	if found := named.FindStringSubmatch(g.Problem); found != nil {
		text += ", " + found[1]
	}
	if !g.Draining.IsZero() {
		text += ", draining"
	}
	return text + fmt.Sprintf("; current %s, forwards %s, holds %d, proven faults %d, points %d, custody in %s",
		yes(g.Current), yes(g.Forwards), g.Held, g.Faults, g.Seen.Points, g.Seen.Custody.Round(time.Millisecond))
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// memory is what the program has of the system, in bytes.
func memory() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys
}

// size is that of a file of the profile in bytes, 0 if there is none.
func (s self) size(name string) int64 {
	info, err := os.Stat(filepath.Join(s.desk.cfg.Dir, name))
	if err != nil {
		return 0
	}
	return info.Size()
}

// BuildVersion is the version of this program: the module's, or the commit that it was
// built from, or devel.
func BuildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return "devel"
}
