package appdrive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"zeroms/cmd/zeroms-lab/child"
)

// Zms is the command line of somebody's profile. Beside a running app it asks that.
type Zms struct {
	// Program is the path of zms, Profile the profile's directory.
	Program, Profile string
}

// Message is a row of a history (docs/cli.md), as far as it is looked at.
type Message struct {
	Type     string `json:"type"`
	Outgoing bool   `json:"outgoing"`
	Text     string `json:"text"`
	State    string `json:"state"`
	// Written and Custody are when it was written, and when the gateway's receipt was
	// here; zero: it is not.
	Written time.Time `json:"written"`
	Custody time.Time `json:"custody"`
}

// Contact is a row of the contacts.
type Contact struct {
	Type  string `json:"type"`
	ID    uint64 `json:"id"`
	Name  string `json:"name"`
	State string `json:"state"`
	// Problem is why nothing gets through to them; empty: there is none.
	Problem string `json:"problem"`
}

// Run runs one command and returns its rows as they stand in the output.
func (z Zms) Run(ctx context.Context, stdin string, args ...string) ([]json.RawMessage, error) {
	cmd := child.Command(ctx, z.Program, append([]string{"--profile", z.Profile, "--json"}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	failed := cmd.Run()
	rows, err := rowsOf(out.Bytes())
	if failed != nil {
		err = errors.Join(failed, err)
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("zms %s: %w %s", strings.Join(args[:min(2, len(args))], " "), err, strings.TrimSpace(complaint.String()))
	}
	return rows, nil
}

// rowsOf cuts the output of a command into its rows. Error: no JSON, or a row that
// tells of a failure.
func rowsOf(out []byte) (rows []json.RawMessage, err error) {
	for line := range bytes.Lines(out) {
		var r struct {
			Error *struct {
				Message string `json:"message"`
			} `json:"error"`
		}
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("the output is no JSON: %w", err)
		}
		if r.Error != nil {
			return nil, errors.New(r.Error.Message)
		}
		rows = append(rows, bytes.TrimSpace(line))
	}
	return rows, nil
}

// DecodeRows reads the rows of a type.
func DecodeRows[T any](rows []json.RawMessage, of string) (out []T, err error) {
	for _, r := range rows {
		var is struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal(r, &is); err != nil {
			return nil, err
		}
		if is.Type != of {
			continue
		}
		var v T
		if err := json.Unmarshal(r, &v); err != nil {
			return nil, fmt.Errorf("a row of type %s can't be read: %w", of, err)
		}
		out = append(out, v)
	}
	return out, nil
}

// Contacts are the profile's contacts.
func (z Zms) Contacts(ctx context.Context) ([]Contact, error) {
	rows, err := z.Run(ctx, "", "contacts")
	if err != nil {
		return nil, err
	}
	return DecodeRows[Contact](rows, "contact")
}

// Card is the text of the profile's newest card.
func (z Zms) Card(ctx context.Context) (string, error) {
	rows, err := z.Run(ctx, "", "card", "show")
	if err != nil {
		return "", err
	}
	cards, err := DecodeRows[struct {
		Text string `json:"text"`
	}](rows, "card")
	if err == nil && len(cards) != 1 {
		err = fmt.Errorf("zms shows %d cards", len(cards))
	}
	if err != nil {
		return "", err
	}
	return cards[0].Text, nil
}

// HistoryOf is History of the contact of a name.
func (z Zms) HistoryOf(ctx context.Context, name string) ([]Message, error) {
	all, err := z.Contacts(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if c.Name == name {
			return z.History(ctx, c.ID)
		}
	}
	return nil, fmt.Errorf("there is no contact called %q among %d", name, len(all))
}

// History is up to 1000 messages with a contact, oldest first; it marks none as read.
func (z Zms) History(ctx context.Context, contact uint64) ([]Message, error) {
	rows, err := z.Run(ctx, "", "history", fmt.Sprint(contact), "-n", "1000", "--peek")
	if err != nil {
		return nil, err
	}
	return DecodeRows[Message](rows, "message")
}
