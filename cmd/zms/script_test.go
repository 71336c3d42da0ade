package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"zeroms/protocol/card"
)

func TestMain(m *testing.M) {
	testscript.Main(tidy{m}, map[string]func(){"zms": main})
}

// gatewayFolder is where the gateway's program stands during one run.
var gatewayFolder = filepath.Join(os.TempDir(), fmt.Sprintf("zms-test-gateway-%d", os.Getpid()))

// tidy removes what tests built.
type tidy struct{ m testscript.TestingM }

func (t tidy) Run() int {
	defer os.RemoveAll(gatewayFolder)
	return t.m.Run()
}

// builtGateway builds the gateway once.
var builtGateway = sync.OnceValues(func() (string, error) {
	if err := os.MkdirAll(gatewayFolder, 0o755); err != nil {
		return "", err
	}
	file := filepath.Join(gatewayFolder, "zeroms-gateway")
	// go run keeps what it links in the build cache: it is linked once for the tests of all packages.
	if out, err := exec.Command("go", "run", "-exec=cp", "zeroms/cmd/zeroms-gateway", file).CombinedOutput(); err != nil {
		return "", fmt.Errorf("the gateway can't be built: %w\n%s", err, out)
	}
	return file, nil
})

// TestScripts runs the real binaries. Beside testscript's own commands there are
//
//	gateway NAME [args...]   runs a gateway in the folder NAME until it is ready; again on the same port
//	start NAME args...       runs a program until it says that it is ready
//	await NAME REGEXP        waits until the output of NAME has a line that matches, from after the last one
//	signal NAME TERM|INT|KILL|STOP
//	stopped NAME CODE        waits for the end of NAME (-1: killed); its stderr becomes the output
//	pick VAR FIELD           sets $VAR to a field of the last output's last JSON line that has it
//	qr TEXT|VAR FILE         writes a picture of a text with its QR code
//	mode FILE OCTAL          checks permissions
//	spoil FILE SQL           changes a database behind everybody's back
//	safe PROFILE             puts the profile's safe at its first gateway
//	socks NAME [USER PASS]   runs a SOCKS5 proxy at $SOCKS_NAME, to which HOST.test is this computer
//	proxied NAME REGEXP      waits until the proxy was asked for such a host:port; ! that it was not
//	endsocks NAME            ends the proxy and what goes through it
//	discreet FILE PROFILE... checks that a file shows no secret of the profiles
//	ranges PROFILE BOT N     checks that what a bot has done is kept in at most N ranges; ! in more
//	manual FILE              writes a file that docs/cli.md shows
//	guilty FILE              writes evidence of a gateway that gave one number to two envelopes
//	requests FILE N CONTACT  writes requests that send N messages
//	handled FILE N           waits until workers noted N messages in a file, and that none is there twice
//	shares FILE WHO N...     checks that each of these workers noted at least so many
func TestScripts(t *testing.T) {
	bin := filepath.Dir(gatewayProgram(t))
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			s := &scene{processes: map[string]*process{}, proxies: map[string]*socks{}}
			env.Values[sceneKey{}] = s
			env.Defer(s.end)
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("HOME", env.WorkDir+"/home")
			return nil
		},
		Condition: func(condition string) (bool, error) {
			if condition != "ipv6" {
				return false, fmt.Errorf("there is no condition %s", condition)
			}
			l, err := net.Listen("tcp", "[::1]:0")
			if err == nil {
				l.Close()
			}
			return err == nil, nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"gateway": startGateway,
			"start":   start,
			"await":   await,
			"signal":  sendSignal,
			"stopped": stopped,
			"pick":    pick,
			"qr":      drawQR,
			"mode":    checkMode,
			"spoil":   spoil,
			"safe":    putSafe,
			"guilty":  writeGuilty,

			"handled":  handled,
			"shares":   shares,
			"requests": writeRequests,

			"discreet": checkDiscreet,

			"manual":   manualFile,
			"ranges":   checkRanges,
			"socks":    startSocks,
			"proxied":  proxied,
			"endsocks": endSocks,
		},
	})
}

type sceneKey struct{}

// scene is what the commands of one script share.
type scene struct {
	processes map[string]*process
	proxies   map[string]*socks
}

func processOf(ts *testscript.TestScript, name string) *process {
	p := ts.Value(sceneKey{}).(*scene).processes[name]
	if p == nil {
		ts.Fatalf("there is no process %s", name)
	}
	return p
}

// end kills what a script left running.
func (s *scene) end() {
	for _, p := range s.processes {
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	for _, p := range s.proxies {
		p.end()
	}
}

// gatewayProgram builds the gateway and returns its file.
func gatewayProgram(t *testing.T) string {
	t.Helper()
	file, err := builtGateway()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// process is a program that was started.
type process struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	ended  chan struct{} // closed after its end

	mu    sync.Mutex
	lines []string      // guarded by mu: of stdout, not looked at yet
	more  chan struct{} // a line came
}

// next waits for a line that matches and forgets those up to it.
func (p *process) next(pattern *regexp.Regexp, end <-chan time.Time) (string, bool) {
	for {
		p.mu.Lock()
		for i, line := range p.lines {
			if pattern.MatchString(line) {
				p.lines = p.lines[i+1:]
				p.mu.Unlock()
				return line, true
			}
		}
		p.mu.Unlock()
		select {
		case <-p.more:
		case <-end:
			return "", false
		case <-p.ended:
			if p.settled(pattern) {
				continue
			}
			return "", false
		}
	}
}

// settled reports whether a line matches after the end.
func (p *process) settled(pattern *regexp.Regexp) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.lines {
		if pattern.MatchString(line) {
			return true
		}
	}
	return false
}

func (p *process) read(r io.Reader) {
	in := bufio.NewScanner(r)
	for in.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, in.Text())
		p.mu.Unlock()
		select {
		case p.more <- struct{}{}:
		default:
		}
	}
	_ = p.cmd.Wait()
	close(p.ended)
}

// patience bounds every waiting of a script: far more than a loaded machine needs.
const patience = 60 * time.Second

func launch(ts *testscript.TestScript, name string, args []string) {
	p := newProcess(args)
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"), "ZMS_PROFILE="+ts.Getenv("ZMS_PROFILE"),
		"ZMS_PASSPHRASE="+ts.Getenv("ZMS_PASSPHRASE"), "PATH="+ts.Getenv("PATH"), "ZMS_PROXY="+ts.Getenv("ZMS_PROXY"))
	if path, err := exec.LookPath(args[0]); err != nil || !filepath.IsAbs(path) {
		p.cmd.Path = lookPath(ts, args[0])
		p.cmd.Err = nil
	}
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(p.cmd.Start())
	ts.Value(sceneKey{}).(*scene).processes[name] = p
	go p.read(stdout)
	if _, ok := p.next(regexp.MustCompile(`^ready[: ]|^listening|"type":"ready"`), time.After(patience)); !ok {
		_ = p.cmd.Process.Kill()
		<-p.ended
		ts.Fatalf("%s ended before it was ready: %s", name, p.stderr.String())
	}
}

func newProcess(args []string) *process {
	return &process{cmd: exec.Command(args[0], args[1:]...), ended: make(chan struct{}), more: make(chan struct{}, 1)}
}

// runProgram runs a program until the test ends.
func runProgram(t *testing.T, args ...string) *process {
	t.Helper()
	p := newProcess(args)
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stdout)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// lookPath finds a program in the script's PATH.
func lookPath(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, name); exec.Command(path).Err == nil {
			if _, err := os.Stat(path); err == nil {
				return path
			}
		}
	}
	ts.Fatalf("there is no program %s", name)
	return ""
}

func need(ts *testscript.TestScript, neg bool, args []string, n int) {
	if neg || len(args) < n {
		ts.Fatalf("wrong use of a command; see TestScripts")
	}
}

func startGateway(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	listen := "127.0.0.1:0"
	if text, err := os.ReadFile(ts.MkAbs(args[0] + "/address")); err == nil {
		a, err := card.ParseAddress(string(text))
		ts.Check(err)
		listen = a.Endpoint()
	}
	launch(ts, args[0], append([]string{"zeroms-gateway", "run", "--data", args[0], "--listen", listen}, args[1:]...))
	a, err := card.ParseAddress(ts.ReadFile(args[0] + "/address"))
	ts.Check(err)
	ts.Setenv("HOST_"+args[0], a.Endpoint())
}

func start(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	launch(ts, args[0], args[1:])
}

func await(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	p := processOf(ts, args[0])
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	line, ok := p.next(pattern, time.After(patience))
	if !ok {
		p.mu.Lock()
		defer p.mu.Unlock()
		ts.Fatalf("%s did not print %s; what it printed and nobody awaited:\n%s", args[0], args[1], strings.Join(p.lines, "\n"))
	}
	fmt.Fprintln(ts.Stdout(), line)
}

func sendSignal(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": os.Interrupt, "KILL": os.Kill, "STOP": syscall.SIGSTOP}
	ts.Check(processOf(ts, args[0]).cmd.Process.Signal(signals[args[1]]))
}

func stopped(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	p := processOf(ts, args[0])
	select {
	case <-p.ended:
	case <-time.After(patience):
		ts.Fatalf("%s does not end", args[0])
	}
	delete(ts.Value(sceneKey{}).(*scene).processes, args[0])
	fmt.Fprint(ts.Stderr(), p.stderr.String())
	if code := p.cmd.ProcessState.ExitCode(); strconv.Itoa(code) != args[1] {
		ts.Fatalf("exit code %d, want %s: %s", code, args[1], p.stderr.String())
	}
}

func pick(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	value := ""
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		row := map[string]any{}
		ts.Check(json.Unmarshal([]byte(line), &row))
		if v, ok := row[args[1]]; ok {
			value = fmt.Sprint(v)
		}
	}
	if value == "" {
		ts.Fatalf("no line of the output has the field %s", args[1])
	}
	ts.Setenv(args[0], value)
}

// manualFile writes a file that docs/cli.md shows: the block behind the line
// that ends with its name.
func manualFile(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	text, err := os.ReadFile(manualName)
	ts.Check(err)
	_, after, found := strings.Cut(string(text), "`"+args[0]+"`:\n\n```sh\n")
	content, _, closed := strings.Cut(after, "```\n")
	if !found || !closed {
		ts.Fatalf("docs/cli.md does not show %s", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(content), 0o600))
}

func drawQR(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	picture, err := card.EncodePNG(args[0], 720)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), picture, 0o600))
}

func checkMode(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	st, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if mode := fmt.Sprintf("%o", st.Mode().Perm()); mode != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], mode, args[1])
	}
}
