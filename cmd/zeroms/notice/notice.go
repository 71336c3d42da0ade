// Package notice shows notifications of messages over D-Bus, as the desktops of Linux and
// the BSDs have them (https://specifications.freedesktop.org/notification-spec): one for
// each conversation, which the next one replaces, and with which the user can go there.
package notice

import (
	"context"
	"errors"
	"html"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"

	"zeroms/ui"
)

const (
	name = "org.freedesktop.Notifications"
	path = dbus.ObjectPath("/org/freedesktop/Notifications")

	// patience is how long somebody who shows notifications may take to answer.
	patience = 5 * time.Second

	// maxShown is how many notifications are remembered; a click on an older one leads
	// nowhere.
	maxShown = 64
)

// Notices shows notifications; New makes it.
type Notices struct {
	wanted chan wanted

	// owned by Run
	conn    *dbus.Conn // nil: not yet
	signals chan *dbus.Signal
	markup  bool // texts are markup for this server
	shown   []shown
}

type wanted struct {
	note ui.Note
	done chan error
}

// shown is a notification that stands somewhere.
type shown struct {
	id   uint32
	note ui.Note
}

// New makes Notices that have asked nobody yet.
func New() *Notices { return &Notices{wanted: make(chan wanted)} }

var errEnded = errors.New("notifications have ended")

// Show is ui.Config's Notify. Error: there is nobody here who shows notifications.
func (n *Notices) Show(ctx context.Context, note ui.Note) error {
	w := wanted{note, make(chan error, 1)}
	select {
	case n.wanted <- w:
		return <-w.done
	case <-ctx.Done():
		return errEnded
	}
}

// Run shows what is wanted and hears what is chosen until ctx ends.
func (n *Notices) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			if n.conn != nil {
				_ = n.conn.Close()
			}
			return
		case w := <-n.wanted:
			asked, cancel := context.WithTimeout(ctx, patience)
			w.done <- n.show(asked, w.note)
			cancel()
		case s, ok := <-n.signals:
			if !ok {
				n.conn, n.signals, n.shown = nil, nil, nil
				continue
			}
			n.hear(s)
		}
	}
}

// attach connects to the user's session.
func (n *Notices) attach(ctx context.Context) error {
	if n.conn != nil && n.conn.Connected() {
		return nil
	}
	conn, err := dbus.ConnectSessionBus()
	if err != nil {
		return err
	}
	var able []string
	err = conn.Object(name, path).CallWithContext(ctx, name+".GetCapabilities", 0).Store(&able)
	if err == nil {
		err = conn.AddMatchSignalContext(ctx, dbus.WithMatchObjectPath(path), dbus.WithMatchInterface(name))
	}
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	n.conn, n.signals, n.shown = conn, make(chan *dbus.Signal, 16), nil
	n.markup = slices.Contains(able, "body-markup")
	conn.Signal(n.signals)
	return nil
}

// show has a notification shown, in place of the last one of its conversation.
func (n *Notices) show(ctx context.Context, note ui.Note) error {
	if err := n.attach(ctx); err != nil {
		return err
	}
	body := note.Body
	if n.markup {
		body = html.EscapeString(body) // what somebody wrote is no markup of ours
	}
	var id uint32
	at := slices.IndexFunc(n.shown, func(s shown) bool { return s.note.Contact == note.Contact })
	if at >= 0 {
		id = n.shown[at].id
		n.shown = slices.Delete(n.shown, at, at+1)
	}
	hints := map[string]dbus.Variant{"desktop-entry": dbus.MakeVariant("zeroms"), "category": dbus.MakeVariant("im.received")}
	err := n.conn.Object(name, path).CallWithContext(ctx, name+".Notify", 0,
		"ZeroMS", id, "zeroms", note.Title, body, []string{"default", note.Action}, hints, int32(-1)).Store(&id)
	if err != nil {
		return err
	}
	n.shown = append(n.shown, shown{id, note})
	if len(n.shown) > maxShown {
		n.shown = slices.Delete(n.shown, 0, 1)
	}
	return nil
}

// hear takes what became of a notification.
func (n *Notices) hear(s *dbus.Signal) {
	var id uint32
	if len(s.Body) < 2 || dbus.Store(s.Body[:1], &id) != nil {
		return
	}
	at := slices.IndexFunc(n.shown, func(s shown) bool { return s.id == id })
	if at < 0 {
		return
	}
	switch s.Name {
	case name + ".ActionInvoked":
		n.shown[at].note.Chosen()
	case name + ".NotificationClosed":
		n.shown = slices.Delete(n.shown, at, at+1)
	}
}
