package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/plain"
)

// maxPassphrase bounds a passphrase in bytes.
const maxPassphrase = 4096

// errNoTerminal: there is nobody to ask.
var errNoTerminal = errors.New("there is no terminal")

// givenPassphrase is the passphrase of the command line or environment.
func (a *app) givenPassphrase() (text string, ok bool, err error) {
	if a.passphrase != "" {
		text, err = readPassphrase(a.passphrase)
		return text, true, err
	}
	text = a.getenv("ZMS_PASSPHRASE")
	return text, text != "", nil
}

// readPassphrase is the first line of a file.
func readPassphrase(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", control.Usage("the passphrase file can't be read: %v", err)
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, maxPassphrase)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", control.Usage("the passphrase file can't be read: %v", err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", control.Usage("the first line of the passphrase file %s is empty; write the passphrase there", name)
	}
	return line, nil
}

// askPassphrase is the passphrase that was given, or what the user types.
func (a *app) askPassphrase(ctx context.Context, prompt string) (string, error) {
	text, ok, err := a.givenPassphrase()
	if ok || err != nil {
		return text, err
	}
	if a.typed != "" {
		return a.typed, nil
	}
	text, err = a.prompt(ctx, prompt, true)
	a.typed = text
	if errors.Is(err, errNoTerminal) {
		return "", control.Fail(control.NameNeeds, "the profile is locked; set ZMS_PASSPHRASE, give --passphrase-file FILE, or run zms in a terminal to be asked")
	}
	return text, err
}

// newPassphrase asks twice for a passphrase that locks a profile.
func (a *app) newPassphrase(ctx context.Context) (string, error) {
	text, err := a.prompt(ctx, "New passphrase", true)
	if errors.Is(err, errNoTerminal) {
		return "", control.Fail(control.NameNeeds, "a passphrase is needed; set it in the environment, give a file, or run zms in a terminal to be asked")
	}
	if err != nil {
		return "", err
	}
	if text == "" {
		return "", control.Fail("empty-passphrase", "the passphrase is empty; type one, or choose to have none (zms init --no-passphrase, zms passphrase --remove)")
	}
	again, err := a.prompt(ctx, "The same again", true)
	if err != nil {
		return "", err
	}
	if again != text {
		return "", control.Usage("the two passphrases differ; run the command again and type the same twice")
	}
	return text, nil
}

// terminal is where the user can be asked: stdin, or /dev/tty if stdin is used
// for something else but a person watches.
func (a *app) terminal() (*os.File, func(), error) {
	if term.IsTerminal(int(a.stdin.Fd())) {
		return a.stdin, func() {}, nil
	}
	if f, ok := a.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0); err == nil {
			return tty, func() { tty.Close() }, nil
		}
	}
	return nil, nil, errNoTerminal
}

// prompt asks a question and reads one line, without echo if it is secret. The
// end of ctx ends it and leaves the terminal as it was.
func (a *app) prompt(ctx context.Context, question string, secret bool) (string, error) {
	tty, done, err := a.terminal()
	if err != nil {
		return "", err
	}
	fd := int(tty.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		done()
		return "", err
	}
	fmt.Fprint(a.stderr, plain.Text(question)+": ")
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	runAside(func() {
		defer done()
		text, err := readLine(tty, secret)
		answers <- answer{text, err}
	})
	select {
	case got := <-answers:
		if secret {
			fmt.Fprintln(a.stderr)
		}
		if got.err != nil {
			return "", control.Usage("nothing was typed: %v", got.err)
		}
		return got.text, nil
	case <-ctx.Done():
		_ = term.Restore(fd, state)
		fmt.Fprintln(a.stderr)
		return "", ctx.Err()
	}
}

// runAside lets f wait for a terminal, which nothing can interrupt but the end
// of the process.
func runAside(f func()) { go f() }

func readLine(tty *os.File, secret bool) (string, error) {
	if secret {
		b, err := term.ReadPassword(int(tty.Fd()))
		return string(b), err
	}
	// One byte at a time: what follows is for the next question.
	var line []byte
	for len(line) < maxPassphrase {
		var b [1]byte
		if _, err := tty.Read(b[:]); err != nil {
			return "", err
		}
		if b[0] == '\n' || b[0] == '\r' {
			return string(line), nil
		}
		line = append(line, b[0])
	}
	return "", errors.New("the line is too long")
}
