package netlab

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"testing"
	"time"
)

// TestMain lets this program run once more in namespaces of its own, where it plays a
// run or tries partitions; there it is a listener and a caller, too, told so by an address.
func TestMain(m *testing.M) {
	listen, call, play := os.Getenv("ZEROMS_NET_LISTEN"), os.Getenv("ZEROMS_NET_CALL"), os.Getenv(playEnv)
	switch {
	case call != "":
		if !reached(call) {
			os.Exit(1)
		}
		return
	case listen != "":
		l, err := net.Listen("tcp", listen)
		if err != nil {
			os.Exit(1)
		}
		fmt.Println("listens")
		for {
			if c, err := l.Accept(); err == nil {
				c.Close()
			}
		}
	case inside() && play != "":
		if err := Run(context.Background(), played(play, os.Getenv(playDirEnv), true, os.Stdout, os.Stderr)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	case inside():
		if err := tryPartitions(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("partitions work")
		return
	}
	os.Exit(m.Run())
}

// reached reports whether a listener answers.
func reached(address string) bool {
	c, err := net.DialTimeout("tcp", address, 300*time.Millisecond)
	if err == nil {
		c.Close()
	}
	return err == nil
}

func TestPartitions(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make network namespaces")
	}
	if err := canIsolate(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := isolate(t.Context(), files{&out, &out}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if got := out.String(); got != "partitions work\n" {
		t.Error(got)
	}
	if _, err := net.InterfaceByName(bridge); err == nil {
		t.Error("the bridge stands outside of the namespaces")
	}
}

// tryPartitions stands in the namespaces.
func tryPartitions() error {
	ctx := context.Background()
	s, err := newSpace(ctx, 2)
	if err != nil {
		return err
	}
	ready := make(chan struct{})
	p, err := runProcess(s.command(1, "env", "ZEROMS_NET_LISTEN="+s.host(1)+":7443", os.Args[0]), func(string) { close(ready) })
	if err != nil {
		return err
	}
	defer p.clear()
	select {
	case <-ready:
	case <-p.ended:
		return p.failure()
	}
	reach := func(byPeople, byGateway bool) error {
		call := s.command(0, "env", "ZEROMS_NET_CALL="+s.host(1)+":7443", os.Args[0])
		if err := call.Run(); (err == nil) != byGateway {
			return fmt.Errorf("reached by a gateway: %v, wanted %t", err, byGateway)
		}
		if got := reached(s.host(1) + ":7443"); got != byPeople {
			return fmt.Errorf("reached by people: %t, wanted %t", got, byPeople)
		}
		return nil
	}
	if err := reach(true, true); err != nil {
		return err
	}
	var parted partings
	for _, step := range []struct {
		do                  func(context.Context, *space, [2]int) error
		pair                [2]int
		byPeople, byGateway bool
	}{
		{parted.begin, [2]int{0, 1}, true, false}, {parted.begin, [2]int{1, people}, false, false}, {parted.begin, [2]int{people, 1}, false, false},
		{parted.end, [2]int{1, people}, false, false}, {parted.end, [2]int{1, people}, true, false}, {parted.end, [2]int{0, 1}, true, true},
	} {
		if err := step.do(ctx, s, step.pair); err != nil {
			return err
		}
		if err := reach(step.byPeople, step.byGateway); err != nil {
			return fmt.Errorf("%v: %w", step.pair, err)
		}
	}
	return nil
}
