package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// account is a scripted client's: one device and one drop at one gateway.
type account struct {
	address    card.Address
	mk         key.MailboxPrivate
	lk         key.LoginPrivate
	cursor     key.CursorID
	drop       key.DropID
	capability key.Capability
	deposited  map[[32]byte]bool // hashes of the envelopes with a receipt
}

// visit is one link to the account's gateway after the hellos.
type visit struct {
	conn   link.Conn
	ctx    context.Context
	cancel context.CancelFunc
	hellos [2][32]byte
	limits wire.Limits // the announced ones
	id     uint64
	frames []wire.Frame
}

// newAccount registers at the gateway of an address, with the work that it asks
// for unless lazy, and registers a drop.
func newAccount(text string, lazy bool) (*account, error) {
	address, err := addressOf(text)
	if err != nil {
		return nil, err
	}
	a := &account{
		address: address, mk: key.NewPrivate[key.Mailbox](), lk: key.NewPrivate[key.Login](),
		deposited: map[[32]byte]bool{},
	}
	rand.Read(a.cursor[:])
	a.drop, a.capability = key.NewDropSecret().Drop(address.Node)
	v, err := a.visit()
	if err != nil {
		return nil, err
	}
	defer v.close()
	now := wire.Millis(time.Now())
	register := &wire.Register{Invite: []byte{}, Work: a.work(v.limits.RegisterBits, lazy), Object: wire.Sign(a.mk, key.ContextEnrol, wire.Enrolment{
		Op: wire.OpEnrol, Account: a.mk.Public(), Login: a.lk.Public(), Cursor: a.cursor, Time: now,
	})}
	if !address.Invite.IsZero() {
		register.Invite = address.Invite.Bytes()
	}
	if err := v.ask(register, &wire.OK{}); err != nil {
		return nil, err
	}
	if err := v.login(a); err != nil {
		return nil, err
	}
	put := &wire.DropPut{Object: wire.Sign(a.lk, key.ContextMailbox, wire.DropObject{
		Op: wire.OpDropPut, Account: key.AccountTagOf(a.mk.Public()), Drop: a.drop,
		CapabilityHash: a.capability.Hash(), Time: now,
	})}
	copy(put.Capability[:], a.capability.Bytes())
	return a, v.ask(put, &wire.OK{})
}

// addressOf is the gateway's address in the first line of a text.
func addressOf(text string) (card.Address, error) {
	first, _, _ := strings.Cut(text, "\n")
	return card.ParseAddress(first)
}

// work is the work for the account, none if none is asked for.
func (a *account) work(bits uint8, lazy bool) []byte {
	if bits == 0 || lazy {
		return []byte{}
	}
	today := uint32(time.Now().Unix() / 86400)
	work, _, _ := wire.SearchWork(wire.RegisterWork(a.address.Node, a.mk.Public()), int(bits), today, 0, 1<<40)
	return work
}

// visit dials the gateway as its address says.
func (a *account) visit() (*visit, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	dialer, err := link.NewDialer(link.Config{})
	if err != nil {
		cancel()
		return nil, err
	}
	node := a.address.Node
	c, err := dialer.Dial(ctx, link.Endpoint{
		Host: strings.Trim(a.address.Host, "[]"), Port: a.address.Port, Plain: a.address.Plain, Node: node[:],
	})
	if err != nil {
		cancel()
		return nil, err
	}
	v := &visit{conn: c, ctx: ctx, cancel: cancel}
	hello := &wire.ClientHello{MinVersion: 1, MaxVersion: 1, Network: a.address.Network, Node: node[:]}
	rand.Read(hello.Random[:])
	frame := wire.AppendFrame(nil, 0, hello)
	if err := c.Send(ctx, frame); err != nil {
		return nil, err
	}
	f, err := v.next()
	if err != nil {
		return nil, err
	}
	v.hellos = [2][32]byte{sha256.Sum256(frame), sha256.Sum256(wire.Marshal(f))}
	var server wire.ServerHello
	err = f.Decode(&server)
	v.limits = server.Limits
	return v, err
}

func (v *visit) close() {
	v.conn.Close()
	v.cancel()
}

func (v *visit) next() (wire.Frame, error) {
	if len(v.frames) == 0 {
		message, err := v.conn.Recv(v.ctx)
		if err != nil {
			return wire.Frame{}, err
		}
		if v.frames, err = wire.Frames(message); err != nil {
			return wire.Frame{}, err
		}
	}
	f := v.frames[0]
	v.frames = v.frames[1:]
	return f, nil
}

// ask sends a request and skips frames up to its answer.
func (v *visit) ask(request, answer wire.Payload) error {
	v.id++
	if err := v.conn.Send(v.ctx, wire.AppendFrame(nil, v.id, request)); err != nil {
		return err
	}
	for {
		f, err := v.next()
		if err != nil {
			return err
		}
		if err := failureOf(f); err != nil {
			return err
		}
		if f.ID == v.id {
			return f.Decode(answer)
		}
	}
}

// failureOf is the error that a frame carries, nil for another frame.
func failureOf(f wire.Frame) error {
	if f.Type != wire.TypeError {
		return nil
	}
	var failure wire.Failure
	if err := f.Decode(&failure); err != nil {
		return err
	}
	return failure.Err()
}

func (v *visit) login(a *account) error {
	x := wire.LoginTranscript(a.address.Node, v.conn.Binding(), v.hellos[0], v.hellos[1])
	return v.ask(&wire.Login{Key: a.lk.Public(), Sig: a.lk.Sign(key.ContextLogin, x)}, &wire.Welcome{})
}

// welcome logs in and returns what the gateway says of the account.
func (a *account) welcome() (*wire.Welcome, error) {
	v, err := a.visit()
	if err != nil {
		return nil, err
	}
	defer v.close()
	welcome := &wire.Welcome{}
	x := wire.LoginTranscript(a.address.Node, v.conn.Binding(), v.hellos[0], v.hellos[1])
	return welcome, v.ask(&wire.Login{Key: a.lk.Public(), Sig: a.lk.Sign(key.ContextLogin, x)}, welcome)
}

// envelope makes a submission to the account's drop, and its hash.
func (a *account) envelope() (*wire.Submit, [32]byte) {
	env := make([]byte, 1<<10)
	rand.Read(env)
	env[0] = 0x01
	hash := sha256.Sum256(env)
	return &wire.Submit{Drop: a.drop, MAC: a.capability.Authenticate(a.drop, hash), Envelope: env}, hash
}

// deposit submits n envelopes as a guest, one after the other, each until its
// receipt.
func (a *account) deposit(n int) error {
	v, err := a.visit()
	if err != nil {
		return err
	}
	defer v.close()
	for i := range n {
		if _, err := a.round(v, uint64(i), 1); err != nil {
			return err
		}
	}
	return nil
}

// round submits n envelopes in one message, with ids from first+1, and waits for
// the receipts; it reports how many came.
func (a *account) round(v *visit, first uint64, n int) (received int, err error) {
	hashes := map[uint64][32]byte{}
	var message []byte
	for i := range n {
		submit, hash := a.envelope()
		id := first + uint64(i) + 1
		hashes[id] = hash
		message = wire.AppendFrame(message, id, submit)
	}
	if err := v.conn.Send(v.ctx, message); err != nil {
		return 0, err
	}
	for received < n {
		f, err := v.next()
		if err != nil {
			return received, err
		}
		if err := failureOf(f); err != nil {
			return received, err
		}
		var commit wire.Commit
		if err := f.Decode(&commit); err != nil {
			return received, err
		}
		for _, item := range commit.Items {
			a.deposited[hashes[item.ID]] = true
			received++
		}
	}
	return received, nil
}

// flood submits in rounds of 8 until the link breaks, and calls then once there
// are n receipts.
func (a *account) flood(n int, then func()) error {
	v, err := a.visit()
	if err != nil {
		return err
	}
	defer v.close()
	for first, received := uint64(0), 0; ; first += 8 {
		more, err := a.round(v, first, 8)
		if err != nil {
			return nil
		}
		if before := received; before < n && before+more >= n {
			then()
		}
		received += more
	}
}

// withdraw logs in and reads all envelopes that have a receipt, which are at
// least n.
func (a *account) withdraw(n int) error {
	if n > len(a.deposited) {
		return fmt.Errorf("%d envelopes have a receipt", len(a.deposited))
	}
	v, err := a.visit()
	if err != nil {
		return err
	}
	defer v.close()
	if err := v.login(a); err != nil {
		return err
	}
	for missing := len(a.deposited); missing > 0; {
		f, err := v.next()
		if err != nil {
			return fmt.Errorf("%d envelopes are missing: %w", missing, err)
		}
		if f.Type != wire.TypePush {
			continue
		}
		var push wire.Push
		if err := f.Decode(&push); err != nil {
			return err
		}
		if push.Kind == wire.RowEnvelope && a.deposited[sha256.Sum256(push.Payload)] {
			missing--
		}
	}
	return nil
}
