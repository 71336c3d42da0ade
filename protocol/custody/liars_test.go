package custody

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// lie is a gateway that broke what it signed, and the file that shows it.
type lie struct {
	fault Fault
	make  func(f *framers) *File
	// without, if set, takes away what the conviction rests on, and the verdict
	// that is left then.
	without func(f *File)
	left    Verdict
}

// lies are what a gateway can do, each on a fresh stage.
func lies() map[string]lie {
	all := map[string]lie{}
	for _, some := range []map[string]lie{liesOfDrops(), liesOfErasure(), liesOfDevices(), liesOfHeads(), liesOfRows()} {
		maps.Copy(all, some)
	}
	return all
}

// liesOfDrops: what receipts and states of drops are contradicted by.
func liesOfDrops() map[string]lie {
	return map[string]lie{
		"one number for two envelopes": {TwoReceipts, func(f *framers) *File {
			a, d := f.mailbox()
			f.m.submit(a, d.drop, f.envs[0])
			d.k, d.d = 0, d.d0 // forgotten
			f.m.submit(a, d.drop, f.envs[1])
			return &File{Node: f.m.node.Public(), Receipts: f.m.book.receipts}
		}, func(f *File) { f.Receipts = f.Receipts[1:] }, Custody},
		"a chain that does not lead there": {Contradiction, func(f *framers) *File {
			a, d := f.mailbox()
			f.m.submit(a, d.drop, f.envs[0])
			d.d = fill32(9) // another history for another sender
			f.m.submit(a, d.drop, f.envs[1])
			return &File{Node: f.m.node.Public(), Receipts: f.m.book.receipts}
		}, func(f *File) { f.Receipts = f.Receipts[:1] }, Custody},
		"a first envelope that is not the first": {Contradiction, func(f *framers) *File {
			a, d := f.mailbox()
			d.d = fill32(9)
			f.m.submit(a, d.drop, f.envs[0])
			return &File{Node: f.m.node.Public(), Receipts: f.m.book.receipts}
		}, func(f *File) { f.Receipts = nil }, Nothing},
		"the log shows the owner another envelope": {Contradiction, func(f *framers) *File {
			a, d := f.mailbox()
			f.m.submit(a, d.drop, f.envs[0])
			d.k, d.d, a.rows = 0, d.d0, a.rows[:3]
			d.k, d.d = 1, NextDropHead(d.d0, 1, f.envs[1])
			f.m.add(a, wire.Push{Kind: wire.RowEnvelope, Drop: d.drop, K: 1, Hash: f.envs[1], D: d.d}, d.start)
			return &File{Node: f.m.node.Public(), Receipts: f.m.book.receipts, Heads: []*Proof{f.m.signHead(a)}, Runs: []Run{a.run(3, 4)}}
		}, func(f *File) { f.Heads = nil }, Incomplete},
		"fewer envelopes than it took": {Contradiction, func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[:2]...)
			d.k, d.d = 1, NextDropHead(d.d0, 1, f.envs[0])
			return f.with(p[1:], f.m.about(a, d.drop, p[1]))
		}, func(f *File) { f.Receipts = nil }, Incomplete},
		"another envelope under the number": {Contradiction, func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[0])
			body, acks := f.m.stateBody(a, d.drop, d.d0, 1, p[0].Name())
			body.D, body.AskedD = fill32(8), fill32(8)
			return f.with(p, f.m.sign(*body, acks))
		}, func(f *File) { f.Receipts = nil }, Incomplete},
		"the row is gone too soon": {Contradiction, func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[0])
			f.m.pass(60 * day)
			body, acks := f.m.stateBody(a, d.drop, d.d0, 1, p[0].Name())
			body.AskedD, body.AskedRow = [32]byte{}, wire.Position{}
			return f.with(p, f.m.sign(*body, acks))
		}, func(f *File) { f.States = nil }, Custody},
		"a registration that never was": {UnknownRegistration, func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[0])
			body, acks := f.m.stateBody(a, d.drop, d.d0, 1, p[0].Name())
			body.Start, body.Low, body.K, body.D, body.AskedD, body.AskedRow = wire.Position{}, 0, 0, [32]byte{}, [32]byte{}, wire.Position{}
			return f.with(p, f.m.sign(*body, acks))
		}, func(f *File) { f.Receipts = nil }, Incomplete},
		"a false place of the registration": {Contradiction, func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[0])
			body, acks := f.m.stateBody(a, d.drop, d.d0, 1, p[0].Name())
			body.Start = a.rows[1].Position
			return f.with(p, f.m.sign(*body, acks))
		}, func(f *File) { f.States = nil }, Custody},
		"the counter went back": {Contradiction, func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[:3]...)
			early := f.m.about(a, d.drop, p[0])
			d.k, d.d = 2, NextDropHead(NextDropHead(d.d0, 1, f.envs[0]), 2, f.envs[1])
			return f.with(p[:1], early, f.m.about(a, d.drop, p[0]))
		}, func(f *File) { f.States = f.States[1:] }, Custody},
	}
}

// liesOfErasure: an envelope that went too soon.
func liesOfErasure() map[string]lie {
	return map[string]lie{
		"erased before anybody had it": {EarlyErasure, func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[0])
			a.floor = uint64(len(a.rows))
			return f.with(p, f.m.about(a, d.drop, p[0]))
		}, func(f *File) { f.Receipts = nil }, Incomplete},
		"erased before the second device had it": {EarlyErasure, func(f *framers) *File {
			a, d := f.mailbox()
			f.m.enrol(a, f.lks[1])
			p := f.m.submit(a, d.drop, f.envs[0])
			f.m.ack(a, f.lks[1], uint64(len(a.rows)))
			a.floor = uint64(len(a.rows))
			return f.with(p, f.m.about(a, d.drop, p[0]))
		}, func(f *File) { f.States = nil }, Custody},
		"an acknowledgement that nobody signed": {EarlyErasure, func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[0])
			l := a.logins[f.lks[0].Public()]
			l.upto, l.at, l.r, l.ack = 4, a.rows[3].Position, a.rows[3].r, make([]byte, 64)
			f.m.raise(a)
			return f.with(p, f.m.about(a, d.drop, p[0]))
		}, func(f *File) { f.States = []*wire.State{{Object: f.States[0].Object, Acks: [][]byte{nil}}} }, Incomplete},
		"an acknowledgement of something else": {EarlyErasure, func(f *framers) *File {
			a, d := f.mailbox()
			f.m.ack(a, f.lks[0], 3)
			p := f.m.submit(a, d.drop, f.envs[0])
			l := a.logins[f.lks[0].Public()]
			l.upto, l.at, l.r = 4, a.rows[3].Position, a.rows[3].r
			f.m.raise(a)
			return f.with(p, f.m.about(a, d.drop, p[0]))
		}, func(f *File) { f.States = []*wire.State{{Object: f.States[0].Object, Acks: [][]byte{nil}}} }, Incomplete},
		"a hidden device, in the log": {EarlyErasure, func(f *framers) *File {
			a, d := f.mailbox()
			f.m.enrol(a, f.lks[1])
			p := f.m.submit(a, d.drop, f.envs[0])
			delete(a.logins, f.lks[1].Public())
			f.m.ack(a, f.lks[0], uint64(len(a.rows)))
			file := f.with(p, f.m.about(a, d.drop, p[0]))
			file.Runs, file.Objects = []Run{a.run(4, 5)}, f.m.book.objects
			return file
		}, func(f *File) { f.Objects = nil }, Custody},
		"a hidden device, in another state": {EarlyErasure, func(f *framers) *File {
			a, d := f.mailbox()
			f.m.enrol(a, f.lks[1])
			before := f.m.submit(a, d.drop, f.envs[1])
			early := f.m.about(a, d.drop, before[0])
			p := f.m.submit(a, d.drop, f.envs[0])
			delete(a.logins, f.lks[1].Public())
			f.m.ack(a, f.lks[0], uint64(len(a.rows)))
			file := f.with(append(before, p...), early, f.m.about(a, d.drop, p[0]))
			file.Runs = []Run{a.run(5, 6)}
			return file
		}, func(f *File) { f.Runs = nil }, Custody},
	}
}

// liesOfDevices: a device that is hidden, or not what it is said to be.
func liesOfDevices() map[string]lie {
	return map[string]lie{
		"a hidden device, removed by nobody": {EarlyErasure, func(f *framers) *File {
			a, d := f.mailbox()
			f.m.enrol(a, f.lks[1])
			p := f.m.submit(a, d.drop, f.envs[0])
			delete(a.logins, f.lks[1].Public())
			gateway := key.PrivateFromSeed[key.Mailbox](fill32(0x99)) // not the account's key
			f.m.object(a, key.DropID{}, 0, [32]byte{}, enrolmentObject(gateway, wire.OpRemove, f.lks[1].Public(), key.CursorID{}, 1))
			f.m.ack(a, f.lks[0], uint64(len(a.rows)))
			file := f.with(p, f.m.about(a, d.drop, p[0]))
			file.Runs, file.Objects = []Run{a.all()}, f.m.book.objects
			return file
		}, func(f *File) { f.Objects = f.Objects[:3] }, Incomplete},
		"a device made younger": {EarlyErasure, func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[0])
			f.m.submit(a, d.drop, f.envs[1])
			a.logins[f.lks[0].Public()].from = a.rows[4].Position
			a.floor = 5
			file := f.with(p, f.m.about(a, d.drop, p[0]))
			file.Runs, file.Objects = []Run{a.run(2, 5)}, f.m.book.objects
			return file
		}, func(f *File) { f.Runs = nil }, Custody},
		"a device enrolled by an envelope": {Contradiction, func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[0])
			f.m.submit(a, d.drop, f.envs[1])
			a.logins[f.lks[0].Public()].from = a.rows[4].Position
			a.floor = 5
			file := f.with(p, f.m.about(a, d.drop, p[0]))
			file.Runs = []Run{a.run(4, 5)} // the log of the time around it is enough
			return file
		}, func(f *File) { f.Runs = nil }, Custody},
	}
}

// liesOfHeads: two histories of one log.
func liesOfHeads() map[string]lie {
	return map[string]lie{
		"two heads for one place": {Fork, func(f *framers) *File {
			a, d := f.mailbox()
			f.m.submit(a, d.drop, f.envs[0])
			a.rows = a.rows[:3]
			d.k, d.d = 0, d.d0
			f.m.submit(a, d.drop, f.envs[1])
			return &File{Node: f.m.node.Public(), Heads: f.m.book.heads}
		}, func(f *File) { f.Heads = f.Heads[1:] }, Nothing},
		"a head and a state that differ": {Fork, func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[0])
			body, acks := f.m.stateBody(a, d.drop, d.d0, 1, p[0].Name())
			body.R = fill32(7)
			file := f.with(p, f.m.sign(*body, acks))
			file.Heads = f.m.book.heads
			return file
		}, func(f *File) { f.Heads = nil }, Custody},
		"rows that lead past a head": {Fork, func(f *framers) *File {
			a, d := f.mailbox()
			f.m.submit(a, d.drop, f.envs[0])
			a.rows = a.rows[:3]
			d.k, d.d = 0, d.d0
			f.m.add(a, wire.Push{Kind: wire.RowDoor, Hash: f.envs[3]}, wire.Position{})
			f.m.submit(a, d.drop, f.envs[1])
			return &File{Node: f.m.node.Public(), Heads: f.m.book.heads, Runs: []Run{a.run(4, 5)}}
		}, func(f *File) { f.Runs = nil }, Nothing},
		"rolled back, the log is below": {Rollback, func(f *framers) *File {
			a, d := f.mailbox()
			f.m.submit(a, d.drop, f.envs...)
			a.rows = a.rows[:6]
			clear(f.m.taken)
			f.m.restart()
			d.k, d.d = a.rows[5].K, a.rows[5].D
			f.m.submit(a, d.drop, f.envs[9])
			return &File{Node: f.m.node.Public(), Heads: f.m.book.heads}
		}, func(f *File) { f.Heads = f.Heads[:1] }, Nothing},
		"rolled back, the log is above": {Rollback, func(f *framers) *File {
			a, d := f.mailbox()
			f.m.submit(a, d.drop, f.envs[:2]...)
			a.rows = a.rows[:3]
			clear(f.m.taken)
			f.m.restart()
			d.k, d.d = 0, d.d0
			f.m.submit(a, d.drop, f.envs...)
			return &File{Node: f.m.node.Public(), Heads: f.m.book.heads, Runs: []Run{a.run(4, uint64(len(a.rows)))}}
		}, func(f *File) { f.Runs = nil }, Nothing},
		"rolled back to a row before a start row": {Fork, func(f *framers) *File {
			a, d := f.mailbox()
			f.m.submit(a, d.drop, f.envs[0])
			a.rows = a.rows[:3]
			d.k, d.d = 0, d.d0
			f.m.add(a, wire.Push{Kind: wire.RowDoor, Hash: f.envs[3]}, wire.Position{}) // in the place of a signed row
			f.m.restart()
			f.m.enrol(a, f.lks[1])
			f.m.signHead(a)
			return &File{Node: f.m.node.Public(), Heads: f.m.book.heads, Runs: []Run{a.run(5, 6)}}
		}, func(f *File) { f.Runs = nil }, Nothing},
	}
}

// liesOfRows: a log that is not what states say.
func liesOfRows() map[string]lie {
	return map[string]lie{
		"a cursor at a place that is not in the log": {Fork, func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[0])
			f.m.ack(a, f.lks[0], 3)
			a.logins[f.lks[0].Public()].r = fill32(7)
			file := f.with(p, f.m.about(a, d.drop, p[0]))
			file.Runs = []Run{a.run(3, 4)}
			return file
		}, func(f *File) { f.Runs = nil }, Custody},
		"an envelope in a life that is over": {Rollback, func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs...)
			body, acks := f.m.stateBody(a, d.drop, d.d0, 12, p[11].Name())
			a.rows = a.rows[:6]
			f.m.restart()
			f.m.enrol(a, f.lks[1])
			body.Head, body.R = a.head()
			return f.with(p[11:], f.m.sign(*body, acks))
		}, func(f *File) { f.States = nil }, Custody},
		"kept from the owner": {Withheld, func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[0])
			a.rows = a.rows[:3] // the owner's copy of the log
			f.m.add(a, wire.Push{Kind: wire.RowDoor, Hash: f.envs[3]}, wire.Position{})
			body, acks := f.m.stateBody(a, d.drop, d.d0, 1, p[0].Name())
			body.Low, body.AskedD, body.AskedRow = 1, d.d, a.rows[3].Position
			file := f.with(p, f.m.sign(*body, acks))
			file.Runs = []Run{a.run(4, 4)}
			return file
		}, func(f *File) { f.Runs = nil }, Custody},
		"another time in the row": {Withheld, func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[0])
			row := a.rows[3].Push
			a.rows = a.rows[:3]
			f.m.clock -= 1000
			f.m.append(a, row, d.start)
			file := f.with(p, f.m.about(a, d.drop, p[0]))
			file.Runs = []Run{a.run(4, 4)}
			return file
		}, func(f *File) { f.Runs = nil }, Custody},
		"a row of a life that is over": {Rollback, func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[0])
			s := f.m.about(a, d.drop, p[0])
			a.rows = a.rows[:3]
			f.m.restart()
			f.m.enrol(a, f.lks[1])
			file := f.with(p, s)
			file.Heads, file.Runs = []*Proof{f.m.signHead(a)}, []Run{a.run(3, 5)}
			return file
		}, func(f *File) { f.Runs = nil }, Custody},
	}
}

// TestLiarsAreConvicted: each lie convicts by its fault, also through the text of
// a file, and not without the statements that show it.
func TestLiarsAreConvicted(t *testing.T) {
	convicted := map[Fault]bool{}
	for name, l := range lies() {
		file, err := ParseFile(l.make(newFramers(1)).Encode())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		report, err := Judge(file)
		if err != nil || report.Verdict != Guilty || report.Node != file.Node {
			t.Errorf("%s: %+v, %v", name, report, err)
			continue
		}
		convicted[l.fault] = true
		if !slices.ContainsFunc(report.Findings, func(x Finding) bool { return x.Fault == l.fault }) {
			t.Errorf("%s: convicted of %v", name, report.Reasons)
		}
		for _, x := range report.Findings {
			if len(x.Statements) == 0 || !strings.Contains(strings.Join(report.Reasons, "\n"), x.Text) {
				t.Errorf("%s: %q names no statements, or is no reason", name, x.Text)
			}
		}
		file = l.make(newFramers(1))
		l.without(file)
		report, err = Judge(file)
		if err != nil || report.Verdict != l.left {
			t.Errorf("%s, without what shows it: %+v, %v", name, report, err)
		}
	}
	for f := TwoReceipts; f <= Withheld; f++ {
		if !convicted[f] {
			t.Errorf("nobody is convicted of %s", f)
		}
	}
}

// TestChangedFiles changes bytes all over each file that convicts, and every byte of one: what can still be
// read convicts the same gateway or nobody.
func TestChangedFiles(t *testing.T) {
	judged := 0
	for name, l := range lies() {
		text := string(l.make(newFramers(1)).Encode())
		inside := strings.TrimSuffix(strings.TrimPrefix(text, fileHead+"\n"), "\n"+fileEnd+"\n")
		raw, err := base64.RawURLEncoding.DecodeString(strings.ReplaceAll(inside, "\n", ""))
		if err != nil {
			t.Fatal(err)
		}
		step := 7
		switch {
		case name == "one number for two envelopes":
			step = 1
		case testing.Short():
			step = 17
		}
		for i := 0; i < len(raw); i += step {
			changed := slices.Clone(raw)
			changed[i] ^= 1 << (i % 8)
			var r fileRecord
			if wire.Unmarshal(changed, &r, MaxFile) != nil {
				continue
			}
			report, err := Judge(&File{r.Node, r.Receipts, r.Heads, r.States, r.Runs, r.Objects})
			if err != nil {
				continue
			}
			judged++
			if report.Node != newModel(0x11).node.Public() {
				t.Errorf("%s: byte %d: the report is about %x", name, i, report.Node)
			}
		}
	}
	if judged == 0 {
		t.Error("no changed file could be judged: rows and objects need no signature")
	}
}

// TestInnocentOfTheLies: each lie told honestly, by a gateway that did nothing
// wrong, convicts nobody: it is the lie that convicts.
func TestInnocentOfTheLies(t *testing.T) {
	f := newFramers(1)
	a, d := f.mailbox()
	f.m.enrol(a, f.lks[1])
	p := f.m.submit(a, d.drop, f.envs...)
	f.m.restart()
	f.m.submit(a, d.drop, sha256.Sum256([]byte("later")))
	for _, lk := range f.lks[:2] {
		f.m.ack(a, lk, uint64(len(a.rows)))
	}
	for _, proof := range p {
		f.m.about(a, d.drop, proof)
	}
	report, err := Judge(f.m.book.file(f.m.node.Public()))
	if err != nil || report.Verdict != Custody || len(report.Receipts) != len(f.m.book.receipts) || len(report.Findings) != 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	rightly := 0
	for _, why := range report.Reasons {
		if strings.Contains(why, "and rightly") {
			rightly++
		}
	}
	if rightly != len(p) {
		t.Errorf("%d of %d erasures are called right", rightly, len(p))
	}
}
