package socket

import "sync"

// bufferSizes are the sizes of buffers, in bytes. 128 KiB is what a gateway takes
// of a message by default.
var bufferSizes = [...]int{4 << 10, inputSize, 64 << 10, 128 << 10, 256 << 10, 1 << 20}

// inputSize is how much is read of a connection at once, in bytes, if what is
// wanted is no more.
const inputSize = 16 << 10

// Buffer is memory that is lent.
type Buffer struct {
	Bytes []byte // its length is its size
	class int    // in bufferSizes
}

// Buffers lends memory to those links that have something to do. Its methods are
// safe for concurrent use; its zero value is ready.
type Buffers struct {
	free [len(bufferSizes)]sync.Pool // of *Buffer
}

// Get lends at least size bytes, 1 MiB at most. What they hold is
// anything.
func (b *Buffers) Get(size int) *Buffer {
	class := 0
	for class < len(bufferSizes)-1 && bufferSizes[class] < size {
		class++
	}
	if free, ok := b.free[class].Get().(*Buffer); ok {
		return free
	}
	return &Buffer{Bytes: make([]byte, bufferSizes[class]), class: class}
}

// Put takes a buffer back, which must not be used afterwards.
func (b *Buffers) Put(used *Buffer) { b.free[used.class].Put(used) }
