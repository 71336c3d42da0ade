package doctor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"zeroms/cmd/zeroms-gateway/control"
	"zeroms/cmd/zeroms-gateway/machine"
	"zeroms/gateway/dht"
	"zeroms/gateway/overlay"
	"zeroms/gateway/peers"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
	database "zeroms/store/mailbox"
)

// healthy is a gateway that runs well on a computer that is well.
type healthy struct {
	Subject
	Machine
}

var today = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newHealthy(t *testing.T) *healthy {
	t.Helper()
	dir := t.TempDir()
	node := key.NewPrivate[key.Node]().Public()
	h := &healthy{
		Subject: Subject{
			Dir: dir, Key: filepath.Join(dir, "node.key"), Database: filepath.Join(dir, "mailbox.db"),
			Node: node, Address: &card.Address{Node: node, Host: "gw.example.org", Port: 443}, Listen: ":443", Pid: 7,
			Links: 1000, OpenFiles: 1200, Memory: 1 << 30, Backup: today.Add(-time.Hour), Overlay: joined(),
		},
		Machine: Machine{
			Now:       func() time.Time { return today },
			Resolve:   func(context.Context, string) ([]netip.Addr, error) { return addrs("203.0.113.5"), nil },
			Addresses: func() ([]netip.Addr, error) { return addrs("127.0.0.1", "203.0.113.5"), nil },
			Dial:      func(context.Context, link.Endpoint) error { return nil },
			Bind: func(context.Context, string) error {
				t.Error("a port is taken away from the gateway that runs")
				return nil
			},
			Synchronised: func() (bool, error) { return true, nil },
			Disk: func(string) (machine.Disk, error) {
				return machine.Disk{Free: 10 << 30, Total: 20 << 30, Kind: "ext4"}, nil
			},
			SyncTime:  func(string) (time.Duration, error) { return time.Millisecond, nil },
			OpenFiles: func(int) (uint64, error) { return 65536, nil },
			Memory:    func() (uint64, error) { return 4 << 30, nil },
			Stat: func(path string) (machine.File, error) {
				if path == dir {
					return machine.File{Mode: 0o700 | fs.ModeDir, Owner: 5}, nil
				}
				return machine.File{Mode: 0o600, Owner: 5}, nil
			},
		},
	}
	db, err := database.Open(t.Context(), h.Database)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return h
}

func addrs(texts ...string) (all []netip.Addr) {
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func (h *healthy) examine(t *testing.T) []Finding {
	t.Helper()
	found := Examine(t.Context(), h.Subject, h.Machine)
	for _, f := range found {
		if f.Text == "" || f.Level == OK && f.Do != "" || f.Level != OK && f.Do == "" {
			t.Errorf("%+v does not say what is so and what to do", f)
		}
	}
	return found
}

func TestAHealthyGateway(t *testing.T) {
	found := newHealthy(t).examine(t)
	checks := map[string]bool{}
	for _, f := range found {
		checks[f.Check] = true
		if f.Level != OK {
			t.Errorf("%+v", f)
		}
	}
	if len(checks) != 9 || Problems(found) != 0 {
		t.Errorf("%v", found)
	}
}

// sick is one thing that is wrong, and what has to be said.
type sick struct {
	name  string
	wrong func(t *testing.T, h *healthy)
	check string
	level Level
	says  string // in the text
	do    string // in the advice
}

// run makes one thing wrong and looks for its finding; whatever else is found is
// well, except what is named.
func (s sick) run(t *testing.T) {
	h := newHealthy(t)
	s.wrong(t, h)
	found := h.examine(t)
	for _, f := range found {
		if f.Check == s.check && f.Level == s.level && strings.Contains(f.Text, s.says) && strings.Contains(f.Do, s.do) {
			return
		}
	}
	t.Errorf("no %s of %s with %q and %q in\n%+v", s.level, s.check, s.says, s.do, found)
}

func resolves(texts ...string) func(t *testing.T, h *healthy) {
	return func(_ *testing.T, h *healthy) {
		h.Resolve = func(context.Context, string) ([]netip.Addr, error) { return addrs(texts...), nil }
	}
}

func answers(err error) func(context.Context, link.Endpoint) error {
	return func(context.Context, link.Endpoint) error { return err }
}

// onlyAt answers at one host.
func onlyAt(host string) func(context.Context, link.Endpoint) error {
	return func(_ context.Context, e link.Endpoint) error {
		if e.Host == host {
			return nil
		}
		return errors.New("connection refused")
	}
}

func TestAddress(t *testing.T) {
	for _, s := range []sick{
		{"new", func(_ *testing.T, h *healthy) { h.Address = nil }, "address", Warning, "no address yet", "run it once"},
		{"no record", func(_ *testing.T, h *healthy) {
			h.Resolve = func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no such host") }
		}, "address", Problem, "gw.example.org has no address (no such host)", "DNS record"},
		{"empty answer", resolves(), "address", Problem, "has no address", "DNS record"},
		{"loopback", resolves("127.0.1.1"), "address", Warning, "gw.example.org (127.0.1.1) is this computer itself", "--public"},
		{"lan", resolves("192.168.1.4"), "address", Problem, "none of this computer's", "--public"},
		{"own lan", func(t *testing.T, h *healthy) {
			resolves("192.168.1.4")(t, h)
			h.Addresses = func() ([]netip.Addr, error) { return addrs("192.168.1.4"), nil }
		}, "address", Warning, "only who is in it", "router"},
		{"carrier's NAT", resolves("100.64.3.3"), "address", Problem, "local network", "--public"},
		{"other", resolves("198.51.100.9"), "address", Warning, "although it has public ones", "DNS record"},
		{"second is other", resolves("203.0.113.5", "198.51.100.9"), "address", Warning, "gw.example.org (198.51.100.9)", "DNS record"},
		{"NAT", func(t *testing.T, h *healthy) {
			h.Addresses = func() ([]netip.Addr, error) { return addrs("192.168.1.4"), nil }
		}, "address", OK, "a router must forward the port", ""},
		{"literal v6", func(t *testing.T, h *healthy) {
			h.Address.Host = "[2001:db8::5]"
			h.Addresses = func() ([]netip.Addr, error) { return addrs("2001:db8::5"), nil }
		}, "address", OK, "2001:db8::5 is an address of this computer", ""},
		{"no interfaces", func(_ *testing.T, h *healthy) {
			h.Addresses = func() ([]netip.Addr, error) { return nil, errors.New("denied") }
		}, "address", Warning, "can't be listed", "by hand"},
	} {
		t.Run(s.name, s.run)
	}
}

func TestPort(t *testing.T) {
	stopped := func(err error) func(t *testing.T, h *healthy) {
		return func(_ *testing.T, h *healthy) {
			h.Pid = 0
			h.Bind = func(_ context.Context, address string) error {
				if address != ":443" {
					return errors.New("another address")
				}
				return err
			}
		}
	}
	for _, s := range []sick{
		{"other key", func(_ *testing.T, h *healthy) { h.Dial = answers(wire.ErrWrongNode) }, "port", Problem, "another key", "pass TCP through"},
		{"dead", func(_ *testing.T, h *healthy) { h.Dial = answers(errors.New("timeout")) }, "port", Problem, "does not answer", "log"},
		{"firewall", func(_ *testing.T, h *healthy) { h.Dial = onlyAt("127.0.0.1") }, "port", Problem, "not at gw.example.org:443", "firewall"},
		{"v6 only", func(_ *testing.T, h *healthy) { h.Dial, h.Listen = onlyAt("::1"), "[::]:443" }, "port", Problem, "not at gw.example.org:443", "firewall"},
		{"NAT", func(t *testing.T, h *healthy) {
			h.Dial, h.Listen = onlyAt("192.168.1.4"), "192.168.1.4:443"
			h.Addresses = func() ([]netip.Addr, error) { return addrs("192.168.1.4"), nil }
		}, "port", Warning, "as seen from here", "another network"},
		{"free", stopped(nil), "port", OK, ":443 is free", ""},
		{"taken", stopped(&net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}), "port", Problem, "another program listens on :443", "ss -ltnp"},
		{"forbidden", stopped(&net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EACCES)}), "port", Warning, "below 1024", "CAP_NET_BIND_SERVICE"},
		{"elsewhere", stopped(&net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRNOTAVAIL)}), "port", Problem, "no address of this computer", "--listen :PORT"},
		{"otherwise", stopped(errors.New("odd")), "port", Problem, "odd", "--listen"},
	} {
		t.Run(s.name, s.run)
	}
}

// joined is a part in a network as it should be.
func joined() *control.Overlay {
	return &control.Overlay{
		Scope: "public", Address: "203.0.113.5:443", QUIC: true, UDP: control.UDPBound,
		Stats: overlay.Stats{
			DHT: dht.Stats{Table: 30, Size: 900, Serving: true}, Links: peers.Stats{QUIC: 40, WSS: 2},
			Reached: overlay.Reached{TCP: "yes", UDP: "yes"}, Seeds: 2,
		},
	}
}

func TestNetwork(t *testing.T) {
	is := func(change func(o *control.Overlay)) func(t *testing.T, h *healthy) {
		return func(_ *testing.T, h *healthy) { change(h.Overlay) }
	}
	for _, s := range []sick{
		{"alone", func(_ *testing.T, h *healthy) { h.Overlay = nil }, "network", OK, "part of no network", ""},
		{"damaged", func(_ *testing.T, h *healthy) { h.NetworkError = errors.New("odd") }, "network", Warning, "network.json is damaged (odd)", "delete it"},
		{"first", is(func(o *control.Overlay) { o.DHT.Table, o.Seeds = 0, 0 }), "network", Warning, "none is named", "--join"},
		{"first of a LAN", is(func(o *control.Overlay) { o.DHT.Table, o.Seeds, o.LAN = 0, 0, true }), "network", Warning, "in the local network", "--lan"},
		{"silent seeds", is(func(o *control.Overlay) { o.DHT.Table, o.Silent = 0, []string{"a:1", "b:2"} }), "network", Problem, "none to join the network by answers: a:1, b:2", "TCP and UDP"},
		{"starting", is(func(o *control.Overlay) { o.DHT.Table = 0 }), "network", Warning, "no other gateway is known yet", "minute"},
		{"a silent seed", is(func(o *control.Overlay) { o.Silent = []string{"a:1"} }), "network", Warning, "did not answer when they were asked last: a:1", "--join"},
		{"scope", is(func(o *control.Overlay) {
			o.Address, o.DHT.Serving, o.Advice = "", false, "run it with --public and more"
		}), "network", Warning, "none of scope public", "--public"},
		{"UDP in use", is(func(o *control.Overlay) { o.UDP = control.UDPInUse }), "network", Warning, "UDP port 443 could not be opened", "ss -lunp"},
		{"UDP closed", is(func(o *control.Overlay) { o.Reached.UDP = "no" }), "network", Warning, "over TCP only", "open UDP port 443"},
		{"TCP closed", is(func(o *control.Overlay) { o.Reached.TCP, o.DHT.Serving = "no", false }), "network", Problem, "not over TCP at 203.0.113.5:443", "open TCP port 443"},
		{"NAT", is(func(o *control.Overlay) { o.Reached.TCP, o.Reached.UDP, o.DHT.Serving = "no", "no", false }), "network", Warning, "over TCP or UDP", "router"},
		{"not yet", is(func(o *control.Overlay) { o.Reached, o.DHT.Serving = overlay.Reached{}, false }), "network", Warning, "has connected to this one", "few minutes"},
		{"UDP blocked", is(func(o *control.Overlay) { o.Links.UDPBlocked = true }), "network", Warning, "gets through to nobody", "--no-udp"},
		{"unpublished", is(func(o *control.Overlay) { o.Deposits.Lost = 3 }), "network", Warning, "3 address records", "zeroms-gateway peers"},
		{"another time", is(func(o *control.Overlay) { o.Links.Skewed = 40 }), "clock", Problem, "that of 40 of 42 gateways", "date -u"},
	} {
		t.Run(s.name, s.run)
	}
	h := newHealthy(t)
	h.Overlay.Links.Skewed, h.Overlay.UDP = 3, control.UDPOff // a few have wrong clocks; no UDP as the operator wants
	if found := h.examine(t); Problems(found) != 0 || strings.Contains(fmt.Sprint(found), "UDP") {
		t.Errorf("%v", found)
	}
}

// TestSilent: what needs the process is left out, and said; the rest is found.
func TestSilent(t *testing.T) {
	for _, pid := range []int{7, 0} {
		h := newHealthy(t)
		h.Silent, h.Pid, h.Overlay = &control.SilentError{Dir: "gw", Pid: pid, For: 5 * time.Second}, pid, nil
		h.Machine.OpenFiles = func(int) (uint64, error) { return 65536, nil }
		checks := map[string]Level{}
		for _, f := range h.examine(t) {
			checks[f.Check] = max(checks[f.Check], f.Level)
			if f.Check == "port" && (!strings.Contains(f.Text, "has not answered for 5s") || strings.Contains(f.Text, "process 7") != (pid == 7)) {
				t.Errorf("%+v", f)
			}
		}
		if checks["port"] != Problem || checks["disk"] != OK || checks["key"] != OK || checks["backup"] != OK || checks["database"] != OK || checks["network"] != "" {
			t.Errorf("%v", checks)
		}
	}
}

func TestClock(t *testing.T) {
	recorded := func(at time.Time) func(t *testing.T, h *healthy) {
		return func(t *testing.T, h *healthy) {
			t.Helper()
			edit(t, h.Database, fmt.Sprintf("UPDATE meta SET clock = %d", at.UnixMilli()))
		}
	}
	synchronised := func(is bool, err error) func(t *testing.T, h *healthy) {
		return func(_ *testing.T, h *healthy) { h.Synchronised = func() (bool, error) { return is, err } }
	}
	for _, s := range []sick{
		{"free-running", synchronised(false, nil), "clock", Warning, "no time server", "timesyncd"},
		{"other system", synchronised(false, machine.ErrUnknown), "clock", Warning, "does not say", "date -u"},
		{"forbidden", synchronised(false, errors.New("denied")), "clock", Warning, "denied", "date -u"},
		{"behind", recorded(today.Add(time.Hour)), "clock", Problem, "1h0m0s behind", "set it right"},
		{"ahead", recorded(today.Add(-25 * time.Hour)), "clock", Problem, "25h0m0s ahead", "a day of running"},
		{"was off", func(t *testing.T, h *healthy) {
			recorded(today.Add(-1000*time.Hour))(t, h)
			h.Pid, h.Bind = 0, func(context.Context, string) error { return nil }
		}, "clock", OK, "follows a time server", ""},
	} {
		t.Run(s.name, s.run)
	}
}

// edit runs a statement on a database file.
func edit(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(statement)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestDisk(t *testing.T) {
	is := func(d machine.Disk, err error) func(t *testing.T, h *healthy) {
		return func(_ *testing.T, h *healthy) { h.Disk = func(string) (machine.Disk, error) { return d, err } }
	}
	syncs := func(took time.Duration, err error) func(t *testing.T, h *healthy) {
		return func(_ *testing.T, h *healthy) { h.SyncTime = func(string) (time.Duration, error) { return took, err } }
	}
	for _, s := range []sick{
		{"nfs", is(machine.Disk{Free: 9 << 30, Total: 9 << 30, Kind: "nfs", Trouble: machine.Remote}, nil), "disk", Problem, "lies on nfs", "local disk"},
		{"tmpfs", is(machine.Disk{Free: 9 << 30, Total: 9 << 30, Kind: "tmpfs", Trouble: machine.Volatile}, nil), "disk", Problem, "memory (tmpfs)", "/var/lib/zeroms"},
		{"container", is(machine.Disk{Free: 9 << 30, Total: 9 << 30, Kind: "overlay", Trouble: machine.Layered}, nil), "disk", Warning, "container", "volume"},
		{"full", is(machine.Disk{Free: 100 << 20, Total: 9 << 30, Kind: "ext4"}, nil), "disk", Problem, "0.1 GiB of 9.0 GiB", "free some space"},
		{"nearly full", is(machine.Disk{Free: 1 << 30, Total: 9 << 30, Kind: "ext4"}, nil), "disk", Warning, "1.0 GiB of 9.0 GiB", "quotaMiB"},
		{"other system", is(machine.Disk{}, machine.ErrUnknown), "disk", Warning, "does not say", "df"},
		{"missing", is(machine.Disk{}, fs.ErrNotExist), "disk", Problem, "can't be looked at", "path"},
		{"slow", syncs(35*time.Millisecond, nil), "disk", Warning, "35ms", "SSD"},
		{"read-only", syncs(0, syscall.EROFS), "disk", Problem, "read-only", "permissions"},
	} {
		t.Run(s.name, s.run)
	}
}

func TestLimits(t *testing.T) {
	for _, s := range []sick{
		{"few files", func(_ *testing.T, h *healthy) {
			h.Machine.OpenFiles = func(pid int) (uint64, error) {
				if pid != 7 {
					return 0, errors.New("another process")
				}
				return 1024, nil
			}
		}, "limits", Warning, "the running gateway may open 1024 files; 1000 links need 1200", "LimitNOFILE=1200"},
		{"of the shell", func(_ *testing.T, h *healthy) {
			h.Pid, h.Bind = 0, func(context.Context, string) error { return nil }
			h.Machine.OpenFiles = func(int) (uint64, error) { return 256, nil }
		}, "limits", Warning, "this shell", "ulimit -n 1200"},
		{"unknown files", func(_ *testing.T, h *healthy) {
			h.Machine.OpenFiles = func(int) (uint64, error) { return 0, machine.ErrUnknown }
		}, "limits", Warning, "open files can't be read", "LimitNOFILE"},
		{"little memory", func(_ *testing.T, h *healthy) {
			h.Machine.Memory = func() (uint64, error) { return 1 << 30, nil }
		}, "limits", Warning, "1.0 GiB at worst", "limits.links"},
		{"unknown memory", func(_ *testing.T, h *healthy) {
			h.Machine.Memory = func() (uint64, error) { return 0, machine.ErrUnknown }
		}, "limits", Warning, "memory can't be read", "1.0 GiB"},
	} {
		t.Run(s.name, s.run)
	}
}

func TestKeyAndBackup(t *testing.T) {
	stat := func(name string, f machine.File) func(t *testing.T, h *healthy) {
		return func(_ *testing.T, h *healthy) {
			usual := h.Stat
			h.Stat = func(path string) (machine.File, error) {
				if filepath.Base(path) == name || name == "" && path == h.Dir {
					return f, nil
				}
				return usual(path)
			}
		}
	}
	for _, s := range []sick{
		{"missing", func(_ *testing.T, h *healthy) { h.KeyError = errors.New("the key can't be read") }, "key", Problem, "can't be read", "restore it"},
		{"readable", stat("node.key", machine.File{Mode: 0o644, Owner: 5}), "key", Problem, "mode 644", "chmod 600"},
		{"group", stat("node.key", machine.File{Mode: 0o640, Owner: 5}), "key", Problem, "mode 640", "chmod 600"},
		{"channels", stat("channels.key", machine.File{Mode: 0o640, Owner: 5}), "key", Problem, "channels.key (mode 640)", "chmod 600"},
		{"open directory", stat("", machine.File{Mode: 0o755, Owner: 5}), "key", Warning, "mode 755", "chmod 700"},
		{"root's key", stat("node.key", machine.File{Mode: 0o600, Owner: 0}), "key", Problem, "belongs to user 0, its directory to user 5", "chown"},
		{"root's database", stat("mailbox.db", machine.File{Mode: 0o600, Owner: 0}), "key", Problem, "the database to user 0", "chown"},
		{"forbidden", func(_ *testing.T, h *healthy) {
			h.Stat = func(string) (machine.File, error) { return machine.File{}, fs.ErrPermission }
		}, "key", Problem, "permission denied", "as the user"},
		{"another key", func(_ *testing.T, h *healthy) { h.Address.Node[0]++ }, "key", Problem, "names another key", "restore"},
		{"no backup", func(_ *testing.T, h *healthy) { h.Backup = time.Time{} }, "backup", Warning, "no backup", "zeroms-gateway backup"},
		{"old backup", func(_ *testing.T, h *healthy) { h.Backup = today.Add(-9 * 24 * time.Hour) }, "backup", Warning, "9 days ago", "zeroms-gateway backup"},
	} {
		t.Run(s.name, s.run)
	}
}

func TestDatabase(t *testing.T) {
	for _, s := range []sick{
		{"none", func(_ *testing.T, h *healthy) { h.Database += ".other" }, "database", Warning, "no database yet", "run it once"},
		{"newer", func(t *testing.T, h *healthy) { edit(t, h.Database, "PRAGMA user_version = 99") }, "database", Problem, "newer", "update"},
		{"foreign", func(t *testing.T, h *healthy) { edit(t, h.Database, "PRAGMA application_id = 5") }, "database", Problem, "can't be opened", "backup"},
		{"damaged", func(t *testing.T, h *healthy) {
			whole, err := os.ReadFile(h.Database)
			if err != nil {
				t.Fatal(err)
			}
			for at := 2 * 4096; at < len(whole); at += 4096 {
				copy(whole[at:], "\x00\xff\xff\xff")
			}
			if err := os.WriteFile(h.Database, whole, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "database", Problem, "damaged", "restore the last backup"},
	} {
		t.Run(s.name, s.run)
	}
}

// The findings of the real computer are complete sentences too, and its own links
// are real ones.
func TestThisComputer(t *testing.T) {
	h := newHealthy(t)
	node := key.NewPrivate[key.Node]()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- link.Serve(ctx, l, link.ServerConfig{Node: node}, func(c link.Conn) { c.Recv(ctx) })
	}()
	public := node.Public()
	h.Node, h.Listen, h.Pid = public, l.Addr().String(), os.Getpid()
	h.Address = &card.Address{Node: public, Host: "127.0.0.1", Port: uint16(l.Addr().(*net.TCPAddr).Port)}
	if err := os.WriteFile(h.Key, []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Machine = This()
	var port string
	for _, f := range h.examine(t) {
		if f.Check == "port" {
			port = string(f.Level) + " " + f.Text
		}
	}
	if !strings.HasPrefix(port, "ok the gateway answers at 127.0.0.1:") {
		t.Errorf("port: %s", port)
	}
	h.Node[3]++
	h.Address.Node = h.Node
	for _, f := range h.examine(t) {
		if f.Check == "port" && (f.Level != Problem || !strings.Contains(f.Text, "another key")) {
			t.Errorf("%+v", f)
		}
	}
	if err := This().Bind(t.Context(), l.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a port in use: %v", err)
	}
	if err := This().Bind(t.Context(), "127.0.0.1:0"); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
