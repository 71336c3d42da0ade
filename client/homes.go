package client

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// maxHomes bounds the home gateways of a profile.
const maxHomes = 5

// registerPause is the pause before a registration that failed is repeated.
const registerPause = 20 * time.Second

// ErrNoHome is returned for a gateway that is not one of the user's.
var ErrNoHome = errors.New("client: this is not one of your gateways; see gateway list")

// ownHome is a home gateway and its state in this run.
type ownHome struct {
	*profile.Home
	login      key.LoginPrivate
	up         bool
	since      time.Time
	took       time.Duration
	retry      time.Time
	problem    string
	welcome    wire.Welcome
	limits     wire.Limits
	packed     *[address.LeaseSize]byte // the lease as an init carries it
	acked      wire.Position
	publishing bool
	dirty      bool
}

func newHome(h *profile.Home, now time.Time) *ownHome {
	return &ownHome{Home: h, since: now, problem: "connecting"}
}

func (h *ownHome) target() home.Target {
	return home.Target{Endpoint: profile.FromLease(h.Lease()).Endpoint(), Network: h.Address.Network}
}

// openHome starts the connection to a home after the turn.
func (e *engine) openHome(h *ownHome) {
	node := h.Address.Node
	mk := e.self.Seed.Mailbox(node)
	h.login = e.self.Secret.Login(node)
	enrolment := wire.Enrolment{
		Op: wire.OpEnrol, Account: mk.Public(), Login: h.login.Public(),
		Cursor: e.self.Secret.Cursor(node), Time: wire.Millis(e.now),
	}
	register := &wire.Register{Object: wire.Sign(mk, key.ContextEnrol, enrolment)}
	if !h.Address.Invite.IsZero() {
		register.Invite = h.Address.Invite.Bytes()
	}
	spec := home.Spec{Target: h.target(), Login: h.login, Register: register}
	e.after(func() { e.pool.Open(spec) })
}

// addGateway makes a gateway a home, or gives a home a new address.
func (e *engine) addGateway(a card.Address) (Gateway, error) {
	if err := a.Check(); err != nil {
		return Gateway{}, err
	}
	if len(e.order) > 0 && e.homes[e.order[0]].Address.Network != a.Network {
		return Gateway{}, wire.ErrNetwork
	}
	h, known := e.homes[a.Node]
	switch {
	case known:
		old := h.target()
		e.after(func() { e.pool.Close(old) })
		h.Address, h.up = a, false
	case len(e.homes) >= maxHomes:
		return Gateway{}, fmt.Errorf("client: a profile has at most %d home gateways; remove one first", maxHomes)
	default:
		h = newHome(&profile.Home{Address: a, Added: e.now}, e.now)
		e.homes[a.Node] = h
		e.order = append(e.order, a.Node)
		e.indexDrops()
	}
	h.dirty = true
	e.openHome(h)
	e.emit(GatewayChanged{e.gateway(h)})
	return e.gateway(h), nil
}

// removeGateway ends a home. Contacts learn the remaining addresses in-band.
func (e *engine) removeGateway(node key.NodePublic) error {
	h, ok := e.homes[node]
	if !ok {
		return ErrNoHome
	}
	t := h.target()
	e.after(func() { e.pool.Close(t) })
	delete(e.homes, node)
	e.order = slices.DeleteFunc(e.order, func(n key.NodePublic) bool { return n == node })
	e.gone = append(e.gone, Ref{Table: profile.TableHome, Key: node[:]})
	for _, c := range e.contacts {
		if c.Registered[node] {
			delete(c.Registered, node)
			c.dirty = true
		}
	}
	for _, k := range e.cards {
		delete(k.Doors, node)
		k.dirty = true
	}
	e.indexDrops()
	e.wakeAll()
	for _, n := range e.order {
		e.publish(e.homes[n])
	}
	e.emit(GatewayRemoved{node})
	return nil
}

// connected takes a successful login: the mailbox goes on from its cursor.
func (e *engine) connected(ev home.Connected) {
	h := e.homes[ev.Gateway]
	if h == nil {
		return
	}
	h.up, h.since, h.took, h.problem, h.retry = true, e.now, ev.Took, "", time.Time{}
	h.welcome, h.limits, h.publishing = ev.Welcome, ev.Limits, false
	if ev.Welcome.Cursor == h.Position && h.R != ev.Welcome.R {
		e.log.Warn("gateway and device disagree on the mailbox so far", "gateway", ev.Gateway.String())
	}
	if h.Position != ev.Welcome.Cursor || h.R != ev.Welcome.R {
		h.Position, h.R, h.dirty = ev.Welcome.Cursor, ev.Welcome.R, true
	}
	h.acked = ev.Welcome.Cursor
	e.pack52(h, ev)
	e.register(h)
	e.outbox.Hurry()
	e.wakeAll()
	e.emit(GatewayChanged{e.gateway(h)})
}

// pack52 makes the home's lease in the fixed form that an init carries; it
// holds an address, so a host name is the one that the link found.
func (e *engine) pack52(h *ownHome, ev home.Connected) {
	l := h.Lease()
	packed, err := l.Encode52()
	if errors.Is(err, address.ErrNotPackable) && ev.Addr.IsValid() {
		l.Host = ev.Addr.String()
		packed, err = l.Encode52()
	}
	if err != nil {
		e.log.Warn("the gateway's address does not fit an init", "error", err)
		return
	}
	h.packed = &packed
}

// disconnected notes why a home is not there.
func (e *engine) disconnected(ev home.Disconnected) {
	for _, h := range e.homes {
		if key.GatewayHashOf(h.Address.Node) != ev.Gateway {
			continue
		}
		if h.up {
			h.since = e.now
		}
		h.up, h.retry, h.problem = false, ev.Retry, ev.Err.Error()
		e.emit(GatewayChanged{e.gateway(h)})
	}
}

// pushed takes rows of the mailbox in order. Each extends the rolling head; a
// gap or a row that does not hash ends the connection, which starts over from
// what was acknowledged.
func (e *engine) pushed(ev home.Pushed) {
	h := e.homes[ev.Gateway]
	if h == nil || !h.up {
		return
	}
	for i := range ev.Rows {
		row := &ev.Rows[i]
		if row.Position.Index() != h.Position.Index()+1 || row.Position.Incarnation() < h.Position.Incarnation() ||
			len(row.Payload) > 0 && sha256.Sum256(row.Payload) != row.Hash {
			e.log.Warn("the gateway's rows do not follow each other; connecting again", "gateway", ev.Gateway.String())
			e.reconnect(h)
			return
		}
		h.Position, h.R, h.dirty = row.Position, wire.NextHead(h.R, row.Row()), true
		if len(row.Payload) > 0 && (row.Kind == wire.RowEnvelope || row.Kind == wire.RowDoor) {
			e.receive(h, row)
		}
	}
	e.ackDue[h] = struct{}{}
}

// reconnect drops the link to a home and opens it again.
func (e *engine) reconnect(h *ownHome) {
	h.up = false
	t := h.target()
	e.after(func() { e.pool.Close(t) })
	e.openHome(h)
}

// acknowledge tells a home, after the turn, how far its rows are durable here.
func (e *engine) acknowledge(h *ownHome) {
	if !h.up || h.acked == h.Position {
		return
	}
	h.acked = h.Position
	x := wire.AckTranscript(h.welcome.Tag, e.self.Secret.Cursor(h.Address.Node), h.Position, h.R)
	r := home.Request{To: h.target(), Payload: &wire.Ack{Upto: h.Position, R: h.R, Sig: h.login.Sign(key.ContextMailboxAck, x)}}
	e.after(func() { e.pool.Send(r) })
}

// register registers at a home every drop and door that it lacks, and the profile.
func (e *engine) register(h *ownHome) {
	for _, c := range e.contacts {
		e.registerDrop(h, c)
	}
	for _, k := range e.cards {
		e.registerDoor(h, k)
	}
	e.publish(h)
}

// registered looks at the answer to a registration; what failed is repeated.
func (e *engine) registered(a home.Answered, failure string) bool {
	if a.Err != nil {
		e.log.Warn(failure, "error", a.Err)
		e.alarms.Sooner(alarm{kind: alarmRegister}, e.now.Add(registerPause))
	}
	return a.Err == nil
}

// registerDrop registers the contact's drop at a home that is up.
func (e *engine) registerDrop(h *ownHome, c *contact) {
	node := h.Address.Node
	if !h.up || c.Registered[node] || c.registering[node] || c.State != Accepted {
		return
	}
	c.registering[node] = true
	drop, capability := c.Mine.Drop(node)
	put := &wire.DropPut{Object: e.dropObject(h, wire.OpDropPut, drop, capability), Capability: [32]byte(capability.Bytes())}
	e.ask(h.target(), put, func(a home.Answered) {
		delete(c.registering, node)
		if e.registered(a, "a drop could not be registered") && c.State == Accepted {
			c.Registered[node], c.dirty = true, true
			e.wake(c)
		}
	})
}

func (e *engine) dropObject(h *ownHome, op uint8, drop key.DropID, capability key.Capability) wire.Object {
	body := wire.DropObject{Op: op, Account: h.welcome.Tag, Drop: drop, Time: wire.Millis(e.now)}
	if op != wire.OpDropDelete {
		body.CapabilityHash = capability.Hash()
	}
	return wire.Sign(h.login, key.ContextMailbox, body)
}

// deleteDrop ends the intake of a drop or door at a home that is up.
func (e *engine) deleteDrop(h *ownHome, drop key.DropID) {
	if !h.up {
		return
	}
	e.ask(h.target(), &wire.DropDelete{Object: e.dropObject(h, wire.OpDropDelete, drop, key.Capability{})}, func(a home.Answered) {
		if a.Err != nil {
			e.log.Warn("a drop could not be deleted", "error", a.Err)
		}
	})
}

// doorOf is the door of a card at a home.
func (e *engine) doorOf(h *ownHome, k *ownCard) key.DropID {
	signer := key.ProfileSigner(e.self.Identity, e.self.Address, h.Place())
	return key.DoorOf(signer.Public(), k.Door.DoorKey(h.Address.Node))
}

// registerDoor registers a card's front door at a home that is up.
func (e *engine) registerDoor(h *ownHome, k *ownCard) {
	node := h.Address.Node
	if k.Revoked {
		e.closeDoor(h, k)
		return
	}
	if !h.up || k.Doors[node] {
		return
	}
	signer := key.ProfileSigner(e.self.Identity, e.self.Address, h.Place())
	door, capability := e.doorOf(h, k), k.Door.Capability(node)
	account, number := e.self.Seed.Mailbox(node).Public(), wire.Millis(e.now)
	put := &wire.DoorPut{
		Object: e.dropObject(h, wire.OpDoorPut, door, capability), Capability: [32]byte(capability.Bytes()),
		Profile: signer.Public(), X: k.Door.DoorKey(node), Number: number,
		Claim: signer.Sign(key.ContextDoorClaim, wire.DoorClaim(door, account, number)),
	}
	e.ask(h.target(), put, func(a home.Answered) {
		if e.registered(a, "a card's door could not be registered") {
			k.Doors[node], k.dirty = true, true
		}
	})
}

// closeDoor ends the intake of a revoked card's door at a home that is up.
func (e *engine) closeDoor(h *ownHome, k *ownCard) {
	node := h.Address.Node
	if !h.up || !k.Doors[node] {
		return
	}
	e.ask(h.target(), &wire.DropDelete{Object: e.dropObject(h, wire.OpDropDelete, e.doorOf(h, k), key.Capability{})}, func(a home.Answered) {
		if e.registered(a, "a revoked card's door could not be closed") {
			delete(k.Doors, node)
			k.dirty = true
		}
	})
}

// ask sends a request after the turn; its answer comes back into the loop.
func (e *engine) ask(to home.Target, p wire.Payload, done func(home.Answered)) {
	e.request(home.Request{To: to, Payload: p}, done)
}

func (e *engine) request(r home.Request, done func(home.Answered)) {
	e.lastToken++
	r.Token = e.lastToken
	e.waiting[r.Token] = done
	e.after(func() { e.pool.Send(r) })
}

// linkEvent routes what the Pool reports.
func (e *engine) linkEvent(ev home.Event) {
	switch ev := ev.(type) {
	case home.Connected:
		e.connected(ev)
	case home.Disconnected:
		e.disconnected(ev)
	case home.Pushed:
		e.pushed(ev)
	case home.Answered:
		if done := e.waiting[ev.Token]; done != nil {
			delete(e.waiting, ev.Token)
			done(ev)
		}
	case home.Head:
		e.headSeen(ev)
	}
}

// headSeen compares a signed head with the rows of this run: a head for the
// very position that was processed must hash alike.
func (e *engine) headSeen(ev home.Head) {
	h := e.homes[ev.Gateway]
	if h != nil && ev.Head.Position == h.Position && ev.Head.R != h.R {
		h.problem = "the gateway signed another mailbox than it delivered; consider using another one"
		e.log.Error("the gateway signed another mailbox than it delivered", "gateway", ev.Gateway.String())
		e.emit(GatewayChanged{e.gateway(h)})
	}
}

// gateway describes a home.
func (e *engine) gateway(h *ownHome) Gateway {
	shown := h.Address
	shown.Invite = key.Invite{}
	text, _ := shown.Text()
	g := Gateway{
		Node: h.Address.Node, Address: text, Host: h.target().Endpoint.Addr(), Up: h.up, Since: h.since, Took: h.took,
		Retry: h.retry, Problem: h.problem, Used: h.welcome.Used, Quota: h.welcome.Quota,
		Retention: time.Duration(h.limits.Retention) * time.Second, Position: h.Position.Index(),
	}
	for _, c := range e.contacts {
		if c.Registered[h.Address.Node] {
			g.Drops++
		}
	}
	return g
}
