package store

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

type (
	kind uint8
	id   [4]byte
	name string
	blob []byte
)

func TestValuesRoundTrip(t *testing.T) {
	db, _ := newDB(t)
	for _, in := range []any{
		int64(math.MinInt64), int(-5), int8(-8), int32(7), uint64(math.MaxInt64), uint32(math.MaxUint32), uint16(9), kind(3),
		true, false, "", "text \x00 with zero", name("n"), 1.5, math.Inf(1), []byte{}, []byte{0, 1, 2}, blob{9}, id{1, 2, 3, 4},
	} {
		out := reflect.New(reflect.TypeOf(in))
		err := db.Read(t.Context(), func(v *View) error { return v.QueryRow("SELECT ?", in).Scan(out.Interface()) })
		if err != nil || !reflect.DeepEqual(out.Elem().Interface(), in) {
			t.Errorf("%T %v comes back as %v, %v", in, in, out.Elem(), err)
		}
	}
	var b = []byte("x")
	var a any = "x"
	err := db.Read(t.Context(), func(v *View) error { return v.QueryRow("SELECT NULL, ?", nil).Scan(&b, &a) })
	if err != nil || b != nil || a != nil {
		t.Errorf("NULL comes back as %v and %v, %v", b, a, err)
	}
}

func TestValuesThatDoNotFit(t *testing.T) {
	db, _ := newDB(t)
	err := db.Read(t.Context(), func(v *View) error {
		for _, arg := range []any{uint64(math.MaxInt64 + 1), time.Time{}, []int{1}, struct{}{}, new(int)} {
			if _, err := v.Query("SELECT ?", arg); err == nil {
				t.Errorf("%T %v was accepted", arg, arg)
			}
		}
		for _, c := range []struct {
			query string
			dest  any
		}{
			{"SELECT 256", new(uint8)}, {"SELECT -1", new(uint64)}, {"SELECT 2147483648", new(int32)}, {"SELECT 2", new(bool)},
			{"SELECT NULL", new(int)}, {"SELECT NULL", new(string)}, {"SELECT NULL", new(id)}, {"SELECT 'x'", new(int)},
			{"SELECT 'x'", new([]byte)}, {"SELECT x'00'", new(string)}, {"SELECT 1.5", new(int64)}, {"SELECT 1", new(float64)},
			{"SELECT x'000102'", new(id)}, {"SELECT x'0001020304'", new(id)}, {"SELECT 1", 5}, {"SELECT 1", (*int)(nil)},
			{"SELECT 1", nil}, {"SELECT 1, 2", new(int)},
		} {
			if err := v.QueryRow(c.query).Scan(c.dest); err == nil {
				t.Errorf("%s was scanned into a %T", c.query, c.dest)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestBlobsAreCopies(t *testing.T) {
	db, _ := newDB(t)
	in := []byte("before")
	var out []byte
	err := db.Write(t.Context(), func(tx *Tx) error {
		res, err := tx.Exec("INSERT INTO item (id, body) VALUES (7, ?)", in)
		if err != nil {
			return err
		}
		if res != (Result{LastInsertID: 7, RowsAffected: 1}) {
			t.Errorf("result %+v", res)
		}
		copy(in, "after!")
		return tx.QueryRow("SELECT body FROM item").Scan(&out)
	})
	if err != nil || !bytes.Equal(out, []byte("before")) {
		t.Fatalf("%q, %v", out, err)
	}
}

func benchDB(b *testing.B) *DB {
	cfg := testConfig(filepath.Join(b.TempDir(), "x.db"))
	return mustOpen(b, cfg)
}

// BenchmarkWrite is one durable transaction of n rows of 200 bytes.
func BenchmarkWrite(b *testing.B) {
	for _, n := range []int{1, 256} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			db, body := benchDB(b), make([]byte, 200)
			b.ReportAllocs()
			for b.Loop() {
				err := db.Write(b.Context(), func(tx *Tx) error {
					for range n {
						if _, err := tx.Exec("INSERT INTO item (body) VALUES (?)", body); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/row")
		})
	}
}

// BenchmarkRead is one read transaction with one row.
func BenchmarkRead(b *testing.B) {
	db := benchDB(b)
	insert(b, db, 1, "x")
	b.ReportAllocs()
	for b.Loop() {
		err := db.Read(b.Context(), func(v *View) error {
			var body []byte
			return v.QueryRow("SELECT body FROM item WHERE id = ?", 1).Scan(&body)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
