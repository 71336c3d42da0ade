// Package selection reads what other programs have put on the clipboard of an X server.
//
// On X the clipboard is no place but a program, the owner of the selection CLIPBOARD,
// which is asked for its content in one of several forms (targets) each time. It may be
// slow, hang, or hand over any number of bytes. So nothing here waits without end or takes
// more than it was told to: a read has a connection of its own, which ends with it and
// which nobody else waits for.
//
// Its list of targets (TARGETS) says in which forms it has its content.
//
// What is spoken is the core protocol of X11 (RFC 1013), little-endian:
//
//	SetupRequest      'l' 0 | 11 | 0 | name length | data length | 0 | name | data
//	CreateWindow      one of 1x1 that hears of its properties, where content arrives
//	InternAtom        the numbers of names
//	GetSelectionOwner 0: the clipboard is empty
//	ConvertSelection  asks the owner; it writes a property and answers with SelectionNotify
//	GetProperty       its content, with what is left behind the part that was asked for
//
// A property of type INCR brings its content in pieces (ICCCM 2.7.2): each is deleted when
// it was read, upon which the owner writes the next one; an empty one is the last.
package selection

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"time"
	"unicode/utf8"
)

// Errors of this package.
var (
	// ErrServer: there is no X server, or it is not to be spoken with.
	ErrServer = errors.New("selection: the X server can't be reached")
	// ErrSilent: the program that has the clipboard does not answer.
	ErrSilent = errors.New("selection: the program that has the clipboard does not answer")
	// ErrLarge: there is more on the clipboard than was asked for.
	ErrLarge = errors.New("selection: there is too much on the clipboard")
	// errProtocol: what the server says makes no sense, or is an error.
	errProtocol = errors.New("the server's answer can't be understood")
)

// patience is how long the owner may take for its answer, and for each piece of it.
const patience = 2 * time.Second

// Text is the text on the clipboard, valid UTF-8; empty: there is none. It has at most
// limit bytes. Errors: ErrServer, ErrSilent, ErrLarge, and ctx's.
func Text(ctx context.Context, limit int) (string, error) {
	content, err := read(ctx, wish{limit, textForms})
	return string(content), err
}

// PNG is the picture on the clipboard; nil: there is none. Size and errors are Text's.
func PNG(ctx context.Context, limit int) ([]byte, error) {
	return read(ctx, wish{limit, pictureForms})
}

// What texts and pictures are asked for as, the best first.
var (
	textForms    = []form{{"UTF8_STRING", unicodeText}, {"text/plain;charset=utf-8", unicodeText}, {"STRING", latinText}}
	pictureForms = []form{{"image/png", anything}}
)

// form is a target, with what is made of its content; nil: it is not what it should be.
type form struct {
	target string
	taken  func([]byte) []byte
}

// wish is what is read: the first of the forms that there is, up to limit bytes.
type wish struct {
	limit int
	forms []form
}

func anything(b []byte) []byte { return b }

// unicodeText is a text in UTF-8. Some programs end it with NUL, and some hand over the
// bytes of a picture whatever they are asked for.
func unicodeText(b []byte) []byte {
	b = bytes.TrimRight(b, "\x00")
	if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		return nil
	}
	return b
}

// latinText is a text in ISO 8859-1 (ICCCM 2.6.2).
func latinText(b []byte) []byte {
	b = bytes.TrimRight(b, "\x00")
	if bytes.IndexByte(b, 0) >= 0 {
		return nil
	}
	var out []byte
	for _, c := range b {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

// read asks for the forms of a wish in turn until there is one.
func read(ctx context.Context, w wish) ([]byte, error) {
	n, secret, err := connect(ctx, environment())
	if err != nil {
		return nil, failure(ctx, err)
	}
	return readFrom(ctx, n, secret, w)
}

// readFrom is read over a connection, which it closes.
func readFrom(ctx context.Context, n net.Conn, secret []byte, w wish) ([]byte, error) {
	c, err := speak(ctx, n, secret)
	if err != nil {
		return nil, failure(ctx, err)
	}
	defer c.close()
	content, err := c.selection(w)
	if err != nil {
		return nil, failure(ctx, err)
	}
	return content, nil
}

// failure is why a read has ended: its deadline is the owner's silence, as a server
// answers at once.
func failure(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrSilent
	case errors.Is(err, ErrLarge), errors.Is(err, ErrServer):
		return err
	}
	return errors.Join(ErrServer, err)
}

// Places of names among the atoms of a read, before those of its forms.
const (
	clipboard = iota
	property
	incremental
	targets
	wished
)

// selection asks the owner of the clipboard.
func (c *conn) selection(w wish) ([]byte, error) {
	names := []string{"CLIPBOARD", "ZEROMS_SELECTION", "INCR", "TARGETS"}
	for _, f := range w.forms {
		names = append(names, f.target)
	}
	atoms, err := c.atoms(names)
	if err != nil {
		return nil, err
	}
	owner, err := c.owner(atoms[clipboard])
	if err != nil || owner == 0 {
		return nil, err
	}
	if err := c.window(); err != nil {
		return nil, err
	}
	t := transfer{conn: c, clipboard: atoms[clipboard], property: atoms[property], incr: atoms[incremental]}
	// Some hand over what they have whatever they are asked for, but all tell what it is.
	offered, err := t.ask(atoms[targets], maxTargets)
	if err != nil && !errors.Is(err, ErrLarge) {
		return nil, err
	}
	for i, f := range w.forms {
		target := atoms[wished+i]
		if len(offered) > 0 && !offers(offered, target) {
			continue
		}
		content, err := t.ask(target, w.limit)
		if err != nil {
			return nil, err
		}
		if content = f.taken(content); len(content) > w.limit {
			return nil, ErrLarge
		}
		if len(content) > 0 {
			return content, nil
		}
	}
	return nil, nil
}

// maxTargets bounds the list of an owner's targets, in bytes.
const maxTargets = 64 << 10

// offers reports whether a target is in an owner's list.
func offers(list []byte, target uint32) bool {
	for ; len(list) >= 4; list = list[4:] {
		if binary.LittleEndian.Uint32(list) == target {
			return true
		}
	}
	return false
}

// transfer is the owner's content on its way.
type transfer struct {
	*conn
	clipboard, property, incr uint32
}

// ask has the owner hand over its content in the form of a target, up to limit
// bytes; nothing: it has none.
func (t transfer) ask(target uint32, limit int) ([]byte, error) {
	if err := t.convert(t.clipboard, target, t.property); err != nil {
		return nil, err
	}
	for {
		e, err := t.event()
		if err != nil {
			return nil, err
		}
		if e.code == selectionNotify && e.selection == t.clipboard && e.target == target {
			if e.property == 0 { // it refuses
				return nil, nil
			}
			break
		}
	}
	kind, content, err := t.take(t.property, limit)
	if err != nil || kind != t.incr {
		return content, err
	}
	return t.pieces(limit)
}

// pieces puts together what comes in pieces. What is too large is taken to its end all
// the same: many programs hand nothing over to anybody until they are rid of a piece.
func (t transfer) pieces(limit int) ([]byte, error) {
	var all []byte
	for large := false; ; {
		e, err := t.event()
		if err != nil {
			return nil, err
		}
		if e.code != propertyNotify || e.property != t.property || e.deleted {
			continue
		}
		kind, piece, err := t.take(t.property, limit-len(all))
		switch {
		case errors.Is(err, ErrLarge):
			large = true
			if err := t.discard(t.property); err != nil {
				return nil, err
			}
		case err != nil:
			return nil, err
		case kind == 0: // it is gone again
		case len(piece) == 0 && large:
			return nil, ErrLarge
		case len(piece) == 0:
			return all, nil
		case !large:
			all = append(all, piece...)
		}
	}
}
