package report

import (
	"fmt"
	"strings"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/plain"
)

// Frame is a frame of a link on one line; raw: as JSON would carry it.
func Frame(raw bool) func(control.Row) string {
	return func(row control.Row) string {
		switch r := row.(type) {
		case *control.Ready:
			return "ready: what goes over the links is shown from now on\n"
		case *control.Frame:
			return frameLine(r, raw)
		case *control.Lost:
			return fmt.Sprintf("(%s came too fast to be shown)\n", Some(r.Count, "frame"))
		case *control.Lagged:
			return "(the process that held the profile has ended; this one goes on)\n"
		}
		return ""
	}
}

func frameLine(f *control.Frame, raw bool) string {
	arrow := "<-"
	if f.Direction == control.FrameOut {
		arrow = "->"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s ", f.Time.UTC().Format("15:04:05.000"), arrow, f.Gateway)
	switch {
	case f.Name == "":
		fmt.Fprintf(&b, "no frame, %d bytes: %s", f.Size, f.Problem)
	case f.Problem != "":
		fmt.Fprintf(&b, "%s %d, %d bytes: %s", f.Name, f.ID, f.Size, f.Problem)
	case raw:
		b.WriteString(f.Raw)
	default:
		fmt.Fprintf(&b, "%s %d, %d bytes", f.Name, f.ID, f.Size)
		for i, field := range f.Fields {
			mark := ";"
			if i == 0 {
				mark = ":"
			}
			fmt.Fprintf(&b, "%s %s %v", mark, field.Name, field.Value)
		}
	}
	return plain.Text(b.String()) + "\n"
}
