package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zeroms/cmd/zms/control"
	"zeroms/protocol/key"
	"zeroms/store/chat"
)

// TestRestoreCompletes: a directory that an interrupted restore left, with a key
// and without an identity, is taken over; a full disk in between leaves no half
// profile either.
func TestRestoreCompletes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	db, err := chat.Create(t.Context(), dir, chat.NoPassphrase())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	words := filepath.Join(t.TempDir(), "words")
	seed := key.NewSeed()
	if err := os.WriteFile(words, []byte("  "+strings.ToUpper(seed.Phrase(key.English))+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := run(t, "--profile", dir, "restore", "--words-file", words, "--name", "Alice")
	if code != control.ExitOK || !strings.Contains(stdout, key.UserIDText(seed.Identity().Public())) {
		t.Errorf("restore: %d, %s", code, stderr)
	}
	if code, _, stderr := run(t, "--profile", dir, "restore", "--words-file", words); code != control.ExitFailure || !strings.Contains(stderr, "there is a profile in") {
		t.Errorf("restore again: %d, %s", code, stderr)
	}
	if code, stdout, stderr := run(t, "--profile", dir, "phrase", "--language", "zh", "--json"); code != control.ExitOK || !strings.Contains(stdout, seed.Phrase(key.Chinese)) {
		t.Errorf("phrase: %d, %s", code, stderr)
	}
}

// TestWordsAreNeverRepeated: what is wrong with a phrase is said without it.
func TestWordsAreNeverRepeated(t *testing.T) {
	seed, err := key.SeedFrom([]byte("a fixed seed: 32 bytes, no secret"[:32]))
	if err != nil {
		t.Fatal(err)
	}
	phrase := strings.Fields(seed.Phrase(key.English))
	for name, c := range map[string]struct {
		words []string
		says  string
	}{
		"too few": {phrase[:23], "24 words, these are 23"},
		"unknown": {append(append([]string{}, phrase[:23]...), "xylograph"), "word 24 of the recovery phrase is not in the word list"},
		"swapped": {append([]string{phrase[1], phrase[0]}, phrase[2:]...), "a word is wrong or two are swapped"},
		"nothing": {nil, "these are 0"},
	} {
		file := filepath.Join(t.TempDir(), "words")
		if err := os.WriteFile(file, []byte(strings.Join(c.words, " ")), 0o600); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "p")
		code, stdout, stderr := run(t, "--profile", dir, "restore", "--words-file", file, "--no-passphrase")
		if code != control.ExitLocked || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: %d, %s", name, code, stderr)
		}
		for _, word := range append(c.words, "xylograph") {
			if strings.Contains(stderr+stdout, " "+word+" ") && !strings.Contains(c.says, word) && len(word) > 5 {
				t.Errorf("%s: %q is repeated", name, word)
			}
		}
		if chat.Exists(dir) {
			t.Errorf("%s: a profile was made", name)
		}
	}
}
