package main

import (
	"time"

	"github.com/spf13/cobra"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/report"
)

func newErase(a *app) *cobra.Command {
	var before string
	c := &cobra.Command{
		Use:   "erase MESSAGE | CONTACT --before TIME",
		Short: "Erase the content of messages here",
		Long: `Erase the content of one message, or of all messages with a contact from before a
time. MESSAGE is its id, or at least the first 32 hex digits of it, as
zms history --json prints it. This can't be undone, and what others hold stays with
them. The signed header of an own message is kept for 67 days, so that a device
that lacks the message is told that it was erased.`,
		Annotations: rows("erased"),
		Args:        takes("MESSAGE"),
		RunE: func(c *cobra.Command, args []string) error {
			r := control.Request{Cmd: control.CmdErase, Message: args[0]}
			if c.Flags().Changed("before") {
				until, err := pastMoment(before, time.Now())
				if err != nil {
					return err
				}
				r = control.Request{Cmd: control.CmdErase, Contact: args[0], Until: until}
			} else if !messageLike.MatchString(args[0]) {
				return control.Usage("%q is no message: give an id that zms history --json prints, or a contact and --before TIME", args[0])
			}
			return a.run(c.Context(), r, report.Says(report.Erased))
		},
	}
	c.Flags().StringVar(&before, "before", "", "erase all messages with CONTACT that came in, or were written by you, before this `TIME`: a date (2026-11-21), a time as history prints it (\"2026-11-21 10:00\"), a time of RFC 3339, or how long ago (720h)")
	return c
}

// pastMoment reads a time: a duration before now, or a date with or without a time.
func pastMoment(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, control.Usage("%q is no time; write for example 2026-11-21, \"2026-11-21 10:00\", or 720h for all that is older than that", text)
}
