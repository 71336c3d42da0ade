package kept

import (
	"context"
	"encoding/binary"
	"maps"
	"unicode/utf8"

	"zeroms/client/profile"
	"zeroms/protocol/wire"
)

// MaxDraft bounds the draft of a conversation, in bytes.
const MaxDraft = 64 << 10

const (
	maxChat = MaxDraft + 64 // bytes of a row
	keyDesk = "app"
)

// Chat is what the app keeps about one conversation.
type Chat struct {
	Pinned, Muted bool
	Draft         string // at most MaxDraft bytes
}

// Desk is the app's settings.
type Desk struct {
	// Notify is what a notification shows: 0 name and text, 1 the name, 2 that somebody
	// wrote, 3 there is none.
	Notify uint8
	// CtrlEnter tells that Enter breaks the line and Ctrl+Enter sends.
	CtrlEnter bool
	// Tray tells that the app goes on when its window is closed.
	Tray bool
	// Quiet tells that others are not told what was read.
	Quiet bool
	// WordsSaved tells that the user wrote the 24 words down.
	WordsSaved bool
	// Inside tells that the gateway inside the app starts with it, InsideOpen that it
	// serves the local network and not just this computer.
	Inside, InsideOpen bool
	// LockAfter is after how many minutes without input the app locks itself; 0: never.
	LockAfter uint16
}

// Guarded is the Desk where a newer version wrote one that can't be read: nobody is told
// what was read, and notifications show neither names nor texts, since that may be what
// the user chose.
func Guarded() Desk { return Desk{Notify: notifyBare, Quiet: true} }

const notifyBare = 2

type chatRecord struct {
	Version uint8  `cbor:"1,keyasint"`
	Pinned  bool   `cbor:"2,keyasint,omitempty"`
	Muted   bool   `cbor:"3,keyasint,omitempty"`
	Draft   string `cbor:"4,keyasint,omitempty"`
}

type deskRecord struct {
	Version    uint8  `cbor:"1,keyasint"`
	Notify     uint8  `cbor:"2,keyasint,omitempty"`
	CtrlEnter  bool   `cbor:"3,keyasint,omitempty"`
	Tray       bool   `cbor:"4,keyasint,omitempty"`
	Quiet      bool   `cbor:"5,keyasint,omitempty"`
	WordsSaved bool   `cbor:"6,keyasint,omitempty"`
	Inside     bool   `cbor:"7,keyasint,omitempty"`
	InsideOpen bool   `cbor:"8,keyasint,omitempty"`
	LockAfter  uint16 `cbor:"9,keyasint,omitempty"`
}

// newer reports whether a newer version wrote a row.
func newer(r profile.Row) bool {
	v, ok := profile.VersionOf(r.Data)
	return ok && v > version
}

// chatRow reads a row of TableChat. One that can't be read counts as absent.
func (s *Store) chatRow(r profile.Row) {
	if len(r.Key) != 8 {
		return
	}
	id := binary.BigEndian.Uint64(r.Key)
	var c chatRecord
	switch err := wire.Unmarshal(r.Data, &c, maxChat); {
	case newer(r):
		s.newer[id] = true
	case err == nil && c.Version == version:
		s.chats[id] = Chat{Pinned: c.Pinned, Muted: c.Muted, Draft: c.Draft}
	}
}

// deskRow reads the row of TableDesk. One that can't be read counts as absent, but
// where a newer version wrote it the user has wishes that are not known.
func (s *Store) deskRow(r profile.Row) {
	if string(r.Key) != keyDesk {
		return
	}
	var d deskRecord
	switch err := wire.Unmarshal(r.Data, &d, maxSetting); {
	case newer(r):
		s.ahead, s.desk = true, Guarded()
	case err == nil && d.Version == version:
		s.desk = Desk{
			Notify: d.Notify, CtrlEnter: d.CtrlEnter, Tray: d.Tray, Quiet: d.Quiet, WordsSaved: d.WordsSaved,
			Inside: d.Inside, InsideOpen: d.InsideOpen, LockAfter: d.LockAfter,
		}
	}
}

// Chats are the conversations about which something is kept, by contact.
func (s *Store) Chats() map[uint64]Chat {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.chats)
}

// SetChat keeps something about the conversation with a contact; the zero Chat:
// nothing. Errors: wire.ErrTooLarge, wire.ErrValue (the draft), wire.ErrVersion if a
// newer version keeps something about it.
func (s *Store) SetChat(ctx context.Context, id uint64, c Chat) error {
	switch {
	case len(c.Draft) > MaxDraft:
		return wire.ErrTooLarge.Because("a draft has at most 64 KiB")
	case !utf8.ValidString(c.Draft):
		return wire.ErrValue.Because("a draft is UTF-8 text")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newer[id] {
		return wire.ErrVersion.Because("a newer version of ZeroMS keeps something about this conversation")
	}
	if s.chats[id] == c {
		return nil
	}
	b := &profile.Batch{Erase: []profile.Ref{{Table: TableChat, Key: profile.Number(id)}}}
	if c != (Chat{}) {
		r := chatRecord{Version: version, Pinned: c.Pinned, Muted: c.Muted, Draft: c.Draft}
		b = &profile.Batch{Put: []profile.Row{{Table: TableChat, Key: profile.Number(id), Data: wire.Marshal(&r)}}}
	}
	if err := s.Commit(ctx, b); err != nil {
		return err
	}
	if c == (Chat{}) {
		delete(s.chats, id)
	} else {
		s.chats[id] = c
	}
	return nil
}

// Desk is the app's settings; zero: none were kept.
func (s *Store) Desk() Desk {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.desk
}

// SetDesk keeps the app's settings. Error: wire.ErrVersion if a newer version keeps
// others.
func (s *Store) SetDesk(ctx context.Context, d Desk) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ahead {
		return wire.ErrVersion.Because("a newer version of ZeroMS keeps the settings")
	}
	r := deskRecord{
		Version: version, Notify: d.Notify, CtrlEnter: d.CtrlEnter, Tray: d.Tray, Quiet: d.Quiet, WordsSaved: d.WordsSaved,
		Inside: d.Inside, InsideOpen: d.InsideOpen, LockAfter: d.LockAfter,
	}
	if err := s.Commit(ctx, &profile.Batch{Put: []profile.Row{{Table: TableDesk, Key: []byte(keyDesk), Data: wire.Marshal(&r)}}}); err != nil {
		return err
	}
	s.desk = d
	return nil
}
