package bot

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/owner"
	"zeroms/store/chat"
)

func TestWords(t *testing.T) {
	for line, want := range map[string][]string{
		"bot":                            {"bot"},
		"  ./bot --to  /tmp/x\t-v\n":     {"./bot", "--to", "/tmp/x", "-v"},
		`python3 'my bot.py' "a b" c\ d`: {"python3", "my bot.py", "a b", "c d"},
		`bot '' ""`:                      {"bot", "", ""},
		`bot a''b"c"'d'`:                 {"bot", "abcd"},
		`bot '$HOME | *'`:                {"bot", "$HOME | *"},
		`bot "it's \"so\" \\ \$5 \n"`:    {"bot", `it's "so" \ $5 \n`},
		`bot \$5 \'`:                     {"bot", "$5", "'"},
		"bot 'zwei\nZeilen' 北京":          {"bot", "zwei\nZeilen", "北京"},
		`bot a=b,c:d@e%f+g`:              {"bot", "a=b,c:d@e%f+g"},
	} {
		if got, err := Words(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q is %q (%v)", line, got, err)
		}
	}
	for _, line := range []string{
		"", "  ", "''", `"" x`, "bot 'open", `bot "open`, `bot \`, "bot | tee", "bot; rm", "bot &", "bot > x", "bot < x", "bot $HOME", `bot "$HOME"`,
		"bot `x`", "bot \"`x`\"", "bot *.txt", "bot ?", "bot [a]", "bot {a,b}", "bot (a)", "bot ~/x", "bot # x", "bot !x",
	} {
		if got, err := Words(line); control.Explain(errOr(err)).Name != control.NameUsage {
			t.Errorf("%q is %q (%v)", line, got, err)
		}
	}
	// What a shell makes of the same words.
	for _, line := range []string{`a 'b c' "d e" f\ g h''i "j\"k\\l\m" \n ''`, "x '\\' \"'\""} {
		out, err := exec.Command("sh", "-c", `printf '%s\n' `+line).Output()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Words(line)
		if err != nil || strings.Join(got, "\n")+"\n" != string(out) {
			t.Errorf("%s is %q (%v), and for a shell %q", line, got, err, out)
		}
	}
}

func errOr(err error) error {
	if err == nil {
		return errors.New("no error")
	}
	return err
}

func FuzzWords(f *testing.F) {
	for _, line := range []string{"a b", `a 'b' "c" \d`, "a\\", "'", "|"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := Words(line)
		if err != nil {
			return
		}
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
		}
		if again, err := Words(strings.Join(quoted, " ")); err != nil || !slices.Equal(again, words) {
			t.Errorf("%q is %q, and that quoted %q (%v)", line, words, again, err)
		}
	})
}

func TestParseRequest(t *testing.T) {
	for line, id := range map[string]string{
		`{"cmd":"contacts"}`:            "",
		`{"id":1,"cmd":"contacts"}`:     "1",
		`{"id":-1.5e3,"cmd":"x"}`:       "-1.5e3",
		`{"id":"a b","cmd":"contacts"}`: `"a b"`,
		` {"done":"00","cmd":"send"} `:  "",
	} {
		if r, err := parseRequest([]byte(line)); err != nil || string(r.ID) != id {
			t.Errorf("%s: %s, %v", line, r.ID, err)
		}
	}
	for line, id := range map[string]string{
		``: "", `x`: "", `{"id":7`: "", `{"id":7,"colour":1}`: "7", `{"id":7} {}`: "", `{"id":{},"cmd":"x"}`: "", `{"id":null,"cmd":"x"}`: "",
		`{"id":true,"cmd":"x"}`: "", `{"id":"` + strings.Repeat("a", maxID) + `","cmd":"x"}`: "",
	} {
		if r, err := parseRequest([]byte(line)); control.Explain(errOr(err)).Name != control.NameUsage || string(r.ID) != id {
			t.Errorf("%s: %s, %v", line, r.ID, err)
		}
	}
}

// newBot is a bot of a fresh profile without gateways.
func newBot(t *testing.T) *Bot {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "p")
	db, err := chat.Create(t.Context(), dir, chat.NoPassphrase())
	if err == nil {
		err = errors.Join(client.Create(t.Context(), db, "Alice", time.Now()), db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return &Bot{Access: &owner.Access{Dir: dir}, Name: "bot"}
}

// proxyOf is a setting that bots of these tests change.
func (b *Bot) proxyOf(t *testing.T) (out string) {
	t.Helper()
	err := b.Access.Ask(t.Context(), control.Request{Cmd: control.CmdProxyShow}, func(row control.Row) error {
		out = row.(*control.Proxy).Proxy
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// closer is a writer that notes its end.
type closer struct {
	io.Writer
	closed chan struct{}
}

func (c closer) Close() error {
	close(c.closed)
	return nil
}

func TestServe(t *testing.T) {
	b := newBot(t)
	var out bytes.Buffer
	requests := "{\"id\":1,\"cmd\":\"proxy set\",\"proxy\":\"socks5://h:1\"}\n\n{\"id\":2,\"cmd\":\"gateway list\"}\n{\"id\":3,\"cmd\":\"proxy show\"}\n"
	end := closer{&out, make(chan struct{})}
	if err := b.Serve(t.Context(), strings.NewReader(requests), end); err != nil {
		t.Fatal(err)
	}
	<-end.closed
	var answers []string
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, `{"type":"answer"`) {
			answers = append(answers, line)
		}
	}
	want := []string{
		`{"type":"answer","id":1,"row":{"type":"proxy","proxy":"socks5://h:1"}}` + "\n", `{"type":"answer","id":1,"ok":true}` + "\n",
		`{"type":"answer","id":2,"ok":true}` + "\n",
		`{"type":"answer","id":3,"row":{"type":"proxy","proxy":"socks5://h:1"}}` + "\n", `{"type":"answer","id":3,"ok":true}` + "\n",
	}
	if !slices.Equal(answers, want) {
		t.Errorf("the answers are %q", answers)
	}
}

// TestBotWithoutEnd: the end of ctx is the end, although nobody closed anything.
func TestBotWithoutEnd(t *testing.T) {
	b := newBot(t)
	ctx, cancel := context.WithCancel(t.Context())
	in, inEnd := io.Pipe()
	defer inEnd.Close()
	out, outEnd := io.Pipe()
	served := make(chan error, 1)
	go func() { served <- b.Serve(ctx, in, outEnd) }()
	lines := bufio.NewScanner(out)
	if !lines.Scan() || !strings.Contains(lines.Text(), `"type":"ready"`) {
		t.Fatalf("it begins with %q", lines.Text())
	}
	cancel()
	if lines.Scan() {
		t.Errorf("it goes on with %q", lines.Text())
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestBotThatDoesNotRead: one that writes and writes is noticed.
func TestBotThatDoesNotRead(t *testing.T) {
	b := newBot(t)
	b.patience, b.drain = 50*time.Millisecond, 50*time.Millisecond
	in, inEnd := io.Pipe()
	_, outEnd := io.Pipe()
	go func() {
		for {
			if _, err := io.WriteString(inEnd, "{\"cmd\":\"gateway list\"}\n"); err != nil {
				return
			}
		}
	}()
	err := b.Serve(t.Context(), in, outEnd)
	if control.Explain(errOr(err)).Name != control.NameBot || !strings.Contains(err.Error(), "does not read the answers") {
		t.Errorf("it ended with %v", err)
	}
	in.Close()
}

func TestBotThatSaysTooMuch(t *testing.T) {
	b := newBot(t)
	in := strings.NewReader(strings.Repeat("a", control.MaxLine+1))
	if err := b.Serve(t.Context(), in, closer{io.Discard, make(chan struct{})}); control.Explain(errOr(err)).Name != control.NameBot {
		t.Errorf("it ended with %v", err)
	}
}

func TestBotWithoutProfile(t *testing.T) {
	b := &Bot{Access: &owner.Access{Dir: t.TempDir()}, Name: "bot"}
	err := b.Run(t.Context(), Program{Words: []string{"sh", "-c", "cat >/dev/null"}, Stderr: os.Stderr})
	if control.Explain(errOr(err)).Name != control.NameNoProfile {
		t.Errorf("it ended with %v", err)
	}
}

// script runs a bot of shell code; ready is called when it was told so.
func (b *Bot) script(ctx context.Context, code string, ready func()) error {
	b.Ready = func(control.Row) error {
		ready()
		return nil
	}
	return b.Run(ctx, Program{Words: []string{"sh", "-c", code}, Env: os.Environ(), Stderr: os.Stderr, term: 300 * time.Millisecond, kill: 200 * time.Millisecond})
}

const setProxy = `echo '{"cmd":"proxy set","proxy":"socks5://h:%d"}'`

// TestEndsOfPrograms: what a bot asks for before its end is done, however it ends.
func TestEndsOfPrograms(t *testing.T) {
	for i, c := range []struct {
		name, code string
		cancel     bool
		fails      string // empty: no error
	}{
		{"told to end, it says a last word", "cat >/dev/null; " + setProxy, true, ""},
		{"told to end, it complains", "cat >/dev/null; " + setProxy + "; exit 3", true, ""},
		{"deaf, it is terminated", "trap '" + strings.ReplaceAll(setProxy, "'", `'\''`) + "; exit 0' TERM; while :; do sleep 0.05; done", true, ""},
		{"stubborn, it is killed", "trap '' TERM; " + setProxy + "; while :; do sleep 0.05; done", true, ""},
		{"done by itself", setProxy + "; exit 0", false, ""},
		{"failed", setProxy + "; exit 3", false, "exit code 3"},
		{"killed", setProxy + "; kill -TERM $$", false, "terminated"},
		{"it reads no more", "exec <&-; while [ ! -e stop ]; do sleep 0.05; touch stop; done; rm stop; " + setProxy, false, ""},
		{"it writes no more and stays", setProxy + "; exec >&-; while :; do sleep 0.05; done", false, "terminated"},
		{"a child of its stays", "sleep 5 & " + setProxy + "; exit 0", false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			b := newBot(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			code := strings.ReplaceAll(c.code, "%d", fmt.Sprint(i+1))
			err := b.script(ctx, code, func() {
				if c.cancel {
					cancel()
				}
			})
			switch {
			case c.fails == "" && err != nil:
				t.Error(err)
			case c.fails != "" && (control.Explain(errOr(err)).Name != control.NameBot || !strings.Contains(err.Error(), c.fails)):
				t.Errorf("it ended with %v", err)
			}
			if got := b.proxyOf(t); got != fmt.Sprintf("socks5://h:%d", i+1) {
				t.Errorf("what it asked for was not done: %q", got)
			}
		})
	}
}

func TestNoSuchProgram(t *testing.T) {
	b := newBot(t)
	if err := b.Run(t.Context(), Program{Words: []string{"./nothing"}}); control.Explain(errOr(err)).Name != control.NameUsage {
		t.Errorf("it ended with %v", err)
	}
}

func TestEnvironment(t *testing.T) {
	got := Environment([]string{"A=1", "ZMS_PASSPHRASE=x", "ZMS_PROFILE=/old", "ZMS_NEW_PASSPHRASE=y", "ZMS_ARCHIVE_PASSPHRASE=z", "ZMS_PROXY=direct"}, "/p")
	if want := []string{"A=1", "ZMS_PROXY=direct", "ZMS_PROFILE=/p"}; !slices.Equal(got, want) {
		t.Errorf("it is %q", got)
	}
}

func TestMessagesComeOnce(t *testing.T) {
	s := &session{handed: map[string]handed{}}
	m := &control.Message{Type: control.TypeMessage, ID: "1"}
	for i := range 2 {
		if s.news(m) != (i == 0) {
			t.Error("a message came twice, or not at all")
		}
	}
	for _, other := range []*control.Message{{Type: control.TypeChange, ID: "1"}, {Type: control.TypeMessage, ID: "1", Outgoing: true}} {
		for range 2 {
			if !s.news(other) {
				t.Errorf("%+v was left out", other)
			}
		}
	}
	for i, again := range []uint32{0, 1, 1, 0, 2} { // as a worker of a fan
		other := &control.Message{Type: control.TypeMessage, ID: "2", Again: again}
		if s.news(other) != (i == 0 || i == 1 || i == 4) {
			t.Errorf("handed over again for the %d. time: %d", again, i)
		}
	}
	delete(s.handed, "2")
	for i := range manyHanded {
		id := fmt.Sprint("x", i)
		s.news(&control.Message{Type: control.TypeMessage, ID: id})
		s.handed[id] = handed{done: true}
	}
	if len(s.handed) > 2 || s.news(m) {
		t.Errorf("%d messages are remembered", len(s.handed))
	}
}
