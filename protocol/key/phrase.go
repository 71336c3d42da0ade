package key

import (
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

//go:embed words/english.txt
var wordsEnglish string

//go:embed words/chinese_simplified.txt
var wordsChinese string

// Language is a word list of the recovery phrase.
type Language string

// The languages of the recovery phrase (BIP39 word lists, entropy used directly).
const (
	English Language = "en"
	Chinese Language = "zh"
)

// PhraseWords is the number of words of a recovery phrase.
const PhraseWords = 24

// ErrPhraseCheck is returned for a phrase whose words exist but do not belong together.
var ErrPhraseCheck = errors.New("key: the recovery phrase is not right: a word is wrong or two are swapped")

// PhraseError tells what is wrong with a recovery phrase without repeating it.
type PhraseError struct {
	// Count is the number of words found, if it is not 24.
	Count int
	// Word is the position, from 1, of the first word that is not in the list.
	Word int
}

// Error says what to look at.
func (e *PhraseError) Error() string {
	if e.Word > 0 {
		return fmt.Sprintf("key: word %d of the recovery phrase is not in the word list", e.Word)
	}
	return fmt.Sprintf("key: a recovery phrase has %d words, these are %d", PhraseWords, e.Count)
}

func wordList(lang Language) []string {
	if lang == Chinese {
		return strings.Fields(wordsChinese)
	}
	return strings.Fields(wordsEnglish)
}

// Phrase writes the seed as 24 words (BIP39: 256 bits and 8 bits of SHA-256,
// 11 bits a word). Whoever reads it owns the identity.
func (s Seed) Phrase(lang Language) string { return entropyToPhrase(s.raw(), lang) }

// ParsePhrase reads a recovery phrase in either language; case and spacing do
// not matter, and Chinese words may stand without spaces. The errors never
// repeat a word.
func ParsePhrase(text string) (Seed, error) {
	words, lang := splitPhrase(text)
	if len(words) != PhraseWords {
		return Seed{}, &PhraseError{Count: len(words)}
	}
	b, err := phraseToEntropy(words, lang)
	if err != nil {
		return Seed{}, err
	}
	return SeedFrom(b)
}

func splitPhrase(text string) ([]string, Language) {
	for _, r := range text {
		if r >= 0x2e80 && !unicode.IsSpace(r) { // U+3000 also separates English words typed with a Chinese keyboard
			var words []string
			for _, r := range strings.Join(strings.Fields(text), "") {
				words = append(words, string(r))
			}
			return words, Chinese
		}
	}
	return strings.Fields(strings.ToLower(text)), English
}

func entropyToPhrase(entropy []byte, lang Language) string {
	list := wordList(lang)
	sum := sha256.Sum256(entropy)
	bits := append(append([]byte(nil), entropy...), sum[0])
	count := len(entropy) * 8 * 33 / 32 / 11
	words := make([]string, count)
	for i := range words {
		index := 0
		for j := i * 11; j < i*11+11; j++ {
			index = index<<1 | int(bits[j/8]>>(7-j%8)&1)
		}
		words[i] = list[index]
	}
	return strings.Join(words, " ")
}

func phraseToEntropy(words []string, lang Language) ([]byte, error) {
	index := make(map[string]int, 2048)
	for i, w := range wordList(lang) {
		index[w] = i
	}
	bits := make([]byte, (len(words)*11+7)/8)
	for i, w := range words {
		n, ok := index[w]
		if !ok {
			return nil, &PhraseError{Word: i + 1}
		}
		for j := range 11 {
			at := i*11 + j
			bits[at/8] |= byte(n>>(10-j)&1) << (7 - at%8)
		}
	}
	entropy := bits[:len(words)*11*32/33/8]
	if entropyToPhrase(entropy, lang) != strings.Join(words, " ") {
		return nil, ErrPhraseCheck
	}
	return entropy, nil
}
