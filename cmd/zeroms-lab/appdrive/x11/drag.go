package x11

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// xdndVersion is the version of XDND that is spoken.
const xdndVersion = 5

// drag is files on their way to a window.
type drag struct {
	*Conn
	source, target uint32
	list           string // what is handed over
	atoms          map[string]uint32
}

// Drop drags files over a window, to a place inside of it, and lets them go there. It
// returns once the window has taken them. Error: it takes no files, or refuses these.
func (c *Conn) Drop(ctx context.Context, window uint32, x, y int, files ...string) error {
	defer c.until(ctx)()
	d := &drag{Conn: c, target: window, list: uriList(files), atoms: map[string]uint32{}}
	err := d.begin()
	if err == nil {
		err = d.move(x, y)
	}
	if err == nil {
		err = d.message("XdndDrop", d.source, 0, 0)
	}
	if err == nil {
		err = d.hand()
	}
	if d.source != 0 {
		err = errors.Join(err, c.send(request(opDestroyWindow, 0, d.source)))
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the window does not take what is dropped: %w", context.Cause(ctx))
	}
	return err
}

// uriList is a list of files as text/uri-list (RFC 2483).
func uriList(files []string) string {
	var b strings.Builder
	for _, f := range files {
		b.WriteString((&url.URL{Scheme: "file", Path: f}).String() + "\r\n")
	}
	return b.String()
}

// begin makes a window that the files come from, owns the selection with it, and enters
// the target.
func (d *drag) begin() error {
	for _, name := range []string{"XdndSelection", "XdndEnter", "XdndPosition", "XdndStatus", "XdndDrop", "XdndFinished", "XdndActionCopy", "text/uri-list"} {
		n, err := d.atom(name)
		if err != nil {
			return err
		}
		d.atoms[name] = n
	}
	d.source = d.next
	d.next++
	// One pixel, never shown, and like the root in everything.
	if err := d.send(request(opCreateWindow, 0, d.source, d.root, 0, 1|1<<16, 0, 0, 0)); err != nil {
		return err
	}
	if err := d.send(request(opSetSelectionOwner, 0, d.source, d.atoms["XdndSelection"], 0)); err != nil {
		return err
	}
	return d.message("XdndEnter", d.source, xdndVersion<<24, d.atoms["text/uri-list"])
}

// message sends the target a client message with up to five numbers.
func (d *drag) message(name string, data ...uint32) error {
	event := make([]byte, packetSize)
	event[0], event[1] = kindClientMessage, 32
	binary.LittleEndian.PutUint32(event[4:], d.target)
	binary.LittleEndian.PutUint32(event[8:], d.atoms[name])
	for i, n := range data {
		binary.LittleEndian.PutUint32(event[12+4*i:], n)
	}
	return d.post(d.target, event)
}

func (d *drag) post(to uint32, event []byte) error {
	return d.send(append(request(opSendEvent, 0, to, 0), event...))
}

// move moves over the target, as a hand that comes from the side does, and waits until
// it says that it would take the files.
func (d *drag) move(x, y int) error {
	p, err := d.ask(request(opTranslate, 0, d.target, d.root, 0))
	if err != nil {
		return err
	}
	left, top := int(int16(binary.LittleEndian.Uint16(p[12:]))), int(int16(binary.LittleEndian.Uint16(p[14:])))
	accepted := false
	for _, back := range []int{60, 30, 10, 0} {
		at := uint32(left+max(x-back, 0))<<16 | uint32(top+y)
		if err := d.message("XdndPosition", d.source, 0, at, 0, d.atoms["XdndActionCopy"]); err != nil {
			return err
		}
		status, err := d.hear("XdndStatus")
		if err != nil {
			return err
		}
		accepted = status[1]&1 == 1
	}
	if !accepted {
		return errRefused
	}
	return nil
}

var errRefused = errors.New("the window refuses what is dragged over it")

// hear waits for a message of the target and returns its five numbers.
func (d *drag) hear(name string) (data [5]uint32, err error) {
	for {
		p, err := d.event()
		if err != nil {
			return data, err
		}
		if p[0]&^fromClient == kindClientMessage && binary.LittleEndian.Uint32(p[8:]) == d.atoms[name] {
			for i := range data {
				data[i] = binary.LittleEndian.Uint32(p[12+4*i:])
			}
			return data, nil
		}
	}
}

// hand gives the target the list when it asks for it, and waits until it has finished.
func (d *drag) hand() error {
	for {
		p, err := d.event()
		if err != nil {
			return err
		}
		switch p[0] &^ fromClient {
		case kindSelectionRequest:
			if err := d.give(p); err != nil {
				return err
			}
		case kindClientMessage:
			if binary.LittleEndian.Uint32(p[8:]) != d.atoms["XdndFinished"] {
				continue
			}
			// Bit 0 would say that it was accepted; GLFW puts the number of bytes there.
			if binary.LittleEndian.Uint32(p[16:]) == 0 {
				return errRefused
			}
			return nil
		}
	}
}

// give puts the list where a request for the selection wants it.
func (d *drag) give(wanted []byte) error {
	field := func(i int) uint32 { return binary.LittleEndian.Uint32(wanted[4+4*i:]) }
	when, requestor, selection, target, property := field(0), field(2), field(3), field(4), field(5)
	answer := make([]byte, packetSize)
	answer[0] = kindSelectionNotify
	for i, n := range []uint32{when, requestor, selection, target, property} {
		binary.LittleEndian.PutUint32(answer[4+4*i:], n)
	}
	if target != d.atoms["text/uri-list"] {
		binary.LittleEndian.PutUint32(answer[20:], 0) // there is no such form of it
	} else {
		b := request(opChangeProperty, 0, requestor, property, target, 8, uint32(len(d.list)))
		if err := d.send(append(b, d.list...)); err != nil {
			return err
		}
	}
	return d.post(requestor, answer)
}
