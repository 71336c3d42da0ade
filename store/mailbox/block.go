package mailbox

import (
	"encoding/binary"
	"errors"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/wire"
)

// Packed rows of a block:
//
//	block = incarnation 4 | rows
//	row   = kind 1 | place 1 | drop 16 | k 4 | hash 32 | D 32 | time 8 | kept 8 |
//	        origin 12 | bits 1 | size 4 | offset 4 | payload size bytes if place is inline
//
// The indexes of the rows follow each other from the block's first one. offset
// is where the payload begins in the segment.
const (
	blockHead = 4
	rowSize   = 1 + 1 + 16 + 4 + 32 + 32 + 8 + 8 + 12 + 1 + 4 + 4
	markSize  = wire.PositionSize + 32 + 8
)

// Places of a payload.
const (
	nowhere   = 0 // not kept
	inSegment = 1
	inline    = 2 // what the log's owner signed stays with the row
	displaced = 3 // not kept, because another envelope took the place at the door
)

var errBlock = errors.New("mailbox: a block of the log is damaged")

// packedRow is a row in its block.
type packedRow struct {
	mailbox.Row
	place  byte
	offset uint32
}

func appendMark(dst []byte, m mailbox.Mark) []byte {
	dst = append(dst, m.Position[:]...)
	dst = append(dst, m.R[:]...)
	return binary.BigEndian.AppendUint64(dst, m.Total)
}

// parseMark reads a mark, whose size the schema checks.
func parseMark(b []byte) (m mailbox.Mark) {
	if len(b) != markSize {
		return m
	}
	b = b[copy(m.Position[:], b):]
	b = b[copy(m.R[:], b):]
	m.Total = binary.BigEndian.Uint64(b)
	return m
}

func (r *packedRow) append(dst []byte) []byte {
	dst = append(dst, r.Kind, r.place)
	dst = append(dst, r.Drop[:]...)
	dst = binary.BigEndian.AppendUint32(dst, r.K)
	dst = append(dst, r.Hash[:]...)
	dst = append(dst, r.D[:]...)
	dst = binary.BigEndian.AppendUint64(dst, r.Time)
	dst = binary.BigEndian.AppendUint64(dst, r.Kept)
	dst = append(dst, r.Origin[:]...)
	dst = append(dst, r.Bits)
	dst = binary.BigEndian.AppendUint32(dst, r.Size)
	dst = binary.BigEndian.AppendUint32(dst, r.offset)
	if r.place == inline {
		dst = append(dst, r.Payload...)
	}
	return dst
}

// parseBlock reads the rows of a block that follow before. Without bare the
// rolling heads are computed.
func parseBlock(packed []byte, before mailbox.Mark, bare bool) ([]packedRow, error) {
	if len(packed) < blockHead {
		return nil, errBlock
	}
	incarnation := binary.BigEndian.Uint32(packed)
	rows := make([]packedRow, 0, len(packed)/rowSize)
	index, total, r := before.Position.Index(), before.Total, before.R
	for b := packed[blockHead:]; len(b) > 0; {
		if len(b) < rowSize {
			return nil, errBlock
		}
		row := packedRow{place: b[1]}
		row.Kind, row.Displaced = b[0], row.place == displaced
		f := b[2:]
		f = f[copy(row.Drop[:], f):]
		row.K, f = binary.BigEndian.Uint32(f), f[4:]
		f = f[copy(row.Hash[:], f):]
		f = f[copy(row.D[:], f):]
		row.Time, row.Kept, f = binary.BigEndian.Uint64(f), binary.BigEndian.Uint64(f[8:]), f[16:]
		f = f[copy(row.Origin[:], f):]
		row.Bits, f = f[0], f[1:]
		row.Size, row.offset = binary.BigEndian.Uint32(f), binary.BigEndian.Uint32(f[4:])
		b = b[rowSize:]
		if row.place == inline {
			if uint64(len(b)) < uint64(row.Size) {
				return nil, errBlock
			}
			row.Payload, b = b[:row.Size:row.Size], b[row.Size:]
		}
		index++
		total += uint64(row.Size)
		row.Position, row.Total = wire.At(incarnation, index), total
		if !bare {
			r = wire.NextHead(r, row.Row.Row())
			row.R = r
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// segmentLimit is how many payload bytes one segment takes.
const segmentLimit = 256 << 10

// blockBits is how many bits of a block's id number it within its segment.
const blockBits = 20

// segment collects the payloads of one commit.
type segment struct {
	id     int64
	data   []byte
	blocks int64
	kept   uint64
}

// blockKey is the next block's id.
func (s *segment) blockKey() int64 { return s.id<<blockBits | s.blocks }

// block collects rows of one account for one segment.
type block struct {
	account     int64
	before, end mailbox.Mark
	packed      []byte
	made, kept  uint64
}

// newBlock begins a block for rows that follow before.
func newBlock(account int64, before mailbox.Mark, rows []mailbox.Row) *block {
	size := blockHead + len(rows)*rowSize
	for i := range rows {
		if !inEnvelope(rows[i].Kind) {
			size += len(rows[i].Payload)
		}
	}
	packed := binary.BigEndian.AppendUint32(make([]byte, 0, size), rows[0].Position.Incarnation())
	return &block{account: account, before: before, end: before, packed: packed}
}

// inEnvelope reports whether rows of this kind carry an envelope.
func inEnvelope(kind uint8) bool { return kind == wire.RowEnvelope || kind == wire.RowDoor }

// add packs a row; its payload goes to the segment unless it is the owner's.
func (b *block) add(s *segment, row *mailbox.Row) {
	p := packedRow{Row: *row, offset: uint32(len(s.data))}
	switch {
	case row.Displaced:
		p.place = displaced
	case len(row.Payload) == 0:
	case inEnvelope(row.Kind):
		p.place = inSegment
		s.data = append(s.data, row.Payload...)
	default:
		p.place = inline
	}
	b.packed = p.append(b.packed)
	b.end = row.Mark()
	b.made, b.kept = max(b.made, row.Time), max(b.kept, row.Kept)
	s.kept = max(s.kept, row.Kept)
}

// payload cuts a row's payload out of its segment's data.
func (r *packedRow) payload(data []byte) ([]byte, error) {
	end := uint64(r.offset) + uint64(r.Size)
	if end > uint64(len(data)) {
		return nil, errBlock
	}
	return data[r.offset:end:end], nil
}
