package address

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"net/netip"
	"slices"
	"testing"
	"testing/cryptotest"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"zeroms/protocol/key"
)

// What a holder may learn from a record is tested as follows: nothing that went
// into it stands in it (TestARecordShowsNeitherKeyNorLeases); without the card no
// key that can be computed opens it; apart from version, day and number, which
// are the same for everybody, every byte is as if drawn at random, and two days
// of one person have no more in common than those of two (TestTwoDaysAreNotLinked);
// one home and sixteen make the same of it (TestOneHomeOrSixteen). That the names
// of two days have no relation that anybody can compute is protocol/key's test.

// crowd are people with their own secrets and homes; the first ones have one
// home, the others sixteen.
func crowd(n int) []lives {
	people := make([]lives, n)
	for i := range people {
		people[i] = lives{key.NewSeed().Identity(), key.NewAddressSecret(), key.Network{'l', 'a', 'b', '1'}, made}
	}
	return people
}

// homes is a record of this person's own gateways on a day.
func (p lives) homes(day uint32, n int) *Record {
	a := p.ik.Public()
	r := &Record{Made: p.now, Day: day, Seq: 1, ListN: binary.BigEndian.Uint32(a[:]) >> 8, ListHash: [32]byte(a)}
	for i := range n {
		seed := [32]byte(a)
		seed[0] += byte(i)
		host := netip.AddrFrom4([4]byte{8, seed[1], seed[2], seed[0]})
		r.Leases = append(r.Leases, Lease{Node: key.PrivateFromSeed[key.Node](seed).Public(), Host: host.String(), Port: 40_000 + uint16(i), Lapses: 30})
	}
	return r
}

func TestARecordShowsNeitherKeyNorLeases(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 21)
	day := Day(made)
	for i, p := range crowd(8) {
		for _, open := range []bool{false, true} {
			if open {
				p.s = key.AddressSecret{}
			}
			r := p.homes(day, 1+15*(i%2))
			b := p.seal(t, r)
			a, position := p.ik.Public(), Position(key.BlindedPublic(b[1:33]), 0, day)
			inside := [][]byte{a[:], p.ik.Seed(), r.ListHash[:]}
			if !open {
				inside = append(inside, p.s.Bytes())
			}
			for _, l := range r.Leases {
				slot, err := l.Encode52()
				if err != nil {
					t.Fatal(err)
				}
				inside = append(inside, l.Node[:], slot[32:50])
			}
			for _, secret := range inside {
				for at := 0; at+5 <= len(secret); at++ {
					piece := secret[at : at+5]
					if bytes.Equal(piece, make([]byte, 5)) {
						continue // of the mapped address
					}
					if bytes.Contains(b, piece) || bytes.Contains(position[:], piece) {
						t.Fatalf("person %d: %x stands in the record or its place", i, piece)
					}
				}
			}
			p.staysShut(t, b, open)
		}
	}
}

// staysShut tries the keys that others can compute: from the identity key alone,
// which many know, from what the record shows, and from nothing.
func (p lives) staysShut(t *testing.T, b []byte, open bool) {
	t.Helper()
	a, name := p.ik.Public(), key.BlindedPublic(b[1:33])
	tries := map[string][32]byte{
		"the name as a person": key.RecordCipherKey(key.IdentityPublic(name), key.AddressSecret{}, name),
		"nobody":               key.RecordCipherKey(key.IdentityPublic{}, key.AddressSecret{}, name),
		"the name":             name,
		"the nonce":            [32]byte(b[41:73]),
	}
	if !open {
		tries["the identity key"] = key.RecordCipherKey(a, key.AddressSecret{}, name)
		tries["another card"] = key.RecordCipherKey(a, key.NewAddressSecret(), name)
		if guess, _ := key.RecordName(a, key.AddressSecret{}, p.network, Day(p.now)); guess == name {
			t.Error("the identity key alone finds the record")
		}
	}
	for what, k := range tries {
		aead, err := chacha20poly1305.NewX(k[:])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := aead.Open(nil, b[41:65], b[65:960], b[:65]); err == nil {
			t.Errorf("%s opens the record", what)
		}
	}
	if _, err := p.open(b); err != nil {
		t.Errorf("the card does not open the record: %v", err)
	}
}

// drawn are the parts of a record that have to look random, without the two
// constant shapes that all Ed25519 values have: points and scalars below 2^253.
func drawn(b []byte) []byte {
	return slices.Concat(b[1:32], b[41:960], b[960:991], b[992:1023])
}

// uniformBytes holds the bytes against the uniform distribution: chi-square over
// 256 values with 255 degrees of freedom, at seven standard deviations.
func uniformBytes(t *testing.T, what string, b []byte) {
	t.Helper()
	var counts [256]float64
	for _, c := range b {
		counts[c]++
	}
	want, chi := float64(len(b))/256, 0.0
	for _, n := range counts {
		chi += (n - want) * (n - want) / want
	}
	if limit := 255 + 7*math.Sqrt(2*255); chi > limit {
		t.Errorf("%s: chi-square %.0f over %d bytes, at most %.0f", what, chi, len(b), limit)
	}
}

// apart is in how many bits two strings differ.
func apart(a, b []byte) (n int) {
	for i := range a {
		n += bits.OnesCount8(a[i] ^ b[i])
	}
	return n
}

// likeRandom holds distances against those of random strings of so many bits:
// the mean at six standard deviations of a mean.
func likeRandom(t *testing.T, what string, distances []int, size int) {
	t.Helper()
	sum := 0
	for _, d := range distances {
		sum += d
	}
	mean, want := float64(sum)/float64(len(distances)), float64(size)/2
	if limit := 6 * math.Sqrt(float64(size)/4) / math.Sqrt(float64(len(distances))); math.Abs(mean-want) > limit {
		t.Errorf("%s differ in %.2f bits of %d on average, want %.0f +-%.2f", what, mean, size, want, limit)
	}
}

// TestTwoDaysAreNotLinked: all records of a day and the next one of many people,
// as a holder of all of them sees them. Nothing changed in between: the same
// homes, list and minute.
func TestTwoDaysAreNotLinked(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 22)
	people, day := crowd(96), Day(made)
	people[0].s, people[1].s = key.AddressSecret{}, key.AddressSecret{} // found by key alone
	var today, tomorrow [][]byte
	for _, p := range people {
		today = append(today, p.seal(t, p.homes(day, 3)))
		tomorrow = append(tomorrow, p.seal(t, p.homes(day+1, 3)))
	}
	all := slices.Concat(today, tomorrow)
	for i, b := range all {
		if b[0] != 1 || binary.BigEndian.Uint32(b[33:]) != day+uint32(i/len(people)) || binary.BigEndian.Uint32(b[37:]) != 1 {
			t.Fatalf("record %d shows version, day and number %x | %x", i, b[0], b[33:41])
		}
	}
	var same, others, samePlace, otherPlaces []int
	place := func(b []byte) []byte {
		at := Position(key.BlindedPublic(b[1:33]), 0, binary.BigEndian.Uint32(b[33:]))
		return at[:]
	}
	for i := range people {
		for j := range people {
			a, b := drawn(today[i]), drawn(tomorrow[j])
			d, at := apart(a, b), apart(place(today[i]), place(tomorrow[j]))
			if i == j {
				same, samePlace = append(same, d), append(samePlace, at)
			} else {
				others, otherPlaces = append(others, d), append(otherPlaces, at)
			}
		}
	}
	size := 8 * len(drawn(today[0]))
	likeRandom(t, "two days of one person", same, size)
	likeRandom(t, "two days of two people", others, size)
	likeRandom(t, "the places of one person", samePlace, 256)
	likeRandom(t, "the places of two people", otherPlaces, 256)
	nothingTwice(t, all)
	whole := []byte(nil)
	for _, b := range all {
		whole = append(whole, drawn(b)...)
	}
	uniformBytes(t, "records", whole)
	for i, p := range people { // who has the card links them at once
		for d, b := range [][]byte{today[i], tomorrow[i]} {
			if name, _ := key.RecordName(p.ik.Public(), p.s, p.network, day+uint32(d)); name != key.BlindedPublic(b[1:33]) {
				t.Fatalf("person %d is not found with the card", i)
			}
		}
	}
}

// nothingTwice looks for eight bytes that two records have in common anywhere but
// in version, day and number.
func nothingTwice(t *testing.T, records [][]byte) {
	t.Helper()
	seen := map[uint64]int{}
	for i, b := range records {
		for _, part := range [][]byte{b[1:33], b[41:]} {
			for at := 0; at+8 <= len(part); at++ {
				piece := binary.BigEndian.Uint64(part[at:])
				if other, ok := seen[piece]; ok && other != i {
					t.Fatalf("records %d and %d have %016x in common", other, i, piece)
				}
				seen[piece] = i
			}
		}
	}
}

// TestOneHomeOrSixteen: the same size, the same header, bytes of one distribution
// at every place, whatever stands inside; and the plaintexts differ, so that the
// test would see it.
func TestOneHomeOrSixteen(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 23)
	day := Day(made)
	const rounds = 64
	sum := map[int][]float64{1: make([]float64, 1024), 16: make([]float64, 1024)}
	whole := map[int][]byte{}
	for _, p := range crowd(rounds) {
		for _, n := range []int{1, 16} {
			b := p.seal(t, p.homes(day, n))
			if len(b) != 1024 || b[0] != 1 || !bytes.Equal(b[33:41], binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, day), 1)) {
				t.Fatalf("%d homes: %d bytes, header %x", n, len(b), b[33:41])
			}
			for i, c := range b {
				sum[n][i] += float64(c)
			}
			whole[n] = append(whole[n], drawn(b)...)
			if r, err := p.open(b); err != nil || len(r.Leases) != n {
				t.Fatalf("%d homes: %v", n, err)
			}
		}
	}
	uniformBytes(t, "records with one home", whole[1])
	uniformBytes(t, "records with sixteen homes", whole[16])
	const deviation = 73.9 // of a random byte
	for i := range 1024 {
		if d := math.Abs(sum[1][i]-sum[16][i]) / rounds; d > 7*deviation*math.Sqrt(2.0/rounds) {
			t.Errorf("byte %d tells one home from sixteen: the means differ by %.0f", i, d)
		}
	}
	p := crowd(1)[0]
	for _, n := range []int{1, 16} {
		fixed := p.sealed(t, day, 1, flat(t, p.homes(day, n)))
		if name := fmt.Sprintf("%x", fixed[:65]); name != fmt.Sprintf("%x", p.sealed(t, day, 1, flat(t, p.homes(day, 17-n)))[:65]) {
			t.Error("what is open of a record depends on what is sealed in it")
		}
	}
	if bytes.Equal(flat(t, p.homes(day, 1))[92:], flat(t, p.homes(day, 16))[92:]) {
		t.Error("one home and sixteen are the same plaintext: this test shows nothing")
	}
}

// TestNoClockInSight: when a record was made stands only inside: two records of
// one day made hours apart show the same header.
func TestNoClockInSight(t *testing.T) {
	p := newPerson()
	early, late := p.record(1), p.record(1)
	late.Made = late.Made.Add(7 * time.Hour)
	a, b := p.seal(t, early), p.seal(t, late)
	if !bytes.Equal(a[:41], b[:41]) {
		t.Error("the open part of a record tells when it was made")
	}
}
