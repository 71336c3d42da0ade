package backup

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// cheap is a passphrase at a cost that tests can pay often.
func cheap(text string) Lock {
	l := WithPassphrase(text)
	l.cost = cost{passes: 1, memoryKiB: 8, lanes: 1}
	return l
}

func typed(text string) func() (string, error) { return func() (string, error) { return text, nil } }

func export(t testing.TB, s Source, l Lock) ([]byte, Counts) {
	t.Helper()
	var b bytes.Buffer
	n, err := Export(context.Background(), s, &b, l, at(60))
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), n
}

// plaintext is the content of an archive.
func plaintext(t testing.TB, archive []byte, k Keys) []byte {
	t.Helper()
	r, err := newReader(bytes.NewReader(archive), k)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestArchiveComesBack(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		lock Lock
		keys Keys
	}{
		"words":      {WithWords(w.alice.Seed), Keys{Seed: w.alice.Seed}},
		"passphrase": {cheap("correct horse"), Keys{Passphrase: typed("correct horse")}},
	} {
		b, counts := export(t, w.store, c.lock)
		want := Counts{Cards: 3, Homes: 1, Contacts: 4, Messages: w.texts, Evidence: 1}
		if counts != want {
			t.Errorf("%s: exported %+v, want %+v", name, counts, want)
		}
		got, counts, err := Read(bytes.NewReader(b), c.keys)
		if err != nil || counts != want {
			t.Fatalf("%s: read %+v: %v", name, counts, err)
		}
		same(t, w, got)
	}
}

// same compares a backup with the profile that it was made from.
func same(t *testing.T, w *world, got *Content) {
	t.Helper()
	o := got.Owner
	if o.User != w.alice.User || o.Name != "Alice" || !o.Created.Equal(at(0)) || !o.Address.Equal(w.alice.Address.Bytes()) || o.Device != w.alice.Device || !reflect.DeepEqual(o.Entries, w.alice.Entries) {
		t.Errorf("the owner is %+v", o)
	}
	if h := got.Homes[0]; h.Address.Host != "home.example" || !h.Address.Invite.IsZero() || h.Login != loginOf(w.alice.Secret, node(1)) || h.Position != (wire.Position{}) {
		t.Errorf("the home is %+v", h)
	}
	for i, c := range got.Contacts {
		want := *w.contacts[i]
		want.Registered, want.Announced = map[key.NodePublic]bool{}, [32]byte{}
		if !reflect.DeepEqual(c.Row(), want.Row()) || !reflect.DeepEqual(c.ConversationRow(nil), want.ConversationRow(nil)) {
			t.Errorf("contact %d is\n%+v, want\n%+v", i, c, want)
		}
	}
	public := 0
	for _, k := range got.Cards {
		row, ok := w.store.rows[rowName(k.Row())]
		if !ok || !reflect.DeepEqual(row, k.Row()) {
			t.Errorf("card %s changed", k.ID)
		}
		if k.Public {
			public++
		}
	}
	if public != 1 || len(got.Evidence) != 1 || got.Evidence[0].Fault != "rollback" {
		t.Errorf("%d public cards, evidence %+v", public, got.Evidence)
	}
	for _, m := range got.Messages {
		if row := w.store.rows[rowName(m.Row())]; !reflect.DeepEqual(row, m.Row()) {
			t.Errorf("message %s changed:\n%+v\n%+v", m.ID, m.Row(), row)
		}
	}
}

func rowName(r profile.Row) string {
	for name := range newMemory(r).rows {
		return name
	}
	return ""
}

// TestArchiveHoldsNoSecretOfTheMoment: no session, prekey, device or outbox
// secret, and not the seed, in the opened content of either form.
func TestArchiveHoldsNoSecretOfTheMoment(t *testing.T) {
	w := newWorld(t)
	b, _ := export(t, w.store, WithWords(w.alice.Seed))
	plain := plaintext(t, b, Keys{Seed: w.alice.Seed})
	safe := must(NewSafe(w.members(t), at(60)))
	rows := key.Join(rowData(w.store, profile.TablePrekey), rowData(w.store, profile.TableSession), rowData(w.store, profile.TableOutbox), rowData(w.store, profile.TableSelf))
	for name, secret := range w.secrets {
		if holds(plain, secret) {
			t.Errorf("the archive holds the %s", name)
		}
		if holds(safe.plain, secret) {
			t.Errorf("the safe holds the %s", name)
		}
		derived := name == "device key" || name == "identity key" || name == "login key" || name == "mailbox key"
		if !derived && !holds(rows, secret) {
			t.Errorf("the profile does not hold the %s either: the test proves nothing", name)
		}
	}
	if !holds(plain, w.contacts[0].Mine.Bytes()) || !holds(plain, []byte("hello 0 and more")[:7:7]) && !bytes.Contains(plain, []byte("hello 0")) {
		t.Error("the archive lacks what it is for")
	}
}

func rowData(s *memory, table profile.Table) (out []byte) {
	for _, r := range s.rows {
		if r.Table == table {
			out = append(out, r.Data...)
		}
	}
	return out
}

func TestWrongKeysAreNamed(t *testing.T) {
	w := newWorld(t)
	words, _ := export(t, w.store, WithWords(w.alice.Seed))
	phrase, _ := export(t, w.store, cheap("right"))
	gone := errors.New("no terminal")
	for name, c := range map[string]struct {
		b    []byte
		keys Keys
		want error
	}{
		"another's words":   {words, Keys{Seed: key.NewSeed()}, ErrWords},
		"wrong passphrase":  {phrase, Keys{Passphrase: typed("left")}, ErrPassphrase},
		"empty passphrase":  {phrase, Keys{Passphrase: typed("")}, ErrEmptyPassphrase},
		"nobody to ask":     {phrase, Keys{Passphrase: func() (string, error) { return "", gone }}, gone},
		"no archive":        {[]byte("some other file that is long enough to be one, if it were one"), Keys{}, ErrNotArchive},
		"nothing":           {nil, Keys{}, ErrNotArchive},
		"a later version":   {append(append([]byte(magic), 2), make([]byte, 80)...), Keys{}, ErrNewer},
		"an unknown lock":   {append(append([]byte(magic), 1, 2), make([]byte, 80)...), Keys{}, ErrChanged},
		"a hostile cost":    {(&head{lock: lockPhrase, cost: cost{1, 1 << 31, 1}}).encode(), Keys{}, ErrChanged},
		"a cost with words": {(&head{lock: lockWords, cost: cost{1, 8, 1}}).encode(), Keys{}, ErrChanged},
	} {
		if _, _, err := Read(bytes.NewReader(c.b), c.keys); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := Export(t.Context(), w.store, io.Discard, WithPassphrase(""), at(0)); !errors.Is(err, ErrEmptyPassphrase) {
		t.Errorf("an archive with an empty passphrase: %v", err)
	}
}

// big adds messages until an archive has several chunks.
func (w *world) big(t *testing.T) {
	t.Helper()
	conv := w.alice.talksTo(w.bob)
	for range 30 {
		m := w.alice.says(conv, strings.Repeat("long ", 2000), at(30))
		m.Contact = 1
		w.texts++
		w.store.put(m.Row())
	}
}

// TestEveryPrefixIsRefused: an archive that was cut anywhere is refused as a whole.
func TestEveryPrefixIsRefused(t *testing.T) {
	w := newWorld(t)
	w.big(t)
	b, _ := export(t, w.store, WithWords(w.alice.Seed))
	keys := Keys{Seed: w.alice.Seed}
	if len(b) < 3*chunkSize {
		t.Fatalf("only %d bytes", len(b))
	}
	cut := func(n int) {
		c, _, err := Read(bytes.NewReader(b[:n]), keys)
		if c != nil || !errors.Is(err, ErrChanged) && !errors.Is(err, ErrNotArchive) && !errors.Is(err, ErrWords) {
			t.Fatalf("%d of %d bytes: %v", n, len(b), err)
		}
		if n >= headSize+sealedSize && !errors.Is(err, ErrChanged) {
			t.Fatalf("%d of %d bytes: %v, want ErrChanged", n, len(b), err)
		}
	}
	for n := range headSize + 64 {
		cut(n)
	}
	for n := headSize; n < len(b); n += 997 {
		cut(n)
	}
	for k := headSize + sealedSize; k < len(b); k += sealedSize { // at the borders of chunks
		cut(k - 1)
		cut(k)
		cut(k + 1)
	}
	cut(len(b) - 1)
	for _, tail := range [][]byte{{0}, b[headSize : headSize+sealedSize], b} {
		if _, _, err := Read(bytes.NewReader(key.Join(b, tail)), keys); !errors.Is(err, ErrChanged) {
			t.Errorf("with %d bytes behind: %v", len(tail), err)
		}
	}
	small, _ := export(t, newMemory(w.alice.Row()), WithWords(w.alice.Seed))
	if _, _, err := Read(bytes.NewReader(append(small, 0)), keys); err == nil {
		t.Error("a byte behind the only chunk")
	}
}

// TestEveryByteCounts: no byte may change, no chunk may move, none may be left out.
func TestEveryByteCounts(t *testing.T) {
	w := newWorld(t)
	w.big(t)
	b, _ := export(t, w.store, WithWords(w.alice.Seed))
	keys := Keys{Seed: w.alice.Seed}
	for n := 0; n < len(b); n++ {
		if n > headSize+32 && n%1009 != 0 {
			continue
		}
		changed := bytes.Clone(b)
		changed[n] ^= 1
		if c, _, err := Read(bytes.NewReader(changed), keys); err == nil || c != nil {
			t.Fatalf("byte %d may change", n)
		}
	}
	chunk := func(n int) []byte { return b[headSize+n*sealedSize : min(len(b), headSize+(n+1)*sealedSize)] }
	last := (len(b) - headSize + sealedSize - 1) / sealedSize
	for name, chunks := range map[string][]int{"swapped": {1, 0}, "left out": {0}, "twice": {0, 0, 1}} {
		mixed := bytes.Clone(b[:headSize])
		for _, n := range chunks {
			mixed = append(mixed, chunk(n)...)
		}
		for n := 2; n < last; n++ {
			mixed = append(mixed, chunk(n)...)
		}
		if _, _, err := Read(bytes.NewReader(mixed), keys); err == nil {
			t.Errorf("a chunk %s", name)
		}
	}
}

// TestDamagedProfile: what can't be read is left out and counted, the rest is there.
func TestDamagedProfile(t *testing.T) {
	w := newWorld(t)
	broken := w.contacts[2].Row()
	broken.Data = broken.Data[:20]
	letter := w.store.messages(t, 1)[0].Row()
	letter.Data = []byte{0xa0}
	w.store.put(broken, letter)
	b, counts := export(t, w.store, WithWords(w.alice.Seed))
	if counts.Skipped != 2 || counts.Contacts != 3 || counts.Messages != w.texts-1 {
		t.Errorf("exported %+v", counts)
	}
	c, counts, err := Read(bytes.NewReader(b), Keys{Seed: w.alice.Seed})
	if err != nil || len(c.Contacts) != 3 || counts.Skipped != 2 {
		t.Errorf("read %+v: %v", counts, err)
	}
	if _, err := Export(t.Context(), newMemory(broken), io.Discard, WithWords(w.alice.Seed), at(0)); !errors.Is(err, ErrNoOwner) {
		t.Errorf("a profile without its owner: %v", err)
	}
}

// seal makes an archive of any records, as only its owner can.
func sealRecords(t testing.TB, seed key.Seed, write func(*recordWriter)) []byte {
	t.Helper()
	var b bytes.Buffer
	sealed, err := newWriter(&b, WithWords(seed))
	if err != nil {
		t.Fatal(err)
	}
	write(&recordWriter{to: sealed})
	if err := sealed.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestContentThatDoesNotBelongTogether: also what opens is checked.
func TestContentThatDoesNotBelongTogether(t *testing.T) {
	w := newWorld(t)
	c, _, err := gather(must(w.store.Load(t.Context())), at(0))
	if err != nil {
		t.Fatal(err)
	}
	owner := c.ownerRecord()
	bob, carol := recordOfContact(w.contacts[0]), recordOfContact(w.contacts[1])
	letter := recordOfMessage(w.store.messages(t, 1)[1])
	stranger := newPerson("x")
	_ = stranger
	for name, write := range map[string]func(*recordWriter){
		"nothing":           func(*recordWriter) {},
		"no owner":          func(w *recordWriter) { _ = w.write(typeContact, bob) },
		"two owners":        func(w *recordWriter) { _ = w.write(typeOwner, owner); _ = w.write(typeOwner, owner) },
		"no end":            func(w *recordWriter) { _ = w.write(typeOwner, owner) },
		"an unknown record": func(w *recordWriter) { _ = w.write(typeOwner, owner); _ = w.write(99, bob) },
		"wrong order": func(w *recordWriter) {
			_ = w.write(typeOwner, owner)
			_ = w.write(typeContact, bob)
			_ = w.write(typeHome, homeRecord{})
		},
		"wrong number": func(w *recordWriter) { _ = w.write(typeOwner, owner); _ = w.write(typeEnd, endRecord{Contacts: 1}) },
		"something behind the end": func(w *recordWriter) {
			_ = w.write(typeOwner, owner)
			_ = w.write(typeEnd, endRecord{})
			_, _ = w.to.Write([]byte{0})
		},
		"a contact twice": func(w *recordWriter) {
			_ = w.write(typeOwner, owner)
			_ = w.write(typeContact, bob)
			_ = w.write(typeContact, bob)
		},
		"the owner as contact": func(w *recordWriter) {
			_ = w.write(typeOwner, owner)
			own := bob
			own.User = owner.User
			_ = w.write(typeContact, own)
		},
		"another's list": func(w *recordWriter) {
			_ = w.write(typeOwner, owner)
			k := carol
			k.List = bob.List
			_ = w.write(typeContact, k)
		},
		"a state that is none": func(w *recordWriter) {
			_ = w.write(typeOwner, owner)
			k := carol
			k.State = 9
			_ = w.write(typeContact, k)
		},
		"a message of nobody": func(w *recordWriter) { _ = w.write(typeOwner, owner); _ = w.write(typeMessage, letter) },
		"a message of another talk": func(w *recordWriter) {
			_ = w.write(typeOwner, owner)
			_ = w.write(typeContact, carol)
			m := letter
			m.Contact = carol.ID
			_ = w.write(typeMessage, m)
		},
		"a message by somebody else": func(w *recordWriter) {
			_ = w.write(typeOwner, owner)
			_ = w.write(typeContact, bob)
			m := letter
			m.User = carol.User
			_ = w.write(typeMessage, m)
		},
		"a record of promises": func(w *recordWriter) { _, _ = w.to.Write([]byte{0xff, 0xff, 0xff, 0xff, typeOwner}) },
		"an owner with a broken list": func(w *recordWriter) {
			o := owner
			o.Entries = [][]byte{{1}}
			_ = w.write(typeOwner, o)
		},
	} {
		b := sealRecords(t, w.alice.Seed, write)
		if got, _, err := Read(bytes.NewReader(b), Keys{Seed: w.alice.Seed}); got != nil || !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMessageTwice: a message that moved while the archive was written stands
// there twice and comes back once.
func TestMessageTwice(t *testing.T) {
	w := newWorld(t)
	c, _, err := gather(must(w.store.Load(t.Context())), at(0))
	if err != nil {
		t.Fatal(err)
	}
	m := recordOfMessage(w.store.messages(t, 1)[1])
	b := sealRecords(t, w.alice.Seed, func(out *recordWriter) {
		_ = out.write(typeOwner, c.ownerRecord())
		_ = out.write(typeContact, recordOfContact(w.contacts[0]))
		_ = out.write(typeMessage, m)
		m.Height++
		_ = out.write(typeMessage, m)
		_ = out.write(typeEnd, endRecord{Contacts: 1, Messages: 2})
	})
	got, counts, err := Read(bytes.NewReader(b), Keys{Seed: w.alice.Seed})
	if err != nil || len(got.Messages) != 1 || counts.Messages != 1 {
		t.Errorf("%d messages: %v", len(got.Messages), err)
	}
}

func TestNonces(t *testing.T) {
	seen := map[string]bool{}
	for _, number := range []uint64{0, 1, 255, 256, 1 << 40} {
		for _, last := range []bool{false, true} {
			n := nonce(number, last)
			if len(n) != 24 || seen[string(n)] {
				t.Errorf("nonce %x", n)
			}
			seen[string(n)] = true
		}
	}
}

func FuzzRead(f *testing.F) {
	w := newWorld(&testing.T{})
	seed := must(key.SeedFrom(bytes.Repeat([]byte{7}, 32)))
	b, _ := export(f, w.store, WithWords(seed))
	f.Add(b)
	f.Add(b[:headSize])
	f.Add((&head{lock: lockPhrase, cost: cost{1, 8, 1}}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, _, err := Read(bytes.NewReader(b), Keys{Seed: seed, Passphrase: func() (string, error) { return "", io.EOF }})
		if (c == nil) != (err != nil) {
			t.Fatalf("%v, %v", c, err)
		}
	})
}

// FuzzRecords feeds the parser what is behind the sealing.
func FuzzRecords(f *testing.F) {
	w := newWorld(&testing.T{})
	b, _ := export(f, w.store, WithWords(w.alice.Seed))
	f.Add(plaintext(f, b, Keys{Seed: w.alice.Seed}))
	f.Fuzz(func(t *testing.T, plain []byte) {
		in := recordReader{from: bytes.NewReader(plain)}
		c, counts, err := in.all()
		if err != nil {
			return
		}
		// What was read makes rows of a new device, and the same archive again.
		for _, m := range c.Messages {
			if m.Conv == (message.ConvID{}) {
				t.Fatal("a message of no conversation")
			}
		}
		var out bytes.Buffer
		again := recordWriter{to: &out}
		if err := again.people(c); err != nil {
			t.Fatal(err)
		}
		if again.counts.Contacts != counts.Contacts || !bytes.HasPrefix(plain, out.Bytes()) {
			t.Fatalf("what was read is written differently:\n%x\n%x", plain, out.Bytes())
		}
	})
}
