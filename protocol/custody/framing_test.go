package custody

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// framers own accounts, have all their devices, and send to themselves: they know
// MK, LK and W, and keep everything the gateway ever said.
type framers struct {
	*rand.Rand
	m     *model
	mks   []key.MailboxPrivate
	lks   []key.LoginPrivate
	drops []key.DropID
	envs  [][32]byte
}

func newFramers(seed uint64) *framers {
	f := &framers{Rand: rand.New(rand.NewPCG(seed, 8)), m: newModel(0x11)}
	for i := range byte(2) {
		f.mks = append(f.mks, key.PrivateFromSeed[key.Mailbox](fill32(0x20+i)))
	}
	for i := range byte(4) {
		f.lks = append(f.lks, key.PrivateFromSeed[key.Login](fill32(0x40+i)))
		f.drops = append(f.drops, key.DropID{0x60 + i})
	}
	for i := range byte(12) {
		f.envs = append(f.envs, sha256.Sum256([]byte{i}))
	}
	return f
}

func pickOne[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// owner is an account and the login keys that are its own: the gateway gives no
// login key to two accounts.
func (f *framers) owner() (*account, []key.LoginPrivate) {
	i := f.IntN(len(f.mks))
	return f.m.open(f.mks[i]), f.lks[2*i : 2*i+2]
}

// act does one thing that owners and senders can do, or that happens to a gateway.
func (f *framers) act() {
	a, lks := f.owner()
	if a == nil {
		f.m.pass(uint64(f.IntN(20 * day)))
		f.m.restart()
		return
	}
	lk, drop := pickOne(f.Rand, lks), pickOne(f.Rand, f.drops)
	switch f.IntN(34) {
	case 0, 1:
		f.m.enrol(a, lk)
	case 2:
		f.m.remove(a, lk.Public())
	case 3, 4:
		f.m.put(a, drop)
	case 5:
		f.m.end(a, drop)
	case 6, 7, 8, 9, 10:
		f.m.submit(a, drop, some(f.Rand, f.envs, false)...)
	case 11:
		f.m.knock(drop, pickOne(f.Rand, f.envs))
	case 12, 13, 14:
		if n := len(a.rows); n > 0 {
			f.m.ack(a, lk, uint64(1+f.IntN(n)))
		}
	case 15:
		f.m.pass(uint64(f.IntN(12 * day)))
	case 16:
		f.m.restart()
	case 17:
		f.m.crash(a, drop, pickOne(f.Rand, f.envs))
	case 18: // the computer's clock jumps; it is not believed at once
		f.m.clock = f.m.clock - 40*day + uint64(f.IntN(400*day))
	case 19:
		if f.IntN(6) == 0 {
			f.m.close(a)
		}
	case 20:
		f.m.retention = uint64(1+f.IntN(30)) * day
	default:
		f.ask(a, drop)
	}
}

// crash is a commit that fails: what was in it was pushed, but never signed, and
// the log goes on without it.
func (m *model) crash(a *account, drop key.DropID, env [32]byte) {
	if d := a.live(drop); d != nil {
		n, k, head := len(a.rows), d.k, d.d
		d.k++
		d.d = NextDropHead(d.d, d.k, env)
		m.add(a, wire.Push{Kind: wire.RowEnvelope, Drop: drop, K: d.k, Hash: env, D: d.d}, d.start)
		a.rows, d.k, d.d = a.rows[:n], k, head
	}
	m.restart()
}

// ask asks for a state: about a receipt, about another registration or number than
// the receipt's, or about a name that was guessed.
func (f *framers) ask(a *account, drop key.DropID) {
	var d0, name [32]byte
	k := uint32(f.IntN(8))
	if len(f.m.book.receipts) > 0 {
		p := pickOne(f.Rand, f.m.book.receipts)
		r, err := ParseReceipt(p.Leaf)
		if err != nil {
			panic(err)
		}
		name, d0 = p.Name(), r.Start
		for _, known := range f.drops {
			if sha256.Sum256(known[:]) == r.DropHash {
				drop = known
			}
		}
		if f.IntN(5) > 0 {
			k = r.K
		}
	}
	if f.IntN(6) == 0 {
		d := registrationOf(a, f.Rand)
		if d != nil {
			drop, d0 = d.drop, d.d0
			name = guess(f.m, a, d, pickOne(f.Rand, f.envs))
			k = d.k + 1
			f.m.state(a, drop, d0, k, name)
			f.m.submit(a, drop, f.envs...)
			return
		}
	}
	f.m.state(a, drop, d0, k, name)
}

func registrationOf(a *account, r *rand.Rand) *registration {
	if len(a.drops) == 0 {
		return nil
	}
	return pickOne(r, a.drops)
}

// guess is the hash of the very receipt that the next envelope will get: all of it
// can be known beforehand.
func guess(m *model, a *account, d *registration, env [32]byte) [32]byte {
	r := Receipt{
		Node: m.node.Public(), DropHash: sha256.Sum256(d.drop[:]), Start: d.d0, K: d.k + 1, EnvelopeHash: env,
		Head: NextDropHead(d.d, d.k+1, env), Time: m.clock, Kept: m.clock + m.retention,
	}
	return sha256.Sum256(r.Append(nil))
}

// forged are objects that owners can make at any time.
func (f *framers) forged() (out []wire.Object) {
	for range 3 {
		mk, lk := pickOne(f.Rand, f.mks), pickOne(f.Rand, f.lks).Public()
		op := pickOne(f.Rand, []uint8{wire.OpEnrol, wire.OpRemove, wire.OpClose})
		out = append(out, enrolmentObject(mk, op, lk, key.CursorID(lk[:8]), f.Uint64()>>20))
	}
	return out
}

// runs are pieces of logs: as they are, with rows of the framers' own behind them,
// or with another beginning.
func (f *framers) runs() (out []Run) {
	logs := slices.Collect(maps.Keys(f.m.book.logs))
	slices.SortFunc(logs, func(a, b *account) int { return bytes.Compare(a.rows[0].r[:], b.rows[0].r[:]) })
	for _, a := range logs {
		if len(a.rows) == 0 {
			continue
		}
		from := 1 + f.IntN(len(a.rows))
		to := from + f.IntN(len(a.rows)-from+1)
		if f.IntN(3) == 0 {
			from = 1
		}
		if f.IntN(3) > 0 {
			to = len(a.rows)
		}
		run := a.run(uint64(from), uint64(to))
		switch f.IntN(5) {
		case 0:
			fake := wire.Push{Position: wire.At(a.rows[to-1].Position.Incarnation(), uint64(to)+1), Kind: wire.RowEnvelope, Drop: pickOne(f.Rand, f.drops), K: 1, Hash: pickOne(f.Rand, f.envs), D: fill32(9)}
			run.Rows = append(run.Rows, fake.Row()...)
		case 1:
			late := wire.At(a.rows[to-1].Position.Incarnation()+1, uint64(to)+1)
			start := wire.Push{Position: late, Kind: wire.RowStart}
			run.Rows = append(run.Rows, start.Row()...)
		case 2:
			run.R = fill32(7)
		}
		out = append(out, run)
	}
	return out
}

// stripped takes acknowledgements away from some states.
func (f *framers) stripped(states []*wire.State) (out []*wire.State) {
	for _, s := range states {
		if f.IntN(4) == 0 {
			s = &wire.State{Object: s.Object, Acks: make([][]byte, len(s.Acks))}
		}
		out = append(out, s)
	}
	return out
}

// TestHonestGatewaysAreCleared lets owners and senders do whatever they can, over
// years, restarts, failed commits and wrong clocks, and shows what the gateway
// said in every combination.
func TestHonestGatewaysAreCleared(t *testing.T) {
	seeds, steps := uint64(30), 180
	if testing.Short() {
		seeds = 5
	}
	verdicts, again, states, rightly := map[Verdict]int{}, 0, 0, 0
	for seed := range seeds {
		f := newFramers(seed)
		for step := range steps {
			f.act()
			if step%30 != 29 {
				continue
			}
			files := []*File{f.m.book.file(f.m.node.Public())}
			for range 4 {
				files = append(files, f.compose())
			}
			for _, file := range files {
				report, err := Judge(file)
				if err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, step, err)
				}
				verdicts[report.Verdict]++
				if slices.ContainsFunc(report.Reasons, func(why string) bool { return strings.Contains(why, "and rightly") }) {
					rightly++
				}
				if report.Verdict == Guilty {
					t.Fatalf("seed %d, step %d: an honest gateway is convicted:\n%s", seed, step, report.Reasons)
				}
			}
		}
		again += len(f.m.book.logs) - len(f.mks)
		states += len(f.m.book.states)
	}
	if verdicts[Custody] == 0 || verdicts[Incomplete] == 0 || again < int(seeds)/2 || states < 10*int(seeds) || rightly < int(seeds) {
		t.Errorf("the verdicts were %v, %d accounts were opened again, %d states signed, %d files with a rightful erasure", verdicts, again, states, rightly)
	}
}

// compose makes a file as framers would.
func (f *framers) compose() *File {
	b := f.m.book
	most := f.IntN(2) == 0
	return &File{
		Node: f.m.node.Public(), Receipts: some(f.Rand, b.receipts, most), Heads: some(f.Rand, b.heads, most),
		States: f.stripped(some(f.Rand, b.states, most)), Runs: f.runs(),
		Objects: append(some(f.Rand, b.objects, true), f.forged()...),
	}
}

// TestFramesByHand are single attempts, each with the reason why it fails.
func TestFramesByHand(t *testing.T) {
	all := framesByDevices()
	maps.Copy(all, framesByNames())
	maps.Copy(all, framesByTime())
	for name, frame := range all {
		f := newFramers(1)
		report, err := Judge(frame(f))
		if err != nil || report.Verdict == Guilty {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
}

// framesByDevices: devices and accounts that come and go.
func framesByDevices() map[string]func(f *framers) *File {
	return map[string]func(f *framers) *File{
		"asked before the receipt": func(f *framers) *File {
			// The receipt could be foretold to the millisecond; its commit's signature could not.
			a, d := f.mailbox()
			early := f.m.state(a, d.drop, d.d0, 1, guess(f.m, a, d, f.envs[0]))
			p := f.m.submit(a, d.drop, f.envs[0])
			if r, err := ParseReceipt(p[0].Leaf); err != nil || sha256.Sum256(r.Append(nil)) == p[0].Name() {
				panic("a receipt's name is its hash alone")
			}
			return f.with(p, early)
		},
		"a closed account, opened again": func(f *framers) *File {
			a, d := f.mailbox()
			f.m.submit(a, d.drop, f.envs...)
			f.m.close(a)
			f.m.restart()
			f.m.pass(68 * day)
			again := f.m.open(f.mks[0])
			if again == nil || again == a {
				panic("the account was not forgotten")
			}
			f.m.enrol(again, f.lks[0])
			f.m.put(again, d.drop)
			f.m.submit(again, d.drop, f.envs[:3]...)
			return f.m.book.file(f.m.node.Public())
		},
		"rows of an account that came back": func(f *framers) *File {
			a, d := f.mailbox()
			f.m.submit(a, d.drop, f.envs...)
			f.m.close(a)
			f.m.restart()
			f.m.pass(68 * day)
			again := f.m.open(f.mks[0])
			f.m.enrol(again, f.lks[0])
			f.m.restart()
			f.m.enrol(again, f.lks[1])
			f.m.signHead(again)
			// from the start row of the last incarnation on, as one shows a rollback
			return &File{Node: f.m.node.Public(), Heads: f.m.book.heads, Runs: []Run{again.run(uint64(len(again.rows)-1), uint64(len(again.rows)))}}
		},
		"a login key enrolled after the envelope": func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[0])
			f.m.ack(a, f.lks[0], uint64(len(a.rows)))
			f.m.enrol(a, f.lks[1])
			f.m.about(a, d.drop, p[0])
			return f.m.book.file(f.m.node.Public())
		},
		"the one that had it was removed": func(f *framers) *File {
			a, d := f.mailbox()
			f.m.enrol(a, f.lks[1])
			p := f.m.submit(a, d.drop, f.envs[0])
			f.m.ack(a, f.lks[0], uint64(len(a.rows)))
			f.m.remove(a, f.lks[1].Public())
			f.m.about(a, d.drop, p[0])
			return f.m.book.file(f.m.node.Public())
		},
		"removed without having it, enrolled again": func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[0])
			f.m.remove(a, f.lks[0].Public())
			f.m.pass(1)
			f.m.enrol(a, f.lks[0])
			f.m.ack(a, f.lks[0], uint64(len(a.rows)))
			f.m.about(a, d.drop, p[0])
			return f.m.book.file(f.m.node.Public())
		},
	}
}

// framesByNames: names, numbers and registrations mixed.
func framesByNames() map[string]func(f *framers) *File {
	return map[string]func(f *framers) *File{
		"a removal left out of the objects": func(f *framers) *File {
			a, d := f.mailbox()
			f.m.enrol(a, f.lks[1])
			p := f.m.submit(a, d.drop, f.envs[0])
			f.m.ack(a, f.lks[0], uint64(len(a.rows)))
			f.m.remove(a, f.lks[1].Public())
			f.m.about(a, d.drop, p[0])
			file := f.m.book.file(f.m.node.Public())
			file.Objects = slices.Delete(slices.Clone(file.Objects), 3, 4)
			return file
		},
		"the same receipt in a later commit": func(f *framers) *File {
			a, d := f.mailbox()
			f.m.submit(a, d.drop, f.envs[0])
			p := f.m.submit(a, d.drop, f.envs[1], f.envs[0])
			f.m.about(a, d.drop, p[1])
			return f.m.book.file(f.m.node.Public())
		},
		"another registration of the drop": func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs...)
			f.m.end(a, d.drop)
			f.m.put(a, d.drop)
			f.m.state(a, d.drop, a.live(d.drop).d0, 12, p[11].Name())
			f.m.about(a, d.drop, p[11])
			f.m.submit(a, d.drop, f.envs[5], f.envs[2])
			return f.m.book.file(f.m.node.Public())
		},
		"asked for another number": func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[:4]...)
			f.m.state(a, d.drop, d.d0, 9, p[0].Name())
			f.m.state(a, d.drop, d.d0, 2, p[0].Name())
			return f.m.book.file(f.m.node.Public())
		},
		"a front door": func(f *framers) *File {
			a, d := f.mailbox()
			f.m.knock(d.drop, f.envs[0])
			f.m.knock(d.drop, f.envs[1])
			p := f.m.knock(d.drop, f.envs[1])
			f.m.state(a, d.drop, d.d0, 1, p.Name())
			return f.m.book.file(f.m.node.Public())
		},
	}
}

// framesByTime: time, clocks and crashes.
func framesByTime() map[string]func(f *framers) *File {
	return map[string]func(f *framers) *File{
		"after its time": func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[0])
			f.m.pass(31 * day)
			f.m.about(a, d.drop, p[0])
			f.m.end(a, d.drop)
			f.m.pass(40 * day)
			f.m.about(a, d.drop, p[0])
			f.m.put(a, d.drop)
			f.m.pass(40 * day)
			f.m.about(a, d.drop, p[0])
			return f.m.book.file(f.m.node.Public())
		},
		"the clock is set back after the erasure": func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[0])
			f.m.pass(31 * day)
			f.m.clock -= 20 * day
			f.m.about(a, d.drop, p[0])
			return f.m.book.file(f.m.node.Public())
		},
		"shorter retention, later envelopes": func(f *framers) *File {
			a, d := f.mailbox()
			p := f.m.submit(a, d.drop, f.envs[0])
			f.m.retention = day
			f.m.submit(a, d.drop, f.envs[1])
			f.m.pass(3 * day)
			f.m.about(a, d.drop, p[0])
			return f.m.book.file(f.m.node.Public())
		},
		"a failed commit": func(f *framers) *File {
			a, d := f.mailbox()
			f.m.submit(a, d.drop, f.envs[0])
			f.m.crash(a, d.drop, f.envs[1])
			p := f.m.submit(a, d.drop, f.envs[2])
			f.m.about(a, d.drop, p[0])
			return f.m.book.file(f.m.node.Public())
		},
		"the same keys at another gateway": func(f *framers) *File {
			a, d := f.mailbox()
			f.m.submit(a, d.drop, f.envs[0])
			other := newFramers(1)
			other.m = newModel(0x12)
			b, e := other.mailbox()
			other.m.submit(b, e.drop, f.envs[1])
			file := f.m.book.file(f.m.node.Public())
			file.Runs = append(file.Runs, b.all())
			file.Objects = append(file.Objects, other.m.book.objects...)
			return file
		},
	}
}

// mailbox is an account with one login key and one drop.
func (f *framers) mailbox() (*account, *registration) {
	a := f.m.open(f.mks[0])
	f.m.enrol(a, f.lks[0])
	f.m.put(a, f.drops[0])
	return a, a.live(f.drops[0])
}

// with is a file of these receipts and states.
func (f *framers) with(receipts []*Proof, states ...*wire.State) *File {
	return &File{Node: f.m.node.Public(), Receipts: receipts, States: states}
}

// TestStatementsOfOthersAreRefused: a file with something that its gateway did not
// sign is refused as a whole.
func TestStatementsOfOthersAreRefused(t *testing.T) {
	f, other := newFramers(1), newFramers(1)
	other.m = newModel(0x12)
	a, d := f.mailbox()
	b, e := other.mailbox()
	mine, theirs := f.m.submit(a, d.drop, f.envs[0]), other.m.submit(b, e.drop, f.envs[1])
	state := other.m.about(b, e.drop, theirs[0])
	for name, file := range map[string]*File{
		"receipt":           f.with(append(slices.Clone(mine), theirs...)),
		"head":              {Node: f.m.node.Public(), Heads: other.m.book.heads},
		"state":             f.with(mine, state),
		"receipt as a head": {Node: f.m.node.Public(), Heads: mine},
		"head as a receipt": f.with(f.m.book.heads),
		"bad node key":      {Node: key.NodePublic{1}},
		"rows apart":        {Node: f.m.node.Public(), Runs: []Run{{Rows: slices.Concat(a.rows[0].Row(), a.rows[2].Row())}}},
		"half a row":        {Node: f.m.node.Public(), Runs: []Run{{Rows: a.rows[0].Row()[:50]}}},
		"row of no kind":    {Node: f.m.node.Public(), Runs: []Run{{Rows: (&wire.Push{Position: wire.At(1, 1), Kind: 4}).Row()}}},
		"incarnation without a start row": {Node: f.m.node.Public(), Runs: []Run{{Rows: slices.Concat(
			(&wire.Push{Position: wire.At(1, 1)}).Row(), (&wire.Push{Position: wire.At(2, 2), Kind: wire.RowEnvelope}).Row())}}},
	} {
		if report, err := Judge(file); err == nil {
			t.Errorf("%s: %+v", name, report)
		}
	}
}
