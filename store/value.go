package store

import (
	"database/sql/driver"
	"fmt"
	"math"
	"reflect"
)

// bindable turns an argument into one of the kinds that SQLite stores: integer,
// float, text, blob or NULL (nil and a nil []byte). An unsigned number above
// 2^63-1 is an error, since it would read back negative.
func bindable(arg any) (driver.Value, error) {
	switch v := arg.(type) {
	case nil, int64, []byte, string, float64, bool:
		return v, nil
	case int:
		return int64(v), nil
	case uint64:
		return fromUint(v)
	}
	return bindKind(reflect.ValueOf(arg))
}

// bindKind is bindable for the remaining number types, named types and arrays of bytes.
func bindKind(v reflect.Value) (driver.Value, error) {
	switch v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fromUint(v.Uint())
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.String:
		return v.String(), nil
	case reflect.Float32, reflect.Float64:
		return v.Float(), nil
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Bytes(), nil
		}
	case reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b := make([]byte, v.Len())
			reflect.Copy(reflect.ValueOf(b), v)
			return b, nil
		}
	}
	return nil, fmt.Errorf("a %s cannot be stored", v.Type())
}

func fromUint(u uint64) (driver.Value, error) {
	if u > math.MaxInt64 {
		return nil, fmt.Errorf("%d is above the largest integer of SQLite; store it as a blob of 8 bytes", u)
	}
	return int64(u), nil
}

// assign writes one column into the pointer dest. Blobs are the caller's own
// copy. Numbers that do not fit, and NULL into anything but *[]byte and *any,
// are errors. The errors never carry the value.
func assign(dest any, val driver.Value) error {
	switch d := dest.(type) {
	case *int64:
		if v, ok := val.(int64); ok {
			*d = v
			return nil
		}
	case *[]byte:
		switch v := val.(type) {
		case nil:
			*d = nil
			return nil
		case []byte:
			*d = v
			return nil
		}
	case *string:
		if v, ok := val.(string); ok {
			*d = v
			return nil
		}
	case *any:
		*d = val
		return nil
	}
	p := reflect.ValueOf(dest)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("the destination is a %T, not a pointer", dest)
	}
	if val == nil {
		return fmt.Errorf("NULL does not fit into a %T", dest)
	}
	if !assignKind(p.Elem(), val) {
		return fmt.Errorf("a %T does not fit into a %T", val, dest)
	}
	return nil
}

// assignKind is assign for the remaining number types, named types and arrays of
// bytes, which must have the exact size. It reports whether val fits.
func assignKind(d reflect.Value, val driver.Value) bool {
	switch v := val.(type) {
	case int64:
		switch {
		case d.CanInt() && !d.OverflowInt(v):
			d.SetInt(v)
			return true
		case d.CanUint() && v >= 0 && !d.OverflowUint(uint64(v)):
			d.SetUint(uint64(v))
			return true
		case d.Kind() == reflect.Bool && (v == 0 || v == 1):
			d.SetBool(v == 1)
			return true
		}
	case float64:
		if d.Kind() == reflect.Float64 {
			d.SetFloat(v)
			return true
		}
	case string:
		if d.Kind() == reflect.String {
			d.SetString(v)
			return true
		}
	case []byte:
		isBytes := (d.Kind() == reflect.Slice || d.Kind() == reflect.Array) && d.Type().Elem().Kind() == reflect.Uint8
		switch {
		case isBytes && d.Kind() == reflect.Slice:
			d.SetBytes(v)
			return true
		case isBytes && d.Len() == len(v):
			reflect.Copy(d, reflect.ValueOf(v))
			return true
		}
	}
	return false
}
