package demo

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"zeroms/cmd/zeroms-lab/child"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
)

// person is somebody with a profile, a zms that runs on it while they are
// online, and further ones that talk to that.
type person struct {
	// static
	stage *stage
	name  string
	dir   string
	card  string // the picture of their card
	homes []*gateway

	// owned by the story
	contact  string // the other person's number here
	listener *child.Child

	// guarded by mu
	mu    sync.Mutex
	seen  map[string]message // by id, as far as it is known here
	moved chan struct{}      // closed, and replaced, when seen changes
}

func (s *stage) person(name string, homes ...*gateway) *person {
	lower := strings.ToLower(name)
	return &person{
		stage: s, name: name, homes: homes, dir: filepath.Join(s.dir, lower), card: filepath.Join(s.dir, lower+".png"),
		seen: map[string]message{}, moved: make(chan struct{}),
	}
}

// zms runs one command on the profile and returns the rows of its answer.
func (p *person) zms(ctx context.Context, stdin string, args ...string) ([]row, error) {
	cmd := child.Command(ctx, p.stage.config.Zms, append([]string{"--profile", p.dir, "--json"}, args...)...)
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	var stdout bytes.Buffer
	var stderr child.Output
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	failed := cmd.Run()
	rows, err := parseRows(stdout.Bytes())
	if failed != nil {
		err = errors.Join(failed, err)
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
	}
	if err == nil {
		return rows, nil
	}
	return nil, fmt.Errorf("%s's zms %s: %w%s", p.name, strings.Join(args[:min(2, len(args))], " "), err, stderr.Tail())
}

// settle makes the profile, goes online, takes homes and makes a picture of the
// card, which names none of them.
func (p *person) settle(ctx context.Context) error {
	if _, err := p.zms(ctx, "", "init", "--name", p.name, "--no-passphrase"); err != nil {
		return err
	}
	if err := p.comeOnline(ctx); err != nil {
		return err
	}
	for _, at := range p.homes {
		rows, err := p.zms(ctx, "", "gateway", "add", at.address, "--wait")
		if err != nil {
			return err
		}
		g, err := first[home](rows, "gateway")
		if err != nil {
			return err
		}
		if at.hash, err = g.hash(); err != nil {
			return err
		}
	}
	_, err := p.zms(ctx, "", "card", "show", "--no-gateways", "--png", p.card)
	return err
}

// bareCard checks that the picture of the card names no gateway.
func (p *person) bareCard() error {
	f, err := os.Open(p.card)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := card.DecodeImage(f)
	if err != nil {
		return err
	}
	k, err := card.Parse(text)
	if err == nil && len(k.Gateways) > 0 {
		err = fmt.Errorf("the card of %s names %d gateways", p.name, len(k.Gateways))
	}
	return err
}

// lookUp finds somebody else by their card, as soon as they can be found: how long
// the lookup took in ms, and at how many gateways they are.
func (p *person) lookUp(ctx context.Context, other *person) (took float64, gateways int, err error) {
	for {
		rows, err := p.zms(ctx, "", "lookup", other.card)
		if err == nil {
			found, err := first[struct {
				TookMS   float64    `json:"took_ms"`
				Gateways []struct{} `json:"gateways"`
			}](rows, "found")
			if err != nil || len(found.Gateways) == len(other.homes) {
				return found.TookMS, len(found.Gateways), err
			}
		}
		timer := time.NewTimer(50 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return 0, 0, fmt.Errorf("%s can't be found (%v): %w", other.name, err, context.Cause(ctx))
		}
	}
}

// drain leaves a home; it tells when that ends at the latest.
func (p *person) drain(ctx context.Context, at *gateway) (ends time.Time, err error) {
	rows, err := p.zms(ctx, "", "gateway", "drain", at.listen)
	if err != nil {
		return ends, err
	}
	g, err := first[struct {
		Draining time.Time `json:"draining"`
		Ends     time.Time `json:"ends"`
	}](rows, "gateway")
	if err == nil && g.Draining.IsZero() {
		err = fmt.Errorf("gateway %s is not drained", at.name)
	}
	return g.Ends, err
}

// home is a row of type gateway.
type home struct {
	Node string `json:"node"`
}

// hash is how messages name this gateway as their holder.
func (h home) hash() (string, error) {
	b, err := hex.DecodeString(h.Node)
	if err != nil {
		return "", fmt.Errorf("the gateway's key is no hex: %w", err)
	}
	node, err := key.ParsePublic[key.Node](b)
	if err != nil {
		return "", err
	}
	hash := key.GatewayHashOf(node)
	return hex.EncodeToString(hash[:]), nil
}

// meet reads the card of somebody else from its picture.
func (p *person) meet(ctx context.Context, other *person) error {
	rows, err := p.zms(ctx, "", "add", other.card)
	if err != nil {
		return err
	}
	c, err := first[struct {
		ID   uint64 `json:"id"`
		Name string `json:"name"`
	}](rows, "contact")
	if err != nil {
		return err
	}
	if c.Name != other.name {
		return fmt.Errorf("the card of %s says %q", other.name, c.Name)
	}
	p.contact = strconv.FormatUint(c.ID, 10)
	return nil
}

// safetyNumber is what the two compare to know that nobody stands in between.
func (p *person) safetyNumber(ctx context.Context) (string, error) {
	rows, err := p.zms(ctx, "", "verify", p.contact)
	if err != nil {
		return "", err
	}
	s, err := first[struct {
		Digits string `json:"digits"`
	}](rows, "safety")
	return s.Digits, err
}

// comeOnline starts a zms that owns the profile and tells what happens.
func (p *person) comeOnline(ctx context.Context) error {
	ready := make(chan struct{})
	told := false
	line := func(b []byte) {
		var r row
		if json.Unmarshal(b, &r) != nil {
			return
		}
		r.raw = bytes.Clone(b)
		if r.Type == "ready" && !told {
			told = true
			close(ready)
		}
		p.note(r)
	}
	cmd := exec.Command(p.stage.config.Zms, "--profile", p.dir, "--json", "--verbose", "listen")
	var err error
	if p.listener, err = p.stage.runChild(p.name+"'s zms listen", cmd, line); err != nil {
		return err
	}
	select {
	case <-ready:
	case <-p.listener.Ended():
		return fmt.Errorf("%s's zms listen was not ready: %s", p.name, p.listener.State())
	case <-ctx.Done():
		return fmt.Errorf("%s's zms listen did not say that it is ready: %w", p.name, context.Cause(ctx))
	}
	if p.contact == "" {
		return nil
	}
	// What came in between the start and ready stands in the history.
	rows, err := p.historyRows(ctx)
	for _, r := range rows {
		p.note(r)
	}
	return err
}

// note keeps what a row tells about a message, unless more is known already.
func (p *person) note(r row) {
	if r.Type != "message" && r.Type != "change" {
		return
	}
	m, err := decode[message](r)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.rank() < p.seen[m.ID].rank() {
		return
	}
	p.seen[m.ID] = m
	close(p.moved)
	p.moved = make(chan struct{})
}

// await waits until what this person knows of the messages with these ids is
// as wanted.
func (p *person) await(ctx context.Context, what string, ids []string, wanted func(message) bool) error {
	for {
		p.mu.Lock()
		missing := 0
		for _, id := range ids {
			if m, ok := p.seen[id]; !ok || !wanted(m) {
				missing++
			}
		}
		moved := p.moved
		p.mu.Unlock()
		if missing == 0 {
			return nil
		}
		select {
		case <-moved:
		case <-p.listener.Ended():
			return p.listener.Failure()
		case <-ctx.Done():
			return fmt.Errorf("%s waits for %d of %d messages to be %s: %w", p.name, missing, len(ids), what, context.Cause(ctx))
		}
	}
}

// known is a copy of what this person knows of all messages.
func (p *person) known() map[string]message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.seen)
}

// send sends a text and, if wait is not empty, waits until it has come so far.
func (p *person) send(ctx context.Context, text, wait string) (message, error) {
	args := []string{"send", p.contact, "-"}
	if wait != "" {
		args = append(args, "--wait", wait)
	}
	rows, err := p.zms(ctx, text, args...)
	if err != nil {
		return message{}, err
	}
	if len(rows) == 0 {
		return message{}, fmt.Errorf("%s's zms send printed nothing", p.name)
	}
	m, err := decode[message](rows[len(rows)-1])
	if err != nil {
		return message{}, err
	}
	if m.Text != text || !m.Outgoing {
		return message{}, fmt.Errorf("%s's zms send printed another message than it was given", p.name)
	}
	for _, r := range rows {
		p.note(r)
	}
	return m, nil
}

func (p *person) historyRows(ctx context.Context) ([]row, error) {
	return p.zms(ctx, "", "history", p.contact, "-n", "1000", "--peek")
}

// history is the whole conversation as this person has it.
func (p *person) history(ctx context.Context) ([]message, error) {
	rows, err := p.historyRows(ctx)
	if err != nil {
		return nil, err
	}
	page, err := first[struct {
		More bool `json:"more"`
	}](rows, "page")
	if err != nil {
		return nil, err
	}
	if page.More {
		return nil, fmt.Errorf("%s's history has more than a page", p.name)
	}
	var out []message
	for _, r := range rows {
		if r.Type != "message" {
			continue
		}
		m, err := decode[message](r)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}
