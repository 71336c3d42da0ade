package bus

import (
	"errors"

	"github.com/godbus/dbus/v5"
)

const (
	portalName   = "org.freedesktop.portal.Desktop"
	portalPath   = dbus.ObjectPath("/org/freedesktop/portal/desktop")
	settingsName = "org.freedesktop.portal.Settings"

	appearance = "org.freedesktop.appearance"
	scheme     = "color-scheme"
)

// The values of the colour scheme.
const (
	preferDark  = uint32(1)
	preferLight = uint32(2)
)

// Darken turns the whole system dark, or light, and tells everybody.
func (b *Bus) Darken(dark bool) error {
	b.mu.Lock()
	b.dark = dark
	value := b.scheme()
	b.mu.Unlock()
	return b.conn.Emit(portalPath, settingsName+".SettingChanged", appearance, scheme, dbus.MakeVariant(value))
}

// scheme is the colour scheme of now; the caller has the lock.
func (b *Bus) scheme() uint32 {
	if b.dark {
		return preferDark
	}
	return preferLight
}

// settings is the portal (https://flatpak.github.io/xdg-desktop-portal/docs).
type settings struct{ bus *Bus }

// ReadOne is the portal's.
func (s settings) ReadOne(namespace, key string) (dbus.Variant, *dbus.Error) {
	if namespace != appearance || key != scheme {
		return dbus.Variant{}, dbus.MakeFailedError(errors.New("there is no such setting"))
	}
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	return dbus.MakeVariant(s.bus.scheme()), nil
}

// Read is the portal's older ReadOne: its answer is wrapped once more.
func (s settings) Read(namespace, key string) (dbus.Variant, *dbus.Error) {
	v, err := s.ReadOne(namespace, key)
	return dbus.MakeVariant(v), err
}
