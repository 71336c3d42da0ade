package places

import (
	"unicode/utf8"

	"zeroms/ui/words"
)

// weak is below how many characters a passphrase is called short.
const weak = 8

// Passphrase is what two fields hold in which a new passphrase is written.
type Passphrase struct{ First, Again string }

// Problem says why it can't be taken; empty: it can.
func (p Passphrase) Problem(w *words.Words) string {
	switch {
	case p.First == "" && p.Again == "":
		return ""
	case utf8.RuneCountInString(p.First) < weak:
		return w.Count("places.passphrase.short", weak)
	case p.First != p.Again:
		return w.Say("places.passphrase.differs")
	}
	return ""
}

// Minutes are after how many minutes without input the app can lock itself; 0: never.
func Minutes() []uint16 { return []uint16{0, 1, 5, 15, 60} }

// Zooms are the sizes of text that can be chosen, in percent.
func Zooms() []int { return []int{80, 90, 100, 110, 125, 150, 175, 200} }

// Nearest is the place of what comes closest to a value.
func Nearest[T uint16 | int](all []T, value T) (at int) {
	for i, x := range all {
		if distance(x, value) < distance(all[at], value) {
			at = i
		}
	}
	return at
}

func distance[T uint16 | int](x, y T) T { return max(x, y) - min(x, y) }
