package people_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/protocol/key"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/model/people"
)

func requestsIn(t *testing.T, w *modeltest.World) (*people.Requests, *screen) {
	t.Helper()
	s := &screen{}
	r := people.NewRequests(w.Deps(), s.view())
	t.Cleanup(r.Close)
	r.Load()
	return r, s
}

func TestRequests(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	r, s := requestsIn(t, w)
	s.quiet(t)
	if len(r.All) != 2 || r.More != 0 || r.All[0].Name != "Tomáš" || r.All[1].Name != "Ingrid" {
		t.Fatalf("requests: %d", len(r.All))
	}
	q := r.All[1]
	if q.First != "Hello, I have your card from the meeting in Brno." || q.Key != key.UserIDText(q.User)[:8] || q.By != people.ByCard || !q.Made.Equal(w.Now().Add(-20*24*time.Hour)) {
		t.Errorf("%q by %d", q.First, q.By)
	}
	var opened client.ContactID
	r.Accept(q.ID, func(id client.ContactID) { opened = id })
	if opened != q.ID || w.Contact(q.ID).State != client.Accepted || len(r.All) != 1 {
		t.Errorf("accepted: opened %d, %d left", opened, len(r.All))
	}
	r.Block(r.All[0].ID)
	if len(r.All) != 0 || w.Contact(w.ID("Tomáš")).State != client.Blocked {
		t.Errorf("blocked: %d left", len(r.All))
	}
	s.quiet(t)
}

func TestRequestsComeIn(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{Empty: true})
	r, _ := requestsIn(t, w)
	if !r.Ready || len(r.All) != 0 {
		t.Fatal("requests in an empty profile")
	}
	w.Stranger("Wen\u202edelin", "Hel\u202elo\nthere")
	if len(r.All) != 1 || r.All[0].Name != "Wendelin" || r.All[0].First != "Hello\nthere" || r.All[0].By != people.ByUnknown {
		t.Fatalf("%+v", r.All)
	}
	w.Meet("\u200b", func(c *client.Contact) { c.State = client.Requested })
	if len(r.All) != 2 {
		t.Fatalf("%d requests", len(r.All))
	}
	for _, q := range r.All {
		if q.Name != "Wendelin" && (q.Name != "" || q.First != "") {
			t.Errorf("an invisible name is shown as %q", q.Name)
		}
	}
}

func TestRequestsByWhichCard(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	c, _ := cardIn(t, w)
	id := w.ID("Ingrid")
	for via, want := range map[key.CardID]people.By{
		c.Public.ID: people.ByPublic, c.Others[0].ID: people.ByOver, c.Own.ID: people.ByCard, {}: people.ByUnknown, {1, 2, 3}: people.ByUnknown,
	} {
		r, _ := requestsIn(t, w)
		w.SetContact(id, func(c *client.Contact) { c.Via = via })
		for _, q := range r.All {
			if q.ID == id && q.By != want {
				t.Errorf("by %d, want %d", q.By, want)
			}
		}
	}
}

func TestRequestsOfManyAreBounded(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{Empty: true})
	for i := range people.MaxRequests + 7 {
		id := w.Meet(fmt.Sprint("Bot ", i), func(c *client.Contact) {
			c.State, c.Added = client.Requested, w.Now().Add(time.Duration(i)*time.Minute)
		})
		w.Receive(id, strings.Repeat("buy\n", 3000))
	}
	r, _ := requestsIn(t, w)
	if len(r.All) != people.MaxRequests || r.More != 7 || r.All[0].Name != fmt.Sprint("Bot ", people.MaxRequests+6) {
		t.Errorf("%d shown, %d more, first %s", len(r.All), r.More, r.All[0].Name)
	}
	if n := strings.Count(r.All[0].First, "\n"); n > 5 || !strings.HasSuffix(r.All[0].First, "…") {
		t.Errorf("%d lines of a message are shown", n)
	}
}

func TestRequestsFail(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	gone := errors.New("the profile is not open any more")
	w.Fail("Accept", gone)
	w.Fail("Block", gone)
	r, s := requestsIn(t, w)
	r.Accept(r.All[0].ID, func(client.ContactID) { t.Error("opened") })
	r.Block(r.All[0].ID)
	if len(s.failed) != 2 || len(r.All) != 2 || r.All[0].Working {
		t.Errorf("shown as failed: %v", s.failed)
	}
}
