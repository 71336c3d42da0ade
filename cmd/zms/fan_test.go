package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// handledLines are the lines of a file to which workers add one for each message: its id, and who did it.
func handledLines(ts *testscript.TestScript, file string) []string {
	text, err := os.ReadFile(ts.MkAbs(file))
	if err != nil && !os.IsNotExist(err) {
		ts.Check(err)
	}
	lines := strings.Split(string(text), "\n")
	return lines[:len(lines)-1]
}

// handled waits until so many messages were done, and checks that none was done twice.
func handled(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	var lines []string
	for end := time.Now().Add(patience); len(lines) < want; <-look.C {
		if lines = handledLines(ts, args[0]); time.Now().After(end) {
			ts.Fatalf("%d of %d messages were done", len(lines), want)
		}
	}
	by := map[string]string{}
	for _, line := range lines {
		id, who, _ := strings.Cut(line, " ")
		if before, twice := by[id]; twice {
			ts.Fatalf("%s was done by %s and by %s", id, before, who)
		}
		by[id] = who
	}
}

// shares checks how many messages each worker did: at least so many.
func shares(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 3)
	did := map[string]int{}
	for _, line := range handledLines(ts, args[0]) {
		_, who, _ := strings.Cut(line, " ")
		did[who]++
	}
	for i := 1; i+1 < len(args); i += 2 {
		least, err := strconv.Atoi(args[i+1])
		ts.Check(err)
		if did[args[i]] < least {
			ts.Fatalf("%s did %d messages, of %v", args[i], did[args[i]], did)
		}
	}
}

// writeRequests writes requests that send so many messages to a contact.
func writeRequests(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 3)
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"cmd\":\"send\",\"contact\":%q,\"text\":\"number %d\"}\n", args[2], i)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o600))
}
