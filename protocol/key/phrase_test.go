package key

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// TestWordLists: the lists are the published BIP39 ones; nothing else may change a written-down phrase.
func TestWordLists(t *testing.T) {
	for lang, want := range map[Language]string{
		English: "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda",
		Chinese: "5c5942792bd8340cb8b27cd592f1015edf56a8c5b26276ee18a482428e7c5726",
	} {
		text := map[Language]string{English: wordsEnglish, Chinese: wordsChinese}[lang]
		if sum := sha256.Sum256([]byte(text)); hex.EncodeToString(sum[:]) != want {
			t.Errorf("the list of %s has the hash %x", lang, sum)
		}
		seen := map[string]bool{}
		for _, w := range wordList(lang) {
			seen[w] = true
		}
		if len(wordList(lang)) != 2048 || len(seen) != 2048 {
			t.Errorf("the list of %s has %d words, %d of them different", lang, len(wordList(lang)), len(seen))
		}
	}
}

func TestBIP39(t *testing.T) {
	var file map[string][][]string
	published(t, "bip39.json", &file)
	for list, lang := range map[string]Language{"english": English, "chinese_simplified": Chinese} {
		phrases := 0
		for _, v := range file[list] {
			entropy, phrase := unhex(t, v[0]), v[1]
			if got := entropyToPhrase(entropy, lang); got != phrase {
				t.Errorf("%x is written %q, not %q", entropy, got, phrase)
			}
			if got, err := phraseToEntropy(strings.Fields(phrase), lang); err != nil || !bytes.Equal(got, entropy) {
				t.Errorf("%q is read as %x, %v", phrase, got, err)
			}
			seed, err := ParsePhrase(phrase)
			if len(entropy) != 32 {
				var wrong *PhraseError
				if !errors.As(err, &wrong) || wrong.Count != len(strings.Fields(phrase)) {
					t.Errorf("a phrase of %d bytes: %v", len(entropy), err)
				}
				continue
			}
			phrases++
			if err != nil || !seed.Equal(entropy) || seed.Phrase(lang) != phrase {
				t.Errorf("%q: %v", phrase, err)
			}
		}
		if phrases != 8 {
			t.Errorf("%s: %d phrases of 24 words, not 8", list, phrases)
		}
	}
}

func TestPhraseForms(t *testing.T) {
	seed := newFixture().seed
	en, zh := seed.Phrase(English), seed.Phrase(Chinese)
	for _, form := range []string{
		en, strings.ToUpper(en), "\n " + strings.ReplaceAll(en, " ", " \t\r\n ") + " ",
		strings.ReplaceAll(en, " ", "\u3000"), // as a Chinese keyboard types blanks
		zh, strings.ReplaceAll(zh, " ", ""), strings.ReplaceAll(zh, " ", "\u3000"), " " + zh[:40] + "\n" + zh[40:],
	} {
		got, err := ParsePhrase(form)
		if err != nil || !bytes.Equal(got.Bytes(), seed.Bytes()) {
			t.Errorf("%q: %v", form, err)
		}
	}
}

// TestPhraseErrors: they name the place and never the words.
func TestPhraseErrors(t *testing.T) {
	seed := newFixture().seed
	for _, lang := range []Language{English, Chinese} {
		words := strings.Fields(seed.Phrase(lang))
		with := func(i int, w string) string {
			changed := append([]string(nil), words...)
			changed[i] = w
			return strings.Join(changed, " ")
		}
		unknown := map[Language]string{English: "zerofoo", Chinese: "龘"}[lang]
		for i := range words {
			var wrong *PhraseError
			_, err := ParsePhrase(with(i, unknown))
			if !errors.As(err, &wrong) || wrong.Word != i+1 || wrong.Count != 0 {
				t.Errorf("word %d unknown: %v", i+1, err)
			}
			silent(t, err, append(words, unknown))
		}
		swapped := append([]string(nil), words...)
		swapped[3], swapped[4] = swapped[4], swapped[3]
		_, err := ParsePhrase(strings.Join(swapped, " "))
		if !errors.Is(err, ErrPhraseCheck) {
			t.Errorf("two words swapped: %v", err)
		}
		silent(t, err, words)
		for _, n := range []int{0, 1, 12, 23, 25, 48} {
			var wrong *PhraseError
			_, err := ParsePhrase(strings.Join(append(append([]string(nil), words...), words...)[:n], " "))
			if !errors.As(err, &wrong) || wrong.Count != n || wrong.Word != 0 {
				t.Errorf("%d words: %v", n, err)
			}
			silent(t, err, words)
		}
	}
}

// silent fails if the error repeats one of the words that its own sentence does not need.
func silent(t *testing.T, err error, words []string) {
	t.Helper()
	own := strings.Fields("key: word of the recovery phrase is not in the word list a has words these are right wrong or two swapped")
	for _, w := range words {
		needed := false
		for _, o := range own {
			needed = needed || o == w
		}
		if !needed && len(w) > 2 && strings.Contains(err.Error(), w) {
			t.Errorf("%v repeats %q", err, w)
		}
	}
}

// TestPhraseChecksum: of 256 last words that follow each other exactly one has the right checksum.
func TestPhraseChecksum(t *testing.T) {
	words := strings.Fields(newFixture().seed.Phrase(English))
	good := 0
	for _, last := range wordList(English)[512:768] {
		words[23] = last
		if _, err := ParsePhrase(strings.Join(words, " ")); err == nil {
			good++
		} else if !errors.Is(err, ErrPhraseCheck) {
			t.Fatal(err)
		}
	}
	if good != 1 {
		t.Errorf("%d of 256 last words are taken, not 1", good)
	}
}

// FuzzPhrase: what is read is written again with the same words.
func FuzzPhrase(f *testing.F) {
	seed := newFixture().seed
	for _, s := range []string{seed.Phrase(English), seed.Phrase(Chinese), "", "abandon", strings.Repeat("的", 24), "\u3000a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		seed, err := ParsePhrase(text)
		if err != nil {
			return
		}
		en, zh := seed.Phrase(English), strings.ReplaceAll(seed.Phrase(Chinese), " ", "")
		if strings.Join(strings.Fields(strings.ToLower(text)), " ") != en && strings.Join(strings.Fields(text), "") != zh {
			t.Errorf("%q was read as another phrase", text)
		}
	})
}
