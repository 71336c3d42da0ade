package roster

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/tui/look"
)

var noon = time.Date(2026, 8, 12, 12, 0, 0, 0, time.UTC)

func person(id uint64, name, state string, unread int) *control.Contact {
	return &control.Contact{ID: id, Name: name, State: state, Unread: unread, User: "ABCDEFGH", Added: noon.AddDate(0, 0, -30)}
}

func said(id uint64, height uint32, days int, text string) *control.Message {
	at := noon.AddDate(0, 0, -days)
	return &control.Message{ID: fmt.Sprint(height), Contact: id, Height: height, Kind: "text", Text: text, Written: at, Received: at}
}

func screen(w, h int) Screen {
	return Screen{Width: w, Height: h, Theme: look.New(colorprofile.ASCII, true), Zone: time.UTC, Today: noon, Focused: true}
}

func shown(r *Roster, s Screen) string {
	var out []string
	for _, l := range r.View(s) {
		out = append(out, strings.TrimRight(ansi.Strip(l), " "))
	}
	return strings.Join(out, "\n")
}

func names(r *Roster) (out string) {
	for _, e := range r.All() {
		out += e.Contact.Name + " "
	}
	return strings.TrimSpace(out)
}

func TestOrder(t *testing.T) {
	var r Roster
	r.Set([]*control.Contact{
		person(1, "old", Accepted, 0), person(2, "new", Accepted, 2), person(3, "bad", Blocked, 9), person(4, "asks", Request, 1), person(5, "silent", Accepted, 0),
	})
	r.Said(said(1, 5, 3, "long ago"))
	r.Said(said(2, 5, 0, "just now"))
	r.Said(said(3, 5, 0, "whatever"))
	if got := names(&r); got != "asks new old silent bad" {
		t.Errorf("in the order %s", got)
	}
	r.Said(said(1, 4, 0, "older than the last")) // by height
	r.Said(said(1, 6, 0, "the last"))
	r.Select(2)
	if got := names(&r); got != "asks old new silent bad" && got != "asks new old silent bad" {
		t.Errorf("in the order %s", got)
	}
	if r.Selected().ID() != 2 || r.Entry(1).Last.Text != "the last" {
		t.Error("the selection moved, or an older message is the last one")
	}
	if r.Unread() != 3 {
		t.Errorf("%d unread, those of blocked people do not count", r.Unread())
	}
	r.Put(person(2, "renamed", Accepted, 0))
	if r.Entry(2).Last == nil || r.Unread() != 1 {
		t.Error("a changed contact lost its last message, or keeps its count")
	}
}

func TestLines(t *testing.T) {
	var r Roster
	own := said(2, 7, 1, "mine")
	own.Outgoing, own.State, own.Seq = true, "delivered", 4
	verified := person(1, "Bob the very long named builder", Accepted, 1200)
	verified.Verified = true
	r.Set([]*control.Contact{verified, person(2, "", Accepted, 0), person(3, "\x1b[2J陈", Request, 1)})
	r.Said(said(1, 5, 400, "two\nlines"))
	r.Said(own)
	got := shown(&r, screen(30, 6))
	for _, want := range []string{"Bob the very long na… ✓ 2025", "two lines", " 999+", "#2", "Tue", "You: mine", `\u{1b}[2J陈`, "wants to talk"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	r.Drafted(1, "half")
	r.ReadUpto(&control.Read{Contact: 2, Seq: 4})
	if got := shown(&r, screen(30, 6)); !strings.Contains(got, "Draft: half") || r.Entry(2).Last.State != "read" {
		t.Errorf("no draft, or not read:\n%s", got)
	}
}

func TestTheSelectionStaysInView(t *testing.T) {
	var r Roster
	var all []*control.Contact
	for i := range 500 {
		all = append(all, person(uint64(i+1), fmt.Sprintf("person %d", i+1), Accepted, 0))
	}
	r.Set(all)
	for _, by := range []int{1, 30, 400, 1000, -3, -200, -1000} {
		r.Move(by)
		for _, h := range []int{1, 2, 9, 40} {
			s := screen(24, h)
			lines := r.View(s)
			if len(lines) != h {
				t.Fatalf("%d lines of %d", len(lines), h)
			}
			for _, l := range lines {
				if ansi.StringWidthWc(l) != 24 {
					t.Fatalf("a line of %d cells: %q", ansi.StringWidthWc(l), l)
				}
			}
			if h > 1 && !strings.Contains(shown(&r, s), r.Selected().Contact.Name) {
				t.Fatalf("%s is selected and not seen:\n%s", r.Selected().Contact.Name, shown(&r, s))
			}
		}
	}
	r.Find("person 77")
	if names(&r) != "person 77" || r.Selected().ID() != 77 || r.At(1).ID() != 77 || r.At(9) != nil {
		t.Errorf("found %s", names(&r))
	}
	r.Find("#12")
	if names(&r) != "person 12" {
		t.Errorf("found %s", names(&r))
	}
	r.Find("abcde")
	if len(r.All()) != 500 {
		t.Errorf("by user ID %d are found", len(r.All()))
	}
	r.Find("nobody")
	if r.Selected() != nil || !strings.Contains(shown(&r, screen(24, 4)), "nobody is called so") {
		t.Error("somebody is selected who was not found")
	}
	r.Move(1)
	r.Find("")
	if r.Selected() == nil {
		t.Error("nobody is selected")
	}
}
