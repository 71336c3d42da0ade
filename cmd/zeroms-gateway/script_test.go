package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"zeroms/cmd/zeroms-gateway/folder"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"zeroms-gateway": main})
}

// TestScripts runs the real binary. Beside testscript's own commands there are
//
//	gateway NAME args...   starts it and waits until it says that it is ready; it may
//	                       have $FILES files open, if that is set
//	signal NAME TERM|INT|KILL|STOP|CONT
//	stopped NAME CODE      waits for its end (-1: killed) and makes its stderr the output
//	limits FILE            prints what the gateway at the address in FILE announces
//	[!] account NAME FILE [lazy]
//	                       opens an account at the address in FILE, with a drop;
//	                       lazy: without the work that is asked for
//	port FILE              sets $PORT to that of the address in FILE
//	deposit NAME N         submits N envelopes to the drop and waits for their receipts
//	flood NAME N GATEWAY   submits envelopes without end, kills GATEWAY after N receipts
//	[!] refused NAME       submits an envelope, which may get no receipt
//	version DIR [N]        prints the version of DIR's database, after setting it to N
//	recovered NAME         submits an envelope again and again until it gets a receipt
//	backup NAME N GATEWAY FILE DIR
//	                       makes a backup of DIR during a flood that has N receipts,
//	                       then kills GATEWAY; what got its receipt later is forgotten
//	[!] login NAME         logs in and prints the welcome
//	tag NAME               sets $TAG to that of the account, in hex
//	get URL                prints status and body of an HTTP answer
//	env_from FILE          sets the variables of its lines NAME=VALUE
//	told GATEWAY STATE     waits until it told the service manager that
//	filelimit GATEWAY N    lets it write no file beyond N bytes (-1: as it likes)
//	until REGEXP args...   runs zeroms-gateway again and again until it prints that
//	udp ADDRESS            keeps a UDP port busy
//	zms args...            runs the client's program
//	withdraw NAME N        logs in and reads all envelopes with a receipt, at least N
func TestScripts(t *testing.T) {
	folder := t.TempDir()
	client := sync.OnceValues(func() (string, error) {
		file := filepath.Join(folder, "zms")
		// go run keeps what it links in the build cache: it is linked once for the tests of all packages.
		if said, err := exec.Command("go", "run", "-exec=cp", "zeroms/cmd/zms", file).CombinedOutput(); err != nil {
			return "", fmt.Errorf("zms can't be built: %w\n%s", err, said)
		}
		return file, nil
	})
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			s := &scene{gateways: map[string]*process{}, accounts: map[string]*account{}}
			env.Values[sceneKey{}] = s
			env.Defer(s.end)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"gateway":   startGateway,
			"signal":    signalGateway,
			"stopped":   awaitGateway,
			"account":   openAccount,
			"port":      portOf,
			"limits":    limitsOf,
			"deposit":   deposit,
			"refused":   refused,
			"recovered": recovered,
			"version":   versionOf,
			"flood":     flood,
			"backup":    backupUnderFlood,
			"filelimit": limitFiles,
			"withdraw":  withdraw,
			"login":     login,
			"tag":       tagOf,
			"get":       get,
			"told":      told,
			"env_from":  envFrom,
			"until":     until,
			"udp":       occupyUDP,
			"zms": func(ts *testscript.TestScript, neg bool, args []string) {
				need(ts, neg, args, 1)
				file, err := client()
				ts.Check(err)
				runClient(ts, file, args)
			},
		},
	})
}

type sceneKey struct{}

// scene is what the commands of one script share.
type scene struct {
	gateways map[string]*process
	accounts map[string]*account
}

func sceneOf(ts *testscript.TestScript) *scene { return ts.Value(sceneKey{}).(*scene) }

// end kills what a script left running.
func (s *scene) end() {
	for _, p := range s.gateways {
		p.cmd.Process.Kill()
		<-p.ended
	}
}

// process is a gateway that was started.
type process struct {
	cmd     *exec.Cmd
	stderr  bytes.Buffer
	ended   chan struct{} // closed after its end
	manager *net.UnixConn // where it tells its states, as to a service manager

	mu     sync.Mutex
	states []string      // guarded by mu: what it told
	news   chan struct{} // it told something, or ended
}

// listen collects what it tells.
func (p *process) listen() {
	defer close(p.news)
	for state := make([]byte, 100); ; {
		n, err := p.manager.Read(state)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.states = append(p.states, string(state[:n]))
		p.mu.Unlock()
		select {
		case p.news <- struct{}{}:
		default:
		}
	}
}

func (p *process) told(state string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.states, state)
}

func need(ts *testscript.TestScript, neg bool, args []string, n int) {
	if neg || len(args) < n {
		ts.Fatalf("wrong use of a command; see TestScripts")
	}
}

func startGateway(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	p := &process{cmd: exec.Command("zeroms-gateway", args[1:]...), ended: make(chan struct{}), news: make(chan struct{}, 1)}
	if files := ts.Getenv("FILES"); files != "" {
		p.cmd = exec.Command("sh", append([]string{"-c", "ulimit -n " + files + `; exec zeroms-gateway "$@"`, "sh"}, args[1:]...)...)
	}
	p.cmd.Dir = ts.MkAbs(".")
	manager := "@zeroms-test-" + rand.Text()
	var err error
	p.manager, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: manager, Net: "unixgram"})
	ts.Check(err)
	go p.listen()
	p.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+manager, "WATCHDOG_USEC=150000")
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(p.cmd.Start())
	sceneOf(ts).gateways[args[0]] = p
	lines := bufio.NewScanner(stdout)
	ready := false
	var said strings.Builder
	for !ready && lines.Scan() {
		ready = strings.HasPrefix(lines.Text(), "ready ")
		fmt.Fprintln(&said, lines.Text())
	}
	go func() {
		io.Copy(io.Discard, stdout)
		p.cmd.Wait()
		p.manager.Close()
		close(p.ended)
	}()
	if !ready {
		<-p.ended
		ts.Fatalf("the gateway ended before it was ready: %s", p.stderr.String())
	}
	fmt.Fprint(ts.Stdout(), said.String())
}

func signalGateway(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": os.Interrupt, "KILL": os.Kill, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT}
	ts.Check(sceneOf(ts).gateways[args[0]].cmd.Process.Signal(signals[args[1]]))
}

func awaitGateway(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	p := sceneOf(ts).gateways[args[0]]
	<-p.ended
	delete(sceneOf(ts).gateways, args[0])
	fmt.Fprint(ts.Stderr(), p.stderr.String())
	if code := p.cmd.ProcessState.ExitCode(); strconv.Itoa(code) != args[1] {
		ts.Fatalf("exit code %d, want %s: %s", code, args[1], p.stderr.String())
	}
}

func told(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	p := sceneOf(ts).gateways[args[0]]
	for !p.told(args[1]) {
		if _, more := <-p.news; !more && !p.told(args[1]) {
			ts.Fatalf("it ended and told %q only", p.states)
		}
	}
}

func envFrom(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		ts.Setenv(name, value)
	}
}

func get(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	response, err := http.Get(args[0])
	ts.Check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d\n%s", response.StatusCode, body)
}

func login(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, false, args, 1)
	welcome, err := sceneOf(ts).accounts[args[0]].welcome()
	if err != nil {
		if !neg {
			ts.Fatalf("the login: %v", err)
		}
		fmt.Fprintln(ts.Stderr(), err)
		return
	}
	if neg {
		ts.Fatalf("the login is taken")
	}
	fmt.Fprintf(ts.Stdout(), "used=%d quota=%d\n", welcome.Used, welcome.Quota)
}

func tagOf(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	tag := key.AccountTagOf(sceneOf(ts).accounts[args[0]].mk.Public())
	ts.Setenv("TAG", hex.EncodeToString(tag[:]))
}

func count(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	ts.Check(err)
	return n
}

func openAccount(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, false, args, 2)
	a, err := newAccount(ts.ReadFile(args[1]), len(args) > 2)
	if neg {
		if err == nil {
			ts.Fatalf("the account was opened")
		}
		fmt.Fprintln(ts.Stderr(), err)
		return
	}
	ts.Check(err)
	sceneOf(ts).accounts[args[0]] = a
}

func portOf(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	address, err := card.ParseAddress(ts.ReadFile(args[0]))
	ts.Check(err)
	ts.Setenv("PORT", strconv.Itoa(int(address.Port)))
}

func deposit(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	ts.Check(sceneOf(ts).accounts[args[0]].deposit(count(ts, args[1])))
}

func flood(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 3)
	victim := sceneOf(ts).gateways[args[2]]
	ts.Check(sceneOf(ts).accounts[args[0]].flood(count(ts, args[1]), func() { victim.cmd.Process.Kill() }))
}

func limitsOf(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	address, err := addressOf(ts.ReadFile(args[0]))
	ts.Check(err)
	v, err := (&account{address: address}).visit()
	ts.Check(err)
	defer v.close()
	fmt.Fprintf(ts.Stdout(), "%+v\n", v.limits)
}

func refused(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, false, args, 1)
	err := sceneOf(ts).accounts[args[0]].deposit(1)
	if refused := err != nil; refused == neg {
		ts.Fatalf("an envelope: %v", err)
	}
	fmt.Fprintln(ts.Stderr(), err)
}

func versionOf(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	db, err := sql.Open("sqlite3", ts.MkAbs(args[0])+"/"+folder.DatabaseFile)
	ts.Check(err)
	defer db.Close()
	if len(args) > 1 {
		_, err := db.Exec("PRAGMA user_version = " + strconv.Itoa(count(ts, args[1])))
		ts.Check(err)
	}
	n := 0
	ts.Check(db.QueryRow("PRAGMA user_version").Scan(&n))
	fmt.Fprintln(ts.Stdout(), "version", n)
}

// maxWait bounds how long gateways may take to find each other.
const maxWait = time.Minute

func until(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	wanted, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	var said []byte
	for begin := time.Now(); time.Since(begin) < maxWait; <-time.After(50 * time.Millisecond) {
		command := exec.Command("zeroms-gateway", args[1:]...)
		command.Dir = ts.MkAbs(".")
		said, _ = command.CombinedOutput()
		if wanted.Match(said) {
			ts.Stdout().Write(said)
			return
		}
	}
	ts.Fatalf("it never said %q; last\n%s", args[0], said)
}

func runClient(ts *testscript.TestScript, file string, args []string) {
	command := exec.Command(file, args...)
	command.Dir = ts.MkAbs(".")
	command.Env = append(os.Environ(), "HOME="+ts.MkAbs("home"))
	command.Stdout, command.Stderr = ts.Stdout(), ts.Stderr()
	ts.Check(command.Run())
}

func occupyUDP(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	c, err := net.ListenPacket("udp", args[0])
	ts.Check(err)
	ts.Defer(func() { c.Close() })
}

// maxRecovery bounds how long a gateway may take until it writes again: it tries
// after a second, two, four and so on.
const maxRecovery = time.Minute

func recovered(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	begin := time.Now()
	var err error
	for time.Since(begin) < maxRecovery {
		if err = sceneOf(ts).accounts[args[0]].deposit(1); err == nil {
			ts.Logf("it writes again after %v", time.Since(begin))
			return
		}
		<-time.After(50 * time.Millisecond)
	}
	ts.Check(err)
}

func backupUnderFlood(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 5)
	a, victim := sceneOf(ts).accounts[args[0]], sceneOf(ts).gateways[args[2]]
	command := exec.Command("zeroms-gateway", "backup", args[3], "--data", args[4])
	command.Dir = ts.MkAbs(".")
	var kept map[[32]byte]bool
	made := make(chan error, 1)
	ts.Check(a.flood(count(ts, args[1]), func() {
		kept = maps.Clone(a.deposited)
		go func() {
			said, err := command.CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, said)
			}
			victim.cmd.Process.Kill()
			made <- err
		}()
	}))
	ts.Check(<-made)
	ts.Logf("%d receipts before the backup, %d in all", len(kept), len(a.deposited))
	a.deposited = kept
}

func withdraw(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	ts.Check(sceneOf(ts).accounts[args[0]].withdraw(count(ts, args[1])))
}
