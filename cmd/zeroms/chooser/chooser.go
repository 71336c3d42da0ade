// Package chooser has the user choose files and folders in the chooser of the system, as
// the desktops of Linux and the BSDs have it over D-Bus
// (https://flatpak.github.io/xdg-desktop-portal/docs, org.freedesktop.portal.FileChooser).
//
// Each choice has a connection of its own, and the portal closes what it shows for a
// connection that ends: so nothing stays of a choice that is over, on neither side.
package chooser

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/godbus/dbus/v5"

	"zeroms/ui"
)

const (
	busName      = "org.freedesktop.DBus"
	portalName   = "org.freedesktop.portal.Desktop"
	portalPath   = dbus.ObjectPath("/org/freedesktop/portal/desktop")
	chooserName  = "org.freedesktop.portal.FileChooser"
	requestName  = "org.freedesktop.portal.Request"
	requestPaths = string(portalPath) + "/request/"

	// callWait is how long it may take until the portal has taken a choice over. The user
	// may then take as long as they like.
	callWait = 2 * time.Second
	// folderVersion is the first version of the portal that lets folders be chosen. Those
	// before would show files.
	folderVersion = 3
	// maxPath is the longest path that is taken, in bytes, which is the system's own limit.
	maxPath = 4096
)

// Chooser has files chosen; New makes it.
type Chooser struct {
	dial    func() (*dbus.Conn, error) // to the user's session; nothing was said yet
	changed chan struct{}              // something was wanted since Run looked

	mu     sync.Mutex
	newest *wanted // guarded by mu; nil: nothing is wanted
}

type wanted struct {
	ctx    context.Context
	end    context.CancelFunc
	choice ui.Choice
	done   func(path string, err error)
}

// New makes a Chooser that has asked nobody yet.
func New() *Chooser {
	dial := func() (*dbus.Conn, error) { return dbus.SessionBusPrivateNoAutoStartup() }
	return &Chooser{dial: dial, changed: make(chan struct{}, 1)}
}

// Choose is ui.Config's. One choice is open at once: a later one ends the one before, of
// which nothing is heard any more.
func (c *Chooser) Choose(ctx context.Context, choice ui.Choice, done func(path string, err error)) {
	w := &wanted{choice: choice, done: done}
	w.ctx, w.end = context.WithCancel(ctx)
	c.mu.Lock()
	if c.newest != nil {
		c.newest.end()
	}
	c.newest = w
	c.mu.Unlock()
	select {
	case c.changed <- struct{}{}:
	default: // Run will look at this too
	}
}

// Run shows what is wanted and answers, until ctx ends. What is open then goes.
func (c *Chooser) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.changed:
			c.mu.Lock()
			w := c.newest
			c.mu.Unlock()
			c.serve(ctx, w)
		}
	}
}

// serve has one choice made and tells what it was, unless it was ended.
func (c *Chooser) serve(ctx context.Context, w *wanted) {
	defer w.end()
	defer context.AfterFunc(ctx, w.end)()
	at, err := c.choose(w.ctx, w.choice)
	if w.ctx.Err() == nil {
		w.done(at, err)
	}
}

// choose has one choice made.
func (c *Chooser) choose(ctx context.Context, choice ui.Choice) (string, error) {
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	conn, err := c.dial()
	if err != nil {
		return "", away(err)
	}
	defer conn.Close()
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	r, err := ask(ctx, conn, choice)
	if err != nil {
		return "", away(err)
	}
	for {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case s, ok := <-signals:
			switch {
			case !ok || r.died(s):
				return "", away(errors.New("the portal has ended"))
			case s.Name == requestName+".Response" && s.Sender == r.portal && s.Path == r.handle:
				return chosen(s.Body)
			}
		}
	}
}

// away is why there is no chooser.
func away(err error) error { return fmt.Errorf("%w: %w", ui.ErrChooseAway, err) }

// request is a choice that the portal has taken over.
type request struct {
	portal string // its own name on the bus, which nobody else gets
	handle dbus.ObjectPath
}

// died reports whether a signal says that the portal is no more.
func (r request) died(s *dbus.Signal) bool {
	if s.Sender != busName || s.Name != busName+".NameOwnerChanged" {
		return false
	}
	var name, before, after string
	return dbus.Store(s.Body, &name, &before, &after) == nil && name == r.portal && after == ""
}

// ask has the portal take a choice over. The connection is closed if that takes too long.
func ask(ctx context.Context, conn *dbus.Conn, choice ui.Choice) (r request, err error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := conn.Auth(nil); err != nil {
		return r, err
	}
	if err := conn.Hello(); err != nil {
		return r, err
	}
	if r.portal, err = owner(ctx, conn); err != nil {
		return r, err
	}
	token := "zeroms" + rand.Text()
	r.handle = dbus.ObjectPath(requestPaths + strings.ReplaceAll(strings.TrimPrefix(conn.Names()[0], ":"), ".", "_") + "/" + token)
	if err := r.subscribe(ctx, conn); err != nil {
		return r, err
	}
	desktop := conn.Object(r.portal, portalPath)
	if choice.Folder {
		var v dbus.Variant
		if err := desktop.CallWithContext(ctx, busName+".Properties.Get", 0, chooserName, "version").Store(&v); err != nil {
			return r, err
		}
		if n, ok := v.Value().(uint32); !ok || n < folderVersion {
			return r, errors.New("the portal does not know folders")
		}
	}
	var handle dbus.ObjectPath
	err = desktop.CallWithContext(ctx, chooserName+".OpenFile", 0, choice.Parent, choice.Title, options(choice, token)).Store(&handle)
	if err == nil && handle != r.handle {
		err = errors.New("the portal answers elsewhere than it was asked to")
	}
	return r, err
}

// owner is who the portal is, which is started if need be.
func owner(ctx context.Context, conn *dbus.Conn) (name string, err error) {
	bus := conn.BusObject()
	look := func() error { return bus.CallWithContext(ctx, busName+".GetNameOwner", 0, portalName).Store(&name) }
	if look() == nil {
		return name, nil
	}
	if err := bus.CallWithContext(ctx, busName+".StartServiceByName", 0, portalName, uint32(0)).Err; err != nil {
		return "", err
	}
	err = look()
	return name, err
}

// subscribe has the bus tell of the answer, and of the portal's end.
func (r request) subscribe(ctx context.Context, conn *dbus.Conn) error {
	err := conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(r.portal), dbus.WithMatchInterface(requestName),
		dbus.WithMatchMember("Response"), dbus.WithMatchObjectPath(r.handle))
	if err != nil {
		return err
	}
	return conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(busName), dbus.WithMatchInterface(busName),
		dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, r.portal))
}

// filter is the portal's (sa(us)): a name, and patterns of what is shown.
type filter struct {
	Name  string
	Rules []rule
}

type rule struct {
	Kind    uint32 // 0: a pattern as shells have them
	Pattern string
}

// options are what a choice is asked for with.
func options(c ui.Choice, token string) map[string]dbus.Variant {
	o := map[string]dbus.Variant{
		"handle_token": dbus.MakeVariant(token), "accept_label": dbus.MakeVariant(c.Accept), "modal": dbus.MakeVariant(true),
		"multiple": dbus.MakeVariant(false), "directory": dbus.MakeVariant(c.Folder),
	}
	if c.At != "" {
		o["current_folder"] = dbus.MakeVariant(append([]byte(c.At), 0))
	}
	var filters []filter
	for _, f := range c.Filters {
		one := filter{Name: f.Name}
		for _, ending := range f.Endings {
			one.Rules = append(one.Rules, rule{Pattern: pattern(ending)})
		}
		if f.Endings == nil {
			one.Rules = []rule{{Pattern: "*"}}
		}
		filters = append(filters, one)
	}
	if filters != nil {
		o["filters"], o["current_filter"] = dbus.MakeVariant(filters), dbus.MakeVariant(filters[0])
	}
	return o
}

// pattern is one of files whose names have an ending, in large letters or small ones.
func pattern(ending string) string {
	var p strings.Builder
	p.WriteByte('*')
	for _, r := range ending {
		if small, large := unicode.ToLower(r), unicode.ToUpper(r); small != large {
			p.WriteString("[" + string(small) + string(large) + "]")
		} else {
			p.WriteRune(r)
		}
	}
	return p.String()
}

// chosen is what was chosen by what the portal answers; "": nothing.
func chosen(answer []any) (string, error) {
	if len(answer) != 2 {
		return "", away(errors.New("the portal's answer is no answer"))
	}
	code, ok := answer[0].(uint32)
	if !ok {
		return "", away(errors.New("the portal's answer has no code"))
	}
	if code != 0 { // 1: cancelled, 2: it went in another way
		return "", nil
	}
	results, _ := answer[1].(map[string]dbus.Variant)
	uris, _ := results["uris"].Value().([]string)
	if len(uris) != 1 {
		return "", away(fmt.Errorf("the portal was asked for one file and answers with %d", len(uris)))
	}
	return local(uris[0])
}

// local is the path of a file: URI.
func local(uri string) (string, error) {
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return "", away(errors.New("the portal's answer is no URI"))
	case u.Scheme != "file" || u.Host != "" && u.Host != "localhost":
		return "", ui.ErrChooseElsewhere
	case !path.IsAbs(u.Path) || len(u.Path) > maxPath || strings.ContainsRune(u.Path, 0) || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", away(errors.New("the portal's answer is no path"))
	}
	return path.Clean(u.Path), nil
}
