package main

import (
	"github.com/spf13/cobra"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/report"
)

func newDebug(a *app) *cobra.Command {
	return group("debug", "Look for faults", newDebugFrames(a))
}

func newDebugFrames(a *app) *cobra.Command {
	var gateway string
	var raw bool
	c := &cobra.Command{
		Use:   "frames",
		Short: "Show what goes over the links to gateways, without secrets, until Ctrl-C",
		Long: `Show every frame that goes out to gateways (->) or comes in from them (<-): the
time (UTC), the gateway, the frame's type, id and size, and its fields. It shows
the links of the zms that runs on the profile, from now on; if none runs, this one
connects itself, as zms listen does, and shows its links from the first frame.

What it prints may be passed on. No secret is shown, of sealed contents only the
size and the beginning of a hash, and what would tell people apart is replaced by a
mark, ~ and six digits: the same for the same drop, account or card while this
command runs, and different the next time. A drop has the mark of its hash, so a
receipt is recognised. The hosts of gateways are shown, your contacts' too, and
times and sizes. docs/protocol/json.md says for every field what is shown and why.

Frames that come faster than they are printed are left out and counted; the links
never wait for this.`,
		Annotations: rows("ready, then frame and lost"),
		Args:        takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			way, err := a.access()
			if err != nil {
				return err
			}
			r := control.Request{Cmd: control.CmdFrames, Gateway: gateway, Raw: raw}
			return way.Follow(c.Context(), r, a.emit(report.Says(report.Frame(raw))))
		},
	}
	c.Flags().StringVar(&gateway, "gateway", "", "only what goes to and comes from this `GATEWAY`: host, host:port, key or address")
	c.Flags().BoolVar(&raw, "raw", false, "show frames as JSON would carry them (zms.1.json), without their secrets too")
	return c
}
