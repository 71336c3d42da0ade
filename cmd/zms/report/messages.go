package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/plain"
)

// indent is what stands before the further lines of a message.
const indent = "        | "

// Line is one message as people read it.
func Line(m *control.Message) string {
	who := Name(m.Contact, m.Name)
	at := m.Received
	if m.Outgoing {
		who, at = "you to "+who, m.Written
	}
	text := plain.Lines(m.Text, indent)
	switch {
	case m.Erased:
		text = "(erased)"
	case m.Unknown:
		text = "(a message of kind " + plain.Text(m.Kind) + ": it needs a newer version of zms)"
	case m.Kind != "text":
		text = "(" + plain.Text(m.Kind) + ")"
	}
	var notes []string
	if m.Outgoing {
		state := plain.Text(m.State)
		if len(m.Undelivered) > 0 {
			state = "not delivered to " + plain.Text(strings.Join(m.Undelivered, ", "))
		}
		notes = append(notes, state)
	}
	if m.Late {
		notes = append(notes, "late")
	}
	if m.Outgoing && m.Direct {
		notes = append(notes, "sent directly")
	}
	if len(notes) > 0 {
		text += "  [" + strings.Join(notes, ", ") + "]"
	}
	return fmt.Sprintf("%s %s: %s", Moment(at), who, text)
}

// GapLine is missing messages as people read it.
func GapLine(g *control.Gap) string {
	count, them := Some(g.Count, "message"), "them"
	switch {
	case g.Count == 1:
		them = "it"
	case g.Count > manyMissing:
		count = "many messages"
	}
	state := "missing"
	switch g.State {
	case "asking":
		state = "missing, asking"
	case "later":
		state = "missing, promised for " + Moment(g.Until)
	case "filled":
		state = fmt.Sprintf("came after all, after %s", g.Filled.Sub(g.Since).Round(time.Millisecond))
	case "gone":
		state = "lost: the sender no longer has " + them
	case "lost-with-proof":
		state = "lost by a gateway, and there is proof (zms evidence export " + plain.Text(g.Gateway) + ")"
	}
	return fmt.Sprintf("%s (%s from %s: %s)", Moment(g.Since), count, Name(g.Contact, g.Name), state)
}

// manyMissing is above what anybody has written: somebody named messages that
// there never were.
const manyMissing = 100_000

// History shows lines and gaps of a conversation.
func History(w io.Writer, row control.Row) (err error) {
	switch row := row.(type) {
	case *control.Message:
		_, err = fmt.Fprintln(w, Line(row))
	case *control.Gap:
		_, err = fmt.Fprintln(w, GapLine(row))
	case *control.Page:
		if row.More {
			_, err = fmt.Fprintf(w, "(there is more before: --before %d)\n", row.Next)
		}
	}
	return err
}

// live shows what listen reports. Rows come more often than what a person sees
// changes, so it remembers what it said last.
type live struct {
	said map[string]string // by what the row is about
}

// news reports whether a line says something new about its subject, for good.
func (l live) news(subject, text string) bool {
	old := l.said[subject]
	l.said[subject] = text
	return old != text
}

// Live prints what listen reports.
func Live() Show {
	l := live{map[string]string{}}
	return func(w io.Writer, row control.Row) error {
		subject, text := l.say(row)
		if text == "" || subject != "" && !l.news(subject, text) {
			return nil
		}
		_, err := fmt.Fprintln(w, text)
		return err
	}
}

// say is the line for a row, and what it is about unless it is always news.
func (l live) say(row control.Row) (subject, text string) {
	switch row := row.(type) {
	case *control.Message:
		switch {
		case row.Type == control.TypeMessage:
			l.news(row.ID, row.State)
			return "", Line(row)
		case row.Outgoing && row.State != "queued" && l.news(row.ID, row.State):
			return "", fmt.Sprintf("%s to %s: %s", Moment(latest(row)), Name(row.Contact, row.Name), Progress(row))
		}
	case *control.Gap:
		return fmt.Sprintf("gap %d %s %d", row.Contact, row.Device, row.From), GapLine(row)
	case *control.Read:
		return "", fmt.Sprintf("%s %s has read your messages", Moment(row.At), Name(row.Contact, row.Name))
	case *control.Renewal:
		if row.Since.IsZero() {
			return "", "your address before the present one works no more; what was published under it may stay in the network for up to 3 hours"
		}
		return "renewal", "your address was renewed; the one before works until " + Moment(row.Ends) + " at the latest"
	case *control.Contact:
		what := plain.Text(row.State)
		if row.State == "request" {
			what = fmt.Sprintf("wants to talk to you; zms accept %d or zms block %d", row.ID, row.ID)
		} else if row.Problem != "" {
			what += "; " + plain.Text(row.Problem)
		}
		return fmt.Sprintf("contact %d", row.ID), fmt.Sprintf("contact #%d %s: %s", row.ID, Name(row.ID, row.Name), what)
	case *control.Gateway:
		what := "not connected"
		switch {
		case row.Removed:
			what = "removed"
		case row.Up:
			what = "connected"
		case row.Problem != "":
			what += ": " + plain.Text(row.Problem)
		}
		return "gateway " + row.Node, fmt.Sprintf("gateway %s: %s", plain.Text(cmp.Or(row.Host, row.Node)), what)
	case *control.Ready:
		return "", "listening; end with Ctrl-C"
	case *control.Lagged:
		return "", "something may be missing here; zms history shows everything"
	}
	return "", ""
}

// latest is when the newest thing happened to an own message.
func latest(m *control.Message) time.Time {
	for _, t := range []time.Time{m.Read, m.Delivered, m.Custody, m.Submitted} {
		if !t.IsZero() {
			return t
		}
	}
	return m.Written
}

// Progress tells how far an own message is, since when and how long it took.
func Progress(m *control.Message) string {
	at := latest(m)
	switch m.State {
	case "queued":
		return "queued " + Clock(m.Written)
	case "custody":
		return fmt.Sprintf("custody %s (%d ms), the gateway keeps it until %s", Clock(at), at.Sub(m.Written).Milliseconds(), Moment(m.Until)) + directly(m)
	}
	return fmt.Sprintf("%s %s (%d ms)", plain.Text(m.State), Clock(at), at.Sub(m.Written).Milliseconds()) + directly(m)
}

// Sending prints the states of a message that is being sent, each once.
func Sending() Show {
	state := ""
	return func(w io.Writer, row control.Row) error {
		m, ok := row.(*control.Message)
		if !ok || m.State == state {
			return nil
		}
		state = m.State
		_, err := fmt.Fprintln(w, Progress(m))
		return err
	}
}
