package home_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client/home"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

func TestPushesInARowAreOneEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		spec := w.spec()
		head := fr(0, committed(w.node, [][]byte{headLeaf(tagOf(t, spec), 1)}, 0))
		behind := [][]byte{head, push(2), push(3), push(4), head, push(5)}
		s := w.up(spec, behind...)
		check := func(rows ...uint64) {
			t.Helper()
			p := want[home.Pushed](w)
			var got []uint64
			for _, r := range p.Rows {
				got = append(got, r.Position.Index())
			}
			if !slices.Equal(got, rows) || p.Gateway != w.node.Public() {
				t.Fatalf("rows %v, want %v", got, rows)
			}
		}
		if h := want[home.Head](w); h.Head.Position != wire.At(1, 1) || h.Head.R != [32]byte{9} {
			t.Errorf("head %+v", h)
		}
		check(2, 3, 4)
		want[home.Head](w)
		check(5)
		s.send(push(6), push(7))
		check(6, 7)
		s.send(push(8))
		check(8)
	})
}

func TestSubmissionsInCustody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		spec := w.spec()
		s := w.up(spec)
		var tokens, ids []uint64
		var leaves [][]byte
		for n := range byte(3) {
			tokens = append(tokens, w.ask(envelope(n)))
			got := new(wire.Submit)
			ids = append(ids, s.take(got))
			if got.Drop != envelope(n).Drop || !bytes.Equal(got.Envelope, envelope(n).Envelope) {
				t.Fatal("another submission than the one given")
			}
			leaves = append(leaves, receiptFor(w.node.Public(), got).Append(nil))
		}
		// A leaf of somebody else's, the others', and the head that was asked for.
		tokens = append(tokens, w.ask(&wire.HeadGet{}))
		ids = append(ids, s.take(&wire.HeadGet{}))
		leaves = append(leaves, headLeaf(tagOf(t, spec), 9))
		leaves = append([][]byte{receiptFor(w.node.Public(), envelope(99)).Append(nil)}, leaves...)
		c := committed(w.node, leaves, ^uint64(0), ids[0], ids[1], ids[2], ids[3])
		s.send(fr(0, c))
		for n := range byte(3) {
			a := want[home.Answered](w)
			if a.Token != tokens[n] || a.Err != nil || a.Receipt == nil || !a.Receipt.For(envelope(n).Drop, sha256.Sum256(envelope(n).Envelope)) {
				t.Fatalf("answer %+v", a)
			}
		}
		want[home.Head](w)
		if a := want[home.Answered](w); a.Token != tokens[3] || a.Err != nil || a.Receipt != nil {
			t.Errorf("answer %+v to a question for the head", a)
		}
		// The same once more, and answers to what nobody asked, change nothing.
		s.send(fr(0, committed(w.node, leaves[:4], ^uint64(0), ids[0], ids[1], ids[2])), fr(ids[0], &wire.OK{}),
			fr(777, &wire.OK{}), fr(778, wire.FailureOf(wire.ErrBusy)), fr(779, &wire.Profile{}))
		w.quiet(time.Minute)
		w.listens(s)
	})
}

// listens asserts that the link lives.
func (w *world) listens(s *script) {
	w.t.Helper()
	token := w.ask(&wire.DropPut{})
	s.send(fr(s.take(&wire.DropPut{}), &wire.OK{}))
	if a := want[home.Answered](w); a.Token != token || a.Err != nil {
		w.t.Errorf("answer %+v", a)
	}
}

// play makes a gateway's answer to the submission with the id.
type play = func(w *world, id uint64, tag key.AccountTag) []byte

// leaf answers the submission of envelope 1 with a receipt that was changed
// before it was signed, forged with a commit that was changed after.
func leaf(c func(r *custody.Receipt)) play {
	return func(w *world, id uint64, _ key.AccountTag) []byte {
		r := receiptFor(w.node.Public(), envelope(1))
		c(r)
		return fr(0, committed(w.node, [][]byte{r.Append(nil)}, id))
	}
}

func forged(change func(c *wire.Commit)) play {
	return func(w *world, id uint64, _ key.AccountTag) []byte {
		leaves := [][]byte{receiptFor(w.node.Public(), envelope(1)).Append(nil), headLeaf(key.AccountTag{}, 1), headLeaf(key.AccountTag{}, 2)}
		c := committed(w.node, leaves, id)
		change(c)
		return fr(0, c)
	}
}

func refusal(node key.NodePrivate, s *wire.Submit, code wire.Code) *wire.Refused {
	return &wire.Refused{Object: custody.Refuse(wire.Refusal{DropHash: sha256.Sum256(s.Drop[:]), EnvelopeHash: sha256.Sum256(s.Envelope), Code: code}, node)}
}

// TestAFaultyAnswerEndsTheLink: whatever a gateway can't prove or must not say
// is no answer. The request is told so, as its repetition may succeed.
func TestAFaultyAnswerEndsTheLink(t *testing.T) {
	mine := envelope(1)
	cases := []struct {
		name string
		play play
		want error
	}{
		{"forged signature", forged(func(c *wire.Commit) { c.Sig = bytes.Repeat([]byte{1}, 64) }), wire.ErrSignature},
		{"another time", forged(func(c *wire.Commit) { c.Time++ }), wire.ErrSignature},
		{"no signature", forged(func(c *wire.Commit) { c.Sig = nil }), wire.ErrSignature},
		{"short path", forged(func(c *wire.Commit) { c.Path = c.Path[1:] }), wire.ErrTruncated},
		{"huge path", forged(func(c *wire.Commit) { c.Path = append(c.Path, make([][32]byte, 2500)...) }), wire.ErrTrailing},
		{"endless tree", forged(func(c *wire.Commit) { c.Leaves = 1<<32 - 1 }), wire.ErrTruncated},
		{"no items", forged(func(c *wire.Commit) { c.Items = nil }), wire.ErrValue},
		{"index beyond the tree", forged(func(c *wire.Commit) { c.Items[0].Index = 3 }), wire.ErrValue},
		{"half a leaf", forged(func(c *wire.Commit) { c.Items[0].Leaf = c.Items[0].Leaf[:50] }), wire.ErrTruncated},
		{"wrong drop", leaf(func(r *custody.Receipt) { r.DropHash[0]++ }), wire.ErrUnexpected},
		{"wrong envelope", leaf(func(r *custody.Receipt) { r.EnvelopeHash[0]++ }), wire.ErrUnexpected},
		{"receipt of another gateway", leaf(func(r *custody.Receipt) { r.Node[0]++ }), wire.ErrWrongNode},
		{"head of another account", func(w *world, _ uint64, _ key.AccountTag) []byte {
			return fr(0, committed(w.node, [][]byte{headLeaf(key.AccountTag{1}, 1)}, 0))
		}, wire.ErrUnexpected},
		{"head for a receipt", func(w *world, id uint64, tag key.AccountTag) []byte {
			return fr(0, committed(w.node, [][]byte{headLeaf(tag, 1)}, id))
		}, wire.ErrUnexpected},
		{"OK for a receipt", func(_ *world, id uint64, _ key.AccountTag) []byte { return fr(id, &wire.OK{}) }, wire.ErrUnexpected},
		{"profile for a receipt", func(_ *world, id uint64, _ key.AccountTag) []byte { return fr(id, &wire.Profile{}) }, wire.ErrUnexpected},
		{"forged refusal", func(_ *world, id uint64, _ key.AccountTag) []byte {
			return fr(id, refusal(key.NewPrivate[key.Node](), mine, wire.CodeQuota))
		}, wire.ErrSignature},
		{"refusal of another envelope", func(w *world, id uint64, _ key.AccountTag) []byte {
			return fr(id, refusal(w.node, envelope(2), wire.CodeQuota))
		}, wire.ErrUnexpected},
		{"refusal without reason", func(w *world, id uint64, _ key.AccountTag) []byte {
			return fr(id, refusal(w.node, mine, wire.CodeBusy))
		}, wire.ErrValue},
		{"second welcome", func(_ *world, id uint64, tag key.AccountTag) []byte { return fr(id, &wire.Welcome{Tag: tag}) }, wire.ErrUnexpected},
		{"a client's frame", func(_ *world, id uint64, _ key.AccountTag) []byte { return fr(id, mine) }, wire.ErrUnexpected},
		{"the end", func(*world, uint64, key.AccountTag) []byte { return fr(0, wire.FailureOf(wire.ErrDraining)) }, wire.ErrDraining},
		{"garbage behind a push", func(*world, uint64, key.AccountTag) []byte { return append(push(2), 0xff) }, wire.ErrMalformed},
		{"half a push", func(*world, uint64, key.AccountTag) []byte { b := push(2); return b[:len(b)-2] }, wire.ErrTruncated},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.end()
				spec := w.spec()
				s := w.up(spec)
				token := w.ask(mine)
				s.send(c.play(w, s.take(&wire.Submit{}), tagOf(t, spec)))
				a := want[home.Answered](w)
				if a.Token != token || a.Receipt != nil || a.Err == nil || a.Gateway != w.node.Public() {
					t.Fatalf("answer %+v", a)
				}
				e := new(wire.Error)
				if errors.As(a.Err, &e); wire.Lookup(e.Code).Retry == wire.Never && e.Code != wire.CodeWrongNode {
					t.Errorf("the request is given up for the link's fault: %v", a.Err)
				}
				w.down(c.want)
				s.gone()
			})
		})
	}
}

func TestHonestRefusalsAndErrorsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		s := w.up(w.spec())
		mine := envelope(1)
		token := w.ask(mine)
		object := refusal(w.node, mine, wire.CodeQuota).Object
		s.send(fr(s.take(&wire.Submit{}), &wire.Refused{Object: object}))
		a := want[home.Answered](w)
		if r, ok := a.Payload.(*wire.Refused); !ok || a.Token != token || !errors.Is(a.Err, wire.ErrQuota) || r.Object.Hash() != object.Hash() {
			t.Fatalf("answer %+v", a)
		}
		token = w.ask(mine)
		s.send(fr(s.take(&wire.Submit{}), wire.FailureOf(wire.ErrSizeClass.Because("\x1b[2J of 5 bytes"))))
		a = want[home.Answered](w)
		if e, ok := a.Err.(*wire.Error); !ok || a.Token != token || e.Code != wire.CodeSizeClass || e.Detail != "[2J of 5 bytes" {
			t.Fatalf("answer %+v", a)
		}
		token = w.ask(&wire.ProfileGet{})
		s.send(fr(s.take(&wire.ProfileGet{}), &wire.Profile{Blob: []byte("blob")}))
		a = want[home.Answered](w)
		if p, ok := a.Payload.(*wire.Profile); !ok || a.Token != token || string(p.Blob) != "blob" {
			t.Fatalf("answer %+v", a)
		}
		w.listens(s)
	})
}

func TestSilenceEndsTheLink(t *testing.T) {
	for name, idle := range map[string]time.Duration{"at once": 0, "after an hour": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.end()
				limit := home.Timing{}.Default().Answer
				s := w.up(w.spec())
				<-time.After(idle)
				began := time.Now()
				token := w.ask(envelope(1))
				s.take(&wire.Submit{})
				s.send(push(1)) // that it pushes does not help
				want[home.Pushed](w)
				w.failed(token, wire.ErrLinkClosed)
				if took := time.Since(began); took < limit || took > limit*5/4+time.Second {
					t.Errorf("given up after %v", took)
				}
				w.down(wire.ErrLinkClosed)
				s.gone()
			})
		})
	}
}

func TestAGatewayThatReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		w.up(w.spec())
		large := make([]byte, wire.MaxEnvelope)
		open := map[uint64]bool{}
		for n := range byte(100) {
			open[w.ask(&wire.Submit{Drop: key.DropID{n}, Envelope: large})] = true
		}
		for range 100 {
			a := want[home.Answered](w)
			if !open[a.Token] || !errors.Is(a.Err, wire.ErrLinkClosed) {
				t.Fatalf("answer %+v", a)
			}
			delete(open, a.Token)
		}
		w.down(wire.ErrLinkClosed)
	})
}

func TestRequestsKeepOrderAndLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		spec := w.spec()
		w.pool.Open(spec)
		s := w.accept()
		s.limits.InFlight = 10
		s.hello()
		s.welcome(spec)
		want[home.Connected](w)
		for n := range uint16(200) {
			w.ask(&wire.Submit{Drop: key.DropID{byte(n)}, Envelope: bytes.Repeat([]byte{1}, 1+int(n)*300)})
		}
		for n := range uint64(200) {
			if n%10 == 0 { // nothing comes beyond the limit
				synctest.Wait()
				if len(s.buf) > 0 {
					t.Fatal("more submissions than may be unanswered")
				}
			}
			got := new(wire.Submit)
			id := s.take(got)
			if got.Drop != (key.DropID{byte(n)}) || len(got.Envelope) != 1+int(n)*300 {
				t.Fatalf("submission %d is out of order", n)
			}
			if n%10 == 9 {
				w.quiet(time.Second)
				var answers []byte
				for k := id - 9; k <= id; k++ {
					answers = append(answers, fr(k, wire.FailureOf(wire.ErrBusy))...)
				}
				s.send(answers)
				for k := n - 9; k <= n; k++ {
					w.failed(k+1, wire.ErrBusy)
				}
			}
		}
		for _, size := range s.sizes {
			if size > 64<<10 {
				t.Errorf("a message of %d bytes", size)
			}
		}
		if len(s.sizes) >= 150 {
			t.Errorf("%d messages for 200 small requests", len(s.sizes))
		}
	})
}

func TestTheGatewaysMessageLimitHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		spec := w.spec()
		w.pool.Open(spec)
		s := w.accept()
		s.limits.Message, s.limits.InFlight = 3000, 1<<32-1
		s.hello()
		s.welcome(spec)
		want[home.Connected](w)
		for n := range byte(20) {
			w.ask(&wire.Submit{Drop: key.DropID{n}, Envelope: make([]byte, 1024)})
		}
		for range 20 {
			s.take(&wire.Submit{})
		}
		if most := slices.Max(s.sizes); most > 3000 {
			t.Errorf("a message of %d bytes", most)
		}
	})
}

func TestMakeGetsTheGatewaysKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		to, hash := w.target(), key.GatewayHashOf(w.node.Public())
		to.Endpoint.Node = hash[:] // as a card has it
		w.pool.Send(home.Request{To: to, Token: 1, Make: func(node key.NodePublic) wire.Payload {
			return &wire.ProfileGet{Name: key.ProfilePublic(node)}
		}})
		w.pool.Send(home.Request{To: to, Token: 2, Make: func(key.NodePublic) wire.Payload { return nil }})
		s := w.accept().hello()
		var get wire.ProfileGet
		id := s.take(&get)
		if get.Name != key.ProfilePublic(w.node.Public()) {
			t.Error("made for another key")
		}
		w.failed(2, wire.ErrValue)
		s.send(fr(id, &wire.Profile{}))
		if a := want[home.Answered](w); a.Token != 1 || a.Err != nil || a.Gateway != w.node.Public() {
			t.Errorf("answer %+v", a)
		}
	})
}

// TestTinyFrames: the smallest frames a message can hold cost no memory that
// lasts, and the link goes on.
func TestTinyFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		s := w.up(w.spec())
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		tiny := fr(0, &wire.OK{})
		s.send(bytes.Repeat(tiny, wire.MaxMessage/len(tiny)))
		w.listens(s)
		runtime.ReadMemStats(&after)
		// Raw payloads of four bytes and their re-encoding, one frame at a time.
		if n := (after.Mallocs - before.Mallocs) / uint64(wire.MaxMessage/len(tiny)); n > 20 {
			t.Errorf("%d allocations a frame", n)
		}
	})
}

// TestAnyFramesAtAnyTime has a gateway say anything at any stage: every request
// gets exactly one answer and the home comes back.
func TestAnyFramesAtAnyTime(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			r := rand.New(rand.NewPCG(seed, 2))
			spec := w.spec()
			w.pool.Open(spec)
			s := w.accept()
			stage := r.IntN(4)
			if stage > 0 {
				s.hello()
			}
			if stage > 1 {
				s.welcome(spec)
			}
			sent := r.IntN(5)
			for n := range sent {
				w.ask([]wire.Payload{envelope(byte(n)), &wire.ProfileGet{}, &wire.DropPut{}, &wire.HeadGet{}}[r.IntN(4)])
			}
			for range 1 + r.IntN(6) {
				if s.conn.Send(t.Context(), anything(w, r, tagOf(t, spec))) != nil {
					break
				}
				time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
			}
			_ = s.conn.Close()
			answers := map[uint64]int{}
			for down := false; !down; {
				switch e := w.next().(type) {
				case home.Answered:
					answers[e.Token]++
				case home.Disconnected:
					down = true
				}
			}
			for n := range sent {
				if answers[uint64(n)+1] != 1 {
					t.Fatalf("seed %d: request %d has %d answers", seed, n+1, answers[uint64(n)+1])
				}
			}
			w.relogin(spec)
		})
	}
}

// anything is a message of frames that may or may not fit.
func anything(w *world, r *rand.Rand, tag key.AccountTag) (out []byte) {
	for range 1 + r.IntN(4) {
		id := uint64(r.IntN(6))
		mine := envelope(byte(r.IntN(5)))
		frames := []wire.Payload{
			&wire.OK{}, &wire.Profile{}, &wire.Welcome{Tag: tag}, &wire.Push{}, &wire.HeadGet{}, &wire.Login{},
			wire.FailureOf(wire.ErrBusy), &wire.ServerHello{Version: 1}, &wire.Commit{}, &wire.Refused{},
			committed(w.node, [][]byte{receiptFor(w.node.Public(), mine).Append(nil)}, id),
			committed(w.node, [][]byte{headLeaf(tag, 4)}, id),
		}
		out = append(out, fr(id, frames[r.IntN(len(frames))])...)
	}
	if r.IntN(4) == 0 {
		out[r.IntN(len(out))] ^= 1 << r.IntN(8)
	}
	return out
}

// TestOverTLS is a home on a real connection.
func TestOverTLS(t *testing.T) {
	w := &world{t: t, node: key.NewPrivate[key.Node](), events: make(chan home.Event, 16), ended: make(chan error, 1)}
	target, links := w.serveTLS()
	dialer, err := link.NewDialer(link.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w.run(dialer)
	defer w.end()
	spec := w.spec()
	spec.Target = target
	w.pool.Open(spec)
	s := &script{t: t, node: w.node, conn: <-links, limits: limits()}
	if s.conn.Binding() == [32]byte{} {
		t.Error("a link without binding")
	}
	s.hello()
	s.welcome(spec, push(2))
	if c := want[home.Connected](w); c.Addr.String() != "127.0.0.1" {
		t.Errorf("connected to %v", c.Addr)
	}
	want[home.Pushed](w)
	mine := envelope(1)
	w.pool.Send(home.Request{To: target, Token: 1, Payload: mine})
	s.send(fr(0, committed(w.node, [][]byte{receiptFor(w.node.Public(), mine).Append(nil)}, s.take(&wire.Submit{}))))
	if a := want[home.Answered](w); a.Err != nil || a.Receipt == nil {
		t.Errorf("answer %+v", a)
	}
	_ = s.conn.Close()
	w.down(wire.ErrLinkClosed)
	w.stop()
}

// serveTLS listens on loopback until the test ends.
func (w *world) serveTLS() (home.Target, <-chan link.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	links, served := make(chan link.Conn, 4), make(chan error, 1)
	go func() {
		served <- link.Serve(ctx, l, link.ServerConfig{Node: w.node}, func(c link.Conn) {
			links <- c
			<-ctx.Done()
		})
	}()
	w.t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			w.t.Error(err)
		}
	})
	to := w.target()
	to.Endpoint.Host, to.Endpoint.Port = "127.0.0.1", l.Addr().(*net.TCPAddr).AddrPort().Port()
	return to, links
}
