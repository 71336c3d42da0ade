//go:build unix

package link_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"net"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/link"
)

// settled is the memory that the process holds after collections, in bytes: the
// least of several looks, because what is under way at one moment, or waits in a
// pool, is no cost of what stays.
func settled() (heap, stacks int) {
	heap, stacks = math.MaxInt, math.MaxInt
	for range 5 {
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		heap, stacks = min(heap, int(m.HeapAlloc)), min(stacks, int(m.StackInuse))
	}
	return heap, stacks
}

// TestWhatAnIdleLinkHolds measures links that have had messages each way and
// wait for the next one, their goroutines' stacks included. The other end is
// another process.
func TestWhatAnIdleLinkHolds(t *testing.T) {
	const n = 500
	for _, test := range []struct {
		name        string
		plain       bool
		times, size int // of messages
		most        int // bytes a link
	}{
		{"plain", true, 1, 256, 12 << 10},
		{"plain after large messages", true, 3, 64 << 10, 14 << 10},
		{"TLS", false, 1, 256, 24 << 10},
		{"TLS after large messages", false, 3, 64 << 10, 48 << 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			own := key.NewPrivate[key.Node]()
			public, name := own.Public(), "plain"
			if !test.plain {
				name = hex.EncodeToString(public[:])
			}
			ctx, cancel := context.WithCancel(context.Background())
			served := make(chan error, 1)
			var open atomic.Int64
			before, _ := settled()
			go func() {
				served <- link.Serve(ctx, l, link.ServerConfig{Node: own, Plain: test.plain}, func(c link.Conn) {
					open.Add(1)
					for {
						m, err := link.Borrow(ctx, c)
						if err != nil || c.Send(ctx, m) != nil {
							return
						}
					}
				})
			}()
			work := fmt.Sprintf("idle-%d-%d", n, test.times)
			said, end := startPeer(t, "dial", work, strconv.Itoa(test.size), l.Addr().String(), name)
			said()
			heap, stacks := settled() // stacks of links that have ended may be kept for new ones
			each := (heap - before + stacks) / n
			t.Logf("%d links, %d bytes each, %d of them stack", open.Load(), each, stacks/n)
			if open.Load() != n || each > test.most {
				t.Errorf("%d links, %d bytes each, want %d at most", open.Load(), each, test.most)
			}
			end()
			cancel()
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}
