package session

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"zeroms/protocol/wire"
)

// fillRandom gives every field below v a value, and every number a length of its own.
func fillRandom(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "_" {
				fillRandom(r, v.Field(i))
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			fillRandom(r, v.Index(i))
		}
	case reflect.Slice:
		lengths := []int{0, 1, 23, 24, 255, 256, 1200}
		if v.Type().Elem().Kind() != reflect.Uint8 {
			lengths = []int{0, 1, 2, 30}
		}
		v.Set(reflect.MakeSlice(v.Type(), lengths[r.IntN(len(lengths))], 1200))
		for i := range v.Len() {
			fillRandom(r, v.Index(i))
		}
	default:
		v.SetUint(r.Uint64() >> r.IntN(64) & (1<<v.Type().Bits() - 1))
	}
}

// What is written by hand is what wire.Marshal writes.
func TestHandEncoding(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var st sessionState
		fillRandom(r, reflect.ValueOf(&st).Elem())
		if got, want := st.encode(), wire.Marshal(st); !bytes.Equal(got, want) {
			t.Fatalf("%x\nis not\n%x", got, want)
		}
	}
	var zero sessionState
	if !bytes.Equal(zero.encode(), wire.Marshal(zero)) {
		t.Fatal("an empty state")
	}
	if n := reflect.TypeFor[sessionState]().NumField(); n != sessionFields {
		t.Fatalf("%d fields", n)
	}
}

func BenchmarkHandEncoding(b *testing.B) {
	st := sessionState{Version: stateVersion, Created: 1 << 40, Heard: 1 << 40, SendN: 1000, PQ: pqState{At: 1 << 40}}
	b.Run("hand", func(b *testing.B) {
		for b.Loop() {
			st.encode()
		}
	})
	b.Run("reflection", func(b *testing.B) {
		for b.Loop() {
			wire.Marshal(st)
		}
	})
}
