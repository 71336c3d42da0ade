//go:build !unix

package socket

// rawReads says that a descriptor can't be read without waiting.
const rawReads = false

// readDescriptor is never called.
func readDescriptor(uintptr, []byte) (int, error, bool) { return 0, nil, true }
