package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"zeroms/cmd/zeroms-gateway/machine"
	"zeroms/store"
	database "zeroms/store/mailbox"
)

// From when on something is worth a word.
const (
	clockBehind = 2 * time.Minute // below what was recorded before; that is done once a minute
	clockAhead  = 24 * time.Hour
	littleSpace = 2 << 30 // bytes
	noSpace     = 256 << 20
	slowSync    = 20 * time.Millisecond
	oldBackup   = 7 * 24 * time.Hour
	checkTime   = time.Minute // for reading the whole database
)

// clock looks whether the computer's clock can be right.
func (d *doctor) clock(ctx context.Context) {
	const check = "clock"
	const do = "let it follow a time server: apt-get install systemd-timesyncd (or chrony), then timedatectl"
	switch follows, err := d.Synchronised(); {
	case errors.Is(err, machine.ErrUnknown):
		d.add(check, Warning, "this system does not say whether its clock follows a time server", "compare date -u with another clock")
	case err != nil:
		d.add(check, Warning, "the kernel can't be asked about its clock ("+err.Error()+")", "compare date -u with another clock")
	case !follows:
		d.add(check, Warning, "the kernel says that its clock follows no time server; within a virtual machine or container the host may do that", do)
	default:
		d.add(check, OK, "the clock follows a time server", "")
	}
	newest, err := d.newest(ctx)
	if err != nil || newest.IsZero() {
		return // database says it, or it never ran
	}
	switch ahead := d.Now().Sub(newest); {
	case ahead < -clockBehind:
		d.add(check, Problem, fmt.Sprintf("the clock is %v behind the latest time that this gateway went by", (-ahead).Round(time.Second)),
			"set it right: until then nothing expires, and what the gateway signs keeps the later time; "+do)
	case ahead > clockAhead && d.Pid != 0:
		d.add(check, Problem, fmt.Sprintf("the clock is %v ahead of what the running gateway believes", ahead.Round(time.Minute)),
			"set it right; if it is right, wait: after a day of running it is believed")
	}
}

func (d *doctor) newest(ctx context.Context) (at time.Time, err error) {
	db, err := database.OpenGuest(ctx, d.Database)
	if err != nil {
		return at, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.Newest(ctx)
}

// disk looks at where the directory lies.
func (d *doctor) disk() {
	const check = "disk"
	disk, err := d.Disk(d.Dir)
	switch {
	case errors.Is(err, machine.ErrUnknown):
		d.add(check, Warning, "this system does not say how much space is free", "look at df "+d.Dir)
	case err != nil:
		d.add(check, Problem, "the disk of "+d.Dir+" can't be looked at ("+err.Error()+")", "check the path and its permissions")
	default:
		d.space(disk)
	}
	switch took, err := d.SyncTime(d.Dir); {
	case err != nil:
		d.add(check, Problem, "nothing can be written to "+d.Dir+" ("+err.Error()+")", "check owner, permissions and space; look as the user that the gateway runs as")
	case took > slowSync:
		d.add(check, Warning, fmt.Sprintf("a write takes %v until it is on the disk, and every message waits for that", took.Round(time.Microsecond)),
			"use an SSD, or a disk that fewer programs write to")
	default:
		d.add(check, OK, fmt.Sprintf("a write takes %v until it is on the disk", took.Round(time.Microsecond)), "")
	}
}

func (d *doctor) space(disk machine.Disk) {
	const check = "disk"
	switch disk.Trouble {
	case machine.Remote:
		d.add(check, Problem, d.Dir+" lies on "+disk.Kind+", where locks and syncs can't be relied on", "put it on a local disk")
	case machine.Volatile:
		d.add(check, Problem, d.Dir+" lies in memory ("+disk.Kind+"): a restart of the computer loses it all", "put it on a disk, for example /var/lib/zeroms")
	case machine.Layered:
		d.add(check, Warning, d.Dir+" lies in a container's own layer ("+disk.Kind+"): it goes with the container", "mount a volume there")
	}
	free := fmt.Sprintf("%.1f GiB of %.1f GiB are free (%s)", float64(disk.Free)/(1<<30), float64(disk.Total)/(1<<30), disk.Kind)
	switch {
	case disk.Free < noSpace:
		d.add(check, Problem, free+": soon the gateway takes nothing any more", "free some space, or use a larger disk")
	case disk.Free < littleSpace:
		d.add(check, Warning, free, "free some space, or lower limits.quotaMiB in gateway.json")
	default:
		d.add(check, OK, free, "")
	}
}

// limits looks at what the system lets the gateway have.
func (d *doctor) limits() {
	const check = "limits"
	whose := "the running gateway"
	if d.Pid == 0 {
		whose = "this shell (a service has a limit of its own)"
	}
	switch have, err := d.Machine.OpenFiles(d.Pid); {
	case err != nil:
		d.add(check, Warning, "the limit of open files can't be read ("+err.Error()+")", "look at LimitNOFILE of the service, or at ulimit -n")
	case have < d.Subject.OpenFiles:
		d.add(check, Warning, fmt.Sprintf("%s may open %d files; %d links need %d, so it serves fewer", whose, have, d.Links, d.Subject.OpenFiles), RaiseFiles(d.Subject.OpenFiles))
	default:
		d.add(check, OK, fmt.Sprintf("%s may open %d files, of which %d links need %d", whose, have, d.Links, d.Subject.OpenFiles), "")
	}
	const gib = float64(1 << 30)
	have, err := d.Machine.Memory()
	switch {
	case err != nil:
		d.add(check, Warning, "the size of the memory can't be read ("+err.Error()+")",
			fmt.Sprintf("make sure that there are %.1f GiB, or lower limits.links in gateway.json", float64(d.Subject.Memory)/gib))
	case d.Subject.Memory > have/4*3:
		d.add(check, Warning, fmt.Sprintf("%d links may take %.1f GiB at worst, this computer has %.1f GiB", d.Links, float64(d.Subject.Memory)/gib, float64(have)/gib),
			"lower limits.links in gateway.json, and set MemoryMax and GOMEMLIMIT in the service (docs/operations.md, \"Memory\")")
	default:
		d.add(check, OK, fmt.Sprintf("%d links may take %.1f GiB at worst, this computer has %.1f GiB", d.Links, float64(d.Subject.Memory)/gib, float64(have)/gib), "")
	}
}

// RaiseFiles says how to let a gateway open that many files.
func RaiseFiles(n uint64) string {
	return fmt.Sprintf("raise it to %d: LimitNOFILE=%d in the systemd service, or ulimit -n %d before the command; or lower limits.links in gateway.json", n, n, n)
}

// key looks at who can read the gateway's key.
func (d *doctor) key() {
	const check = "key"
	if d.KeyError != nil {
		d.add(check, Problem, d.KeyError.Error(), "restore it: without the key all accounts of this gateway are lost")
		return
	}
	before := len(d.found)
	file, err := d.Stat(d.Key)
	if err != nil {
		d.add(check, Problem, "the key's file can't be looked at ("+err.Error()+")", "run doctor as the user that the gateway runs as, or as root")
		return
	}
	if file.Mode.Perm()&0o077 != 0 {
		d.add(check, Problem, fmt.Sprintf("others can read or change %s (mode %o): whoever has it can pose as this gateway", d.Key, file.Mode.Perm()), "chmod 600 "+d.Key)
	}
	if channels, err := d.Stat(filepath.Join(d.Dir, "channels.key")); err == nil && channels.Mode.Perm()&0o077 != 0 {
		d.add(check, Problem, fmt.Sprintf("others can read or change channels.key (mode %o): whoever has it can open the sealed requests that came through other gateways this week", channels.Mode.Perm()),
			"chmod 600 "+filepath.Join(d.Dir, "channels.key")+"; delete it if somebody may have read it: the gateway makes a new one at its next start")
	}
	if dir, err := d.Stat(d.Dir); err == nil {
		if dir.Mode.Perm()&0o077 != 0 {
			d.add(check, Warning, fmt.Sprintf("others can look into %s (mode %o)", d.Dir, dir.Mode.Perm()), "chmod 700 "+d.Dir)
		}
		if dir.Owner != file.Owner {
			d.add(check, Problem, fmt.Sprintf("the key belongs to user %d, its directory to user %d", file.Owner, dir.Owner), "chown -R the directory to the user that the gateway runs as")
		}
	}
	if db, err := d.Stat(d.Database); err == nil && db.Owner != file.Owner {
		d.add(check, Problem, fmt.Sprintf("the key belongs to user %d, the database to user %d", file.Owner, db.Owner), "chown -R the directory to the user that the gateway runs as")
	}
	if d.Address != nil && d.Address.Node != d.Node {
		d.add(check, Problem, "the address of the last run names another key: people who have it can't come back",
			"restore the key that belongs to it from a backup")
	}
	if len(d.found) == before {
		d.add(check, OK, "only its owner can read the gateway's key", "")
	}
}

// backup looks when the last one was made.
func (d *doctor) backup() {
	const check = "backup"
	const do = "zeroms-gateway backup FILE --data DIR, often, and FILE to another computer (docs/operations.md)"
	switch age := d.Now().Sub(d.Backup); {
	case d.Backup.IsZero():
		d.add(check, Warning, "no backup of this directory was ever made", do)
	case age > oldBackup:
		d.add(check, Warning, fmt.Sprintf("the last backup was made %d days ago", int(age.Hours()/24)), do)
	default:
		d.add(check, OK, "the last backup was made on "+d.Backup.Format(time.DateTime), "")
	}
}

// database opens it as a guest and reads it once.
func (d *doctor) database(ctx context.Context) {
	const check = "database"
	db, err := database.OpenGuest(ctx, d.Database)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.add(check, Warning, "there is no database yet: the gateway never ran", "run it once")
		return
	case errors.Is(err, store.ErrNewer):
		d.add(check, Problem, "a newer zeroms-gateway has used the database", "update zeroms-gateway")
		return
	case errors.Is(err, store.ErrOlder):
		d.add(check, Warning, "the database is of an older version", "make a backup with the older zeroms-gateway; then the new one converts it when it runs")
		return
	case err != nil:
		d.add(check, Problem, "the database can't be opened ("+err.Error()+")", "run doctor as the user that the gateway runs as; if the file is damaged, restore a backup")
		return
	}
	defer db.Close()
	limited, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	switch err := db.Check(limited); {
	case err == nil:
		d.add(check, OK, "the database is whole and of this version", "")
	case limited.Err() != nil:
		d.add(check, Warning, fmt.Sprintf("the database is too large to be read in %v; what was read of it is whole", checkTime), "check a backup of it at leisure: restore it and run doctor there")
	default:
		d.add(check, Problem, "the database is damaged ("+err.Error()+")", "stop the gateway, keep a copy of its directory, and restore the last backup")
	}
}
