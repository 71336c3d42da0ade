package report

import (
	"fmt"
	"io"
	"strings"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/plain"
)

// wentDirectly is said of an own message for which a foreign gateway was connected to.
const wentDirectly = "sent directly: that gateway saw your network address"

// directly is wentDirectly behind something else, empty for any other message.
func directly(m *control.Message) string {
	if !m.Outgoing || !m.Direct {
		return ""
	}
	return "; " + wentDirectly
}

// Offers shows gateways that could be one's own, and what was done about them.
func Offers(w io.Writer, row control.Row) (err error) {
	switch row := row.(type) {
	case *control.Offer:
		_, err = io.WriteString(w, offer(row))
	case *control.Homes:
		_, err = io.WriteString(w, used(row))
	}
	return err
}

// takers say whom a gateway takes.
var takers = map[string]string{
	control.TakesAll: "takes everybody", control.TakesWork: "takes who works for it", control.TakesInvited: "by invitation only",
}

func offer(o *control.Offer) string {
	words := []string{takers[o.Takes], fmt.Sprintf("keeps %s, %d MiB", span(o.Retention), o.Quota>>20)}
	if o.Forwards {
		words = append(words, "forwards")
	}
	switch {
	case o.Problem != "":
		words = append(words, "not reached: "+plain.Text(o.Problem))
	case o.TookMS > 0:
		words = append(words, fmt.Sprintf("connected in %.0f ms, %d points", o.TookMS, o.Points))
	default:
		words = append(words, "not measured")
	}
	if o.Near {
		words = append(words, "in the same network as another one")
	}
	return fmt.Sprintf("%s  %s\n    %s\n", plain.Text(o.Host), strings.Join(words, ", "), plain.Text(o.Address))
}

// span is a number of seconds in days or hours.
func span(seconds int64) string {
	if days := int(seconds / 86400); days > 1 {
		return Some(days, "day")
	}
	return Some(int(seconds/3600), "hour")
}

func used(h *control.Homes) string {
	var b strings.Builder
	for i := range h.Added {
		fmt.Fprintf(&b, "added %s\n", plain.Text(h.Added[i].Host))
	}
	for i := range h.Refused {
		fmt.Fprintf(&b, "not added %s: %s\n", plain.Text(h.Refused[i].Host), plain.Text(h.Refused[i].Problem))
	}
	for i := range h.Drained {
		fmt.Fprintf(&b, "drained %s, which can't be reached: it is read again if it comes back; zms gateway add takes that back\n", plain.Text(h.Drained[i].Host))
	}
	if len(h.Added) == 0 && h.Have >= h.Wanted {
		b.WriteString("nothing was added: ")
	}
	verb := "are"
	if h.Have == 1 {
		verb = "is"
	}
	fmt.Fprintf(&b, "%d of your gateways %s connected\n", h.Have, verb)
	return b.String()
}

// balance is what was measured of a gateway and what it keeps, empty if that is nothing.
func balance(g *control.Gateway) string {
	var words []string
	if s := g.Seen; s != nil {
		for _, x := range []struct {
			what string
			ms   float64
		}{{"connecting", s.ConnectMS}, {"custody", s.CustodyMS}, {"through it", s.ForwardMS}} {
			if x.ms > 0 {
				words = append(words, fmt.Sprintf("%s %.0f ms", x.what, x.ms))
			}
		}
		words = append(words, fmt.Sprintf("%d points", s.Points))
	}
	switch {
	case g.Forwards:
		words = append(words, "forwards")
	case g.Up:
		words = append(words, "does not forward")
	}
	if g.Held+g.Taken > 0 {
		words = append(words, fmt.Sprintf("%s of yours in custody, %d taken", Some(g.Held, "message"), g.Taken))
	}
	if r := g.Records; r != nil && r.Days >= 0 {
		words = append(words, "published for "+Some(r.Days+1, "day"))
	}
	if len(words) == 0 {
		return ""
	}
	return "    " + strings.Join(words, ", ") + "\n"
}

// Direct tells whether foreign gateways are connected to.
func Direct(row control.Row) string {
	d, ok := row.(*control.Direct)
	if !ok {
		return ""
	}
	switch d.Direct {
	case control.DirectAlways:
		return "always: gateways of others are connected to, and see your network address\n"
	case control.DirectNever:
		return "never: what none of your gateways can bring to those of others waits\n"
	}
	return "fallback: gateways of others are connected to only if none of yours can bring a message there\n"
}
