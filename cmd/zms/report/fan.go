package report

import (
	"fmt"
	"io"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/plain"
)

// Fan shows what workers share.
func Fan(w io.Writer, row control.Row) error {
	f, ok := row.(*control.Fan)
	if !ok {
		return nil
	}
	name := plain.Text(f.Name)
	if f.Removed {
		_, err := fmt.Fprintf(w, "removed %s%s; a worker of this name begins anew\n", name, givenUp(f))
		return err
	}
	waiting := fmt.Sprint(f.Waiting)
	switch {
	case f.Workers == 0:
		waiting = "?" // nobody looked
	case f.More:
		waiting += "+"
	}
	_, err := fmt.Fprintf(w, "%-32s  %s, %d at work, %s waiting\n", name, Some(f.Workers, "worker"), f.Handed, waiting)
	return err
}

// givenUp tells of messages that nobody is handed any more, empty if there are none.
func givenUp(f *control.Fan) string {
	if f.GivenUp == 0 {
		return ""
	}
	count, done := Some(f.GivenUp, "message"), "were not done and are"
	switch {
	case f.More:
		count = fmt.Sprintf("more than %d messages", f.GivenUp)
	case f.GivenUp == 1:
		done = "was not done and is"
	}
	text := fmt.Sprintf("; %s %s given up", count, done)
	if f.Handed > 0 {
		text += fmt.Sprintf(" (%d of them with a worker)", f.Handed)
	}
	return text
}
