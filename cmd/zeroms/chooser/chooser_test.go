package chooser

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godbus/dbus/v5"

	"zeroms/ui"
)

// portal is the portal of a desktop, which answers when the test wants it to.
type portal struct {
	t       *testing.T
	conn    *dbus.Conn
	version any
	asked   chan call
	signals chan *dbus.Signal
	handle  dbus.ObjectPath // what is answered instead of the right handle
	hangs   chan struct{}   // nil: it answers calls
}

// call is an OpenFile.
type call struct {
	parent, title string
	options       map[string]dbus.Variant
	from          string
	handle        dbus.ObjectPath
}

// newPortal puts a portal on the bus.
func newPortal(t *testing.T, dial func() (*dbus.Conn, error)) *portal {
	t.Helper()
	p := &portal{t: t, conn: connect(t, dial), version: uint32(4), asked: make(chan call, 9), signals: make(chan *dbus.Signal, 99)}
	p.conn.Signal(p.signals)
	for _, err := range []error{
		p.conn.Export(p, portalPath, chooserName),
		p.conn.Export(properties{p}, portalPath, busName+".Properties"),
		p.conn.AddMatchSignal(dbus.WithMatchSender(busName), dbus.WithMatchMember("NameOwnerChanged")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.conn.RequestName(portalName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return p
}

const requestRoot = portalPath + "/request"

// OpenFile is the portal's.
func (p *portal) OpenFile(parent, title string, options map[string]dbus.Variant, from dbus.Sender) (dbus.ObjectPath, *dbus.Error) {
	token, _ := options["handle_token"].Value().(string)
	handle := requestRoot + dbus.ObjectPath("/"+strings.ReplaceAll(strings.TrimPrefix(string(from), ":"), ".", "_")+"/"+token)
	p.asked <- call{parent, title, options, string(from), handle}
	if p.hangs != nil {
		<-p.hangs
	}
	if p.handle != "" {
		return p.handle, nil
	}
	return handle, nil
}

type properties struct{ *portal }

// Get is org.freedesktop.DBus.Properties'.
func (p properties) Get(string, string) (dbus.Variant, *dbus.Error) {
	return dbus.MakeVariant(p.version), nil
}

// gone waits until who has called is gone from the bus, with which the portal closes what
// it shows for them.
func (p *portal) gone(c call) {
	for s := range p.signals {
		if s.Name == busName+".NameOwnerChanged" && len(s.Body) == 3 && s.Body[0] == c.from && s.Body[2] == "" {
			return
		}
	}
}

// answer answers a call; uris is what should be a list of URIs.
func (p *portal) answer(c call, code any, uris any) {
	p.t.Helper()
	if err := p.conn.Emit(c.handle, requestName+".Response", code, map[string]dbus.Variant{"uris": dbus.MakeVariant(uris)}); err != nil {
		p.t.Fatal(err)
	}
}

// outcome is what a Chooser told.
type outcome struct {
	path string
	err  error
}

func (o outcome) String() string { return fmt.Sprintf("%q, %v", o.path, o.err) }

// desk is a Chooser that runs.
type desk struct {
	*Chooser
	t    *testing.T
	told chan outcome
}

// newDesk runs a Chooser until the test ends.
func newDesk(t *testing.T, dial func() (*dbus.Conn, error)) *desk {
	d := &desk{New(), t, make(chan outcome, 9)}
	d.dial = dial
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { d.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	return d
}

// asks is what the portal is asked.
func (d *desk) asks(p *portal) call {
	d.t.Helper()
	select {
	case c := <-p.asked:
		return c
	case got := <-d.told:
		d.t.Fatalf("told %v before the portal was asked", got)
	}
	return call{}
}

// want chooses.
func (d *desk) want(ctx context.Context, c ui.Choice) {
	d.Choose(ctx, c, func(path string, err error) { d.told <- outcome{path, err} })
}

func TestChooseFile(t *testing.T) {
	onBuses(t, func(t *testing.T, dial func() (*dbus.Conn, error)) {
		p, d := newPortal(t, dial), newDesk(t, dial)
		d.want(t.Context(), ui.Choice{
			Title: "Choose a picture", Accept: "Open", Parent: "x11:2a", Filters: []ui.Filter{{Name: "Pictures", Endings: []string{".png", ".jp2"}}, {Name: "All"}},
		})
		c := d.asks(p)
		if c.parent != "x11:2a" || c.title != "Choose a picture" || c.options["accept_label"].Value() != "Open" || c.options["directory"].Value() != false {
			t.Errorf("asked for %+v", c)
		}
		if c.options["multiple"].Value() != false || c.options["modal"].Value() != true {
			t.Errorf("asked for %+v", c)
		}
		var all []filter
		var first filter
		if err := errors.Join(c.options["filters"].Store(&all), c.options["current_filter"].Store(&first)); err != nil {
			t.Fatal(err)
		}
		if len(all) != 2 || all[0].Rules[0].Pattern != "*.[pP][nN][gG]" || all[0].Rules[1].Pattern != "*.[jJ][pP]2" || all[1].Rules[0].Pattern != "*" || first.Name != "Pictures" {
			t.Errorf("filters %+v, first %+v", all, first)
		}
		p.answer(c, uint32(0), []string{"file:///home/al%20ice/%E5%90%8D+%23.png"})
		if got := <-d.told; got.path != "/home/al ice/名+#.png" || got.err != nil {
			t.Errorf("told %v", got)
		}
	})
}

// TestOptions: everything has the type that the portal wants.
func TestOptions(t *testing.T) {
	o := options(ui.Choice{At: "/", Filters: []ui.Filter{{Name: "All"}}}, "token")
	for name, want := range map[string]string{
		"handle_token": "s", "accept_label": "s", "modal": "b", "multiple": "b", "directory": "b", "current_folder": "ay", "filters": "a(sa(us))", "current_filter": "(sa(us))",
	} {
		if got := o[name].Signature().String(); got != want {
			t.Errorf("%s is of type %s, not %s", name, got, want)
		}
	}
}

func TestChooseFolder(t *testing.T) {
	onBuses(t, func(t *testing.T, dial func() (*dbus.Conn, error)) {
		p, d := newPortal(t, dial), newDesk(t, dial)
		d.want(t.Context(), ui.Choice{Title: "Choose folder", Folder: true, At: "/home/alice"})
		c := d.asks(p)
		if at, _ := c.options["current_folder"].Value().([]byte); string(at) != "/home/alice\x00" || c.options["directory"].Value() != true {
			t.Errorf("asked for %+v", c)
		}
		if _, ok := c.options["filters"]; ok {
			t.Error("folders are filtered")
		}
		p.answer(c, uint32(0), []string{"file://localhost/home/alice/Downloads/"})
		if got := <-d.told; got.path != "/home/alice/Downloads" || got.err != nil {
			t.Errorf("told %v", got)
		}
		for _, old := range []any{uint32(2), "4"} {
			p.version = old
			d.want(t.Context(), ui.Choice{Folder: true})
			if got := <-d.told; !errors.Is(got.err, ui.ErrChooseAway) {
				t.Errorf("version %v: %v", old, got)
			}
		}
	})
}

func TestCancelIsSilent(t *testing.T) {
	onBuses(t, func(t *testing.T, dial func() (*dbus.Conn, error)) {
		p, d := newPortal(t, dial), newDesk(t, dial)
		for _, code := range []uint32{1, 2, 1 << 31} {
			d.want(t.Context(), ui.Choice{})
			p.answer(d.asks(p), code, []string{"file:///etc/passwd"})
			if got := <-d.told; got != (outcome{}) {
				t.Errorf("code %d: %v", code, got)
			}
		}
	})
}

// TestAnswersThatAreNone: whatever the portal answers, nothing is opened but one local path.
func TestAnswersThatAreNone(t *testing.T) {
	many := make([]string, 10_000)
	for i := range many {
		many[i] = "file:///home/alice/a.png"
	}
	answers := []struct {
		code, uris any
		want       error
	}{
		{uint32(0), []string{}, ui.ErrChooseAway},
		{uint32(0), many, ui.ErrChooseAway},
		{uint32(0), "file:///a", ui.ErrChooseAway},
		{uint32(0), []int32{7}, ui.ErrChooseAway},
		{"0", []string{"file:///a"}, ui.ErrChooseAway},
		{int32(0), []string{"file:///a"}, ui.ErrChooseAway},
		{uint32(0), []string{"http://example.org/a"}, ui.ErrChooseElsewhere},
		{uint32(0), []string{"sftp://example.org/a"}, ui.ErrChooseElsewhere},
		{uint32(0), []string{"file://example.org/a"}, ui.ErrChooseElsewhere},
		{uint32(0), []string{"/home/alice"}, ui.ErrChooseElsewhere},
		{uint32(0), []string{""}, ui.ErrChooseElsewhere},
		{uint32(0), []string{"file:a"}, ui.ErrChooseAway},
		{uint32(0), []string{"file:///%zz"}, ui.ErrChooseAway},
		{uint32(0), []string{"file:///a%00b"}, ui.ErrChooseAway},
		{uint32(0), []string{"file:///a?b"}, ui.ErrChooseAway},
		{uint32(0), []string{"file:///a#b"}, ui.ErrChooseAway},
		{uint32(0), []string{"file://" + strings.Repeat("/a", maxPath)}, ui.ErrChooseAway},
	}
	onBuses(t, func(t *testing.T, dial func() (*dbus.Conn, error)) {
		p, d := newPortal(t, dial), newDesk(t, dial)
		for _, a := range answers {
			d.want(t.Context(), ui.Choice{})
			p.answer(d.asks(p), a.code, a.uris)
			if got := <-d.told; got.path != "" || !errors.Is(got.err, a.want) {
				t.Errorf("%.60v: %v", a.uris, got)
			}
		}
		for _, body := range [][]any{nil, {uint32(0)}, {uint32(0), "file:///a"}, {uint32(0), map[string]dbus.Variant{}}, {uint32(0), map[string]dbus.Variant{}, true}} {
			d.want(t.Context(), ui.Choice{})
			if err := p.conn.Emit(d.asks(p).handle, requestName+".Response", body...); err != nil {
				t.Fatal(err)
			}
			if got := <-d.told; !errors.Is(got.err, ui.ErrChooseAway) {
				t.Errorf("%v: %v", body, got)
			}
		}
	})
}

// TestOthersDoNotAnswer: only the portal does, and only what it was asked for.
func TestOthersDoNotAnswer(t *testing.T) {
	onBuses(t, func(t *testing.T, dial func() (*dbus.Conn, error)) {
		p, d := newPortal(t, dial), newDesk(t, dial)
		d.want(t.Context(), ui.Choice{})
		c := d.asks(p)
		stranger := connect(t, dial)
		evil := map[string]dbus.Variant{"uris": dbus.MakeVariant([]string{"file:///evil"})}
		to := func(conn *dbus.Conn, path dbus.ObjectPath, name string, body ...any) {
			m := signalOf("", path, name, body...)
			delete(m.Headers, dbus.FieldSender)
			m.Headers[dbus.FieldDestination] = dbus.MakeVariant(c.from)
			conn.Send(m, nil)
			if err := conn.Emit(path, name, body...); err != nil {
				t.Error(err)
			}
		}
		for range 20 {
			to(stranger, c.handle, requestName+".Response", uint32(0), evil)
		}
		to(stranger, "/org/freedesktop/DBus", busName+".NameOwnerChanged", p.conn.Names()[0], p.conn.Names()[0], "")
		if err := stranger.BusObject().Call(busName+".GetNameOwner", 0, portalName).Err; err != nil { // it has all been brought on
			t.Fatal(err)
		}
		to(p.conn, c.handle+"x", requestName+".Response", uint32(0), evil)
		to(p.conn, c.handle, requestName+".Other", uint32(0), evil)
		p.answer(c, uint32(0), []string{"file:///good"})
		if got := <-d.told; got.path != "/good" || got.err != nil {
			t.Errorf("told %v", got)
		}
	})
}

// TestEndedChoice: the chooser goes, and what is answered all the same is dropped.
func TestEndedChoice(t *testing.T) {
	onBuses(t, func(t *testing.T, dial func() (*dbus.Conn, error)) {
		p, d := newPortal(t, dial), newDesk(t, dial)
		ctx, cancel := context.WithCancel(t.Context())
		d.want(ctx, ui.Choice{})
		first := d.asks(p)
		cancel()
		p.gone(first)
		p.answer(first, uint32(0), []string{"file:///late"})
		d.want(t.Context(), ui.Choice{})
		second := d.asks(p)
		d.want(t.Context(), ui.Choice{}) // in its place
		p.gone(second)
		third := d.asks(p)
		p.answer(second, uint32(0), []string{"file:///late"})
		p.answer(third, uint32(0), []string{"file:///good"})
		if got := <-d.told; got.path != "/good" || len(d.told) != 0 {
			t.Errorf("told %v", got)
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		d.want(cancelled, ui.Choice{})
		d.want(t.Context(), ui.Choice{})
		p.answer(d.asks(p), uint32(0), []string{"file:///next"})
		if got := <-d.told; got.path != "/next" || len(p.asked) != 0 {
			t.Errorf("told %v", got)
		}
	})
}

// TestPortalIsStarted: the first who needs it has it started.
func TestPortalIsStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		h.ready = make(chan struct{})
		d := newDesk(t, h.dial)
		d.want(t.Context(), ui.Choice{})
		if name := <-h.starts; name != portalName {
			t.Errorf("%s is started", name)
		}
		p := newPortal(t, h.dial)
		close(h.ready)
		p.answer(d.asks(p), uint32(0), []string{"file:///good"})
		if got := <-d.told; got.path != "/good" {
			t.Errorf("told %v", got)
		}
	})
}

func TestPortalThatDies(t *testing.T) {
	onBuses(t, func(t *testing.T, dial func() (*dbus.Conn, error)) {
		p, d := newPortal(t, dial), newDesk(t, dial)
		d.want(t.Context(), ui.Choice{})
		<-p.asked
		_ = p.conn.Close()
		if got := <-d.told; !errors.Is(got.err, ui.ErrChooseAway) {
			t.Errorf("told %v", got)
		}
	})
}

func TestDesktopWithoutAChooser(t *testing.T) {
	onBuses(t, func(t *testing.T, dial func() (*dbus.Conn, error)) {
		d := newDesk(t, dial)
		away := func(what string) {
			t.Helper()
			d.want(t.Context(), ui.Choice{})
			if got := <-d.told; !errors.Is(got.err, ui.ErrChooseAway) {
				t.Errorf("%s: %v", what, got)
			}
		}
		away("no portal")
		p := newPortal(t, dial)
		p.handle = requestRoot + "/1/other"
		away("a portal that answers elsewhere")
		if err := p.conn.Export(nil, portalPath, chooserName); err != nil {
			t.Fatal(err)
		}
		away("a portal without a chooser")
	})
}

// TestHanging: nobody waits for a bus or a portal that does not answer.
func TestHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		p, d := newPortal(t, h.dial), newDesk(t, h.dial)
		p.hangs = make(chan struct{})
		began := time.Now()
		d.want(t.Context(), ui.Choice{})
		if got := <-d.told; !errors.Is(got.err, ui.ErrChooseAway) || time.Since(began) != callWait {
			t.Errorf("told %v after %v", got, time.Since(began))
		}
		close(p.hangs)
		p.hangs = nil
		<-p.asked
		d.want(t.Context(), ui.Choice{})
		c := d.asks(p)
		time.Sleep(time.Hour) // virtual: the user looks for a file
		p.answer(c, uint32(0), []string{"file:///good"})
		if got := <-d.told; got.path != "/good" {
			t.Errorf("told %v", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		silent := &mute{ended: make(chan struct{})}
		d := newDesk(t, func() (*dbus.Conn, error) { return dbus.NewConn(silent) })
		began := time.Now()
		d.want(t.Context(), ui.Choice{})
		if got := <-d.told; !errors.Is(got.err, ui.ErrChooseAway) || time.Since(began) != callWait {
			t.Errorf("told %v after %v", got, time.Since(began))
		}
	})
}

// mute is a bus that takes everything and says nothing.
type mute struct{ ended chan struct{} }

func (m *mute) Read([]byte) (int, error) {
	<-m.ended
	return 0, errors.New("closed")
}
func (m *mute) Write(b []byte) (int, error) { return len(b), nil }
func (m *mute) Close() error                { close(m.ended); return nil }

func TestWithoutASession(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
	d := newDesk(t, New().dial)
	for range 2 {
		d.want(t.Context(), ui.Choice{})
		if got := <-d.told; !errors.Is(got.err, ui.ErrChooseAway) {
			t.Errorf("told %v", got)
		}
	}
}
