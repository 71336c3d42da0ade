package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"zeroms/protocol/card"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"zeroms-gateway": main})
}

// TestScripts runs the real binary. Beside testscript's own commands there are
//
//	gateway NAME args...   starts it and waits until it says that it is ready
//	signal NAME TERM|INT|KILL
//	stopped NAME CODE      waits for its end (-1: killed) and makes its stderr the output
//	[!] account NAME FILE  opens an account at the address in FILE, with a drop
//	port FILE              sets $PORT to that of the address in FILE
//	deposit NAME N         submits N envelopes to the drop and waits for their receipts
//	flood NAME N GATEWAY   submits envelopes without end, kills GATEWAY after N receipts
//	withdraw NAME N        logs in and reads all envelopes with a receipt, at least N
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			s := &scene{gateways: map[string]*process{}, accounts: map[string]*account{}}
			env.Values[sceneKey{}] = s
			env.Defer(s.end)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"gateway":  startGateway,
			"signal":   signalGateway,
			"stopped":  awaitGateway,
			"account":  openAccount,
			"port":     portOf,
			"deposit":  deposit,
			"flood":    flood,
			"withdraw": withdraw,
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
	cmd    *exec.Cmd
	stderr bytes.Buffer
	ended  chan struct{} // closed after its end
}

func need(ts *testscript.TestScript, neg bool, args []string, n int) {
	if neg || len(args) < n {
		ts.Fatalf("wrong use of a command; see TestScripts")
	}
}

func startGateway(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	p := &process{cmd: exec.Command("zeroms-gateway", args[1:]...), ended: make(chan struct{})}
	p.cmd.Dir = ts.MkAbs(".")
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
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": os.Interrupt, "KILL": os.Kill}
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

func count(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	ts.Check(err)
	return n
}

func openAccount(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, false, args, 2)
	a, err := newAccount(ts.ReadFile(args[1]))
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

func withdraw(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	ts.Check(sceneOf(ts).accounts[args[0]].withdraw(count(ts, args[1])))
}
