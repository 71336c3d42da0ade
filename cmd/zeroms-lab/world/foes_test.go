package world_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/session"
)

// leaseOf is bob's gateway, where a foe takes mail too.
func (v *victims) leaseOf() (l session.Lease) {
	v.t.Helper()
	l, err := address.Lease{Node: v.bobs.Address().Node, Host: v.bobs.Host, Port: 443}.Encode52()
	v.must(err)
	return l
}

// about is the body of a side message to everybody, with further fields.
func about(n byte, further fields) fields {
	out := fields{1: make([]byte, 8), 2: []byte{n, 2, 3, 4, 5, 6, 7, 8}}
	for k, v := range further {
		out[k] = v
	}
	return out
}

// TestAskingForWhatWasDeliveredTakesNothingBack: a contact who asks again for
// what they acknowledged gets it again, and it stays delivered.
func TestAskingForWhatWasDeliveredTakesNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVictims(t, nil)
		f := v.foe(v.leaseOf())
		mine := v.status(v.alice).Device
		v.send(v.alice, f.id, "line")
		pause(time.Minute)
		ack := about(1, fields{3: []any{[]any{mine[:], 1, 1 << 20, []any{}}}})
		f.say(1, f.draft(message.KindAck, ack).record(false))
		settle()
		if s := v.line(v.alice, f.id, "line").State; s != client.Delivered {
			t.Fatalf("acknowledged and %v", s)
		}
		nack := about(2, fields{3: []any{[]any{mine[:], 1, 4}}, 4: []any{}, 5: 1})
		f.say(1, f.draft(message.KindNack, nack).record(false))
		settle()
		if s := v.line(v.alice, f.id, "line").State; s != client.Delivered {
			t.Errorf("asked for again and %v", s)
		}
		if n := v.status(v.alice).Repairs.Answered; n == 0 {
			t.Error("nothing was answered")
		}
		f.say(1, f.draft(message.KindAck, about(3, fields{3: ack[3]})).record(false))
		pause(time.Hour)
		if s := v.status(v.alice); s.Repairs.Undelivered != 0 || v.line(v.alice, f.id, "line").State != client.Delivered {
			t.Errorf("after an hour: %+v", s.Repairs)
		}
		v.talk()
	})
}

// putBack replaces a stopped person's profile by an older copy.
func (s *stage) putBack(dir, old string) {
	s.t.Helper()
	for _, name := range []string{"profile.key", "profile.db", "profile.db-wal"} {
		b, err := os.ReadFile(filepath.Join(old, name))
		if os.IsNotExist(err) {
			s.must(os.RemoveAll(filepath.Join(dir, name)))
			continue
		}
		s.must(err)
		s.must(os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	s.must(os.RemoveAll(filepath.Join(dir, "profile.db-shm")))
}

// TestOlderCopySealsNothing: not even to ask for messages that it lacks, or to
// answer who asks.
func TestOlderCopySealsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := new(wiretap)
		v := newVictims(t, tap.wrap)
		f := v.foe(v.leaseOf())
		theirs, mine := key.DeviceIDOf(f.signer.Public()), v.status(v.alice).Device
		heads := about(1, fields{3: []any{[]any{theirs[:], 9, make([]byte, 16)}}})
		f.say(1, f.draft(message.KindHeads, heads).record(false))
		pause(5 * time.Second)
		v.must(v.alice.Stop())
		old := filepath.Join(t.TempDir(), "old")
		v.must(v.alice.CopyProfile(old))
		v.must(v.alice.Start())
		v.send(v.alice, f.id, "x")
		v.talk()
		pause(10 * time.Minute)
		v.must(v.alice.Stop())
		v.putBack(v.alice.Dir(), old)
		nack := about(2, fields{3: []any{[]any{mine[:], 1, 4}}, 4: []any{}, 5: 1})
		f.say(1, f.draft(message.KindNack, nack).record(false))
		n := len(tap.by(v.alice))
		v.must(v.alice.Start())
		v.wait(time.Minute, "alice is told", func() bool { return v.status(v.alice).SetBack })
		pause(12 * time.Hour)
		if m := len(tap.by(v.alice)) - n; m != 0 {
			t.Errorf("the copy sealed %d envelopes", m)
		}
	})
}
