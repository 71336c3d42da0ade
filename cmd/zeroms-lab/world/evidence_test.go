package world_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/client/delivery"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/custody"
)

// judged exports what a person holds against a gateway and has it judged.
func (s *stage) judged(p *world.Person, g *world.Gateway) ([]byte, *custody.Report) {
	s.t.Helper()
	b, err := p.Client.EvidenceAgainst(context.Background(), g.Address().Node)
	s.must(err)
	f, err := custody.ParseFile(b)
	s.must(err)
	report, err := custody.Judge(f)
	s.must(err)
	return b, report
}

// TestGatewayThatLosesIsConvicted: it signed for an envelope and lost it. The
// sender's receipt comes with the repaired message, the recipient asks the
// gateway, and whatever it answers contradicts the receipt.
func TestGatewayThatLosesIsConvicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := crooked(t, delivery.RepairTiming{})
		w.unheard("stolen")
		w.send(w.alice, w.ab, "after it")
		w.wait(10*time.Minute, "it was repaired", func() bool { return len(w.texts(w.bob, w.ba)) == 2 })
		w.wait(time.Minute, "bob's gateway is convicted", func() bool { return w.home(w.bob, w.gates[1]).Faults == 1 })
		file, report := w.judged(w.bob, w.gates[1])
		if report.Verdict != custody.Guilty || report.Node != w.gates[1].Address().Node {
			t.Errorf("the verdict is %v against %v", report.Verdict, report.Node)
		}
		for _, p := range []*world.Person{w.alice, w.bob} {
			user := w.status(p).User
			for what, b := range map[string][]byte{"identity": user[:], "name": []byte(p.Name), "text": []byte("stolen")} {
				if bytes.Contains(file, b) {
					t.Errorf("the file holds %s's %s", p.Name, what)
				}
			}
		}
		w.restart(w.bob, true)
		if n := w.home(w.bob, w.gates[1]).Faults; n != 1 {
			t.Errorf("%d faults after a restart", n)
		}
		if _, err := w.alice.Client.EvidenceAgainst(context.Background(), w.gates[0].Address().Node); err == nil {
			t.Error("there is evidence against an honest gateway")
		}
	})
}

// TestReceiptOfAMessageCanBeShown: it proves custody and convicts nobody.
func TestReceiptOfAMessageCanBeShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		alice, _, ab, _ := s.friends()
		m := s.send(alice, ab, "signed for")
		s.state(alice, ab, "signed for", client.Delivered)
		b, err := alice.Client.EvidenceOf(context.Background(), m.ID)
		s.must(err)
		f, err := custody.ParseFile(b)
		s.must(err)
		report, err := custody.Judge(f)
		s.must(err)
		if report.Verdict != custody.Custody || len(report.Receipts) != 1 {
			t.Errorf("%+v", report)
		}
	})
}
