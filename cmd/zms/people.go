package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/report"
)

// name is how a contact is called in output.
func name(id uint64, called string) string {
	return cmp.Or(clean(called), fmt.Sprintf("#%d", id))
}

// moment is a time for people, in their time zone.
func moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

// clock is the time of day with the milliseconds that a message's way takes.
func clock(t time.Time) string { return t.Local().Format("15:04:05.000") }

func showContact(w io.Writer, row control.Row) error {
	c, ok := row.(*control.Contact)
	if !ok {
		return nil
	}
	words := []string{c.State}
	if c.Verified {
		words = append(words, "verified")
	}
	if c.Unread > 0 {
		words = append(words, fmt.Sprintf("%d unread", c.Unread))
	}
	_, err := fmt.Fprintf(w, "#%-3d %-20s %s\n     %s\n", c.ID, name(c.ID, c.Name), strings.Join(words, ", "), clean(c.User))
	if err == nil && c.Problem != "" {
		_, err = fmt.Fprintf(w, "     %s\n", clean(c.Problem))
	}
	return err
}

func showGateway(w io.Writer, row control.Row) error {
	g, ok := row.(*control.Gateway)
	if !ok {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s  %s\n    key %s\n%s", clean(g.Host), gatewayState(g), clean(g.Node), report.Convicted(g, clean))
	return err
}

// gatewayState is how a home gateway is doing.
func gatewayState(g *control.Gateway) string {
	switch {
	case g.Removed:
		return "removed"
	case g.Up:
		return fmt.Sprintf("connected since %s (in %d ms), %d of %d MiB used", moment(g.Since), g.TookMS, g.Used>>20, g.Quota>>20)
	case g.Retry.IsZero():
		return "not connected"
	}
	return fmt.Sprintf("not connected, tried again at %s: %s", clock(g.Retry), clean(g.Problem))
}

func showStatus(w io.Writer, row control.Row) error {
	s, ok := row.(*control.Status)
	if !ok {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "user      %s", clean(s.User))
	if s.Name != "" {
		fmt.Fprintf(&b, " (%s)", clean(s.Name))
	}
	fmt.Fprintf(&b, "\ndevice    %s\n", clean(s.Device))
	if s.SetBack {
		b.WriteString("SET BACK  this is an older copy of the profile, and a newer one has been in use: nothing is sent or\n          received here. zms rejoin gives this copy a device of its own\n")
	}
	fmt.Fprintf(&b, "contacts  %d, and %d requests\n", s.Contacts, s.Requests)
	fmt.Fprintf(&b, "messages  %d waiting, %d in custody, %d failed, %d ignored\n", s.Waiting, s.Custody, s.Failed, s.Ignored)
	b.WriteString(report.Repair(s))
	for i := range s.Gateways {
		fmt.Fprintf(&b, "gateway   %s  %s\n%s", clean(s.Gateways[i].Host), gatewayState(&s.Gateways[i]), report.Convicted(&s.Gateways[i], clean))
	}
	if len(s.Gateways) == 0 {
		b.WriteString("gateway   none; add one with zms gateway add ADDRESS\n")
	}
	fmt.Fprintf(&b, "owner     zms %s (process %d)\n", clean(s.Owner), s.PID)
	_, err := io.WriteString(w, b.String())
	return err
}

// showSafety prints the digits in three lines of four groups.
func showSafety(w io.Writer, row control.Row) error {
	s, ok := row.(*control.Safety)
	if !ok {
		return nil
	}
	state := "not verified"
	if s.Verified {
		state = "verified"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", name(s.Contact, s.Name), state)
	groups := strings.Fields(clean(s.Digits))
	for len(groups) > 0 {
		n := min(4, len(groups))
		fmt.Fprintf(&b, "    %s\n", strings.Join(groups[:n], " "))
		groups = groups[n:]
	}
	_, err := io.WriteString(w, b.String())
	return err
}
