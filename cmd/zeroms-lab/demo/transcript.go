package demo

import "fmt"

// line is one message of a transcript.
type line struct {
	ID   string
	From string // who wrote it
	Kind string
	Text string
}

// transcript is a conversation as one side has it, in its order.
type transcript struct {
	owner string
	lines []line
}

// transcriptOf makes a transcript of a history.
func transcriptOf(owner, other string, history []message) transcript {
	t := transcript{owner: owner}
	for _, m := range history {
		from := other
		if m.Outgoing {
			from = owner
		}
		t.lines = append(t.lines, line{ID: m.ID, From: from, Kind: m.Kind, Text: m.Text})
	}
	return t
}

// index is where each message stands.
func (t transcript) index() map[string]int {
	at := make(map[string]int, len(t.lines))
	for i, l := range t.lines {
		at[l.ID] = i
	}
	return at
}

// twice lists the messages that stand in a transcript more than once.
func (t transcript) twice() (found []string) {
	seen := map[string]int{}
	for _, l := range t.lines {
		if seen[l.ID]++; seen[l.ID] == 2 {
			found = append(found, fmt.Sprintf("%s has %s more than once", t.owner, l))
		}
	}
	return found
}

// without lists the messages that other has and t lacks.
func (t transcript) without(other transcript) (found []string) {
	at := t.index()
	for _, l := range other.lines {
		if _, ok := at[l.ID]; !ok {
			found = append(found, fmt.Sprintf("%s lacks %s, which %s has", t.owner, l, other.owner))
		}
	}
	return found
}

// String names a message.
func (l line) String() string {
	return fmt.Sprintf("%.12s from %s (%s)", l.ID, l.From, excerpt(l.Text))
}

// differences lists everything in which two transcripts differ: messages that
// one lacks or has twice, other authors, kinds or texts, and the first place
// where the order is another. There are none if they agree.
func differences(a, b transcript) []string {
	found := append(a.twice(), b.twice()...)
	found = append(found, a.without(b)...)
	found = append(found, b.without(a)...)
	at := b.index()
	var common []line // what both have, in the order of a
	for _, l := range a.lines {
		i, ok := at[l.ID]
		if !ok {
			continue
		}
		common = append(common, l)
		if other := b.lines[i]; other != l {
			found = append(found, fmt.Sprintf("%.12s is a %s from %s (%s) at %s, and a %s from %s (%s) at %s",
				l.ID, l.Kind, l.From, excerpt(l.Text), a.owner, other.Kind, other.From, excerpt(other.Text), b.owner))
		}
	}
	return append(found, otherOrder(a, b, common)...)
}

// otherOrder reports the first message of common, in a's order, that comes
// elsewhere in b.
func otherOrder(a, b transcript, common []line) []string {
	at := a.index()
	n := 0
	for _, l := range b.lines {
		if _, ok := at[l.ID]; !ok {
			continue
		}
		if n >= len(common) {
			return nil // one stands there twice, which was told
		}
		if common[n].ID != l.ID {
			return []string{fmt.Sprintf("the order differs from message %d on: %s has %s there, %s has %s", n+1, a.owner, common[n], b.owner, l)}
		}
		n++
	}
	return nil
}

// by is the part of a transcript that one person wrote.
func (t transcript) by(author string) transcript {
	part := transcript{owner: t.owner}
	for _, l := range t.lines {
		if l.From == author {
			part.lines = append(part.lines, l)
		}
	}
	return part
}

// excerpt is the beginning of a text, in quotes.
func excerpt(text string) string {
	const most = 28
	runes := []rune(text)
	if len(runes) > most {
		return fmt.Sprintf("%q, %d bytes", string(runes[:most-1])+"…", len(text))
	}
	return fmt.Sprintf("%q", text)
}
