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
		_, err := fmt.Fprintf(w, "removed %s; a worker of this name begins anew\n", name)
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
