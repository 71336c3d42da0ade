// Package report says to people what rows tell, in words that are harmless on a
// terminal. Every Show ignores rows of other types than its own.
//
//	people.go    contacts, gateways, status, safety numbers
//	messages.go  messages and gaps: History, Live and Sending
//	loss.go      erasing and evidence
//	report.go    saving and restoring a profile
package report

import (
	"fmt"
	"io"
	"strings"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/plain"
)

// Show prints a row for people.
type Show func(w io.Writer, row control.Row) error

// Says is the Show of a function that returns the text of a row, empty for one
// of another type.
func Says(words func(control.Row) string) Show {
	return func(w io.Writer, row control.Row) error {
		_, err := io.WriteString(w, words(row))
		return err
	}
}

// Phrase is the 24 words in rows of four, numbered.
func Phrase(row control.Row) string {
	p, ok := row.(*control.Phrase)
	if !ok {
		return ""
	}
	var b strings.Builder
	for i, word := range strings.Fields(plain.Text(p.Words)) {
		fmt.Fprintf(&b, "%2d %-10s", i+1, word)
		if i%4 == 3 {
			b.WriteByte('\n')
		}
	}
	b.WriteString("\nWhoever reads these words is you. Write them on paper; nobody can replace them.\n")
	return b.String()
}

// Export tells what a new archive holds and what opens it.
func Export(row control.Row) string {
	r, ok := row.(*control.Archive)
	if !ok {
		return ""
	}
	opens := "the 24 words open it (zms phrase)"
	if r.Lock == control.LockPassphrase {
		opens = "its passphrase opens it, and to restore from it you need the 24 words too (zms phrase)"
	}
	text := fmt.Sprintf("%s holds %s; %s\n", plain.Text(r.File), holds(r), opens)
	if r.Skipped > 0 {
		text += fmt.Sprintf("left out: %s that can't be read any more; zms status tells which\n", Some(r.Skipped, "row"))
	}
	return text
}

// holds says what is in an archive.
func holds(r *control.Archive) string {
	return fmt.Sprintf("%s, %s, %s and %s", Some(r.Contacts, "contact"), Some(r.Messages, "message"), Some(r.Cards, "card"), Some(r.Gateways, "gateway"))
}

// Some is a number of things.
func Some(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// Import tells what an archive brought.
func Import(row control.Row) string {
	r, ok := row.(*control.Archive)
	switch {
	case !ok:
		return ""
	case r.Contacts+r.Messages+r.Cards+r.Gateways+r.Evidence == 0:
		return "nothing in it was new\n"
	}
	return "imported " + holds(r) + "\n"
}

// Damage names a row of the profile that can't be read.
func Damage(row control.Row) string {
	d, ok := row.(*control.Damage)
	if !ok {
		return ""
	}
	return fmt.Sprintf("damaged   %s: %s\n", plain.Text(d.Place), plain.Text(d.Reason))
}

// losses say what did not come back.
var losses = map[string]string{
	control.LostSessions: "The sessions of the old device are gone, as they must be: what others wrote to it and it did not fetch can't be opened here. New ones are set up by themselves.",
	control.LostHistory:  "Your messages are not here: only a file that zms export wrote has them (zms import FILE brings them later).",
	control.LostContacts: "Your contacts are not here: add them anew with their cards, or bring an exported file with zms import FILE.",
	control.LostCards:    "The cards that you gave out do not work any more: show people a new one (zms card show).",
	control.LostGateways: "Your gateways are not known: add them again with zms gateway add ADDRESS.",
}

// Restored tells what came back and what did not.
func Restored(row control.Row) string {
	d, ok := row.(*control.Device)
	if !ok {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "your user ID  %s\nprofile       %s\n", plain.Text(d.User), plain.Text(d.Path))
	fmt.Fprintf(&b, "device        %s, a new one\n", plain.Text(d.Device))
	fmt.Fprintf(&b, "restored      %s, %s and %s\n\n", Some(d.Contacts, "contact"), Some(d.Messages, "message"), Some(d.Gateways, "gateway"))
	if d.Missing > 0 {
		fmt.Fprintf(&b, "The %s known longest did not fit into what the gateway keeps.\n", Some(d.Missing, "contact"))
	}
	if d.Dropped > 0 {
		fmt.Fprintf(&b, "%s that never left the old device: marked as failed; send again what still matters.\n", Some(d.Dropped, "message"))
	}
	for _, what := range d.Lost {
		fmt.Fprintln(&b, losses[what])
	}
	if d.Gateways > 0 {
		b.WriteString("\nNext: zms listen (or zms agent). Contacts learn of the new device as soon as it is connected.\n")
	}
	return b.String()
}

// Rejoined tells of a profile's new device.
func Rejoined(row control.Row) string {
	d, ok := row.(*control.Device)
	if !ok {
		return ""
	}
	text := fmt.Sprintf("this profile is device %s now; %s is removed\n", plain.Text(d.Device), plain.Text(d.Old))
	if d.Dropped > 0 {
		text += fmt.Sprintf("%s never left: marked as failed; send again what still matters\n", Some(d.Dropped, "message"))
	}
	return text + fmt.Sprintf("to be told of it when zms runs next (zms listen or zms agent): %s\n", Some(d.Contacts, "contact"))
}
