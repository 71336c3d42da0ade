// Package start holds the view models of the first minute: a name, a gateway, the
// card; or a profile made anew from its 24 words. It waits for nothing and sees no
// screen.
package start

import (
	"errors"
	"math/rand/v2"
	"strings"
	"unicode"

	"zeroms/protocol/key"
)

// Phrase is what is known of 24 words while they are typed.
type Phrase struct {
	// Text is the words alone, without the numbers that they may have been written with.
	Text string
	// Count is how many there are, Wrong the place from 1 of the first that is not in
	// the list; a word that may still be going on is not wrong.
	Count, Wrong int
	// Word is the wrong one.
	Word string
	// Swapped tells that all 24 are in the list and do not belong together.
	Swapped bool
	// Done tells that they are right.
	Done bool
}

// ReadPhrase looks at 24 words as far as they are there.
func ReadPhrase(text string) Phrase {
	all := strings.Fields(clean(text))
	p := Phrase{Text: strings.Join(all, " "), Count: len(all)}
	if chinese(text) {
		all = strings.Split(strings.Join(all, ""), "")
		p.Count = len(all)
	}
	if p.Count == 0 || p.Count > key.PhraseWords {
		return p
	}
	_, err := key.ParsePhrase(p.Text)
	if p.Count < key.PhraseWords {
		// The check wants 24, so words of the list stand for those that are not there yet.
		fill := " abandon"
		if chinese(text) {
			fill = "的"
		}
		_, err = key.ParsePhrase(p.Text + strings.Repeat(fill, key.PhraseWords-p.Count))
	}
	var wrong *key.PhraseError
	switch typing := !strings.HasSuffix(text, " ") && !strings.HasSuffix(text, "\n") && !chinese(text); {
	case errors.As(err, &wrong) && wrong.Word > 0 && wrong.Word <= p.Count && (wrong.Word < p.Count || !typing || p.Count == key.PhraseWords):
		p.Wrong, p.Word = wrong.Word, all[wrong.Word-1]
	case p.Count == key.PhraseWords && errors.Is(err, key.ErrPhraseCheck):
		p.Swapped = true
	case p.Count == key.PhraseWords && err == nil:
		p.Done = true
	}
	return p
}

// clean leaves out what is no letter: numbers, dots, commas.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return ' '
	}, text)
}

// chinese reports whether the words are Chinese ones.
func chinese(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// Quiz asks for two of the 24 words, to see that they were written down.
type Quiz struct {
	words []string
	// At are the places of the two, from 0 and in order.
	At [2]int
}

// NewQuiz makes a Quiz.
func NewQuiz(words []string) *Quiz {
	first := rand.N(len(words) - 1)
	return &Quiz{words: words, At: [2]int{first, first + 1 + rand.N(len(words)-1-first)}}
}

// Right reports whether a word is the one that was asked for, 0 or 1.
func (q *Quiz) Right(which int, word string) bool {
	return strings.EqualFold(strings.TrimSpace(word), q.words[q.At[which]])
}
