// Package texts turns a link of JSON into one of CBOR: it takes and gives frames
// in CBOR, and sends and receives them as texts of zms.1.json
// (docs/protocol/json.md) over a link that carries texts.
//
// What it holds is bounded beside what the link itself holds: a text that has
// come is turned into frames piece by piece, and what goes out becomes text a
// little at a time.
package texts

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	"zeroms/protocol/wire/jsonframe"
)

const (
	// textSize is how many bytes of text a message gets, unless one frame alone has
	// more: so much a link that is written slowly holds beside the frames.
	textSize = 4 << 10
	// largeFrame is from how many bytes on the text of a frame may be larger.
	largeFrame = 3 << 10
	// pieceBytes and pieceFrames are how much of a message that came in is turned
	// into CBOR at once: what is refused or has to wait costs little.
	pieceBytes  = 4 << 10
	pieceFrames = 16
	// lastWords is how long the reason for the end of a link may take to go out.
	lastWords = time.Second
)

// Place is what a link stands on, whatever it carries.
type Place interface {
	// Binding is the TLS exporter, Node the key that the other side proved, Remote
	// its network address.
	Binding() [32]byte
	Node() key.NodePublic
	Remote() netip.Addr
	// LimitRead bounds what is received at once, in bytes.
	LimitRead(size int)
}

// Link carries texts, as links carry messages.
type Link interface {
	Place
	// Send sends a text.
	Send(ctx context.Context, text []byte) error
	// Borrow returns the next text, which may be used until the next Borrow.
	Borrow(ctx context.Context) ([]byte, error)
	// Close and Cut end the link, with and without a goodbye.
	Close() error
	Cut()
}

// Conn is a link whose other side speaks zms.1.json. It is a sequence of frames
// only: where one message ends and the next begins may differ at its ends.
type Conn struct {
	Place
	link Link

	ending    sync.Once
	ended     chan struct{}     // closed when Close or Cut begins
	sending   chan struct{}     // a token: who holds it sends
	receiving chan struct{}     // a token: who holds it receives
	came      *jsonframe.Reader // owned by the receiver: of the last message
	wrong     error             // owned by the receiver: what was wrong with it, once the frames in front of that are handed over
}

// New makes a Conn.
func New(l Link) *Conn {
	return &Conn{
		Place: l, link: l,
		ended: make(chan struct{}), sending: make(chan struct{}, 1), receiving: make(chan struct{}, 1),
	}
}

// Send sends a message of CBOR frames. Errors: the Link's, wire.ErrTruncated and
// wire.ErrTooLarge for the size of the message, and those of wire.NextFrame and
// Frame.Decode for one that is none; the frames in front of that may be out.
func (c *Conn) Send(ctx context.Context, message []byte) error {
	switch {
	case len(message) == 0:
		return wire.ErrTruncated
	case len(message) > wire.MaxMessage:
		return wire.ErrTooLarge
	}
	if err := c.take(ctx, c.sending); err != nil {
		return err
	}
	defer func() { <-c.sending }()
	return c.send(ctx, message)
}

// take waits for a place in a channel.
func (c *Conn) take(ctx context.Context, places chan struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.ended:
		return wire.ErrLinkClosed
	}
}

// send sends a message as texts.
func (c *Conn) send(ctx context.Context, message []byte) error {
	var text []byte
	for len(message) > 0 {
		f, rest, err := wire.NextFrame(message)
		if err != nil {
			return err
		}
		large := len(message)-len(rest) > largeFrame
		message = rest
		if large && len(text) > 0 {
			if err := c.link.Send(ctx, text); err != nil {
				return err
			}
			text = text[:0]
		}
		if large {
			if err := c.sendLarge(ctx, f); err != nil {
				return err
			}
			continue
		}
		before := len(text)
		if before > 0 {
			text = append(text, '\n')
		}
		if text, err = jsonframe.AppendFrame(text, f); err != nil {
			return err
		}
		if before > 0 && len(text) > textSize {
			if err := c.link.Send(ctx, text[:before]); err != nil {
				return err
			}
			text = append(text[:0], text[before+1:]...)
		}
	}
	if len(text) == 0 {
		return nil
	}
	return c.link.Send(ctx, text)
}

// sendLarge sends a frame alone: what it takes is 4/3 of what its sender counts.
func (c *Conn) sendLarge(ctx context.Context, f wire.Frame) error {
	text, err := jsonframe.AppendFrame(nil, f)
	if err != nil {
		return err
	}
	return c.link.Send(ctx, text)
}

// Recv returns the next frames in CBOR; the caller owns them. A text that is not
// of this protocol is answered with an error frame of id 0 that says what is
// wrong with it, and ends the link. Errors: the Link's, and those of
// jsonframe.Reader.
func (c *Conn) Recv(ctx context.Context) ([]byte, error) {
	if err := c.take(ctx, c.receiving); err != nil {
		c.link.Cut()
		return nil, err
	}
	defer func() { <-c.receiving }()
	return c.next(ctx)
}

// Borrow is Recv: the message may be kept.
func (c *Conn) Borrow(ctx context.Context) ([]byte, error) { return c.Recv(ctx) }

// Close ends the link.
func (c *Conn) Close() error {
	c.end()
	return c.link.Close()
}

// Cut ends the link at once.
func (c *Conn) Cut() {
	c.end()
	c.link.Cut()
}

func (c *Conn) end() { c.ending.Do(func() { close(c.ended) }) }

// next is some frames of the last message, or of the next one if there are none.
func (c *Conn) next(ctx context.Context) (message []byte, err error) {
	if ctx.Err() != nil || c.wrong == nil && (c.came == nil || !c.came.More()) {
		c.came = nil
		text, err := c.link.Borrow(ctx) // until the next one is waited for
		if err != nil {
			return nil, err
		}
		c.came = jsonframe.NewReader(text)
	}
	for n := 0; n < pieceFrames && len(message) < pieceBytes && c.wrong == nil && c.came.More(); n++ {
		longer, err := c.came.Next(message)
		if err != nil {
			c.wrong = err
			break
		}
		message = longer
	}
	if len(message) > 0 {
		return message, nil
	}
	c.refuse(ctx, c.wrong)
	return nil, c.wrong
}

// refuse tells the other side why the link ends, and ends it.
func (c *Conn) refuse(ctx context.Context, err error) {
	ctx, cancel := context.WithTimeout(ctx, lastWords)
	defer cancel()
	_ = c.Send(ctx, wire.AppendFrame(nil, 0, wire.FailureOf(err)))
	_ = c.Close()
}
