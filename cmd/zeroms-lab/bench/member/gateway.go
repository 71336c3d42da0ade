// Package member is the load on a gateway: accounts, their links and the flows
// of envelopes between them, over the protocol as any client speaks it
// (docs/protocol/link.md, mailbox.md). Everything that comes back is checked:
// receipts name what was sent, rows follow each other, every envelope comes
// once and in order.
//
// Locks are taken in this order: Link.log, Flow.mu, Link.out.
package member

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"zeroms/cmd/zeroms-lab/bench/socket"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Gateway is the gateway under load.
type Gateway struct {
	// Address is as the gateway prints it.
	Address card.Address
}

func (g *Gateway) addr() string {
	return net.JoinHostPort(g.Address.Host, strconv.Itoa(int(g.Address.Port)))
}

// Loopback reports whether the gateway is on this computer.
func (g *Gateway) Loopback() bool {
	ip := net.ParseIP(g.Address.Host)
	return g.Address.Host == "localhost" || ip != nil && ip.IsLoopback()
}

func (g *Gateway) socket() socket.Config {
	c := socket.Config{Addr: g.addr(), Host: link.SNI, Path: link.Path, Protocol: wire.Subprotocol}
	if g.Address.Plain {
		return c
	}
	c.TLS = &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: link.SNI, NextProtos: []string{link.ALPN},
		InsecureSkipVerify: true, // the pin decides
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) != 1 {
				return wire.ErrWrongNode
			}
			if public, ok := s.PeerCertificates[0].PublicKey.(ed25519.PublicKey); !ok || string(public) != string(g.Address.Node[:]) {
				return wire.ErrWrongNode
			}
			return nil
		},
	}
	return c
}

// Account is an account with one drop, and the keys of one device.
type Account struct {
	MK     key.MailboxPrivate
	LK     key.LoginPrivate
	Cursor key.CursorID
	Tag    key.AccountTag

	Drop       key.DropID
	Capability key.Capability
	// Start is where the drop's registration stands in the log.
	Start wire.Position
	// At and R are how far this device acknowledged the log.
	At wire.Position
	R  [32]byte
}

// NewAccount makes the keys of an account at a gateway.
func NewAccount(node key.NodePublic) *Account {
	a := &Account{MK: key.NewPrivate[key.Mailbox](), LK: key.NewPrivate[key.Login]()}
	_, _ = rand.Read(a.Cursor[:])
	a.Tag = key.AccountTagOf(a.MK.Public())
	a.Drop, a.Capability = key.NewDropSecret().Drop(node)
	return a
}

// Device makes the keys of a further device of an account, without a drop.
func (a *Account) Device() *Account {
	d := &Account{MK: a.MK, Tag: a.Tag, LK: key.NewPrivate[key.Login]()}
	_, _ = rand.Read(d.Cursor[:])
	return d
}

// Enrolment is the object by which the account enrols its device.
func (a *Account) Enrolment(now time.Time) wire.Object {
	return wire.Sign(a.MK, key.ContextEnrol, wire.Enrolment{
		Op: wire.OpEnrol, Account: a.MK.Public(), Login: a.LK.Public(), Cursor: a.Cursor, Time: wire.Millis(now),
	})
}

// Register opens the account and enrols its device.
func (a *Account) Register(g *Gateway) wire.Payload {
	r := &wire.Register{Object: a.Enrolment(time.Now())}
	if !g.Address.Invite.IsZero() {
		r.Invite = g.Address.Invite.Bytes()
	}
	return r
}

// Enrol adds the device to the account.
func (a *Account) Enrol() wire.Payload { return &wire.EnrolmentChange{Object: a.Enrolment(time.Now())} }

// DropPut registers the account's drop.
func (a *Account) DropPut() wire.Payload {
	o := wire.DropObject{Op: wire.OpDropPut, Account: a.Tag, Drop: a.Drop, CapabilityHash: a.Capability.Hash(), Time: wire.Millis(time.Now())}
	return &wire.DropPut{Object: wire.Sign(a.LK, key.ContextMailbox, o), Capability: [32]byte(a.Capability.Bytes())}
}

// Dial connects and exchanges the hellos.
func Dial(ctx context.Context, g *Gateway) (*Link, error) {
	conn, err := socket.Dial(ctx, g.socket())
	if err != nil {
		return nil, fmt.Errorf("no connection to the gateway at %s: %w", g.addr(), err)
	}
	l := &Link{gateway: g, conn: conn}
	if err := l.hello(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("hello at %s: %w", g.addr(), err)
	}
	return l, nil
}

func (l *Link) hello() error {
	a := &l.gateway.Address
	mine := &wire.ClientHello{MinVersion: wire.Version, MaxVersion: wire.Version, Network: a.Network, Node: a.Node[:]}
	_, _ = rand.Read(mine.Random[:])
	frame := wire.AppendFrame(nil, 0, mine)
	l.client = sha256.Sum256(frame)
	if err := l.send(frame); err != nil {
		return err
	}
	message, err := l.conn.Next()
	if err != nil {
		return err
	}
	f, rest, err := wire.NextFrame(message)
	if err != nil {
		return err
	}
	l.server = sha256.Sum256(message[:len(message)-len(rest)])
	var theirs wire.ServerHello
	if err := decode(f, &theirs); err != nil {
		return err
	}
	if theirs.Node != a.Node || theirs.Network != a.Network || len(rest) > 0 {
		return wire.ErrWrongNode
	}
	l.Limits, l.Descriptor = theirs.Limits, theirs.Descriptor
	return nil
}

// decode reads a frame as p; an error frame becomes its error.
func decode(f wire.Frame, p wire.Payload) error {
	if f.Type == wire.TypeError {
		var failure wire.Failure
		if err := f.Decode(&failure); err != nil {
			return err
		}
		return failure.Err()
	}
	return f.Decode(p)
}

// busyTries and busyWait bound how long a request is repeated that the gateway
// is too busy for: the allowance that all guests share comes back so fast.
const (
	busyTries = 400
	busyWait  = 25 * time.Millisecond
)

// patiently asks until the gateway is not busy.
func (l *Link) patiently(ctx context.Context, request, answer wire.Payload) error {
	var err error
	for range busyTries {
		if err = l.Ask(request, answer); !errors.Is(err, wire.ErrBusy) {
			return err
		}
		select {
		case <-time.After(busyWait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return err
}

// Open opens the account on a link, logs in and registers the drop.
func (l *Link) Open(ctx context.Context, a *Account) error {
	if err := l.patiently(ctx, a.Register(l.gateway), &wire.OK{}); err != nil {
		return fmt.Errorf("an account can't be opened: %w", err)
	}
	if err := l.Login(ctx, a); err != nil {
		return err
	}
	if err := l.Ask(a.DropPut(), &wire.OK{}); err != nil {
		return fmt.Errorf("a drop can't be registered: %w", err)
	}
	for a.Start == (wire.Position{}) { // the row of the registration comes as a push
		if err := l.Step(); err != nil {
			return err
		}
	}
	return nil
}

// Login logs in as a device of the account.
func (l *Link) Login(ctx context.Context, a *Account) error {
	var binding [32]byte
	if s := l.conn.TLS(); s != nil {
		b, err := s.ExportKeyingMaterial(key.ExporterLogin, nil, len(binding))
		if err != nil {
			return err
		}
		copy(binding[:], b)
	}
	x := wire.LoginTranscript(l.gateway.Address.Node, binding, l.client, l.server)
	l.account = a
	var w wire.Welcome
	if err := l.patiently(ctx, &wire.Login{Key: a.LK.Public(), Sig: a.LK.Sign(key.ContextLogin, x)}, &w); err != nil {
		return fmt.Errorf("login: %w", err)
	}
	return nil
}
