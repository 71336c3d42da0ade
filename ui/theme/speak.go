package theme

import (
	"errors"
	"os"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"
)

// Speak has Fyne's own texts (Copy, Paste, Cancel ...) in a language, "en" or "zh-Hans".
// Fyne asks the system for it each time that translations are added, so the environment
// says another language for as long as none are added to it. Call it before windows are
// made, and on the screen's goroutine. Where Fyne asks elsewhere than in the environment
// (macOS, Windows) its texts stay in the system's language.
func Speak(language string) error {
	locale, name := "en_US.UTF-8", "en"
	if language == "zh-Hans" {
		locale, name = "zh_CN.UTF-8", "zh"
	}
	restore := []func() error{setting("LC_ALL", locale), setting("LANGUAGE", locale[:5])}
	err := lang.AddTranslationsForLocale([]byte("{}"), fyne.Locale(name))
	for _, back := range restore {
		err = errors.Join(err, back())
	}
	return err
}

// setting sets a variable of the environment and returns what sets it back.
func setting(name, value string) (back func() error) {
	before, was := os.LookupEnv(name)
	err := os.Setenv(name, value)
	return func() error {
		if was {
			return errors.Join(err, os.Setenv(name, before))
		}
		return errors.Join(err, os.Unsetenv(name))
	}
}
