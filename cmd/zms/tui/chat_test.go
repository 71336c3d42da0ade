package tui_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

const secret = "correct horse"

// TestTwoPeopleTalk drives the real program in two terminals over a real gateway.
func TestTwoPeopleTalk(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.starts("zeroms-gateway", "run", "--data", b.path("gw"), "--listen", "127.0.0.1:0")
	b.people(b.path("gw/address"), "anna", "bob")
	b.zms("anna", "send", "bob", "Hello Bob \x1b[31m\u202eevil", "--wait", "custody")

	bob := b.chat(80, 24, "bob")
	bob.sees("anna", "wants to talk", "Choose a conversation", "● connected")
	bob.types(enter)
	bob.sees("Do you want to talk to anna?  a accept  b block", `Hello Bob \u{1b}[31m\u{202e}evil`)
	bob.types("a")
	bob.sees("Write a message", "anna is one of your contacts now.")

	anna := b.chat(80, 24, "anna", "bob")
	anna.sees("bob", "Write a message", "✓✓")
	for _, part := range []string{"你", "好，", "Bob"} { // as an input method commits it
		anna.types(part)
	}
	anna.sees("› 你好，Bob")
	anna.caret(25+2+9, 22) // behind the list, the mark, three wide characters and three others
	anna.types(enter)
	bob.sees("▌ 你好，Bob")
	anna.sees("你好，Bob", "✓✓ read")

	anna.paste("first line\r\nsecond line 二\n")
	anna.sees("› first line", "second line 二")
	bob.types("typing meanwhile")
	bob.sees("› typing meanwhile")
	if strings.Contains(bob.text(), "first line") {
		t.Error("a paste was sent by its line feeds")
	}
	anna.types("and this" + altEnter + "fourth")
	anna.sees("and this", "fourth")
	anna.types(enter)
	bob.sees("▌ first line", "▌ second line 二", "▌ and this", "▌ fourth")
	bob.types(enter)
	anna.sees("▌ typing meanwhile")

	resizing(b, anna)

	anna.types("unsent")
	anna.sees("› unsent")
	anna.types(ctrlQ)
	anna.sees("Leave the chat?", "There is unsent text to bob.")
	anna.types("y")
	anna.restored()
	bob.types(ctrlQ)
	bob.restored()
}

// resizing looks at a conversation, and at the own card, in windows of all sizes.
func resizing(b *bench, anna *terminal) {
	b.Helper()
	anna.size(200, 50)
	anna.until("the wide layout", func(s string) bool {
		lines := strings.Split(s, "\n")
		return len(lines) == 50 && strings.HasPrefix(lines[49], " Enter send") && strings.Contains(lines[48], "› Write a message")
	})
	anna.types(f2)
	anna.sees("Your card", "█▀▀▀▀▀█")
	want := b.zms("anna", "card", "show", "--text")
	if got, err := anna.code(); err != nil || got != want {
		b.Errorf("the code on the screen reads %q, %v; want %q", got, err, want)
	}
	anna.types(escape)
	anna.sees("Write a message")

	anna.size(40, 20)
	anna.until("the narrow layout", func(s string) bool {
		return strings.HasPrefix(s, " ‹ bob") && !strings.Contains(s, "│") && strings.Contains(s, "› Write a message")
	})
	anna.types(escape)
	anna.sees("ZeroMS  anna", "typing meanwhile", "● connected")
	anna.types(enter)
	anna.sees("‹ bob", "▌ typing meanwhile")
	anna.size(80, 12)
	anna.sees("│", "Write a message", "▌ typing meanwhile")
	anna.types(strings.Repeat(wheelUp, 9))
	anna.sees("Hello Bob", "(Ctrl+End: newest)")
	anna.types(strings.Repeat(wheelDown, 9))
	anna.sees("▌ typing meanwhile")
	anna.types(pageUp + pageUp)
	anna.sees("Hello Bob")
	anna.types(ctrlEnd + "one" + ctrlJ + "two" + "\x17") // Ctrl+W takes the last word back
	anna.until("a second, empty line", func(s string) bool {
		return strings.Contains(s, "› one") && !strings.Contains(s, "two") && strings.Contains(s, "▌ typing meanwhile")
	})
	anna.types("\x15\x15\x15")
	anna.sees("Write a message")
	anna.size(80, 24)
}

// TestOwners: the chat asks for the passphrase before it takes the screen, works
// at another owner of the profile, takes over when that ends, asks for the
// passphrase then if it does not know it, and serves other commands itself.
func TestOwners(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.starts("zeroms-gateway", "run", "--data", b.path("gw"), "--listen", "127.0.0.1:0")
	b.people(b.path("gw/address"), "anna", "bob")
	if err := os.WriteFile(b.path("secret"), []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.zms("anna", "passphrase", "--new-passphrase-file", b.path("secret"))

	own := b.chat(80, 24, "anna")
	own.sees("Passphrase of the profile in")
	own.types(secret + "\n")
	own.sees("bob", "● connected")
	if status := b.zms("anna", "status"); !strings.Contains(status, "zms chat (process") {
		t.Errorf("the chat does not serve the profile:\n%s", status)
	}
	own.types(ctrlQ)
	own.restored()

	agent := b.starts("zms", "--profile", b.path("anna"), "agent")
	guest := b.chat(80, 24, "anna", "bob")
	guest.sees("Write a message", "● connected")
	guest.types("half")
	guest.sees("› half")
	if err := agent.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	guest.sees("The profile is locked", "needs the passphrase")
	guest.types("wrong" + enter)
	guest.sees("does not open")
	guest.types(secret)
	guest.sees(strings.Repeat("•", len(secret)))
	guest.types(enter)
	guest.gone("The profile is locked")
	guest.sees("› half", "● connected")
	guest.types(enter)
	guest.sees("✓ in custody")
	if status := b.zms("anna", "status"); !strings.Contains(status, "zms chat (process") {
		t.Errorf("the chat did not take over:\n%s", status)
	}
	if err := guest.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	guest.restored()
}

// TestBeforeTheScreen: what makes the chat impossible is said in a sentence, and
// the terminal stays as it is.
func TestBeforeTheScreen(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.zms("anna", "init", "--name", "anna", "--no-passphrase")
	for _, c := range []struct {
		profile string
		args    []string
		want    string
	}{
		{"nobody", nil, "there is no profile in"},
		{"anna", []string{"Zoe"}, `there is no contact "Zoe"`},
		{"anna", []string{"--verbose"}, "send it to a file with 2>FILE"},
		{"anna", []string{"--json"}, "zms chat needs a terminal"},
	} {
		x := b.chat(100, 24, c.profile, c.args...)
		x.sees(c.want)
		<-x.ended
		if x.cmd.ProcessState.ExitCode() == 0 || x.wrote("1049h") {
			t.Errorf("%q: exit code %d, or the screen was taken", c.args, x.cmd.ProcessState.ExitCode())
		}
	}
	first := b.chat(80, 24, "anna")
	first.sees("You have no gateway yet", "F3")
	first.types("q")
	first.restored()
}
