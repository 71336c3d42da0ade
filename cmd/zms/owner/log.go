package owner

import (
	"context"
	"log/slog"

	"zeroms/client"
)

// runLog notes until ctx ends what becomes of the gateways.
func (a *Access) runLog(ctx context.Context, c *client.Client) {
	log := a.log()
	if !log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	events := c.Subscribe()
	defer events.Close()
	noted := map[string]string{}
	for {
		select {
		case <-ctx.Done():
			return
		case ev, open := <-events.C:
			if !open {
				return
			}
			if now, ok := ev.(client.GatewayChanged); ok {
				note(log, noted, now.Gateway)
			}
		}
	}
}

// note tells of a gateway that is connected and logged in now, or is not, and why; noted
// is what was said of each last.
func note(log *slog.Logger, noted map[string]string, g client.Gateway) {
	text := g.Problem
	if g.Up {
		text = "up"
	}
	if text == "" || !g.Up && g.Retry.IsZero() || noted[g.Host] == text {
		return
	}
	noted[g.Host] = text
	if g.Up {
		log.Info("logged in at a gateway of yours", "gateway", g.Host)
		return
	}
	log.Warn("a gateway of yours is not connected", "gateway", g.Host, "problem", g.Problem, "retry", g.Retry)
}
