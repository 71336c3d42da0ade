package start

import (
	"errors"
	"strings"

	"zeroms/ui/model/places"
	"zeroms/ui/words"
)

// addressTrouble says why what was given is no gateway's address, and what to do. text
// is empty for a picture or a file; err is what package places says.
func addressTrouble(w *words.Words, text string, err error) string {
	_, rest, named := strings.Cut(strings.TrimSuffix(err.Error(), "]"), "[")
	name, _, _ := strings.Cut(rest, ":")
	switch {
	case errors.Is(err, places.ErrTooLong):
		return w.Say("start.address.wrong")
	case !named, name == "version", name == "suite", name == "image", name == "no-qr":
		return w.Error(err) // of a file that can't be read, a picture, a newer address
	}
	if bare := strings.ToLower(strings.TrimSpace(text)); strings.HasPrefix(bare, "zmsg:") || strings.HasPrefix(bare, "zeroms:") {
		return w.Say("start.address.cut")
	}
	return w.Say("start.address.wrong")
}
