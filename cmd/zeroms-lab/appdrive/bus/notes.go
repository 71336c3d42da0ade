package bus

import (
	"errors"
	"reflect"
	"slices"

	"github.com/godbus/dbus/v5"
)

const (
	notesName = "org.freedesktop.Notifications"
	notesPath = dbus.ObjectPath("/org/freedesktop/Notifications")
)

// Note is a notification as an app wanted it to be shown.
type Note struct {
	ID uint32
	// App is the name that the app gave itself, Title and Text are what is shown. A
	// server like ours, which says so, takes the text for markup.
	App, Title, Text string
	// Replaces is the notification in whose place this one stands; 0: none.
	Replaces uint32
	// Actions are pairs of what can be done and what that is called. "default" is a click
	// on the notification itself.
	Actions []string
}

// Notes are all notifications so far.
func (b *Bus) Notes() []Note {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.notes)
}

var errDumb = errors.New("a click on the notification leads nowhere")

// Click clicks a notification, which is then gone. Error: nothing comes of a click.
func (b *Bus) Click(n Note) error {
	act := false
	for i := 0; i < len(n.Actions); i += 2 {
		act = act || n.Actions[i] == "default"
	}
	if !act {
		return errDumb
	}
	if err := b.conn.Emit(notesPath, notesName+".ActionInvoked", n.ID, "default"); err != nil {
		return err
	}
	return b.conn.Emit(notesPath, notesName+".NotificationClosed", n.ID, uint32(2)) // by the user
}

// notifications is the server (https://specifications.freedesktop.org/notification-spec).
type notifications struct{ bus *Bus }

// methods are the protocol's.
func (s notifications) methods() map[string]any {
	return map[string]any{
		"Notify":            s.taker(),
		"CloseNotification": s.remove,
		"GetCapabilities":   func() ([]string, *dbus.Error) { return []string{"actions", "body", "body-markup"}, nil },
		"GetServerInformation": func() (name, vendor, version, protocol string, failed *dbus.Error) {
			return "zeroms-lab", "ZeroMS", "1", "1.2", nil
		},
	}
}

// taker is show with the many arguments of the protocol: the app, what is replaced, an
// icon, title, text, actions, hints, and how long it stands.
func (s notifications) taker() any {
	text, number, failed := reflect.TypeFor[string](), reflect.TypeFor[uint32](), reflect.TypeFor[*dbus.Error]()
	in := []reflect.Type{text, number, text, text, text, reflect.TypeFor[[]string](), reflect.TypeFor[map[string]dbus.Variant](), reflect.TypeFor[int32]()}
	return reflect.MakeFunc(reflect.FuncOf(in, []reflect.Type{number, failed}, false), func(a []reflect.Value) []reflect.Value {
		id := s.show(Note{
			App: a[0].String(), Replaces: uint32(a[1].Uint()), Title: a[3].String(), Text: a[4].String(), Actions: a[5].Interface().([]string),
		})
		return []reflect.Value{reflect.ValueOf(id), reflect.Zero(failed)}
	}).Interface()
}

// show keeps a notification and gives it its number.
func (s notifications) show(n Note) uint32 {
	b := s.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if n.ID = n.Replaces; n.ID == 0 {
		n.ID = uint32(len(b.notes) + 1)
	}
	b.notes = append(b.notes, n)
	return n.ID
}

// remove takes a notification away, as its app wants it.
func (s notifications) remove(id uint32) *dbus.Error {
	if err := s.bus.conn.Emit(notesPath, notesName+".NotificationClosed", id, uint32(3)); err != nil { // by the app
		return dbus.MakeFailedError(err)
	}
	return nil
}
