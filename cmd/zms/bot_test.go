package main

import (
	"context"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	marks "zeroms/cmd/zms/kept"
	"zeroms/store/chat"
)

// checkRanges: ranges PROFILE BOT N checks that what a bot has done with its first
// contact is kept in at most N ranges, with ! in more.
func checkRanges(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, false, args, 3)
	most, err := strconv.Atoi(args[2])
	ts.Check(err)
	db, err := chat.Open(context.Background(), ts.MkAbs(args[0]), chat.NoPassphrase())
	ts.Check(err)
	defer db.Close()
	kept := marks.New(db)
	_, err = kept.Load(context.Background())
	ts.Check(err)
	n := 0
	for _, ranges := range kept.Marks(args[1], 1).Devices {
		n += len(ranges)
	}
	if n == 0 || n > most != neg {
		ts.Fatalf("what the bot has done is kept in %d ranges", n)
	}
}
