package mailbox_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	sqlite "zeroms/store/mailbox"
)

// TestTheDiskHoldsNoIdentity runs a person's real derivations against SQLite and
// looks for what would name them: there are envelopes as they came, and nothing
// from which the person, the device or the drop's secret follows.
func TestTheDiskHoldsNoIdentity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, db)
		g := w.node.Public()
		person, deviceSecret, secret, doorSecret := key.NewSeed(), key.NewDeviceSecret(), key.NewDropSecret(), key.NewDoorSecret()
		d := w.stranger(person.Mailbox(g))
		d.lk, d.cursor = deviceSecret.Login(g), deviceSecret.Cursor(g)
		w.box.Register(1, d.registration(nil), d.port)
		settle()
		d.attach()
		var drop testDrop
		drop.id, drop.cap = secret.Drop(g)
		d.dropPut(drop)
		address := key.NewAddressSecret()
		o := door{profile: key.ProfileSigner(person.Identity(), address, key.Place{Node: g}), x: doorSecret.DoorKey(g)}
		o.id, o.cap = key.DoorOf(o.profile.Public(), o.x), doorSecret.Capability(g)
		put := d.doorPut(o, wire.Millis(time.Now()))
		settle()
		d.port.want(put, nil)
		env, knock := message(), envelope(4<<10, 0x81)
		w.port().send(drop, env)
		w.port().send(o.testDrop, knock)
		identity, device := person.Identity().Public(), deviceSecret.Signer().Public()
		held := diskBytes(t, path)
		for name, b := range map[string][]byte{"envelope": env, "init envelope": knock} {
			found := 0 // page boundaries cut some chunks
			for i := 0; i < len(b); i += 64 {
				if bytes.Contains(held, b[i:i+64]) {
					found++
				}
			}
			if found < len(b)/64-4 {
				t.Errorf("the %s is not on the disk: %d of %d chunks", name, found, len(b)/64)
			}
		}
		for name, b := range map[string][]byte{
			"seed": person.Bytes(), "identity key": identity[:], "device key": device[:], "device secret": deviceSecret.Bytes(),
			"login key's private half": d.lk.Seed(), "mailbox key's private half": d.mk.Seed(), "drop secret": secret.Bytes(),
			"door secret": doorSecret.Bytes(), "address secret": address.Bytes(), "user ID": []byte(key.UserIDText(identity)),
		} {
			if bytes.Contains(held, b) {
				t.Errorf("the %s is on the disk", name)
			}
		}
		// Acknowledged by the only device: the sweep erases both.
		d.pull()
		d.ack()
		wait(10 * mailbox.Timing{}.Default().Sweep)
		w.stop()
		stats, err := db.Stats(t.Context())
		if err != nil || stats.Envelopes != 0 || stats.Waiting != 0 {
			t.Errorf("after the acknowledgement: %+v, %v", stats, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func diskBytes(t *testing.T, path string) (all []byte) {
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}
