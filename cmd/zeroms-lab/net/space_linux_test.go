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

// TestMain lets this program run once more in namespaces of its own, where it tries
// partitions; there it is a listener, too, told so by an address.
func TestMain(m *testing.M) {
	switch listen := os.Getenv("ZEROMS_NET_LISTEN"); {
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

func TestPartitions(t *testing.T) {
	if err := canIsolate(); err != nil {
		t.Logf("nothing to try: %v", err)
		return
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
	reach := func(want bool) error {
		c, err := net.DialTimeout("tcp", s.host(1)+":7443", 300*time.Millisecond)
		if err == nil {
			c.Close()
		}
		if (err == nil) != want {
			return fmt.Errorf("reached: %v, wanted %t", err, want)
		}
		return nil
	}
	if err := reach(true); err != nil {
		return err
	}
	var parted partings
	for _, step := range []struct {
		do   func(context.Context, *space, [2]int) error
		pair [2]int
		want bool
	}{
		{parted.begin, [2]int{0, 1}, true}, {parted.begin, [2]int{1, people}, false}, {parted.begin, [2]int{people, 1}, false},
		{parted.end, [2]int{1, people}, false}, {parted.end, [2]int{1, people}, true}, {parted.end, [2]int{0, 1}, true},
	} {
		if err := step.do(ctx, s, step.pair); err != nil {
			return err
		}
		if err := reach(step.want); err != nil {
			return fmt.Errorf("%v: %w", step.pair, err)
		}
	}
	return nil
}
