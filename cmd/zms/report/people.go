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

// Name is how a contact is called in output.
func Name(id uint64, called string) string {
	return cmp.Or(plain.Text(called), fmt.Sprintf("#%d", id))
}

// Moment is a time for people, in their time zone.
func Moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

// Clock is the time of day with the milliseconds that a message's way takes.
func Clock(t time.Time) string { return t.Local().Format("15:04:05.000") }

// Contact shows a contact.
func Contact(w io.Writer, row control.Row) error {
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
	_, err := fmt.Fprintf(w, "#%-3d %-20s %s\n     %s\n", c.ID, Name(c.ID, c.Name), strings.Join(words, ", "), plain.Text(c.User))
	if err == nil && c.Problem != "" {
		_, err = fmt.Fprintf(w, "     %s\n", plain.Text(c.Problem))
	}
	return err
}

// One shows the contact that a command was about.
func One(what string) Show {
	return func(w io.Writer, row control.Row) error {
		c, ok := row.(*control.Contact)
		if !ok {
			return nil
		}
		_, err := fmt.Fprintf(w, "%s #%d %s\n", what, c.ID, Name(c.ID, c.Name))
		return err
	}
}

// New shows a new profile and what to do next.
func New(w io.Writer, row control.Row) error {
	p, ok := row.(*control.Identity)
	if !ok {
		return nil
	}
	_, err := fmt.Fprintf(w, `your user ID  %s
profile       %s

Next: add a gateway, then show your card to somebody, or add theirs:
  zms gateway add ADDRESS --wait
  zms card show
  zms add CARD
`, plain.Text(p.User), plain.Text(p.Path))
	return err
}

// Card is a card in a line.
func Card(c *control.Card) string {
	state := "works"
	switch {
	case c.Revoked && c.Former:
		state = "works no more: it shows an address of before"
	case c.Revoked:
		state = "revoked"
	case c.Former:
		state = fmt.Sprintf("stops working %s at the latest: your address was renewed", Moment(c.Ends))
	}
	if c.Public {
		state += ", public"
	}
	return fmt.Sprintf("%s  made %s  %s", plain.Text(c.ID), Moment(c.Created), state)
}

// Renewal tells what a renewal of the address does, or did.
func Renewal(row control.Row) string {
	r, ok := row.(*control.Renewal)
	if !ok {
		return ""
	}
	var b strings.Builder
	switch {
	case !r.Done:
		fmt.Fprintf(&b, "Your address will be new, and %s will learn it. Nobody else who knows the present one finds you afterwards, at the latest 3 hours after it stopped working.\n", Some(r.Contacts, "contact"))
	case r.Ends.IsZero():
		b.WriteString("Your address is new, and the one before works no more: what was published under it may stay in the network for up to 3 hours.\n")
	default:
		fmt.Fprintf(&b, "Your address is new. The one before works until all contacts know that (%s not acknowledged it yet), %s at the latest; what was published under it may stay in the network for up to 3 hours more.\n",
			have(r.Untold, "contact"), Moment(r.Ends))
	}
	if len(r.Cards) > 0 {
		b.WriteString("These cards stop working:\n")
	}
	for i := range r.Cards {
		fmt.Fprintf(&b, "  %s  made %s\n", plain.Text(r.Cards[i].ID), Moment(r.Cards[i].Created))
	}
	if r.Public {
		fmt.Fprintf(&b, "Whoever has your public card still finds you: zms card show --revoke %s ends that.\n", plain.Text(r.PublicCard))
	}
	if r.Card != nil {
		fmt.Fprintf(&b, "Your new card is %s (zms card show):\n%s\n", plain.Text(r.Card.ID), plain.Text(r.Card.Text))
	}
	return b.String()
}

// overlap tells of an address that still works beside a new one, empty without one.
func overlap(r *control.Renewal) string {
	if r == nil {
		return ""
	}
	return fmt.Sprintf("address   renewed %s; %s not acknowledged it yet. The one before works until then, %s at the latest\n",
		Moment(r.Since), have(r.Untold, "contact"), Moment(r.Ends))
}

func have(n int, thing string) string {
	if n == 1 {
		return "1 " + thing + " has"
	}
	return Some(n, thing) + " have"
}

// lapsing warns of address records that a gateway will not have much longer, empty if
// it has enough.
func lapsing(g *control.Gateway) string {
	r := g.Records
	switch {
	case r == nil || !r.Low && r.Days >= 0, r.Days < 0 && r.Problem == "":
		return ""
	case r.Days < 0:
		return fmt.Sprintf("    your address is not published here: %s\n", plain.Text(r.Problem))
	}
	text := fmt.Sprintf("    RUNS OUT  your address is published here for only %s more", Some(r.Days, "day"))
	if r.Problem != "" {
		text += ": " + plain.Text(r.Problem)
	}
	return text + ". Stay connected (zms agent)\n"
}

// Gateway shows a home gateway.
func Gateway(w io.Writer, row control.Row) error {
	g, ok := row.(*control.Gateway)
	if !ok {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s  %s\n    key %s\n%s%s%s", plain.Text(g.Host), gatewayState(g), plain.Text(g.Node), balance(g), convicted(g), lapsing(g))
	return err
}

// gatewayState is how a home gateway is doing.
func gatewayState(g *control.Gateway) string {
	switch {
	case g.Removed:
		return "removed"
	case g.Up:
		return fmt.Sprintf("connected since %s (in %d ms), %d of %d MiB used", Moment(g.Since), g.TookMS, g.Used>>20, g.Quota>>20) + draining(g)
	case g.Retry.IsZero():
		return "not connected" + draining(g)
	}
	return fmt.Sprintf("not connected, tried again at %s: %s", Clock(g.Retry), plain.Text(g.Problem)) + draining(g)
}

// Found shows what a person has published.
func Found(w io.Writer, row control.Row) error {
	f, ok := row.(*control.Found)
	if !ok {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "found in %.1f ms, as of %s\n", f.TookMS, Moment(f.Made))
	for _, g := range f.Gateways {
		fmt.Fprintf(&b, "  %s  until %s\n    key %s\n", plain.Text(g.Host), Moment(g.Ends), plain.Text(g.Node))
	}
	if len(f.Gateways) == 0 {
		b.WriteString("  no gateway: they receive nowhere at the moment\n")
	}
	if f.Fork {
		b.WriteString("It names another device list than the one known. Ask the person, and compare safety numbers.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// draining tells of a gateway that is being left, empty if it is not.
func draining(g *control.Gateway) string {
	if g.Draining.IsZero() {
		return ""
	}
	return fmt.Sprintf("\n    drained since %s: nobody is sent there any more, and it is left a day after all contacts know that, %s at the latest", Moment(g.Draining), Moment(g.Ends))
}

// Status shows how the profile is doing.
func Status(w io.Writer, row control.Row) error {
	s, ok := row.(*control.Status)
	if !ok {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "user      %s", plain.Text(s.User))
	if s.Name != "" {
		fmt.Fprintf(&b, " (%s)", plain.Text(s.Name))
	}
	fmt.Fprintf(&b, "\ndevice    %s\n", plain.Text(s.Device))
	if s.SetBack {
		b.WriteString("SET BACK  this is an older copy of the profile, and a newer one has been in use: nothing is sent or\n          received here. zms rejoin gives this copy a device of its own\n")
	}
	fmt.Fprintf(&b, "contacts  %d, and %d requests\n", s.Contacts, s.Requests)
	fmt.Fprintf(&b, "messages  %d waiting, %d in custody, %d failed, %d ignored\n", s.Waiting, s.Custody, s.Failed, s.Ignored)
	b.WriteString(repair(s))
	b.WriteString(overlap(s.Renewal))
	for i := range s.Gateways {
		g := &s.Gateways[i]
		fmt.Fprintf(&b, "gateway   %s  %s\n%s%s%s", plain.Text(g.Host), gatewayState(g), balance(g), convicted(g), lapsing(g))
	}
	if len(s.Gateways) == 0 {
		b.WriteString("gateway   none: nobody can write to you, and no answer reaches you; add one with zms gateway add ADDRESS\n")
	}
	if s.Proxy != "" {
		fmt.Fprintf(&b, "proxy     %s\n", plain.Text(s.Proxy))
	}
	fmt.Fprintf(&b, "owner     zms %s (process %d)\n", plain.Text(s.Owner), s.PID)
	_, err := io.WriteString(w, b.String())
	return err
}

// Safety prints the number: its the digits in three lines of four groups.
func Safety(w io.Writer, row control.Row) error {
	s, ok := row.(*control.Safety)
	if !ok {
		return nil
	}
	state := "not verified"
	if s.Verified {
		state = "verified"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", Name(s.Contact, s.Name), state)
	groups := strings.Fields(plain.Text(s.Digits))
	for len(groups) > 0 {
		n := min(4, len(groups))
		fmt.Fprintf(&b, "    %s\n", strings.Join(groups[:n], " "))
		groups = groups[n:]
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Proxy tells how links are made.
func Proxy(row control.Row) string {
	p, ok := row.(*control.Proxy)
	if !ok {
		return ""
	}
	text := "connections are made directly\n"
	if p.Proxy != "" {
		text = fmt.Sprintf("connections are made through %s\n", plain.Text(p.Proxy))
		if p.Login {
			text = strings.TrimSuffix(text, "\n") + ", with a user and a password\n"
		}
	}
	if p.Override != "" {
		text += fmt.Sprintf("but the process that holds the profile was told: %s\n", plain.Text(p.Override))
	}
	return text
}
