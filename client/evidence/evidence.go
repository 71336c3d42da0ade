// Package evidence is what a client makes of the statements that gateways sign:
// files that convict a gateway of a fault, or show that it took an envelope, and
// that anybody can check offline (docs/protocol/evidence.md). It is plain state
// without clock or I/O.
package evidence

import (
	"crypto/sha256"
	"errors"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Errors of exports.
var (
	ErrNoReceipt = errors.New("client: no gateway has signed for this message yet; there is nothing to export")
	ErrNoFault   = errors.New("client: nothing was found that proves a fault of this gateway")
)

// Of is the file that shows which gateways took an own message, by the newest
// receipt of each device it went to. Error: ErrNoReceipt.
func Of(m *profile.Message) (*custody.File, error) {
	f := new(custody.File)
	for _, t := range m.Targets {
		p, err := custody.ParseProof(t.Receipt)
		if err != nil {
			continue
		}
		node, err := p.Node()
		if err != nil || f.Node != (key.NodePublic{}) && f.Node != node {
			continue
		}
		f.Node = node
		f.Receipts = append(f.Receipts, p)
	}
	if len(f.Receipts) == 0 {
		return nil, ErrNoReceipt
	}
	return f, nil
}

// maxJoined is the size above which nothing more is joined, in bytes; one file is
// far smaller than what is left up to custody.MaxFile.
const maxJoined = 1 << 20

// Against joins all that was found against one gateway into one file. Error:
// ErrNoFault.
func Against(node key.NodePublic, all []*profile.Evidence) (*custody.File, error) {
	out := &custody.File{Node: node}
	for _, x := range all {
		if x.Node != node {
			continue
		}
		f, err := custody.ParseFile(x.File)
		if err != nil {
			return nil, err
		}
		out.Receipts = append(out.Receipts, f.Receipts...)
		out.Heads = append(out.Heads, f.Heads...)
		out.States = append(out.States, f.States...)
		out.Runs = append(out.Runs, f.Runs...)
		out.Objects = append(out.Objects, f.Objects...)
		if len(out.Encode()) > maxJoined {
			break // one file convicts; the others only add to it
		}
	}
	if len(out.Receipts)+len(out.Heads)+len(out.States) == 0 {
		return nil, ErrNoFault
	}
	return out, nil
}

// Find judges a file and makes the row of what it proves: nil if it convicts
// nobody.
func Find(f *custody.File, now time.Time) *profile.Evidence {
	report, err := custody.Judge(f)
	if err != nil || report.Verdict != custody.Guilty {
		return nil
	}
	b := f.Encode()
	id := sha256.Sum256(b)
	return &profile.Evidence{ID: [16]byte(id[:16]), Node: report.Node, Fault: report.Fault.String(), At: wire.Millis(now), File: b}
}
