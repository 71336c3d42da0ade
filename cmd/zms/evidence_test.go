package main

import (
	"crypto/sha256"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"zeroms/cmd/zms/report"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// writeGuilty makes a gateway that signs two receipts with one number.
func writeGuilty(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	node := key.PrivateFromSeed[key.Node](sha256.Sum256([]byte("a gateway that lies")))
	f := &custody.File{Node: node.Public()}
	for _, envelope := range []string{"one envelope", "another one"} {
		r := &custody.Receipt{
			Node: node.Public(), DropHash: sha256.Sum256([]byte("a drop")), EnvelopeHash: sha256.Sum256([]byte(envelope)),
			K: 7, Start: sha256.Sum256([]byte("its start")), Time: wire.Millis(someTime), Kept: wire.Millis(someTime.Add(30 * 24 * time.Hour)),
		}
		r.Head = custody.NextDropHead(sha256.Sum256([]byte("six before")), r.K, r.EnvelopeHash)
		commit := custody.Build([][]byte{r.Append(nil)}, someTime, node).Commit([]wire.CommitItem{{ID: 1}})
		p, err := custody.ProofOf(commit, 0)
		ts.Check(err)
		f.Receipts = append(f.Receipts, p)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), f.Encode(), 0o600))
}

// TestVerdictWords tells each verdict in words of its own.
func TestVerdictWords(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range []custody.Verdict{custody.Nothing, custody.Custody, custody.Incomplete, custody.Guilty} {
		text := report.Verdict(verdictRow(&custody.Report{Verdict: v, Fault: custody.Fork}))
		if seen[text] || text == "" {
			t.Errorf("%s reads as another one: %q", v, text)
		}
		seen[text] = true
	}
}

func TestPastMoment(t *testing.T) {
	now := someTime
	for text, want := range map[string]time.Time{
		"720h":                 now.Add(-720 * time.Hour),
		"0s":                   now,
		"2026-11-01":           time.Date(2026, 11, 1, 0, 0, 0, 0, time.Local),
		"2026-11-01 10:30":     time.Date(2026, 11, 1, 10, 30, 0, 0, time.Local),
		"2026-11-01 10:30:07":  time.Date(2026, 11, 1, 10, 30, 7, 0, time.Local),
		"2026-11-01T10:30:07Z": time.Date(2026, 11, 1, 10, 30, 7, 0, time.UTC),
		report.Moment(now):     now,
	} {
		if got, err := pastMoment(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v (%v), want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-5h", "yesterday", "2026-13-01", "01.11.2026", "10:30"} {
		if got, err := pastMoment(text, now); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}
