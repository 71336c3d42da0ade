package link

import (
	"context"
	"crypto/tls"
	"net"
	"runtime"
	"strings"
	"testing"

	"zeroms/protocol/key"
)

// What answers may prove the pinned key and still be hostile: an endless header
// must not fill the client's memory.
func TestAnswerToTheUpgradeIsBounded(t *testing.T) {
	node := key.NewPrivate[key.Node]()
	cert, err := Certificate(node)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", serverTLS(cert))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = c.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nX: "))
		chunk := []byte(strings.Repeat("a", 1<<16))
		for range 1 << 10 { // 64 MiB
			if _, err := c.Write(chunk); err != nil {
				return
			}
		}
	}()
	d, err := NewDialer(Config{})
	if err != nil {
		t.Fatal(err)
	}
	pin := node.Public()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = d.Dial(context.Background(), Endpoint{Host: "127.0.0.1", Port: uint16(l.Addr().(*net.TCPAddr).Port), Node: pin[:]})
	runtime.ReadMemStats(&after)
	if err == nil {
		t.Fatal("a link although the answer never ended")
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20 {
		t.Fatalf("%d MiB were allocated", got>>20)
	}
}
