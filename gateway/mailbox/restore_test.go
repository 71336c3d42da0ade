package mailbox_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	sqlite "zeroms/store/mailbox"
)

// A gateway that starts with a backup has forgotten what came since: devices
// learn it at once, register again what is missing, and senders' repetitions are
// taken as new. No position is given twice.
func TestClientsRecoverFromARestoredBackup(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		open := func(path string) *sqlite.DB {
			db, err := sqlite.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
			return db
		}
		db := open(filepath.Join(dir, "mailbox.db"))
		w := newWorld(t, db)
		bob := w.account()
		drop := bob.drop()
		p := w.port()
		kept, lost := message(), message()
		p.send(drop, kept)
		bob.pull()
		bob.ack()
		wait(3 * time.Second)
		restored := filepath.Join(dir, "restored.db")
		if err := db.Backup(t.Context(), restored); err != nil {
			t.Fatal(err)
		}
		covered := bob.at
		p.send(drop, lost)
		young := bob.drop()
		bob.pull()
		bob.ack()
		w.restart() // so that the lost log saw another incarnation, too
		bob.attach()
		p.send(young, message())
		bob.pull()
		bob.ack()
		wait(3 * time.Second)
		newest, oldR := bob.at, bob.r
		w.stop()

		wait(time.Second)
		w.evidence = newEvidence(t) // the old one convicts: what was promised is gone
		w.cfg.Store = open(restored)
		w.start()
		welcome := bob.attach()
		if welcome.Cursor != covered || !bob.lk.Public().Verify(key.ContextMailboxAck,
			wire.AckTranscript(bob.tag(), bob.cursor, welcome.Cursor, welcome.R), welcome.Sig) {
			t.Errorf("the device is at %x, the backup at %x", welcome.Cursor, covered)
		}
		if err := bob.sess.Ack(bob.ackOf(newest, oldR)); !wire.ErrAckMismatch.Is(err) {
			t.Errorf("an acknowledgement of what is forgotten: %v", err)
		}
		bob.attach()
		p = w.port()
		id := p.submit(young, message())
		p.want(id, wire.ErrUnknownDrop)
		put := bob.dropPut(young)
		settle()
		bob.port.want(put, nil)
		p.send(young, message())
		if r := p.send(drop, lost); r.K != 2 {
			t.Errorf("%+v", r)
		}
		rows := bob.pull()
		if len(rows) != 4 || rows[0].Kind != wire.RowStart || rows[0].Position.Incarnation() <= newest.Incarnation() ||
			rows[0].Position.Index() != covered.Index()+1 || string(rows[3].Payload) != string(lost) {
			t.Errorf("%d rows after the restore", len(rows))
		}
		bob.ack()
		if r := p.send(drop, kept); r.K != 1 {
			t.Errorf("what the backup holds is taken again: %+v", r)
		}
	})
}
