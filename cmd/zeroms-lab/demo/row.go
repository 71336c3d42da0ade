package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// row is one line of what zms --json prints (docs/cli.md).
type row struct {
	Type  string `json:"type"`
	Error *struct {
		Name    string `json:"name"`
		Message string `json:"message"`
	} `json:"error"`
	raw []byte
}

// message is a row of type message or change.
type message struct {
	ID        string    `json:"id"`
	Outgoing  bool      `json:"outgoing"`
	Kind      string    `json:"kind"`
	Text      string    `json:"text"`
	Written   time.Time `json:"written"`
	Received  time.Time `json:"received"`
	State     string    `json:"state"`
	Submitted time.Time `json:"submitted"`
	Custody   time.Time `json:"custody"`
	Delivered time.Time `json:"delivered"`
	Holder    string    `json:"holder"`
	Size      int       `json:"size"`
}

// rank orders what is known of a message by how far it has come: 0 for
// nothing, and incoming ones are where they belong.
func (m message) rank() int {
	switch {
	case m.ID == "":
		return 0
	case !m.Outgoing:
		return 1
	}
	switch m.State {
	case "queued":
		return 1
	case "custody":
		return 2
	case "delivered":
		return 3
	case "read":
		return 4
	}
	return 5
}

// What messages are waited for to be.
func inCustody(m message) bool { return m.Outgoing && m.rank() >= 2 && m.State != "failed" }
func delivered(m message) bool { return m.Outgoing && m.rank() >= 3 && m.State != "failed" }
func received(m message) bool  { return !m.Outgoing }

// parseRows reads the output of a command. A row that tells of a failure
// becomes the error.
func parseRows(output []byte) ([]row, error) {
	var rows []row
	for line := range bytes.Lines(output) {
		r := row{raw: bytes.TrimSpace(line)}
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("the output is no JSON: %w", err)
		}
		if r.Error != nil {
			return nil, errors.New(r.Error.Message)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// decode reads a row as what its type says.
func decode[T any](r row) (v T, err error) {
	if err := json.Unmarshal(r.raw, &v); err != nil {
		return v, fmt.Errorf("a row of type %s can't be read: %w", r.Type, err)
	}
	return v, nil
}

// first reads the first row of a type.
func first[T any](rows []row, of string) (v T, err error) {
	for _, r := range rows {
		if r.Type == of {
			return decode[T](r)
		}
	}
	return v, fmt.Errorf("the answer has no row of type %s", of)
}
