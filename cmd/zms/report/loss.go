package report

import (
	"fmt"
	"strings"
	"time"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/plain"
)

// repair is what status tells about losses and about a wrong clock.
func repair(s *control.Status) string {
	r := &s.Repairs
	text := fmt.Sprintf("repair    %d missing now; of %d found missing %d came and %d are lost (asked %d times)\n",
		r.Missing, r.Found, r.Filled, r.Gone, r.Asked)
	text += fmt.Sprintf("          %d sent again, %d put off, %s, %d not delivered to a device\n",
		r.Answered, r.Postponed, Some(int(r.Resyncs), "new session"), r.Undelivered)
	if s.ClockOff == 0 {
		return text
	}
	off, way := time.Duration(s.ClockOff)*time.Second, "behind"
	if off < 0 {
		off, way = -off, "ahead"
	}
	return text + fmt.Sprintf("CLOCK     this computer's clock is %s %s by what the gateways say; set it\n", off, way)
}

// convicted tells of proven faults of a gateway, empty if there are none.
func convicted(g *control.Gateway) string {
	if g.Faults == 0 {
		return ""
	}
	return fmt.Sprintf("    CONVICTED of %s; zms evidence export %s shows the proof\n", Some(g.Faults, "fault"), plain.Text(g.Host))
}

// Erased tells how much was erased.
func Erased(row control.Row) string {
	e, ok := row.(*control.Erased)
	if !ok {
		return ""
	}
	return fmt.Sprintf("erased the content of %s\n", Some(e.Count, "message"))
}

// Evidence is a part of a file of evidence, or where the file is now.
func Evidence(row control.Row) string {
	e, ok := row.(*control.Evidence)
	if !ok {
		return ""
	}
	if e.Path != "" {
		return fmt.Sprintf("written to %s; zms evidence verify checks it\n", plain.Text(e.Path))
	}
	lines := strings.Split(e.File, "\n")
	for i, line := range lines {
		lines[i] = plain.Text(line)
	}
	return strings.Join(lines, "\n")
}

// verdicts are what a file proves, in words. A guilty gateway's needs the fault.
var verdicts = map[string]string{
	"guilty":     "GUILTY of %s: statements that this gateway signed contradict each other",
	"custody":    "nothing against this gateway; it signed that it took what is listed",
	"incomplete": "nothing is proven: the file lacks something that a statement in it refers to",
	"nothing":    "nothing is proven",
}

// Verdict tells what a file of evidence proves.
func Verdict(row control.Row) string {
	v, ok := row.(*control.Verdict)
	if !ok {
		return ""
	}
	words, ok := verdicts[v.Verdict]
	if !ok {
		words = plain.Text(v.Verdict)
	} else if strings.Contains(words, "%s") {
		words = fmt.Sprintf(words, plain.Text(v.Fault))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "gateway   %s\nverdict   %s\n", plain.Text(v.Gateway), words)
	for _, reason := range v.Reasons {
		fmt.Fprintf(&b, "          %s\n", plain.Text(reason))
	}
	for _, r := range v.Receipts {
		fmt.Fprintf(&b, "receipt   envelope %s, taken %s, to be kept until %s\n", plain.Text(r.Envelope[:min(len(r.Envelope), 16)]), utc(r.Time), utc(r.Kept))
	}
	return b.String()
}

// utc is a signed time as everybody reads it.
func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000 UTC") }
