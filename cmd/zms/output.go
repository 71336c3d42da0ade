package main

import (
	"context"
	"fmt"
	"io"

	"zeroms/cmd/zms/control"
)

// show is how rows are shown to a person.
type show func(w io.Writer, row control.Row) error

// emit prints rows as JSON or, for people, with show.
func (a *app) emit(people show) control.Emit {
	if a.json {
		return a.emitJSON
	}
	return func(row control.Row) error { return people(a.stdout, row) }
}

func (a *app) emitJSON(row control.Row) error {
	line, err := control.Line(row)
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(line)
	return err
}

// run makes a request and prints its answer.
func (a *app) run(ctx context.Context, r control.Request, people show) error {
	return a.ask(ctx, r, a.emit(people))
}

// note tells a person something that is no answer.
func (a *app) note(format string, args ...any) {
	if !a.json {
		fmt.Fprintln(a.stderr, clean(fmt.Sprintf(format, args...)))
	}
}
