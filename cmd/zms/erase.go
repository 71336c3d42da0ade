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
		Long: `Erase the content of one message, named by its id (history --json prints it), or
with --before of all messages with a contact that came or were written before a
time: a date, a time as history prints it, or how long ago, as in 720h. This can't
be undone, and what others hold stays with them. The signed header of an own
message is kept for 67 days, so that who lacks the message is told that it was
erased.`,
		Args: takes("MESSAGE"),
		RunE: func(c *cobra.Command, args []string) error {
			r := control.Request{Cmd: control.CmdErase, Message: args[0]}
			if c.Flags().Changed("before") {
				until, err := pastMoment(before, time.Now())
				if err != nil {
					return err
				}
				r = control.Request{Cmd: control.CmdErase, Contact: args[0], Until: until}
			} else if !messageLike.MatchString(args[0]) {
				return control.Fail(control.NameUsage, "%q is no message: give an id that zms history --json prints, or a contact and --before TIME", args[0])
			}
			return a.run(c.Context(), r, says(report.Erased))
		},
	}
	c.Flags().StringVar(&before, "before", "", "erase all messages with this contact from before this time")
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
	return time.Time{}, control.Fail(control.NameUsage, "%q is no time; write for example 2026-11-21, \"2026-11-21 10:00\", or 720h for all that is older than that", text)
}
