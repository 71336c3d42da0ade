package session

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// fromPeer is a session that b made and a received with, with a gen of choice.
func fromPeer(t *testing.T, a, b *side, gen uint32, now time.Time) *Session {
	t.Helper()
	p := b.params(t, a, now)
	p.Gen = gen
	made, m, err := Initiate(p, now)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := Accept(a.acceptParams(), m, now)
	if err != nil {
		t.Fatal(err)
	}
	_, slot, err := made.Send(0, now)
	if err != nil {
		t.Fatal(err)
	}
	next, _, err := got.Receive(Place{1, 0}, slot.Header, now)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestGens(t *testing.T) {
	now := start()
	a, b := newSide(now), newSide(now)
	seconds := uint32(now.Unix())
	if a.set.NextGen(now) != seconds || a.set.HighestGen() != 0 || a.set.Sending() != nil || !a.set.InitDue(now) {
		t.Fatal("an empty set")
	}
	limit := seconds + 24*3600
	if _, err := a.set.Add(fromPeer(t, a, b, limit+1, now), now); !errors.Is(err, wire.ErrClock) {
		t.Errorf("a gen beyond 24 hours: %v", err)
	}
	a.add(t, fromPeer(t, a, b, limit, now), now)
	if a.set.HighestGen() != limit || a.set.NextGen(now) != limit+1 {
		t.Errorf("highest %d, next %d", a.set.HighestGen(), a.set.NextGen(now))
	}
	a.add(t, fromPeer(t, a, b, limit+1, now), now) // 1 + highest is always allowed
	if _, err := a.set.Add(fromPeer(t, a, b, limit+3, now), now); !errors.Is(err, wire.ErrClock) {
		t.Errorf("2 + highest: %v", err)
	}
	if _, err := a.set.Add(fromPeer(t, a, b, limit, now), now); !errors.Is(err, wire.ErrReplayed) {
		t.Errorf("a second init with one gen: %v", err)
	}
	if _, err := a.set.Add(a.set.Sending(), now); !errors.Is(err, wire.ErrReplayed) {
		t.Errorf("the same session: %v", err)
	}
	own, _, err := Initiate(func() InitParams { p := a.params(t, b, now); p.Gen = limit; return p }(), now)
	if err != nil {
		t.Fatal(err)
	}
	a.add(t, own, now) // the other side may use the same gen
	if _, err := a.set.Add(fromPeer(t, a, newSide(now), limit+2, now), now); !errors.Is(err, wire.ErrValue) {
		t.Errorf("another device's session: %v", err)
	}
	if nextAfter(1<<32-1) != 1<<32-1 || unixSeconds(time.Unix(1<<40, 0)) != 1<<32-1 {
		t.Error("the last gen has a next one")
	}
}

func TestAtMostFiveOlder(t *testing.T) {
	now := start()
	a, b := newSide(now), newSide(now)
	seconds := uint32(now.Unix())
	for k := range uint32(6) {
		a.add(t, fromPeer(t, a, b, seconds+10*k, now), now)
	}
	if _, err := a.set.Add(fromPeer(t, a, b, seconds-1, now), now); !errors.Is(err, wire.ErrExpired) {
		t.Errorf("an init older than all that are kept: %v", err)
	}
	a.add(t, fromPeer(t, a, b, seconds+25, now), now)
	var gens []uint32
	for _, s := range a.set.All() {
		gens = append(gens, s.Gen()-seconds)
	}
	if fmt.Sprint(gens) != "[50 40 30 25 20 10]" {
		t.Errorf("kept %v", gens)
	}
	gone := fromPeer(t, a, b, 1, now)
	if _, err := a.set.Put(gone); !errors.Is(err, wire.ErrUnexpected) || a.set.Find(gone.ID()) != nil {
		t.Errorf("putting a session that is not there: %v", err)
	}
}

// TestUnansweredInits: the peer answers on an old session only, day after day.
// The old one is sent on, one init a day is made, and the old one never goes.
func TestUnansweredInits(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	old := a.set.Sending().ID()
	for day := range 10 {
		if !a.set.InitDue(now) && day > 0 {
			t.Fatalf("day %d: no init is due", day)
		}
		made := a.initiate(t, b, now)
		a.send(t, "lost", now)
		now = now.Add(initPatience - time.Second)
		a.deliver(t, b.send(t, "early", now), "early", now)
		if a.set.Sending().ID() != made.ID() {
			t.Fatal("an init has an hour")
		}
		now = now.Add(2 * time.Second)
		a.deliver(t, b.send(t, "on the old one", now), "on the old one", now)
		if a.set.Sending().ID() != old || a.set.InitDue(now) {
			t.Fatalf("day %d: the session that the peer is heard on is not sent on", day)
		}
		b.deliver(t, a.send(t, "answer", now), "answer", now)
		now = now.Add(initPause)
	}
	if n := len(a.set.All()); n != 1+MaxOlder {
		t.Errorf("%d sessions", n)
	}
}

func TestBundleOfAnUnansweredInitExpires(t *testing.T) {
	now := start()
	a, b := newSide(now), newSide(now)
	a.initiate(t, b, now)
	if a.set.InitDue(now.Add(BundleValid)) || !a.set.InitDue(now.Add(BundleValid+time.Millisecond)) {
		t.Error("a new init is due when the bundle of the unanswered one expired")
	}
	if a.set.Prune(now.Add(Unanswered-time.Millisecond)) != a.set {
		t.Error("given up before 37 days")
	}
	if n := len(a.set.Prune(now.Add(Unanswered)).All()); n != 0 {
		t.Errorf("%d sessions after 37 days without a reply", n)
	}
}

func TestIdleSessionsEnd(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	old := a.set.Sending().ID()
	b.initiate(t, a, now)
	a.deliver(t, b.send(t, "x", now), "x", now)
	b.deliver(t, a.send(t, "y", now), "y", now)
	if a.set.Prune(now.Add(IdleKept-time.Millisecond)) != a.set {
		t.Error("given up before 32 days")
	}
	after := a.set.Prune(now.Add(IdleKept))
	if after.Find(old) != nil || len(after.All()) != 1 || after.HighestGen() != a.set.HighestGen() {
		t.Error("an older session is still there after 32 days")
	}
	if len(after.Prune(now.Add(1000*day)).All()) != 1 {
		t.Error("the session that sends was given up")
	}
}

func TestStoredForms(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	a.send(t, "jumped over", now)
	b.deliver(t, a.send(t, "x", now), "x", now)
	b.initiate(t, a, now)
	for _, s := range append(b.set.All(), a.set.All()...) {
		encoded := s.Encode()
		again, err := DecodeSession(encoded)
		if err != nil || !bytes.Equal(again.Encode(), encoded) {
			t.Fatalf("session: %v", err)
		}
		refuseCut(t, encoded, func(b []byte) error { _, err := DecodeSession(b); return err })
	}
	encoded := b.set.Encode()
	again, err := DecodeSet(encoded)
	if err != nil || !bytes.Equal(again.Encode(), encoded) || again.Sending().ID() != b.set.Sending().ID() {
		t.Fatalf("set: %v", err)
	}
	refuseCut(t, encoded, func(b []byte) error { _, err := DecodeSet(b); return err })
	pre, err := DecodePrekey(a.prekeys[0].Encode())
	if err != nil || !bytes.Equal(pre.Bundle(), a.prekeys[0].Bundle()) || !bytes.Equal(pre.Encode(), a.prekeys[0].Encode()) {
		t.Fatalf("prekey: %v", err)
	}
	refuseCut(t, pre.Encode(), func(b []byte) error { _, err := DecodePrekey(b); return err })
	a.prekeys[0] = pre
	c := newSide(now)
	c.initiate(t, a, now)
	fresh := newSide(now)
	fresh.identity, fresh.device, fresh.prekeys = a.identity, a.device, []*Prekey{pre}
	fresh.deliver(t, c.send(t, "to a restored prekey", now), "to a restored prekey", now)
}

// refuseCut cuts and lengthens a stored form.
func refuseCut(t *testing.T, encoded []byte, decode func([]byte) error) {
	t.Helper()
	for n := range encoded {
		if decode(encoded[:n]) == nil {
			t.Fatalf("the first %d of %d bytes are a stored form", n, len(encoded))
		}
	}
	if err := decode(append(bytes.Clone(encoded), 0)); !errors.Is(err, wire.ErrTrailing) {
		t.Fatalf("a byte more: %v", err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	a.send(t, "one", now)
	a.send(t, "two", now)
	b.deliver(t, a.send(t, "three", now), "three", now)
	valid := b.set.Sending().Encode()
	for name, c := range map[string]struct {
		change func(*sessionState)
		want   error
	}{
		"a version":                    {func(s *sessionState) { s.Version = stateVersion + 1 }, wire.ErrVersion},
		"a peer":                       {func(s *sessionState) { s.PeerIdentity = key.IdentityPublic{} }, wire.ErrPublicKey},
		"a device":                     {func(s *sessionState) { s.PeerDevice = key.DevicePublic{} }, wire.ErrPublicKey},
		"gen 0":                        {func(s *sessionState) { s.Gen = 0 }, wire.ErrValue},
		"a role":                       {func(s *sessionState) { s.Role |= 128 }, wire.ErrValue},
		"an initiator that waits":      {func(s *sessionState) { s.Role |= roleInitiator; s.RecvNo = 0 }, wire.ErrValue},
		"a responder that can't send":  {func(s *sessionState) { s.Role = 0 }, wire.ErrValue},
		"received and never heard":     {func(s *sessionState) { s.Heard = 0 }, wire.ErrValue},
		"an init after the reply":      {func(s *sessionState) { s.Init = make([]byte, initSize) }, wire.ErrValue},
		"an expiry without init":       {func(s *sessionState) { s.InitUntil = 1 }, wire.ErrValue},
		"a chain too long":             {func(s *sessionState) { s.SendN = maxIndex + 1 }, wire.ErrValue},
		"an empty group":               {func(s *sessionState) { s.Skipped[0].Keys = nil }, wire.ErrValue},
		"half a key":                   {func(s *sessionState) { s.Skipped[0].Keys = s.Skipped[0].Keys[:70] }, wire.ErrValue},
		"keys in another order":        {func(s *sessionState) { s.Skipped[0].Keys[3] = 9 }, wire.ErrValue},
		"keys of a chain to come":      {func(s *sessionState) { s.Skipped[0].Chain = s.RecvNo + 1 }, wire.ErrValue},
		"keys of chain 0":              {func(s *sessionState) { s.Skipped[0].Chain = 0 }, wire.ErrValue},
		"a key that was not jumped to": {func(s *sessionState) { s.Skipped[0].Keys[44+3] = 200 }, wire.ErrValue},
		"too many keys":                {func(s *sessionState) { s.Skipped[0].Keys = make([]byte, 44*(MaxSkip+1)) }, wire.ErrValue},
	} {
		var st sessionState
		if err := wire.Unmarshal(valid, &st, MaxState); err != nil {
			t.Fatal(err)
		}
		c.change(&st)
		if _, err := DecodeSession(wire.Marshal(st)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		st   setState
		want error
	}{
		"a version":                 {setState{Version: 9, Highest: 1}, wire.ErrVersion},
		"a gen above the highest":   {setState{Version: stateVersion, Sessions: [][]byte{valid}}, wire.ErrValue},
		"one session twice":         {setState{Version: stateVersion, Highest: 1<<32 - 1, Sessions: [][]byte{valid, valid}}, wire.ErrValue},
		"seven sessions":            {setState{Version: stateVersion, Sessions: make([][]byte, 7)}, wire.ErrValue},
		"a session that is damaged": {setState{Version: stateVersion, Highest: 1<<32 - 1, Sessions: [][]byte{valid[:9]}}, wire.ErrTruncated},
	} {
		if _, err := DecodeSet(wire.Marshal(c.st)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var st prekeyState
	if err := wire.Unmarshal(a.prekeys[0].Encode(), &st, MaxState); err != nil {
		t.Fatal(err)
	}
	st.SPK[0]++
	if _, err := DecodePrekey(wire.Marshal(st)); !errors.Is(err, wire.ErrValue) {
		t.Errorf("a prekey with another private half: %v", err)
	}
	st.Version = 7
	if _, err := DecodePrekey(wire.Marshal(st)); !errors.Is(err, wire.ErrVersion) {
		t.Errorf("a prekey of another version: %v", err)
	}
}
