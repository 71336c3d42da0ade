// Package bus is what a desktop has around an app, for an app that is driven: a D-Bus of
// its own (dbus-daemon), and on it
//
//   - a server of notifications (org.freedesktop.Notifications), which keeps what it was
//     told to show and lets it be clicked;
//   - the tray (org.kde.StatusNotifierWatcher), which shows icons and opens their menus;
//   - the settings of the system (org.freedesktop.portal.Settings): light or dark.
//
// Nothing of it reaches the machine's own session.
package bus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"zeroms/cmd/zeroms-lab/child"
)

// config lets everybody on the bus own every name and call everything. It names no
// services, so none is started.
const config = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=%s</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`

// readyWait is how long the daemon may take.
const readyWait = 10 * time.Second

// Bus is a session bus with a desktop on it.
type Bus struct {
	// Address is where it is, as DBUS_SESSION_BUS_ADDRESS says it.
	Address string

	daemon *child.Child
	conn   *dbus.Conn
	said   child.Output

	mu    sync.Mutex
	notes []Note
	icons []icon
	dark  bool
}

// Run starts a bus whose files lie in a directory, which is made. The path of it may
// not be long: it holds a socket.
func Run(ctx context.Context, dir string) (*Bus, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	socket, file := filepath.Join(dir, "bus"), filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, socket), 0o600); err != nil {
		return nil, err
	}
	b := &Bus{Address: "unix:path=" + socket}
	ready := make(chan struct{}, 1)
	cmd := exec.Command("dbus-daemon", "--config-file="+file, "--nofork", "--nopidfile", "--print-address")
	cmd.Stdout = &child.Lines{Take: func([]byte) { ready <- struct{}{} }}
	var err error
	if b.daemon, err = child.Run("dbus-daemon", cmd, &b.said); err != nil {
		return nil, err
	}
	late := time.NewTimer(readyWait)
	defer late.Stop()
	select {
	case <-ready:
		err = b.furnish(ctx)
	case <-b.daemon.Ended():
		err = b.daemon.Failure()
	case <-late.C:
		err = errors.New("dbus-daemon does not say that it is ready" + b.said.Tail())
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// furnish puts the desktop on the bus.
func (b *Bus) furnish(ctx context.Context) (err error) {
	if b.conn, err = dbus.Dial(b.Address); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = b.conn.Close() })()
	if err := b.conn.Auth(nil); err != nil {
		return err
	}
	if err := b.conn.Hello(); err != nil {
		return err
	}
	for _, s := range []struct {
		served any
		path   dbus.ObjectPath
		name   string // of the service
		speaks string // its interface
	}{
		{watcher{b}, watcherPath, watcherName, watcherName},
		{settings{b}, portalPath, portalName, settingsName},
	} {
		if err := b.conn.Export(s.served, s.path, s.speaks); err != nil {
			return err
		}
		if err := b.be(s.name); err != nil {
			return err
		}
	}
	if err := b.conn.ExportMethodTable(notifications{b}.methods(), notesPath, notesName); err != nil {
		return err
	}
	return b.be(notesName)
}

// be has the bus call us by a name.
func (b *Bus) be(name string) error {
	answer, err := b.conn.RequestName(name, dbus.NameFlagDoNotQueue)
	if err == nil && answer != dbus.RequestNameReplyPrimaryOwner {
		err = fmt.Errorf("somebody else is %s on a bus of ours", name)
	}
	return err
}

// Close ends the bus and every connection to it.
func (b *Bus) Close() {
	if b.conn != nil {
		_ = b.conn.Close()
	}
	child.EndAll([]*child.Child{b.daemon})
}
