package main

import (
	"math"
	"strconv"
	"syscall"
	"unsafe"

	"github.com/rogpeppe/go-internal/testscript"
)

// rlimitFsize is RLIMIT_FSIZE, the size beyond which a process can write no file:
// a full disk for one process, which can be given space again.
const rlimitFsize = 1

func limitFiles(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	limit := syscall.Rlimit{Cur: uint64(n), Max: math.MaxUint64}
	if n < 0 {
		limit.Cur = math.MaxUint64
	}
	pid := sceneOf(ts).gateways[args[0]].cmd.Process.Pid
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), rlimitFsize, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		ts.Fatalf("the limit can't be set: %v", errno)
	}
}
