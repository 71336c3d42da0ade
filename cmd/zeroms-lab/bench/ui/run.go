package ui

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zeroms/cmd/zeroms-lab/appdrive"
	"zeroms/cmd/zeroms-lab/bench/meter"
)

// config is what a measurement needs.
type config struct {
	app, gateway, zms string
	cache, shots      string
	crowd             Crowd
	starts, rounds    int
	out               sink
	notes             io.Writer // what is done now, for people
}

// The window that is measured, in pixels, and the partner who takes the messages.
const (
	width, height = 1180, 740
	partner       = "Partner"
)

// bench is one measurement while it runs.
type bench struct {
	*config
	dir     string
	began   time.Time
	display *appdrive.Display
	gateway *appdrive.Gateway
	app     *appdrive.App
	user    appdrive.Zms
	other   appdrive.Zms // the partner
	samples map[string][]float64
}

// run measures everything and prints it. Error: what failed, or errMissed.
func (c *config) run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "zeroms-ui-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{config: c, dir: dir, began: time.Now(), samples: map[string][]float64{}}
	defer b.close()
	if err := b.prepare(ctx); err != nil {
		return err
	}
	for _, work := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"starting the app", b.starting},
		{"opening conversations", b.opening},
		{"typing", b.typing},
		{"scrolling", b.scrolling},
		{"jumping", b.jumping},
		{"sending", b.sending},
		{"resting", b.resting},
	} {
		b.note("%s", work.what)
		if err := work.do(ctx); err != nil {
			return fmt.Errorf("%s: %w%s", work.what, err, b.testimony())
		}
	}
	if err := b.app.Stop(); err != nil {
		return err
	}
	if complaints := b.app.Complaints(); len(complaints) > 0 {
		return fmt.Errorf("the app complains:\n  %s", strings.Join(complaints, "\n  "))
	}
	return b.judge()
}

// note tells what is done now.
func (b *bench) note(format string, args ...any) {
	fmt.Fprintf(b.notes, "%6.1f s  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// testimony is a picture of the window, if there is a place for it, and what the app
// said.
func (b *bench) testimony() string {
	if b.app == nil {
		return ""
	}
	_ = b.shot(context.Background(), "failed")
	if said := b.app.Output(); said != "" {
		return "\nthe app said:\n" + said
	}
	return ""
}

// shot takes a picture of the window, if there is a place for it.
func (b *bench) shot(ctx context.Context, name string) error {
	if b.shots == "" {
		return nil
	}
	return b.app.Shot(ctx, filepath.Join(b.shots, name+".png"))
}

func (b *bench) close() {
	if b.app != nil {
		_ = b.app.Stop()
	}
	if b.gateway != nil {
		_ = b.gateway.Stop()
	}
	if b.display != nil {
		b.display.Close()
	}
}

// judge prints all figures.
func (b *bench) judge() error {
	if err := b.out.begin(); err != nil {
		return err
	}
	missed := false
	for _, budget := range budgets {
		f := budget.measured(b.samples[budget.name])
		missed = missed || !f.Met
		if err := b.out.put(f); err != nil {
			return err
		}
	}
	if missed {
		return errMissed
	}
	return nil
}

// prepare makes the profile, gives it a gateway and a partner with a gateway, and
// starts the display.
func (b *bench) prepare(ctx context.Context) (err error) {
	b.crowd.Now = time.Now()
	b.note("a profile with %d messages in %d conversations", b.crowd.Messages, b.crowd.Conversations)
	cache := b.cache
	if cache == "" {
		cache = filepath.Join(b.dir, "cache")
	}
	made, err := b.crowd.Cached(ctx, cache)
	if err != nil {
		return err
	}
	own := filepath.Join(b.dir, "own")
	if err := copyProfile(made, own); err != nil {
		return err
	}
	b.gateway = &appdrive.Gateway{Name: "of the test", Program: b.config.gateway, Dir: filepath.Join(b.dir, "gateway")}
	if err := b.gateway.Start(ctx); err != nil {
		return err
	}
	if err := b.meet(ctx, own); err != nil {
		return err
	}
	if b.display, err = appdrive.RunDisplay(ctx, width, height); err != nil {
		return err
	}
	b.app = &appdrive.App{
		Name: owner, Program: b.config.app, Profile: own, Home: filepath.Join(b.dir, "home"), Trace: filepath.Join(b.dir, "trace"),
		Display: b.display, Width: width, Height: height,
	}
	return nil
}

// meet gives the profile and the partner homes at the gateway and makes them contacts
// who have talked.
func (b *bench) meet(ctx context.Context, own string) error {
	b.user = appdrive.Zms{Program: b.zms, Profile: own}
	b.other = appdrive.Zms{Program: b.zms, Profile: filepath.Join(b.dir, "partner")}
	if _, err := b.other.Run(ctx, "", "init", "--name", partner, "--no-passphrase"); err != nil {
		return err
	}
	for _, z := range []appdrive.Zms{b.user, b.other} {
		invite, err := b.gateway.Invite(ctx)
		if err != nil {
			return err
		}
		if _, err := z.Run(ctx, "", "gateway", "add", invite, "--wait"); err != nil {
			return err
		}
	}
	for _, pair := range [][2]appdrive.Zms{{b.user, b.other}, {b.other, b.user}} {
		card, err := cardOf(ctx, pair[0])
		if err != nil {
			return err
		}
		if _, err := pair[1].Run(ctx, "", "add", card); err != nil {
			return err
		}
	}
	for _, text := range []struct {
		by appdrive.Zms
		to string
	}{{b.user, partner}, {b.other, owner}, {b.user, partner}, {b.other, owner}} {
		if _, err := text.by.Run(ctx, "", "send", text.to, "Hello!", "--wait", "custody"); err != nil {
			return err
		}
	}
	return nil
}

// cardOf is the text of somebody's card.
func cardOf(ctx context.Context, z appdrive.Zms) (string, error) {
	rows, err := z.Run(ctx, "", "card", "show")
	if err != nil {
		return "", err
	}
	for _, row := range rows {
		var card struct {
			Text string `json:"text"`
		}
		if err := json.Unmarshal(row, &card); err != nil {
			return "", err
		}
		if card.Text != "" {
			return card.Text, nil
		}
	}
	return "", errors.New("zms card show has no card")
}

// starting starts the app some times, with nothing of it in the disk cache, and
// leaves it running. What counts is the whole time since the process began.
func (b *bench) starting(ctx context.Context) error {
	for n := range b.starts {
		if n > 0 {
			if err := b.app.Stop(); err != nil {
				return err
			}
		}
		if err := chill(b.config.app, b.app.Profile); err != nil {
			return err
		}
		started, err := b.app.Start(ctx)
		if err != nil {
			return err
		}
		spans, err := b.app.Spans("start")
		if err != nil {
			return err
		}
		b.add("start", float64(spans[len(spans)-1].At-started.At.UnixMilli()))
	}
	return b.shot(ctx, "start")
}

// add notes samples of a budget.
func (b *bench) add(name string, samples ...float64) {
	b.samples[name] = append(b.samples[name], samples...)
}

// during takes the spans of a budget that the app traces while do runs, and until
// there are so many, if they come within wait.
func (b *bench) during(ctx context.Context, name string, least int, do func() error) error {
	source := budgetOf(name).source
	before, err := b.app.Spans(source)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	spans, err := b.app.Await(ctx, source, len(before)+least)
	for _, s := range spans[min(len(before), len(spans)):] {
		b.add(name, s.MS)
	}
	return err
}

// resting measures memory and the CPU time of an app that nobody looks at.
func (b *bench) resting(ctx context.Context) error {
	if err := b.shot(ctx, "end"); err != nil {
		return err
	}
	m, err := meter.MemoryOf(b.app.PID())
	if err != nil {
		return err
	}
	b.add("memory", float64(m.RSS)/1000*1.024)
	if err := b.display.Leave(ctx); err != nil {
		return err
	}
	if err := appdrive.Pause(ctx, calm); err != nil {
		return err
	}
	for range idles {
		before, err := meter.Ran(b.app.PID())
		if err != nil {
			return err
		}
		if err := appdrive.Pause(ctx, idleTime); err != nil {
			return err
		}
		after, err := meter.Ran(b.app.PID())
		if err != nil {
			return err
		}
		b.add("idle", 100*float64(after-before)/float64(idleTime))
	}
	return nil
}

// How idling is measured.
const (
	calm     = 5 * time.Second
	idleTime = 5 * time.Second
	idles    = 4
)
