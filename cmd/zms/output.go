package main

import (
	"context"
	"fmt"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/plain"
	"zeroms/cmd/zms/report"
)

// emit prints rows as JSON or, for people, with show.
func (a *app) emit(people report.Show) control.Emit {
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
func (a *app) run(ctx context.Context, r control.Request, people report.Show) error {
	return a.ask(ctx, r, a.emit(people))
}

// note tells a person something that is no answer.
func (a *app) note(format string, args ...any) {
	if !a.json {
		fmt.Fprintln(a.stderr, plain.Text(fmt.Sprintf(format, args...)))
	}
}
