package bus

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/godbus/dbus/v5"
)

func TestNotes(t *testing.T) {
	b := &Bus{}
	// As D-Bus calls it, with all that the protocol has.
	call := reflect.ValueOf(notifications{b}.taker())
	notify := func(replaces uint32, title, text string, actions ...string) uint32 {
		var args []reflect.Value
		for _, a := range []any{"app", replaces, "", title, text, actions, map[string]dbus.Variant{}, int32(-1)} {
			args = append(args, reflect.ValueOf(a))
		}
		answer := call.Call(args)
		if !answer[1].IsNil() {
			t.Fatal(answer[1])
		}
		return answer[0].Interface().(uint32)
	}
	first := notify(0, "Alice", "Hello", "default", "Open")
	second := notify(0, "Bob", "Hi")
	again := notify(first, "Alice", "Hello again")
	if first == 0 || second == first || again != first {
		t.Errorf("numbers %d, %d, %d", first, second, again)
	}
	all := b.Notes()
	if len(all) != 3 || all[0].Title != "Alice" || all[1].Text != "Hi" || all[2].Replaces != first {
		t.Errorf("%+v", all)
	}
	all[0].Title = "changed"
	if b.Notes()[0].Title != "Alice" {
		t.Error("what was told can be changed")
	}
	if err := b.Click(all[1]); !errors.Is(err, errDumb) {
		t.Errorf("a click on what has no action: %v", err)
	}
}

func TestIcons(t *testing.T) {
	b := &Bus{}
	if _, err := b.Icon(t.Context()); !errors.Is(err, ErrNoIcon) {
		t.Error(err)
	}
	for service, path := range map[string]dbus.ObjectPath{"/own/path": "/own/path", "org.kde.StatusNotifierItem-1-1": "/StatusNotifierItem"} {
		if failed := (watcher{b}).RegisterStatusNotifierItem(service, ":1.5"); failed != nil {
			t.Fatal(failed)
		}
		if at, err := b.newest(); err != nil || at != (icon{":1.5", path}) {
			t.Errorf("%q is at %+v, %v", service, at, err)
		}
	}
}

func TestPixels(t *testing.T) {
	m, err := largest([]pixels{{1, 1, []byte{1, 2, 3, 4}}, {2, 1, []byte{0xFF, 10, 20, 30, 0, 0, 0, 0}}})
	if err != nil || m.Rect.Dx() != 2 || [4]byte(m.Pix) != [4]byte{10, 20, 30, 0xFF} {
		t.Errorf("%v, %v", m, err)
	}
	for _, bad := range [][]pixels{nil, {{1, 1, make([]byte, 4)}}} {
		if _, err := largest(bad); !errors.Is(err, ErrNoIcon) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	for _, bad := range []pixels{{0, 1, nil}, {-1, -1, make([]byte, 4)}, {2, 2, make([]byte, 4)}, {1 << 20, 1 << 20, nil}} {
		if m, err := largest([]pixels{bad}); err == nil || errors.Is(err, ErrNoIcon) {
			t.Errorf("%v is %v, %v", bad, m, err)
		}
	}
}

func TestSettings(t *testing.T) {
	b := &Bus{}
	s := settings{b}
	for _, want := range []uint32{preferLight, preferDark} {
		b.dark = want == preferDark
		if v, failed := s.ReadOne(appearance, scheme); failed != nil || v.Value() != want {
			t.Errorf("%v, %v; want %d", v, failed, want)
		}
		if v, failed := s.Read(appearance, scheme); failed != nil || v.Value().(dbus.Variant).Value() != want {
			t.Errorf("%v, %v; want %d", v, failed, want)
		}
	}
	if v, failed := s.ReadOne(appearance, "accent-color"); failed == nil {
		t.Errorf("another setting is %v", v)
	}
}

func TestRunWithoutTime(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errDumb)
	t.Setenv("PATH", t.TempDir())
	if b, err := Run(ctx, t.TempDir()); err == nil {
		b.Close()
		t.Error("a bus without its program")
	}
}
