package view_test

import (
	"errors"
	"testing"

	"zeroms/client/profile"
	"zeroms/client/view"
	"zeroms/protocol/key"
)

func TestFind(t *testing.T) {
	user := key.NewSeed().Identity().Public()
	all := []view.Contact{
		{ID: 1, Name: "Bob", State: profile.Removed}, {ID: 2, Name: "Bob", State: profile.Accepted}, {ID: 3, Name: "Bob", State: profile.Removed},
		{ID: 4, Name: "Carol", State: profile.Removed}, {ID: 5, Name: "Dave", State: profile.Blocked}, {ID: 6, Name: "Dave", State: profile.Requested},
		{ID: 7, Name: "Erin", State: profile.Removed}, {ID: 8, Name: "Erin", State: profile.Removed}, {ID: 9, Name: "#1", User: user},
		{ID: 10, Name: "Fred", State: profile.Accepted}, {ID: 11, Name: "Fred", State: profile.Accepted}, {ID: 12, Name: "Fred", State: profile.Removed},
	}
	for who, want := range map[string]view.ContactID{
		"Bob": 2, "#1": 1, "#3": 3, "Carol": 4, "#8": 8, key.UserIDText(user): 9, "#10": 10,
	} {
		if c, err := view.Find(all, who); err != nil || c.ID != want {
			t.Errorf("%s is #%d, want #%d: %v", who, c.ID, want, err)
		}
	}
	for who, want := range map[string]error{
		"Dave": view.ErrSeveral, "Erin": view.ErrSeveral, "Fred": view.ErrSeveral, "Nobody": view.ErrNoContact, "": view.ErrNoContact, "#99": view.ErrNoContact,
	} {
		if c, err := view.Find(all, who); !errors.Is(err, want) || c.ID != 0 {
			t.Errorf("%q: #%d, %v", who, c.ID, err)
		}
	}
}
