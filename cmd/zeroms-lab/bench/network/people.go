package network

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"zeroms/cmd/zeroms-lab/bench/load"
	"zeroms/cmd/zeroms-lab/bench/meter"
	"zeroms/cmd/zeroms-lab/people"
)

// people measures what an entry gateway adds for people: texts of two persons to a
// third one, whose home is another gateway. The home of one of them is part of the
// network and brings them there; that of the other one stands alone, so their client
// connects to the third one's home itself.
func (c *config) people(ctx context.Context) error {
	return c.withTown(ctx, 2, func(t *town, w *load.World) error {
		entry, exit := t.houses[0], t.houses[1]
		lone, err := t.start(w.Context, "lone", "--alone")
		if err != nil {
			return err
		}
		t.houses = append(t.houses, lone)
		defer debug.SetGCPercent(debug.SetGCPercent(100)) // clients collect their garbage as any program does
		dir, err := os.MkdirTemp(c.dir, "zeroms-bench-people-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		before, err := exit.stats(w.Context)
		if err != nil {
			return err
		}
		g, err := people.Ways{
			Texts: c.texts, Home: exit.gateway.Address, Entry: entry.gateway.Address, Lone: lone.gateway.Address, Dir: dir,
		}.Run(w.Context)
		if err != nil {
			return err
		}
		after, err := exit.stats(w.Context)
		if err != nil {
			return err
		}
		relayed := after.Exit.Relayed - before.Exit.Relayed
		if relayed < int64(c.texts) {
			return fmt.Errorf("%d texts went through the entry, and the exit opened %d requests", c.texts, relayed)
		}
		r := &Row{Work: "people", Unit: "ms more p50"}
		r.times(g.Forwarded)
		d50 := meter.Quantile(g.Direct, 0.5)
		r.Figure = *r.P50 - ms(d50)
		r.Details = map[string]float64{"direct_p50_ms": ms(d50), "direct_p99_ms": ms(meter.Quantile(g.Direct, 0.99)), "relayed": float64(relayed)}
		r.Note = "texts between real clients, from Send to the recipient's event behind their commit, one at a time and in turns; p50 and p99 are those through the entry"
		return c.row(r.atMost(1))
	})
}
