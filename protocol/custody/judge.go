package custody

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Verdict is what a file proves.
type Verdict uint8

// The verdicts.
const (
	// Nothing is proven against the gateway, or for it.
	Nothing Verdict = 0
	// Custody: it signed that it took the envelopes of the receipts.
	Custody Verdict = 1
	// Incomplete: a statement commits to something that the file lacks.
	Incomplete Verdict = 2
	// Guilty: its statements contradict each other.
	Guilty Verdict = 3
)

// String is the verdict in a word.
func (v Verdict) String() string {
	return [...]string{"nothing", "custody", "incomplete", "guilty"}[min(v, Guilty)]
}

// Fault is what a guilty gateway did.
type Fault uint8

// The faults.
const (
	// TwoReceipts: one number of a drop was given to two envelopes.
	TwoReceipts Fault = 1
	// Contradiction: a drop is not what a receipt, or another statement, says.
	Contradiction Fault = 2
	// UnknownRegistration: a receipt for a registration that there never was.
	UnknownRegistration Fault = 3
	// Fork: two histories of one log.
	Fork Fault = 4
	// Rollback: a signed place is not part of the log any more.
	Rollback Fault = 5
	// EarlyErasure: an envelope went before its time and before every device had it.
	EarlyErasure Fault = 6
	// Withheld: the owner's log has another row where the envelope should stand.
	Withheld Fault = 7
)

// String is the fault in a word.
func (f Fault) String() string {
	names := [...]string{"", "two-receipts", "contradiction", "unknown-registration", "fork", "rollback", "early-erasure", "withheld"}
	if int(f) < len(names) {
		return names[f]
	}
	return ""
}

// RowsKept is how long a gateway keeps the rows of its logs after the time limit
// of what they name: so long it can be asked for them.
const RowsKept = 37 * 24 * time.Hour

// Statement is one item of a file.
type Statement struct {
	// List is "receipts", "heads", "states" or "rows".
	List string
	// Index is the item's place in the list, from 0; for rows that of the run.
	Index int
	// Row is the index of the row in its log, for rows.
	Row uint64
}

// String names the item: "heads 2", "rows 0 at 1043".
func (s Statement) String() string {
	if s.List == listRows {
		return fmt.Sprintf("%s %d at %d", s.List, s.Index, s.Row)
	}
	return fmt.Sprintf("%s %d", s.List, s.Index)
}

// The lists of a file.
const (
	listReceipts = "receipts"
	listHeads    = "heads"
	listStates   = "states"
	listRows     = "rows"
)

// Finding is one fault and the statements that show it.
type Finding struct {
	Fault      Fault
	Statements []Statement
	// Text tells it in a sentence.
	Text string
}

// Report is what came of a file.
type Report struct {
	Node    key.NodePublic
	Verdict Verdict
	// Fault is that of the first finding.
	Fault Fault
	// Findings are all faults that were found; none unless the gateway is guilty.
	Findings []Finding
	// Reasons tell in sentences which statements contradict each other, what is
	// missing, or why something that looks bad is not.
	Reasons []string
	// Receipts are those of the file.
	Receipts []*Receipt
}

// receipt is a receipt of the file with its name.
type receipt struct {
	*Receipt
	name [32]byte
	at   Statement
}

// mark is a place of a log that the gateway signed.
type mark struct {
	tag      key.AccountTag
	position wire.Position
	hashed   bool     // the rolling head there was signed too
	r        [32]byte // that
	at       Statement
}

// state is a state of the file.
type state struct {
	*wire.DropState
	from *wire.State
	at   Statement
}

// judge is a file on its way to a verdict.
type judge struct {
	report   *Report
	receipts []receipt
	marks    []mark
	states   []state
	views    []view
	objects  map[[32]byte]*wire.Enrolment
	missing  []string
}

// What one file may bring forth.
const (
	maxFindings = 64 // further ones are left out
	maxTags     = 8  // accounts of one run: only a first row can be that of several
)

// Judge checks every statement of a file and compares them
// (docs/protocol/evidence.md). A clock has no part in it: only the gateway's own
// times are compared. Error: a statement that the gateway did not sign or that
// can't be read; then nothing is proven.
func Judge(f *File) (*Report, error) {
	if err := f.Node.Check(); err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	j := &judge{report: &Report{Node: f.Node}, objects: parseEnrolments(f.Objects)}
	if err := j.signed(f); err != nil {
		return nil, err
	}
	for i := range f.Runs {
		rows, err := parseRun(&f.Runs[i])
		if err != nil {
			return nil, err
		}
		if err := j.follow(i, f.Runs[i].R, rows); err != nil {
			return nil, err
		}
	}
	j.numbers()
	j.places()
	for i := range j.states {
		j.state(&j.states[i])
	}
	j.regress()
	j.conclude()
	return j.report, nil
}

// signed checks and reads everything with a signature of the gateway.
func (j *judge) signed(f *File) error {
	for i, p := range f.Receipts {
		r, err := p.Receipt(f.Node)
		if err != nil {
			return err
		}
		j.receipts = append(j.receipts, receipt{r, p.Name(), Statement{List: listReceipts, Index: i}})
		j.report.Receipts = append(j.report.Receipts, r)
	}
	for i, p := range f.Heads {
		h, err := p.Head(f.Node)
		if err != nil {
			return err
		}
		j.marks = append(j.marks, mark{h.Account, h.Position, true, h.R, Statement{List: listHeads, Index: i}})
	}
	for i, s := range f.States {
		b, err := VerifyState(s, f.Node)
		if err != nil {
			return err
		}
		at := Statement{List: listStates, Index: i}
		j.states = append(j.states, state{b, s, at})
		j.marks = append(j.marks, marksOf(b, at)...)
	}
	return nil
}

// marksOf are the places that a state speaks of.
func marksOf(b *wire.DropState, at Statement) []mark {
	all := []mark{{b.Tag, b.Head, true, b.R, at}, {tag: b.Tag, position: b.Start, at: at}, {tag: b.Tag, position: b.AskedRow, at: at}}
	for _, c := range b.Cursors {
		all = append(all, mark{tag: b.Tag, position: c.From, at: at}, mark{b.Tag, c.Upto, true, c.R, at})
	}
	return slices.DeleteFunc(all, func(m mark) bool { return m.position == wire.Position{} })
}

// follow finds the accounts that a run is about: those with a signed place in
// it. For each it is proven up to the last such place; where the run begins is
// nobody's word but that of the hashes. Error: ErrValue for a run of many accounts.
func (j *judge) follow(run int, before [32]byte, rows []row) error {
	proven := make(map[key.AccountTag]int)
	var order []key.AccountTag
	whole := view{run: run, rows: rows}
	for _, m := range j.marks {
		if !m.hashed || !whole.shows(m.position, m.r) {
			continue
		}
		n := int(m.position.Index()-rows[0].position.Index()) + 1
		if _, seen := proven[m.tag]; !seen {
			order = append(order, m.tag)
		}
		proven[m.tag] = max(proven[m.tag], n)
	}
	for _, tag := range order {
		j.views = append(j.views, view{run, tag, before, rows[:proven[tag]]})
	}
	switch n := len(order); {
	case n == 0:
		j.lack("a signed head that the rows of run %d lead to", run)
	case n > maxTags:
		return wire.ErrValue.Because("rows of many accounts")
	}
	return nil
}

// guilty notes a contradiction.
func (j *judge) guilty(f Fault, statements []Statement, format string, args ...any) {
	if len(j.report.Findings) < maxFindings {
		j.report.Findings = append(j.report.Findings, Finding{f, statements, fmt.Sprintf(format, args...)})
	}
}

// lack notes that the file lacks something that a statement commits to, or
// without which it can't be judged.
func (j *judge) lack(format string, args ...any) {
	j.missing = append(j.missing, fmt.Sprintf(format, args...))
}

// tell notes why something is no fault.
func (j *judge) tell(format string, args ...any) {
	j.report.Reasons = append(j.report.Reasons, fmt.Sprintf(format, args...))
}

// conclude makes the verdict. A fault stands, whatever else is missing.
func (j *judge) conclude() {
	r := j.report
	switch {
	case len(r.Findings) > 0:
		r.Verdict, r.Fault, r.Reasons = Guilty, r.Findings[0].Fault, nil
		for _, f := range r.Findings {
			r.Reasons = append(r.Reasons, fmt.Sprintf("%s: %s %v", f.Fault, f.Text, f.Statements))
		}
	case len(j.missing) > 0:
		r.Verdict = Incomplete
		for _, m := range j.missing {
			r.Reasons = append(r.Reasons, "missing: "+m)
		}
	case len(j.receipts) > 0:
		r.Verdict = Custody
	}
}

// row names a row of a view.
func (v *view) row(index uint64) Statement { return Statement{listRows, v.run, index} }

// places finds two histories of one log, and signed places that are not part of
// it any more. There is one log a tag for ever, also if the account was closed
// and came back, and each index of it is one row for ever.
func (j *judge) places() {
	marks := make(map[key.AccountTag][]mark)
	for _, m := range j.marks {
		marks[m.tag] = append(marks[m.tag], m)
	}
	for _, m := range j.marks {
		if all := marks[m.tag]; all != nil {
			delete(marks, m.tag)
			slices.SortStableFunc(all, func(a, b mark) int {
				if by := bytes.Compare(a.position[4:], b.position[4:]); by != 0 || a.hashed == b.hashed {
					return by
				} else if a.hashed {
					return -1
				}
				return 1
			})
			j.neighbours(all)
		}
		for i := range j.views {
			if v := &j.views[i]; v.tag == m.tag {
				j.placed(v, m)
			}
		}
	}
}

// neighbours holds the signed places of a log, ascending by their indexes,
// against each other.
func (j *judge) neighbours(all []mark) {
	for i := range all[1:] {
		a, b := &all[i], &all[i+1]
		was, is := a.position.Incarnation(), b.position.Incarnation()
		switch index := a.position.Index(); {
		case is < was, index == b.position.Index() && is != was:
			j.guilty(Rollback, []Statement{a.at, b.at}, "the log %x was signed up to index %d in incarnation %d, and in incarnation %d up to %d",
				a.tag[:8], b.position.Index(), is, was, index)
		case index == b.position.Index() && a.hashed && b.hashed && a.r != b.r:
			j.guilty(Fork, []Statement{a.at, b.at}, "the log %x was signed with two histories up to index %d", a.tag[:8], index)
		}
	}
}

// placed holds a signed place against the rows of its log.
func (j *judge) placed(v *view, m mark) {
	index, first, last := m.position.Index(), v.rows[0].position, v.rows[len(v.rows)-1].position
	x := v.at(index)
	switch {
	case x != nil && x.position != m.position:
		j.guilty(Rollback, []Statement{m.at, v.row(index)}, "the log %x holds a row of another incarnation at index %d, up to which it was signed", m.tag[:8], index)
	case m.hashed && (x != nil && x.r != m.r || index+1 == first.Index() && m.r != v.before):
		j.guilty(Fork, []Statement{m.at, v.row(max(index, first.Index()))}, "the log %x has another history up to index %d than its signed head there says", m.tag[:8], index)
	case index < first.Index() && m.position.Incarnation() > first.Incarnation(), index > last.Index() && m.position.Incarnation() < last.Incarnation():
		j.guilty(Rollback, []Statement{m.at, v.row(last.Index())}, "the log %x went on in another incarnation than it was signed in up to index %d", m.tag[:8], index)
	}
}
