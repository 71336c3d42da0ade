// Package words says what the app says in the user's language. The translations are
// files of package assets, assets/translations/<part>.en.json and <part>.zh_Hans.json:
// one part for each package of the app that speaks, keys as "part.what".
package words

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"zeroms/assets"
	"zeroms/protocol/wire"
)

// The languages.
const (
	English = "en"
	Chinese = "zh-Hans"
)

// Words speaks one language. Its methods may be called from any goroutine.
type Words struct {
	language  string
	localizer *i18n.Localizer
	plain     sync.Map // what keys without places say
	names     func(error) string
	args      func(error) []any
}

// New makes Words of a language; empty: the system's, or English if there are no
// translations into that. It fails if the translations inside the program can't be read.
func New(language string) (*Words, error) {
	if language == "" {
		language = system(os.Getenv)
	}
	language = known(language)
	bundle, err := load(assets.Translations())
	if err != nil {
		return nil, err
	}
	return with(bundle, language), nil
}

func with(bundle *i18n.Bundle, language string) *Words {
	return &Words{language: language, localizer: i18n.NewLocalizer(bundle, language, English)}
}

// load reads all translations.
func load(files fs.FS) (*i18n.Bundle, error) {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	names, err := fs.Glob(files, "*.json")
	if err != nil {
		return nil, fmt.Errorf("words: the translations can't be listed: %w", err)
	}
	for _, name := range names {
		if _, err := bundle.LoadMessageFileFS(files, name); err != nil {
			return nil, fmt.Errorf("words: the translations in %s can't be read: %w", name, err)
		}
	}
	return bundle, nil
}

// system is the language that the environment asks for, in the order of gettext; empty
// if it asks for none.
func system(get func(string) string) string {
	locale := ""
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale = get(name); locale != "" {
			break
		}
	}
	if name, _, _ := strings.Cut(locale, "."); name == "C" || name == "POSIX" {
		return English
	}
	if first, _, _ := strings.Cut(get("LANGUAGE"), ":"); first != "" {
		return first
	}
	return locale
}

// known is the one of our languages that is meant by a name: zh, zh_CN.UTF-8, en-GB.
func known(name string) string {
	name = strings.ToLower(name)
	if rest, ok := strings.CutPrefix(name, "zh"); ok && (rest == "" || strings.ContainsAny(rest[:1], "-_.@")) {
		return Chinese
	}
	return English
}

// Names has name asked first what an error is called, which Error then says by the key
// "error.<name>"; empty: it does not know. Call it before anything is said.
func (w *Words) Names(name func(error) string) { w.names = name }

// Args has args asked for the names and values of the places in what is said about an
// error. Call it before anything is said; the texts are good without them.
func (w *Words) Args(args func(error) []any) { w.args = args }

// Language is the language, English or Chinese.
func (w *Words) Language() string { return w.language }

// Say is the text of a key, a literal. args are names and values in turn for the
// places {{.Name}} in it. An unknown key is said itself.
func (w *Words) Say(key string, args ...any) string {
	if len(args) > 0 {
		return w.localize(key, &i18n.LocalizeConfig{MessageID: key, TemplateData: data(args)})
	}
	if text, ok := w.plain.Load(key); ok {
		return text.(string)
	}
	text := w.localize(key, &i18n.LocalizeConfig{MessageID: key, TemplateData: map[string]any{}})
	w.plain.Store(key, text)
	return text
}

// Count is Say for a text with a number, {{.Count}}, of which there are several forms.
func (w *Words) Count(key string, n int, args ...any) string {
	values := data(args)
	values["Count"] = w.Number(n)
	return w.localize(key, &i18n.LocalizeConfig{MessageID: key, TemplateData: values, PluralCount: n})
}

func (w *Words) localize(key string, config *i18n.LocalizeConfig) string {
	text, _ := w.localizer.Localize(config)
	if text == "" {
		return key
	}
	if w.language == Chinese {
		return spaced(text)
	}
	return text
}

func data(args []any) map[string]any {
	values := make(map[string]any, len(args)/2+1)
	for i := 0; i+1 < len(args); i += 2 {
		if name, ok := args[i].(string); ok {
			values[name] = args[i+1]
		}
	}
	return values
}

// Error is what is said to the user about an error: what happened and what to do. A
// known error has the key "error.<name>", another one its own words. Of nil nothing is
// said.
func (w *Words) Error(err error) string {
	if err == nil {
		return ""
	}
	name := ""
	if w.names != nil {
		name = w.names(err)
	}
	failure := new(wire.Error)
	isWire := errors.As(err, &failure)
	if name == "" && isWire {
		name = wire.Lookup(failure.Code).Name
	}
	if name != "" {
		values := map[string]any{}
		if w.args != nil {
			values = data(w.args(err))
		}
		key := "error." + name
		if text := w.localize(key, &i18n.LocalizeConfig{MessageID: key, TemplateData: values}); text != key {
			return text
		}
	}
	if isWire {
		return wire.Lookup(failure.Code).Sentence
	}
	return err.Error()
}
