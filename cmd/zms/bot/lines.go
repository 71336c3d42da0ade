package bot

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"zeroms/cmd/zms/control"
)

// request is a line of a bot: a request of the socket with two fields more.
type request struct {
	// ID is given back with every part of the answer: a string or a number.
	ID json.RawMessage `json:"id"`
	// Done is the id of a message that is done if the request succeeds.
	Done string `json:"done"`
	control.Request
}

// maxID bounds the id of a request in bytes.
const maxID = 256

func parseRequest(line []byte) (request, error) {
	var r request
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return request{ID: idOf(line)}, control.Usage("the request can't be read: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return request{ID: idOf(line)}, control.Usage("there is something behind the request: write one object a line")
	}
	if r.ID = validID(r.ID); r.ID == nil && bytes.Contains(line, []byte(`"id"`)) {
		return r, control.Usage("the id of a request is a string or a number of at most %d bytes", maxID)
	}
	return r, nil
}

// idOf is the id of a request that is wrong otherwise.
func idOf(line []byte) json.RawMessage {
	var head struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(line, &head) != nil {
		return nil
	}
	return validID(head.ID)
}

func validID(id json.RawMessage) json.RawMessage {
	if len(id) == 0 || len(id) > maxID || id[0] != '"' && id[0] != '-' && (id[0] < '0' || id[0] > '9') {
		return nil
	}
	return id
}

// read takes the bot's lines until they end.
func (s *session) read(ctx context.Context, in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 4096), control.MaxLine)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err := s.enqueue(ctx, bytes.Clone(lines.Bytes())); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return control.Fail(control.NameBot, "the bot wrote a line of more than %d bytes; no request is that long", control.MaxLine)
	}
	return nil // whatever else ended it, nothing more comes
}

// enqueue waits for room. A bot that writes and writes, and reads nothing of what
// it is answered, would wait for us as we for it.
func (s *session) enqueue(ctx context.Context, line []byte) error {
	select {
	case s.requests <- line:
		return nil
	default:
	}
	look := time.NewTicker(or(s.bot.patience, standstill))
	defer look.Stop()
	for wrote := s.progress(); ; {
		select {
		case s.requests <- line:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.last:
			return nil
		case <-look.C:
			now := s.progress()
			if now == wrote && !s.writing.TryLock() {
				return control.Fail(control.NameBot, "the bot wrote %d requests and does not read the answers; it has to read while it writes", maxRequests)
			} else if now == wrote {
				s.writing.Unlock()
			}
			wrote = now
		}
	}
}

func (s *session) progress() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrote
}

// say writes a line to the bot and waits until it is taken.
func (s *session) say(v any) error {
	line, err := control.Line(v)
	if err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if _, err := s.out.Write(line); err != nil {
		return errGone
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrote++
	return nil
}

// runRequests does the bot's requests, one after the other, until no more come or
// ctx ends.
func (s *session) runRequests(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case line := <-s.requests:
			s.serve(ctx, line)
			continue
		default:
		}
		select {
		case <-ctx.Done():
			return
		case line := <-s.requests:
			s.serve(ctx, line)
		case <-s.last:
			if len(s.requests) == 0 {
				return
			}
		}
	}
}

// serve does one request and answers it. That the bot reads no more does not
// keep the next from being done.
func (s *session) serve(ctx context.Context, line []byte) {
	s.hold(ctx)
	s.busy.Store(true)
	defer s.busy.Store(false)
	r, err := parseRequest(line)
	if err == nil {
		s.asked = true
		err = s.do(ctx, r)
	}
	end := &control.Answer{Type: control.TypeAnswer, ID: r.ID, OK: err == nil}
	if err != nil {
		end.Error = control.Explain(err)
	}
	_ = s.say(end)
}

func (s *session) do(ctx context.Context, r request) error {
	if r.Endless() {
		return control.Usage("%s has no end; run it beside the bot", r.Cmd)
	}
	switch r.Cmd {
	case control.CmdDone:
		return s.done(ctx, r.Message)
	case control.CmdHold, control.CmdFree:
		r.Request = s.about(control.Request{Cmd: r.Cmd})
	}
	err := s.bot.Access.Ask(ctx, r.Request, func(row control.Row) error {
		line, err := control.Line(row)
		if err != nil {
			return err
		}
		_ = s.say(&control.Answer{Type: control.TypeAnswer, ID: r.ID, Row: bytes.TrimSpace(line)})
		return nil
	})
	if err != nil || r.Done == "" {
		return err
	}
	return s.done(ctx, r.Done)
}

// hold tells for a worker that it is at work, as it said something: not each time,
// but so that a thirtieth of its patience is lost at most.
func (s *session) hold(ctx context.Context) {
	s.mu.Lock()
	late := s.bot.Fan != "" && time.Since(s.held) >= or(s.bot.Patience, control.DefaultPatience)/30
	if late {
		s.held = time.Now()
	}
	s.mu.Unlock()
	if late {
		_ = s.bot.Access.Ask(ctx, s.about(control.Request{Cmd: control.CmdHold}), func(control.Row) error { return nil })
	}
}

// runHolding tells the same while a request of the worker takes its time, until no
// more requests are taken or ctx ends.
func (s *session) runHolding(ctx context.Context) {
	look := time.NewTicker(or(s.bot.Patience, control.DefaultPatience) / 4)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.last:
			return
		case <-look.C:
			if s.busy.Load() {
				s.hold(ctx)
			}
		}
	}
}

// settle waits until what the bot asked for has gone out to a gateway: this may be
// the process that sends it.
func (s *session) settle(ctx context.Context) {
	if !s.asked {
		return
	}
	limited, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	look := time.NewTicker(settleLook)
	defer look.Stop()
	for left := true; left; {
		err := s.bot.Access.Ask(limited, control.Request{Cmd: control.CmdStatus}, func(row control.Row) error {
			if status, ok := row.(*control.Status); ok {
				left = status.Waiting > 0 && len(status.Gateways) > 0
			}
			return nil
		})
		if err != nil {
			return
		}
		select {
		case <-limited.Done():
			return
		case <-look.C:
		}
	}
}

// done tells the owner that a message is done.
func (s *session) done(ctx context.Context, message string) error {
	r := s.about(control.Request{Cmd: control.CmdDone, Message: message})
	if err := s.bot.Access.Ask(ctx, r, func(control.Row) error { return nil }); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.handed[message]
	h.done = true
	s.handed[message] = h
	return nil
}
