package custody

import (
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// A gateway puts up to 256 items into a frame: receipts that stand side by side,
// and heads of one account among those that its other devices, at most 8 of them,
// asked for. The largest tree has a leaf for each of 65,537 answers and a head for
// as many accounts. The frame must stay below 64 KiB wherever they stand.
func TestTheLargestCommitFrame(t *testing.T) {
	const answers, items, devices = 1<<16 + 1, 256, 8
	node := key.NewPrivate[key.Node]()
	receipt := (&Receipt{Node: node.Public(), K: 1, Start: [32]byte{1}, Head: [32]byte{1}}).Append(nil)
	head := (&Head{}).Append(nil)
	leaves := make([][]byte, 2*answers)
	for i := range leaves {
		leaves[i] = receipt
		if i >= answers {
			leaves[i] = head
		}
	}
	tree := Build(leaves, time.Now(), node)
	worst := 0
	for _, receipts := range []int{0, 1, 128, 255, 256} {
		for _, first := range []int{0, 1, 127, answers/2 - 1, answers - 256} {
			for _, heads := range []int{answers, answers + 63, 3*answers/2 + 1, len(leaves) - items*devices} {
				var all []wire.CommitItem
				for i := range items {
					item := wire.CommitItem{ID: 1<<64 - 1, Index: uint32(first + i)}
					if i >= receipts {
						item.Index = uint32(heads + (i-receipts)*devices)
					}
					all = append(all, item)
				}
				commit := tree.Commit(all)
				worst = max(worst, len(wire.AppendFrame(nil, 0, commit)))
				if err := Verify(commit, node.Public()); err != nil {
					t.Fatalf("%d receipts from %d, heads from %d: %v", receipts, first, heads, err)
				}
			}
		}
	}
	if worst > 64<<10 {
		t.Errorf("a frame of %d bytes, more than 64 KiB of the %d allowed", worst, wire.MaxFrame)
	}
	t.Logf("the largest frame has %d bytes", worst)
}
