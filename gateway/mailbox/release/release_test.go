package release

import (
	"testing"
	"time"

	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func TestEveryRequestGetsItsLeafOnce(t *testing.T) {
	node := key.NewPrivate[key.Node]()
	receipt := func(p string, id uint64) Leaf[string] {
		r := custody.Receipt{Node: node.Public(), Time: id, Kept: id, EnvelopeHash: [32]byte{byte(id), byte(id >> 8)}}
		return Leaf[string]{r.Append(nil), []To[string]{{p, id}}}
	}
	head := func(n byte, to ...To[string]) Leaf[string] {
		h := custody.Head{Account: key.AccountTag{n}}
		return Leaf[string]{h.Append(nil), to}
	}
	var receipts []Leaf[string]
	for id := range uint64(600) { // of two links in turn
		receipts = append(receipts, receipt([]string{"a", "b"}[id%2], id+1))
	}
	heads := []Leaf[string]{
		head(1), head(2, To[string]{"c", 7}, To[string]{"a", 0}, To[string]{"c", 8}), head(3, To[string]{"a", 10}),
	}
	want := map[To[string]][]byte{}
	for _, l := range append(receipts, heads...) {
		for _, to := range l.To {
			want[to] = l.Leaf
		}
	}
	frames := Sign(receipts, heads, time.UnixMilli(5), node)
	for _, f := range frames {
		if err := custody.Verify(f.Commit, node.Public()); err != nil {
			t.Fatal(err)
		}
		if n := len(wire.AppendFrame(nil, 0, f.Commit)); n > wire.MaxFrame || len(f.Commit.Items) > frameItems {
			t.Errorf("a frame of %d bytes, %d items", n, len(f.Commit.Items))
		}
		for _, item := range f.Commit.Items {
			to := To[string]{f.Port, item.ID}
			if string(want[to]) != string(item.Leaf) {
				t.Errorf("link %s, request %d: another leaf, or one too many", to.Port, to.ID)
			}
			delete(want, to)
		}
	}
	if len(want) != 0 || len(frames) != 5 {
		t.Errorf("%d requests have no answer in %d frames", len(want), len(frames))
	}
	if frames := Sign(nil, heads[:1], time.UnixMilli(5), node); frames != nil {
		t.Error("a tree for nobody")
	}
}
