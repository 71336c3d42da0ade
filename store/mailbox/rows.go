package mailbox

import (
	"context"
	"math"

	"zeroms/gateway/mailbox"
	"zeroms/store"
)

// storedBlock is a block as it stands in the database.
type storedBlock struct {
	id     int64
	before mailbox.Mark
	packed []byte
}

// Rows reads rows in order of their index.
func (d *DB) Rows(ctx context.Context, r mailbox.RowRange) (out []mailbox.Row, err error) {
	if r.MaxBytes == 0 {
		r.MaxBytes = math.MaxInt
	}
	err = d.db.Read(ctx, func(v *store.View) error {
		rows, err := v.Query(`SELECT b.id, before, packed FROM accounts a JOIN blocks b ON b.account = a.id
			WHERE tag = ?1 AND made >= ?3 AND first >= ifnull(
				(SELECT max(first) FROM blocks WHERE account = a.id AND first <= ?2), 0)
			ORDER BY first`, r.Account, r.From, r.Since)
		if err != nil {
			return err
		}
		for rows.Next() {
			b, err := scanBlock(rows)
			if err != nil {
				return err
			}
			full, err := appendRows(v, &out, b, &r)
			if err != nil || full {
				return err
			}
		}
		return rows.Err()
	})
	return out, err
}

func scanBlock(rows *store.Rows) (b storedBlock, err error) {
	var before []byte
	err = rows.Scan(&b.id, &before, &b.packed)
	b.before = parseMark(before)
	return b, err
}

// appendRows adds the rows of a block that r asks for, with their payloads. It
// reports whether r is full.
func appendRows(v *store.View, out *[]mailbox.Row, b storedBlock, r *mailbox.RowRange) (full bool, err error) {
	rows, err := parseBlock(b.packed, b.before, r.Bare)
	if err != nil {
		return false, err
	}
	var take []packedRow
	for _, row := range rows {
		if row.Position.Index() < r.From {
			continue
		}
		if len(*out)+len(take) > 0 && (len(*out)+len(take) >= r.MaxRows || int(row.Size) > r.MaxBytes) {
			full = true
			break
		}
		r.MaxBytes -= int(row.Size)
		take = append(take, row)
	}
	if !r.Bare {
		err = fill(v, b.id>>blockBits, take)
	}
	for i := range take {
		if r.Bare {
			take[i].Payload = nil
		}
		*out = append(*out, take[i].Row)
	}
	return full, err
}

// fill reads the payloads of rows of one block, which lie side by side in their
// segment.
func fill(v *store.View, segment int64, rows []packedRow) error {
	from, to := uint32(math.MaxUint32), uint32(0)
	for i := range rows {
		if rows[i].place == inSegment {
			from, to = min(from, rows[i].offset), max(to, rows[i].offset+rows[i].Size)
		}
	}
	if from >= to {
		return nil
	}
	var data []byte
	err := v.QueryRow(`SELECT substr(data, ?, ?) FROM payloads WHERE segment = ?`, int64(from)+1, to-from, segment).Scan(&data)
	if none(err) != nil || err != nil {
		return none(err) // the whole segment is erased
	}
	for i := range rows {
		if rows[i].place != inSegment {
			continue
		}
		row := rows[i]
		row.offset -= from
		if rows[i].Payload, err = row.payload(data); err != nil {
			return err
		}
	}
	return nil
}
