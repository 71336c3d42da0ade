package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"strings"

	"github.com/godbus/dbus/v5"
)

const (
	watcherName = "org.kde.StatusNotifierWatcher"
	watcherPath = dbus.ObjectPath("/StatusNotifierWatcher")
	itemName    = "org.kde.StatusNotifierItem"
	menuName    = "com.canonical.dbusmenu"
)

// icon is where an icon of the tray is.
type icon struct {
	owner string
	path  dbus.ObjectPath
}

// Entry is a line of an icon's menu.
type Entry struct {
	ID    int32
	Label string
}

// watcher is the tray (https://specifications.freedesktop.org/status-notifier-item).
type watcher struct{ bus *Bus }

// RegisterStatusNotifierItem is the protocol's: an icon tells its path, or its name on
// the bus.
func (w watcher) RegisterStatusNotifierItem(service string, from dbus.Sender) *dbus.Error {
	at := icon{string(from), dbus.ObjectPath(service)}
	if !strings.HasPrefix(service, "/") {
		at.path = "/StatusNotifierItem"
	}
	w.bus.mu.Lock()
	defer w.bus.mu.Unlock()
	w.bus.icons = append(w.bus.icons, at)
	return nil
}

// RegisterStatusNotifierHost is the protocol's.
func (watcher) RegisterStatusNotifierHost(string) *dbus.Error { return nil }

// ErrNoIcon is returned while there is no icon in the tray.
var ErrNoIcon = errors.New("there is no icon in the tray")

// newest is the icon that came last.
func (b *Bus) newest() (icon, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.icons) == 0 {
		return icon{}, ErrNoIcon
	}
	return b.icons[len(b.icons)-1], nil
}

// property reads one of the newest icon.
func (b *Bus) property(ctx context.Context, name string, into any) error {
	at, err := b.newest()
	if err != nil {
		return err
	}
	var v dbus.Variant
	call := b.conn.Object(at.owner, at.path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, itemName, name)
	if err := call.Store(&v); err != nil {
		return fmt.Errorf("the icon in the tray: %w", err)
	}
	return v.Store(into)
}

// Title is what the newest icon of the tray says. Error: there is none.
func (b *Bus) Title(ctx context.Context) (title string, err error) {
	return title, b.property(ctx, "Title", &title)
}

// pixels are a picture as icons hand it out: alpha, red, green and blue of each pixel.
type pixels struct {
	Width, Height int32
	Pixels        []byte
}

// Icon is the largest picture of the newest icon of the tray. Error: ErrNoIcon.
func (b *Bus) Icon(ctx context.Context) (*image.NRGBA, error) {
	var all []pixels
	if err := b.property(ctx, "IconPixmap", &all); err != nil {
		return nil, err
	}
	return largest(all)
}

// maxSide is the width and height of the largest icon that is taken, in pixels.
const maxSide = 1024

func largest(all []pixels) (m *image.NRGBA, err error) {
	for _, one := range all {
		width, height := int(one.Width), int(one.Height)
		if width < 1 || height < 1 || width > maxSide || height > maxSide || len(one.Pixels) != 4*width*height {
			return nil, fmt.Errorf("the icon in the tray is %d x %d pixels in %d bytes", width, height, len(one.Pixels))
		}
		if m != nil && m.Rect.Dx() >= width {
			continue
		}
		m = image.NewNRGBA(image.Rect(0, 0, width, height))
		for i := 0; i < len(one.Pixels); i += 4 {
			copy(m.Pix[i:], one.Pixels[i+1:i+4])
			m.Pix[i+3] = one.Pixels[i]
		}
	}
	if m == nil || len(bytes.Trim(m.Pix, "\x00")) == 0 {
		return nil, ErrNoIcon
	}
	return m, nil
}

// layout is a line of a menu with those below it (com.canonical.dbusmenu).
type layout struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

// menu is where the menu of the newest icon is.
func (b *Bus) menu(ctx context.Context) (dbus.BusObject, error) {
	var path dbus.ObjectPath
	if err := b.property(ctx, "Menu", &path); err != nil {
		return nil, err
	}
	at, err := b.newest()
	return b.conn.Object(at.owner, path), err
}

// Menu are the lines of the menu of the newest icon of the tray, without those that only
// part others.
func (b *Bus) Menu(ctx context.Context) (lines []Entry, err error) {
	menu, err := b.menu(ctx)
	if err != nil {
		return nil, err
	}
	var revision uint32
	var top layout
	if err := menu.CallWithContext(ctx, menuName+".GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &top); err != nil {
		return nil, fmt.Errorf("the menu in the tray: %w", err)
	}
	for _, v := range top.Children {
		var one layout
		if err := v.Store(&one); err != nil {
			return nil, fmt.Errorf("the menu in the tray: %w", err)
		}
		if label, ok := one.Properties["label"].Value().(string); ok && label != "" {
			lines = append(lines, Entry{one.ID, strings.ReplaceAll(label, "_", "")})
		}
	}
	return lines, nil
}

// Choose clicks a line of the menu of the newest icon of the tray.
func (b *Bus) Choose(ctx context.Context, line Entry) error {
	menu, err := b.menu(ctx)
	if err != nil {
		return err
	}
	return menu.CallWithContext(ctx, menuName+".Event", 0, line.ID, "clicked", dbus.MakeVariant(""), uint32(0)).Err
}
