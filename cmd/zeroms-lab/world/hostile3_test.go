package world_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/client/home"
	"zeroms/protocol/card"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// bend turns a frame that a gateway sent into what it sends instead.
type bend func(f wire.Frame) [][]byte

// bender makes the gateways that alice talks to lie: it can't sign for them,
// but says whatever else it likes.
type bender struct {
	mu   sync.Mutex
	host string
	do   bend
}

// set has the gateway at host lie; nil ends that.
func (b *bender) set(host string, do bend) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.host, b.do = host, do
}

func (b *bender) wrap(host string, d home.Dialer) home.Dialer {
	if host != "person-alice" {
		return d
	}
	return bentDialer{d, b}
}

// bentDialer opens links to gateways that lie.
type bentDialer struct {
	home.Dialer
	by *bender
}

func (d bentDialer) Dial(ctx context.Context, e link.Endpoint) (link.Conn, error) {
	c, err := d.Dialer.Dial(ctx, e)
	if err != nil {
		return nil, err
	}
	return bentConn{c, d.by, e.Host}, nil
}

type bentConn struct {
	link.Conn
	by   *bender
	host string
}

func (c bentConn) Recv(ctx context.Context) ([]byte, error) {
	for {
		m, err := c.Conn.Recv(ctx)
		if err != nil {
			return m, err
		}
		if out := c.by.bent(c.host, m); len(out) > 0 {
			return out, nil
		}
	}
}

func (b *bender) bent(host string, m []byte) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	frames, err := wire.Frames(m)
	if b.do == nil || host != b.host || err != nil {
		return m
	}
	var out []byte
	for _, f := range frames {
		out = append(out, key.Join(b.do(f)...)...)
	}
	return out
}

// same is the frame as it was.
func same(f wire.Frame) [][]byte { return [][]byte{wire.Marshal(f)} }

// edit bends frames of one type; out are the payloads to send instead.
func edit[P any, F interface {
	*P
	wire.Payload
}](change func(p F) []wire.Payload) bend {
	return func(f wire.Frame) [][]byte {
		p := F(new(P))
		if f.Type != p.Type() || f.Decode(p) != nil {
			return same(f)
		}
		var out [][]byte
		for _, x := range change(p) {
			out = append(out, wire.AppendFrame(nil, f.ID, x))
		}
		return out
	}
}

// row bends the rows with an envelope.
func row(change func(p *wire.Push) []wire.Payload) bend {
	return edit(func(p *wire.Push) []wire.Payload {
		if len(p.Payload) == 0 || p.Kind != wire.RowEnvelope {
			return []wire.Payload{p}
		}
		return change(p)
	})
}

// one bends the row itself.
func one(change func(p *wire.Push)) bend {
	return row(func(p *wire.Push) []wire.Payload { change(p); return []wire.Payload{p} })
}

func bentMailboxes() map[string]bend {
	gap := 0
	next := func(p *wire.Push, by uint64) wire.Position {
		return wire.At(p.Position.Incarnation(), p.Position.Index()+by)
	}
	return map[string]bend{
		"another hash":        one(func(p *wire.Push) { p.Hash[3]++ }),
		"another payload":     one(func(p *wire.Push) { p.Payload[900]++ }),
		"a payload cut off":   one(func(p *wire.Push) { p.Payload = p.Payload[:len(p.Payload)-1] }),
		"another drop":        one(func(p *wire.Push) { p.Drop[0]++ }),
		"no drop":             one(func(p *wire.Push) { p.Drop = key.DropID{} }),
		"a door's row":        one(func(p *wire.Push) { p.Kind = wire.RowDoor }),
		"an object's row":     one(func(p *wire.Push) { p.Kind = wire.RowObject }),
		"the start's row":     one(func(p *wire.Push) { p.Kind = wire.RowStart }),
		"an unknown row":      one(func(p *wire.Push) { p.Kind = 200 }),
		"a row of the future": one(func(p *wire.Push) { p.Position = next(p, 1<<40) }),
		"a row of the past":   one(func(p *wire.Push) { p.Position = wire.At(p.Position.Incarnation(), 1) }),
		"an older life":       one(func(p *wire.Push) { p.Position = wire.At(1, p.Position.Index()) }),
		"a later life":        one(func(p *wire.Push) { p.Position = wire.At(1<<32-1, p.Position.Index()) }),
		"another k and chain": one(func(p *wire.Push) { p.K += 7; p.D[0]++ }),
		"each row twice":      row(func(p *wire.Push) []wire.Payload { return []wire.Payload{p, p} }),
		"the second of two swallowed": row(func(p *wire.Push) []wire.Payload {
			if gap++; gap == 2 {
				return nil
			}
			return []wire.Payload{p}
		}),
		"the envelope once more under the next position": row(func(p *wire.Push) []wire.Payload {
			again := *p
			again.Position = next(p, 1)
			return []wire.Payload{p, &again}
		}),
		"an invented row": row(func(p *wire.Push) []wire.Payload {
			made := *p
			made.Payload = make([]byte, 1024)
			_, _ = rand.Read(made.Payload)
			return []wire.Payload{&made}
		}),
		"frames of noise":   func(wire.Frame) [][]byte { return [][]byte{{0xff, 0x00, 0x13}} },
		"truncated frames":  func(f wire.Frame) [][]byte { b := wire.Marshal(f); return [][]byte{b[:len(b)-1]} },
		"a frame too large": func(wire.Frame) [][]byte { return [][]byte{make([]byte, wire.MaxFrame+9)} },
		"somebody else's welcome": edit(func(p *wire.Welcome) []wire.Payload {
			p.Tag[0]++
			return []wire.Payload{p}
		}),
		"a cursor in the future": edit(func(p *wire.Welcome) []wire.Payload {
			p.Cursor = wire.At(p.Cursor.Incarnation(), p.Cursor.Index()+1000)
			return []wire.Payload{p}
		}),
		"a cursor at the start": edit(func(p *wire.Welcome) []wire.Payload {
			p.Cursor, p.R = wire.Position{}, [32]byte{}
			return []wire.Payload{p}
		}),
		"another head at the cursor": edit(func(p *wire.Welcome) []wire.Payload { p.R[0]++; return []wire.Payload{p} }),
		"requests for itself":        edit(func(*wire.Push) []wire.Payload { return []wire.Payload{&wire.Ack{}} }),
		"a commit spoilt":            edit(func(p *wire.Commit) []wire.Payload { p.Sig[0]++; return []wire.Payload{p} }),
	}
}

func TestLyingMailboxNeitherForgesNorLoses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(bender)
		v := newVictims(t, b.wrap)
		lies := bentMailboxes()
		names := make([]string, 0, len(lies))
		for name := range lies {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			before := v.texts(v.alice, v.ab)
			b.set(v.at.Host, lies[name])
			if strings.Contains(name, "cursor") || strings.Contains(name, "welcome") {
				v.Net.Reset(v.alice.Host(), v.at.Host)
			}
			v.send(v.bob, v.ba, name+" 1")
			v.send(v.bob, v.ba, name+" 2")
			v.lines += 2
			pause(15 * time.Second)
			got := v.texts(v.alice, v.ab)
			want := append(slices.Clone(before), name+" 1", name+" 2")
			if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
				t.Errorf("%s: alice sees %q, want the beginning of %q", name, got, want)
			}
			if people := v.belongings(v.alice).Contacts; len(people) != 1 {
				t.Errorf("%s: alice knows %d people", name, len(people))
			}
			b.set("", nil)
			v.Net.Reset(v.alice.Host(), v.at.Host)
			v.agree()
		}
		v.talk()
	})
}

func TestFalseReceiptsAreNoCustody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(bender)
		v := newVictims(t, b.wrap)
		crooked := key.NewPrivate[key.Node]()
		var old []wire.CommitItem
		var honest *wire.Commit
		b.set(v.bobs.Host, edit(func(p *wire.Commit) []wire.Payload { honest, old = p, p.Items; return []wire.Payload{p} }))
		v.talk()
		b.set("", nil)
		if honest == nil || len(old) == 0 {
			t.Fatal("no receipt came")
		}
		forge := func(change func(r *custody.Receipt), signer key.NodePrivate) bend {
			return edit(func(p *wire.Commit) []wire.Payload {
				r, err := custody.ParseReceipt(p.Items[0].Leaf)
				if err != nil {
					return nil
				}
				change(r)
				items := []wire.CommitItem{{ID: p.Items[0].ID}}
				return []wire.Payload{custody.Build([][]byte{r.Append(nil)}, time.Now(), signer).Commit(items)}
			})
		}
		none := func(*custody.Receipt) {}
		for i, c := range []struct {
			name string
			do   bend
		}{
			{"a spoilt signature", edit(func(p *wire.Commit) []wire.Payload { p.Sig[9] ^= 1; return []wire.Payload{p} })},
			{"no signature", edit(func(p *wire.Commit) []wire.Payload { p.Sig = nil; return []wire.Payload{p} })},
			{"another time", edit(func(p *wire.Commit) []wire.Payload { p.Time++; return []wire.Payload{p} })},
			{"no leaves", edit(func(p *wire.Commit) []wire.Payload { p.Leaves = 0; return []wire.Payload{p} })},
			{"half a leaf", edit(func(p *wire.Commit) []wire.Payload {
				p.Items[0].Leaf = p.Items[0].Leaf[:99]
				return []wire.Payload{p}
			})},
			{"another gateway's signature", forge(none, crooked)},
			{"another gateway's receipt", forge(func(r *custody.Receipt) { r.Node = crooked.Public() }, crooked)},
			{"kept for longer", edit(func(p *wire.Commit) []wire.Payload {
				p.Items[0].Leaf[custody.ReceiptSize-1]++
				return []wire.Payload{p}
			})},
			{"the receipt for an earlier envelope", edit(func(p *wire.Commit) []wire.Payload {
				again := *honest
				again.Items = slices.Clone(old)
				again.Items[0].ID = p.Items[0].ID
				return []wire.Payload{&again}
			})},
			{"OK in place of a receipt", func(f wire.Frame) [][]byte {
				var p wire.Commit
				if f.Decode(&p) != nil {
					return same(f)
				}
				return [][]byte{wire.AppendFrame(nil, p.Items[0].ID, &wire.OK{})}
			}},
			{"silence", edit(func(*wire.Commit) []wire.Payload { return nil })},
		} {
			text := fmt.Sprint("receipt ", i)
			v.Net.Partition(v.bob.Host(), v.bobs.Host) // so that bob does not acknowledge it
			b.set(v.bobs.Host, c.do)
			v.send(v.alice, v.ab, text)
			v.lines++
			pause(10 * time.Second)
			if m := v.line(v.alice, v.ab, text); m.State != client.Queued || m.Submitted.IsZero() {
				t.Errorf("%s: the message is %s", c.name, m.State)
			}
			b.set("", nil)
			v.Net.Heal(v.bob.Host(), v.bobs.Host)
			v.agree()
			v.state(v.alice, v.ab, text, client.Delivered)
		}
		v.talk()
	})
}

func TestFalseProfilesAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(bender)
		v := newVictims(t, b.wrap)
		g := v.gateway()
		carol := v.person("carol", g)
		pause(time.Minute)
		bobs := v.guest().blob(v, v.stage.card(v.bob))
		blob := func(change func(p *wire.Profile)) bend {
			return edit(func(p *wire.Profile) []wire.Payload { change(p); return []wire.Payload{p} })
		}
		var id client.ContactID
		for i, c := range []struct {
			name string
			do   bend
		}{
			{"bob's profile", blob(func(p *wire.Profile) { p.Blob = bobs })},
			{"a truncated profile", blob(func(p *wire.Profile) { p.Blob = p.Blob[:len(p.Blob)-1] })},
			{"an empty profile", blob(func(p *wire.Profile) { p.Blob = nil })},
			{"a padded profile", blob(func(p *wire.Profile) { p.Blob = append(p.Blob, make([]byte, 12<<10)...) })},
			{"a flipped bit", blob(func(p *wire.Profile) { p.Blob[2000] ^= 1 })},
			{"zeros", blob(func(p *wire.Profile) { clear(p.Blob) })},
			{"OK in place of a profile", func(f wire.Frame) [][]byte {
				if f.Type != wire.TypeProfile {
					return same(f)
				}
				return [][]byte{wire.AppendFrame(nil, f.ID, &wire.OK{})}
			}},
		} {
			b.set(g.Host, c.do)
			id = v.add(v.alice, carol)
			if i == 0 {
				v.send(v.alice, id, "to carol")
			}
			pause(10 * time.Second)
			if m := v.line(v.alice, id, "to carol"); m.State != client.Queued || v.contact(v.alice, id).Problem == "" {
				t.Errorf("%s: %s, %q", c.name, m.State, v.contact(v.alice, id).Problem)
			}
		}
		b.set("", nil)
		ca := v.from(carol, v.alice).ID
		v.see(carol, ca, "to carol")
		v.talk()
	})
}

// blob is a person's profile as bob's gateway holds it.
func (g *guest) blob(v *victims, k card.Card) []byte {
	g.t.Helper()
	place := key.Place{Network: card.NetworkLab, Node: v.bobs.Address().Node}
	name, err := key.ProfileName(k.User, k.Address, place)
	g.must(err)
	a := g.ask(endpoint(v.bobs), &wire.ProfileGet{Name: name})
	g.must(a.Err)
	return a.Payload.(*wire.Profile).Blob
}
