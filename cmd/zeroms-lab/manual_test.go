package main

import (
	"flag"
	"os"
	"testing"

	"zeroms/cmd/manual"
)

var updateManual = flag.Bool("update", false, "write this program's part of docs/cli.md")

// TestManual: this program's part of docs/cli.md is what its commands say.
func TestManual(t *testing.T) {
	const name = "../../docs/cli.md"
	old, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want := manual.Part(string(old), "zeroms-lab", manual.Commands(newRoot()))
	switch {
	case want == string(old):
	case *updateManual:
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("docs/cli.md is not what the commands say; run go test ./cmd/zeroms-lab -run TestManual -update")
	}
}
