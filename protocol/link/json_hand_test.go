package link_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	server "zeroms/gateway"
	"zeroms/gateway/mailbox"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
	"zeroms/protocol/wire/jsonframe"
	database "zeroms/store/mailbox"
)

const (
	jsonVectorFile = "testdata/json.json"
	jsonDocument   = "../../docs/protocol/json.md"
)

// serveHere runs a whole gateway on a listener until the test ends.
func serveHere(t *testing.T, l net.Listener, node key.NodePrivate, plain bool) {
	t.Helper()
	db, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "mailbox.db"))
	if err != nil {
		t.Fatal(err)
	}
	network := key.Network{'z', 'm', 's', '1'}
	box, err := mailbox.New(mailbox.Config{Node: node, Network: network, Limits: server.DefaultLimits(), Store: db})
	if err != nil {
		t.Fatal(err)
	}
	g, err := server.New(server.Config{Node: node, Network: network, Limits: server.DefaultLimits(), Mailbox: box})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		if err := g.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	all.Go(func() {
		if err := link.Serve(ctx, l, link.ServerConfig{Node: node, Plain: plain}, func(c link.Conn) { g.ServeConn(ctx, c) }); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		all.Wait()
		db.Close()
	})
	<-box.Ready()
}

// hand is a client of texts: it knows JSON and base64 from Go's library and has no other code of the protocol.
type hand struct {
	t     *testing.T
	ws    *websocket.Conn
	heard []string // frames that were not looked at yet
	lines []line   // what was said so far
}

// line is one frame of the transcript, or what the client makes of some.
type line struct {
	From string `json:"from"` // client or gateway; note for what nobody says
	Text string `json:"text"`
}

// note adds bytes that the client makes.
func (h *hand) note(what string, b []byte) {
	h.lines = append(h.lines, line{"note", fmt.Sprintf("%s %x", what, b)})
}

// say sends one message.
func (h *hand) say(text string) {
	h.t.Helper()
	if err := h.ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		h.t.Fatal(err)
	}
	for frame := range strings.SplitSeq(text, "\n") {
		h.lines = append(h.lines, line{"client", frame})
	}
}

// hear waits for a frame of a type; others that come earlier stay for later.
func (h *hand) hear(name string) (id uint64, fields map[string]any, text string) {
	h.t.Helper()
	is := func(frame string) bool { return strings.HasPrefix(frame, `["`+name+`",`) }
	for !slices.ContainsFunc(h.heard, is) {
		kind, message, err := h.ws.ReadMessage()
		if err != nil || kind != websocket.TextMessage {
			h.t.Fatalf("waiting for %s: message of kind %d, %v; not looked at: %s", name, kind, err, h.heard)
		}
		h.heard = append(h.heard, strings.Split(string(message), "\n")...)
	}
	at := slices.IndexFunc(h.heard, is)
	text = h.heard[at]
	h.heard = slices.Delete(h.heard, at, at+1)
	h.lines = append(h.lines, line{"gateway", text})
	var parts [3]json.RawMessage
	err := json.Unmarshal([]byte(text), &parts)
	if err == nil {
		err = errors.Join(json.Unmarshal(parts[1], &id), json.Unmarshal(parts[2], &fields))
	}
	if err != nil {
		h.t.Fatalf("%s: %v", text, err)
	}
	return id, fields, text
}

// answer waits for an answer to a request.
func (h *hand) answer(name string, want uint64) map[string]any {
	h.t.Helper()
	id, fields, text := h.hear(name)
	if id != want {
		h.t.Fatalf("%s answers %d, not %d", text, id, want)
	}
	return fields
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// un64 is a byte string of an answer.
func (h *hand) un64(v any) []byte {
	h.t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(v.(string))
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

// What a client has to write in CBOR: the two hellos, to hash them, and the bodies of objects, to sign them.

// number is an unsigned integer, or the head of a byte string (major 2), array (4) or map (5).
func number(major byte, n uint64) []byte {
	switch {
	case n < 24:
		return []byte{major<<5 | byte(n)}
	case n < 1<<8:
		return []byte{major<<5 | 24, byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{major<<5 | 25}, uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32([]byte{major<<5 | 26}, uint32(n))
	}
	return binary.BigEndian.AppendUint64([]byte{major<<5 | 27}, n)
}

// object is a map with the keys 1, 2, 3 ...: of numbers, byte strings and maps.
func object(values ...any) []byte {
	out := number(5, uint64(len(values)))
	for i, v := range values {
		out = append(out, number(0, uint64(i+1))...)
		switch v := v.(type) {
		case uint64:
			out = append(out, number(0, v)...)
		case []byte:
			out = append(append(out, number(2, uint64(len(v)))...), v...)
		case string:
			out = append(out, v...) // a map that is encoded already
		}
	}
	return out
}

// frameHash is SHA-256 of the frame [type, 0, payload].
func (h *hand) frameHash(of uint64, payload []byte) []byte {
	frame := slices.Concat(number(4, 3), number(0, of), number(0, 0), payload)
	h.note("that hello in CBOR", frame)
	hash := sha256.Sum256(frame)
	return hash[:]
}

// u is a number of an answer.
func u(v any) uint64 { return uint64(v.(float64)) }

// person is an account whose keys are fixed.
type person struct {
	node    key.NodePublic
	account key.MailboxPrivate
	login   key.LoginPrivate
	cursor  []byte
}

// hello exchanges the hellos and returns what a login signs.
func (p *person) hello(h *hand, exporter []byte) []byte {
	h.t.Helper()
	random := bytes.Repeat([]byte{0x02}, 32)
	h.say(fmt.Sprintf(`["client_hello",0,{"min_version":1,"max_version":1,"network":"em1zMQ","random":"%s","node":"%s","gateway":""}]`, b64(random), b64(p.node[:])))
	mine := h.frameHash(1, object(uint64(1), uint64(1), []byte("zms1"), random, p.node[:]))
	_, a, _ := h.hear("server_hello")
	var limits []any
	for _, name := range []string{"frame", "message", "in_flight", "push_window", "retention", "quota", "drops", "doors", "devices", "profiles", "register_bits"} {
		limits = append(limits, u(a["limits"].(map[string]any)[name]))
	}
	fields := []any{u(a["version"]), h.un64(a["network"]), h.un64(a["random"]), h.un64(a["node"]), u(a["time"]), string(object(limits...))}
	if descriptor := h.un64(a["descriptor"]); len(descriptor) > 0 {
		fields = append(fields, descriptor)
	}
	theirs := h.frameHash(2, object(fields...))
	return slices.Concat(p.node[:], exporter, mine, theirs)
}

// converse is the whole life of a message at one gateway, by hand: an account, a drop, an envelope, its receipt and its
// acknowledgement.
func converse(h *hand, p *person, exporter []byte, now uint64) {
	h.t.Helper()
	transcript := p.hello(h, exporter)
	account, login := p.account.Public(), p.login.Public()

	body := object(uint64(1), account[:], login[:], p.cursor, now)
	h.note("body of an enrolment, in CBOR", body)
	h.say(fmt.Sprintf(`["register",1,{"object":{"body":"%s","sig":"%s"},"invite":"","work":""}]`, b64(body), b64(p.account.Sign(key.ContextEnrol, body))))
	h.answer("ok", 1)
	h.note("what the login signs", transcript)
	h.say(fmt.Sprintf(`["login",2,{"key":"%s","sig":"%s"}]`, b64(login[:]), b64(p.login.Sign(key.ContextLogin, transcript))))
	tag := h.un64(h.answer("welcome", 2)["tag"])
	if want := key.AccountTagOf(account); !bytes.Equal(tag, want[:]) {
		h.t.Error("the welcome is to another account")
	}
	h.commit(p.node)
	log := &rows{hand: h}
	log.next(0)
	log.next(3)

	drop, capability := bytes.Repeat([]byte{0x0a}, 16), bytes.Repeat([]byte{0x09}, 32)
	hash := sha256.Sum256(capability)
	body = object(uint64(4), tag, drop, hash[:], now)
	h.say(fmt.Sprintf(`["drop_put",3,{"object":{"body":"%s","sig":"%s"},"capability":"%s"}]`, b64(body), b64(p.login.Sign(key.ContextMailbox, body)), b64(capability)))
	h.answer("ok", 3)
	log.next(3)

	envelope := append([]byte{1}, make([]byte, 1023)...)
	hash = sha256.Sum256(envelope)
	mac := key.MAC(capability, drop, hash[:])
	h.say(fmt.Sprintf(`["submit",4,{"drop":"%s","mac":"%s","envelope":"%s","work":""}]`, b64(drop), b64(mac[:16]), b64(envelope)))
	items := h.commit(p.node).Items
	receipt, err := custody.ParseReceipt(items[0].Leaf)
	if err != nil || items[0].ID != 4 || !receipt.For(key.DropID(drop), hash) || receipt.K != 1 {
		h.t.Fatalf("the receipt of request %d is %+v, %v", items[0].ID, receipt, err)
	}
	row := log.next(1)
	if row.K != 1 || !bytes.Equal(row.Drop[:], drop) || !bytes.Equal(row.Payload, envelope) || row.D != receipt.Head {
		h.t.Errorf("what was pushed is %+v", row)
	}

	h.note("what the acknowledgement signs", slices.Concat(tag, p.cursor, row.Position[:], log.r[:]))
	ack := slices.Concat(tag, p.cursor, row.Position[:], log.r[:])
	h.say(fmt.Sprintf(`["ack",0,{"upto":"%s","r":"%s","sig":"%s"}]`, b64(row.Position[:]), b64(log.r[:]), b64(p.login.Sign(key.ContextMailboxAck, ack))) +
		"\n" + `["head_get",5,{}]`)
	items = h.commit(p.node).Items
	head, err := custody.ParseHead(items[0].Leaf)
	if err != nil || items[0].ID != 5 || head.Position != row.Position || head.R != log.r {
		h.t.Errorf("the head is %+v, %v", head, err)
	}
	h.say(`["profile_get",6,{"name":"` + b64(p.node[:]) + `"}]`)
	if code := h.answer("error", 6)["code"]; code != float64(42) {
		h.t.Errorf("a profile that does not exist: %v", code)
	}
	h.say(`["head_get",7,{"now":true}]`)
	if e := h.answer("error", 0); e["code"] != float64(1) {
		h.t.Errorf("a field that does not exist: %v", e)
	}
	if _, _, err := h.ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		h.t.Errorf("after a fault: %v", err)
	}
	if len(h.heard) > 0 {
		h.t.Errorf("nobody asked for %s", h.heard)
	}
}

// commit waits for a commit whose signature holds.
func (h *hand) commit(node key.NodePublic) *wire.Commit {
	h.t.Helper()
	_, _, text := h.hear("commit")
	var c wire.Commit
	h.wire(text, &c)
	if err := custody.Verify(&c, node); err != nil {
		h.t.Fatalf("%s: %v", text, err)
	}
	return &c
}

// wire reads a frame of an answer with the program's own code.
func (h *hand) wire(text string, p wire.Payload) {
	h.t.Helper()
	message, err := jsonframe.CBOR([]byte(text), wire.MaxMessage)
	if err != nil {
		h.t.Fatal(err)
	}
	f, _, err := wire.NextFrame(message)
	if err := errors.Join(err, f.Decode(p)); err != nil {
		h.t.Fatal(err)
	}
}

// rows is the log of the account as it is pushed.
type rows struct {
	hand *hand
	r    [32]byte
}

// next waits for the next row.
func (l *rows) next(kind uint8) *wire.Push {
	l.hand.t.Helper()
	_, _, text := l.hand.hear("push")
	var row wire.Push
	l.hand.wire(text, &row)
	if row.Kind != kind {
		l.hand.t.Fatalf("a row of kind %d, not %d: %s", row.Kind, kind, text)
	}
	l.r = wire.NextHead(l.r, row.Row())
	return &row
}

func fixedPerson(node key.NodePrivate) *person {
	return &person{
		node: node.Public(), account: key.PrivateFromSeed[key.Mailbox](fill(0x06)), login: key.PrivateFromSeed[key.Login](fill(0x05)),
		cursor: bytes.Repeat([]byte{0x08}, 8),
	}
}

// TestAClientThatWritesJSONByHand talks to a gateway over TLS as anybody could who has read docs/protocol/json.md.
func TestAClientThatWritesJSONByHand(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	node := key.NewPrivate[key.Node]()
	serveHere(t, l, node, false)
	d := websocket.Dialer{
		Subprotocols:    []string{"zms.1.json"},
		TLSClientConfig: &tls.Config{ServerName: "zms.invalid", InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}},
	}
	ws, _, err := d.DialContext(t.Context(), "wss://"+l.Addr().String()+"/zms", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	state := ws.NetConn().(*tls.Conn).ConnectionState()
	exporter, err := state.ExportKeyingMaterial("EXPORTER-zms-1-login", nil, 32)
	if err != nil {
		t.Fatal(err)
	}
	converse(&hand{t: t, ws: ws}, fixedPerson(node), exporter, uint64(time.Now().UnixMilli()))
}

// TestAGuestOfTextsHasTheSameLimits: what a gateway takes from a stranger is no more because it comes as text.
func TestAGuestOfTextsHasTheSameLimits(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	node := key.NewPrivate[key.Node]()
	serveHere(t, l, node, true)
	connect := func() *hand {
		d := websocket.Dialer{Subprotocols: []string{"zms.1.json"}}
		ws, _, err := d.DialContext(t.Context(), "ws://"+l.Addr().String()+"/zms", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ws.Close() })
		return &hand{t: t, ws: ws}
	}
	began := time.Now()
	h := connect()
	fixedPerson(node).hello(h, make([]byte, 32))
	public := node.Public()
	var many strings.Builder
	const asked = 1500
	for id := range asked {
		fmt.Fprintf(&many, `["profile_get",%d,{"name":"%s"}]`+"\n", id+1, b64(public[:]))
	}
	h.say(strings.TrimSuffix(many.String(), "\n"))
	answered := map[float64]int{}
	for n := 0; n < asked; n++ {
		id, fields, _ := h.hear("error")
		answered[fields["code"].(float64)]++
		if id == 0 { // after 256 that were refused in a row the link ends
			break
		}
	}
	// 256 at once and 128 a second.
	if most := 257 + int(128*time.Since(began).Seconds()); answered[42] < 256 || answered[42] > most || len(answered) > 2 {
		t.Errorf("of %d requests: %v; at most %d may be served", asked, answered, most)
	}
	h = connect()
	fixedPerson(node).hello(h, make([]byte, 32))
	if err := h.ws.WriteMessage(websocket.TextMessage, make([]byte, 128<<10+1)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
		t.Errorf("a text above the limit: %v", err)
	}
	h = connect()
	h.say(`["submit",1,{"drop":"AAAAAAAAAAAAAAAAAAAAAA","mac":"AAAAAAAAAAAAAAAAAAAAAA","envelope":"","work":""}]`)
	if e := h.answer("error", 0); e["code"] != float64(15) {
		t.Errorf("no hello: %v", e)
	}
}

// pipes is a listener on pipes that pass for connections within this computer.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

type local struct{ net.Conn }

func (local) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
func (local) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, io.ErrClosedPipe
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return local{}.LocalAddr() }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	p.conns <- local{far}
	return local{near}, nil
}

// spokenTranscript is the same conversation where time, keys and random values are always the same.
func spokenTranscript(t *testing.T) (lines []line) {
	cryptotest.SetGlobalRandom(t, 3)
	synctest.Test(t, func(t *testing.T) {
		l := &pipes{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
		node := key.PrivateFromSeed[key.Node](fill(0x01))
		serveHere(t, l, node, true)
		d := websocket.Dialer{Subprotocols: []string{"zms.1.json"}, NetDialContext: l.dial}
		ws, _, err := d.DialContext(t.Context(), "ws://zms.invalid/zms", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		h := &hand{t: t, ws: ws}
		converse(h, fixedPerson(node), make([]byte, 32), uint64(time.Now().UnixMilli()))
		lines = h.lines
	})
	return lines
}

// shown is a transcript as the document has it: long runs of A, which are zeros, are counted.
func shown(lines []line) string {
	var b strings.Builder
	b.WriteString("```json-transcript\n")
	for _, l := range lines {
		arrow := map[string]string{"client": "->", "gateway": "<-", "note": "--"}[l.From]
		text := regexp.MustCompile(`A{100,}`).ReplaceAllStringFunc(l.Text, func(run string) string { return fmt.Sprintf("A{%d}", len(run)) })
		fmt.Fprintf(&b, "%s %s\n", arrow, text)
	}
	b.WriteString("```\n")
	return b.String()
}

func TestJSONTranscriptIsThatOfTheDocument(t *testing.T) {
	lines := spokenTranscript(t)
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(lines); err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(jsonDocument)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(doc), "```json-transcript\n")
	_, after, ended := strings.Cut(rest, "```\n")
	if !ok || !ended {
		t.Fatalf("%s holds no transcript", jsonDocument)
	}
	if *update {
		if err := errors.Join(
			os.WriteFile(jsonVectorFile, want.Bytes(), 0o644),
			os.WriteFile(jsonDocument, []byte(before+shown(lines)+after), 0o644),
		); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(jsonVectorFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) || !strings.Contains(string(doc), shown(lines)) {
		t.Errorf("%s or %s holds another transcript than this; run the test with -update:\n%s", jsonVectorFile, jsonDocument, shown(lines))
	}
}
