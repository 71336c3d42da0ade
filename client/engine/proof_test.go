package engine

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"testing"
	"time"

	"zeroms/client/dispatch"
	"zeroms/client/profile"
	"zeroms/client/view"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// noMessages is a store in which nothing is found.
type noMessages struct{}

func (noMessages) Message(context.Context, []byte) (row profile.Row, ok bool, err error) { return }
func (noMessages) Tidy(context.Context, time.Time) error                                 { return nil }

// convicting is a file that proves a fault, out of the examples of the protocol.
func convicting(t *testing.T, name string) *custody.File {
	t.Helper()
	b, err := os.ReadFile("../../protocol/custody/testdata/evidence.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct{ Name, File string }
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	for _, x := range all {
		if x.Name == name {
			f, err := custody.ParseFile([]byte(x.File))
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
	}
	t.Fatalf("there is no example %q", name)
	return nil
}

// lostOnes is an engine that knows a contact who lost the messages 3 to 5 and 8.
func lostOnes(t *testing.T) (*Engine, *contact) {
	t.Helper()
	e := New(Config{Store: noMessages{}, Log: slog.New(slog.DiscardHandler)})
	e.now = time.UnixMilli(1_800_000_000_000)
	e.account.Self = new(profile.Self)
	c := dispatch.NewContact(profile.Contact{ID: 7, User: key.IdentityPublic{1}, State: profile.Accepted})
	c.Conv = message.New(message.Config{Self: key.IdentityPublic{2}, Peer: c.User})
	e.contacts[c.ID] = c
	record := &profile.Repair{Contact: c.ID, Lost: []profile.Lost{{Device: key.DeviceID{9}, From: 3, To: 5, At: 1}, {Device: key.DeviceID{9}, From: 8, To: 8, At: 1}}}
	if err := c.RestoreRepair(record); err != nil {
		t.Fatal(err)
	}
	return e, c
}

// TestAProvenLossNamesItsGateway: not the one with most faults, but the one that is
// convicted of this loss, when it happens and whenever it is asked for.
func TestAProvenLossNamesItsGateway(t *testing.T) {
	e, c := lostOnes(t)
	file := convicting(t, "two heads for one place")
	if !e.convict(file, profile.Evidence{Contact: c.ID, Device: key.DeviceID{9}, Seq: 4}) {
		t.Fatal("the example convicts nobody")
	}
	for i := range byte(3) { // another gateway with more faults
		id := [16]byte{i + 1}
		e.evidence[id] = &profile.Evidence{ID: id, Node: key.NodePublic{1}, File: file.Encode()}
	}
	var told []view.Gap
	for _, ev := range e.events {
		if g, ok := ev.(view.GapChanged); ok {
			told = append(told, g.Gap)
		}
	}
	gaps, err := e.Gaps(c.ID)
	if err != nil || len(gaps) != 2 || len(told) != 1 || told[0] != gaps[0] {
		t.Fatalf("told %+v, listed %+v, %v", told, gaps, err)
	}
	if g := gaps[0]; g.State != view.GapProven || g.Gateway != file.Node || g.From != 3 || g.To != 5 {
		t.Errorf("the proven loss: %+v", g)
	}
	if g := gaps[1]; g.State != view.GapGone || g.Gateway != (key.NodePublic{}) {
		t.Errorf("the loss without proof: %+v", g)
	}
}

// TestTheFirstProofOfALossCounts: of two gateways that are convicted of it.
func TestTheFirstProofOfALossCounts(t *testing.T) {
	e, c := lostOnes(t)
	for i, at := range []uint64{30, 10, 20} {
		id := [16]byte{byte(i)}
		e.evidence[id] = &profile.Evidence{ID: id, Node: key.NodePublic{byte(i + 1)}, At: at, Contact: c.ID, Device: key.DeviceID{9}, Seq: 3 + uint32(i)}
	}
	for range 20 { // the order of a map is another one each time
		if gaps, err := e.Gaps(c.ID); err != nil || gaps[0].Gateway != (key.NodePublic{2}) {
			t.Fatalf("%+v, %v", gaps, err)
		}
	}
}
