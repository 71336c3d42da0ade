package places_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"zeroms/client"
	"zeroms/protocol/key"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/model/places"
)

func TestSettings(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	s := places.NewSettings(w.Deps())
	s.Load(none(t))
	if s.Name != "Mira" || s.User != key.UserIDText(w.User()) || s.Locked || s.Direct != client.Fallback {
		t.Errorf("%+v", s)
	}
	s.SetName(" Mira K ", none(t))
	s.SetDirect(client.Never, none(t))
	s.SetProxy(" socks5://127.0.0.1:9050 ", none(t))
	s.SetPassphrase("", "a long one", none(t))
	if w.Name() != "Mira K" || s.Name != "Mira K" || s.Direct != client.Never || s.Proxy != "socks5://127.0.0.1:9050" || !s.Locked {
		t.Errorf("%+v", s)
	}
	s.Words("wrong", func(all []string, err error) {
		if err == nil {
			t.Error("a wrong passphrase shows the words")
		}
	})
	s.Words("a long one", func(all []string, err error) {
		if err != nil || len(all) != key.PhraseWords {
			t.Errorf("%d words, %v", len(all), err)
		}
	})
}

func TestChangesDoNotUndoOneAnother(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	s := places.NewSettings(w.Deps())
	w.Async.Hold = true
	s.Change(func(k *model.Settings) { k.Quiet = true }, none(t))
	s.Change(func(k *model.Settings) { k.CtrlEnter = true }, none(t))
	s.Change(func(k *model.Settings) { k.Notify = model.NotifyBare }, none(t))
	w.Async.Release()
	want := model.Settings{Tray: true, Quiet: true, CtrlEnter: true, Notify: model.NotifyBare}
	if got := w.Profile().Notes.Settings(); got != want || s.Kept != want {
		t.Errorf("%+v, shown %+v", got, s.Kept)
	}
}

func TestSettingsThatFail(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	s := places.NewSettings(w.Deps())
	s.Load(none(t))
	for method, act := range map[string]func(func(error)){
		"SetSettings":      func(then func(error)) { s.Change(func(k *model.Settings) { k.Quiet = true }, then) },
		"SetName":          func(then func(error)) { s.SetName("Another", then) },
		"SetDirect":        func(then func(error)) { s.SetDirect(client.Always, then) },
		"SetProxy":         func(then func(error)) { s.SetProxy("socks5://127.0.0.1:1", then) },
		"ChangePassphrase": func(then func(error)) { s.SetPassphrase("", "a long one", then) },
		"Words":            func(then func(error)) { s.Words("", func(_ []string, err error) { then(err) }) },
		"Diagnostics":      func(then func(error)) { s.Diagnostics(func(_ string, err error) { then(err) }) },
		"Address":          func(then func(error)) { s.Address(func(_ client.Address, err error) { then(err) }) },
		"RenewAddress":     func(then func(error)) { s.Renew(func(_ client.Address, err error) { then(err) }) },
		"Export": func(then func(error)) {
			s.Export(filepath.Join(t.TempDir(), "a"), "", func(_ model.Archive, err error) { then(err) })
		},
	} {
		before := shownOf(s)
		w.Fail(method, errFails)
		var got error
		act(func(err error) { got = err })
		if !errors.Is(got, errFails) || shownOf(s) != before {
			t.Errorf("%s: %v, %+v", method, got, s)
		}
		w.Fail(method, nil)
	}
}

func TestExportAndRenew(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	s := places.NewSettings(w.Deps())
	file := filepath.Join(t.TempDir(), "archive")
	s.Export(file, "", func(a model.Archive, err error) {
		if err != nil || a.Contacts == 0 || a.Messages == 0 || a.Cards == 0 || a.Gateways != 3 {
			t.Errorf("%+v, %v", a, err)
		}
	})
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	s.Address(func(a client.Address, err error) {
		if err != nil || len(a.Stopping) == 0 || a.Contacts == 0 || !a.Since.IsZero() {
			t.Errorf("%+v, %v", a, err)
		}
	})
	s.Renew(func(a client.Address, err error) {
		if err != nil || a.Since.IsZero() || a.Card.Text == "" {
			t.Errorf("%+v, %v", a, err)
		}
	})
	s.Diagnostics(func(text string, err error) {
		if err != nil || text == "" {
			t.Errorf("%q, %v", text, err)
		}
	})
}

// shownOf is what is seen of Settings.
func shownOf(s *places.Settings) [6]any {
	return [6]any{s.Name, s.User, s.Kept, s.Direct, s.Proxy, s.Locked}
}
