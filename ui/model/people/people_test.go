package people_test

import (
	"testing"

	"zeroms/client"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/model/people"
)

// screen counts what a model tells its page.
type screen struct {
	drawn  int
	failed []error
}

func (s *screen) view() people.View {
	return people.View{Changed: func() { s.drawn++ }, Fail: func(err error) { s.failed = append(s.failed, err) }}
}

// quiet fails the test if an action failed.
func (s *screen) quiet(t *testing.T) {
	t.Helper()
	for _, err := range s.failed {
		t.Error("shown as failed:", err)
	}
}

// addIn opens the page on which somebody is added.
func addIn(t *testing.T, w *modeltest.World) (*people.Add, *screen) {
	t.Helper()
	s := &screen{}
	a := people.NewAdd(w.Deps(), s.view())
	t.Cleanup(a.Close)
	a.Load()
	return a, s
}

func contactIn(t *testing.T, w *modeltest.World, id client.ContactID) (*people.Contact, *screen) {
	t.Helper()
	s := &screen{}
	c := people.NewContact(w.Deps(), id, s.view())
	t.Cleanup(c.Close)
	c.Load()
	return c, s
}
