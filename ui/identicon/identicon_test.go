package identicon

import "testing"

func user(n byte) (id [32]byte) {
	for i := range id {
		id[i] = n*37 ^ byte(i)*91 + n>>1*byte(i)
	}
	return id
}

func TestPicture(t *testing.T) {
	one, same, other := Picture(user(1), 44, false), Picture(user(1), 44, false), Picture(user(2), 44, false)
	differs := 0
	for y := range 44 {
		for x := range 44 {
			if one.At(x, y) != same.At(x, y) || one.At(x, y) != one.At(43-x, y) {
				t.Fatalf("at %d, %d: not the same picture, or not mirrored", x, y)
			}
			if one.At(x, y) != other.At(x, y) {
				differs++
			}
		}
	}
	if differs < 200 {
		t.Errorf("two people differ in %d pixels", differs)
	}
	if _, _, _, alpha := one.At(0, 0).RGBA(); alpha != 0 {
		t.Error("the plate is not round")
	}
	for n := range byte(255) {
		marks, set := pattern(user(n)), 0
		for _, row := range marks {
			for _, mark := range row {
				if mark {
					set++
				}
			}
		}
		if set < 3 {
			t.Errorf("the pattern of %d has %d marks", n, set)
		}
	}
	if Picture(user(1), 0, true).Bounds().Dx() != 0 {
		t.Error("a picture of no size has one")
	}
}
