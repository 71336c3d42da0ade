package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"
)

// The packet types of MQTT 3.1.1 (section 2.2.1), with the flags that they have
// here.
const (
	mqttConnect   = 0x10
	mqttConnack   = 0x20
	mqttPublish   = 0x32 // QoS 1
	mqttPuback    = 0x40
	mqttSubscribe = 0x82
	mqttSuback    = 0x90
	mqttPing      = 0xc0
	mqttPong      = 0xd0
)

// mqttBuffer is how much is read at once; a packet is not larger.
const mqttBuffer = 64 << 10

// errMQTT is a broker that breaks the rules.
var errMQTT = errors.New("peer: the broker sent something that does not belong here")

// MQTT is one connection to a broker. Step is called by one goroutine.
type MQTT struct {
	conn net.Conn

	// owned by Step
	in       []byte
	from, to int
	acks     []byte
	receive  *Flow

	// guarded by the lock of the one flow that writes here
	out    []byte
	topic  string
	writer *Flow
}

// DialMQTT connects as a client. keep asks the broker to keep the session when
// the connection ends.
func DialMQTT(ctx context.Context, addr, client string, keep bool) (*MQTT, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("no connection to the broker at %s: %w", addr, err)
	}
	c := &MQTT{conn: conn, in: make([]byte, 4<<10)}
	var flags byte = 2 // clean session
	if keep {
		flags = 0
	}
	body := append(mqttText(nil, "MQTT"), 4, flags, 0, 0)
	if _, err := conn.Write(mqttPacket(mqttConnect, mqttText(body, client))); err != nil {
		conn.Close()
		return nil, err
	}
	kind, answer, err := c.packet()
	if err != nil || kind != mqttConnack || len(answer) != 2 || answer[1] != 0 {
		conn.Close()
		return nil, errors.Join(errMQTT, err)
	}
	return c, nil
}

func mqttText(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}

func mqttPacket(kind byte, body []byte) []byte {
	return append(mqttHead(nil, kind, len(body)), body...)
}

// mqttHead appends a fixed header: type and remaining length.
func mqttHead(dst []byte, kind byte, size int) []byte {
	dst = append(dst, kind)
	for size >= 0x80 {
		dst = append(dst, byte(size)|0x80)
		size >>= 7
	}
	return append(dst, byte(size))
}

// Subscribe asks for a topic with QoS 1.
func (c *MQTT) Subscribe(topic string) error {
	body := append(mqttText([]byte{0, 1}, topic), 1)
	if _, err := c.conn.Write(mqttPacket(mqttSubscribe, body)); err != nil {
		return err
	}
	kind, answer, err := c.packet()
	if err != nil || kind != mqttSuback || len(answer) != 3 || answer[2] != 1 {
		return errors.Join(errMQTT, err)
	}
	return nil
}

// Flow is a flow of messages from here to a topic.
func (c *MQTT) Flow(topic string, room int, away bool) *Flow {
	c.topic, c.writer = topic, newFlow(c, room, away)
	return c.writer
}

// Receive lets what comes here be a flow's.
func (c *MQTT) Receive(f *Flow) { c.receive = f }

// Close ends the connection.
func (c *MQTT) Close() error { return c.conn.Close() }

// write implements writer. A packet identifier is the number in 16 bits, plus 1:
// fewer than that are on their way.
func (c *MQTT) write(number uint32, payload []byte) {
	c.out = mqttHead(c.out, mqttPublish, 2+len(c.topic)+2+len(payload))
	c.out = mqttText(c.out, c.topic)
	c.out = binary.BigEndian.AppendUint16(c.out, uint16(number%mqttIDs)+1)
	c.out = append(c.out, payload...)
}

// mqttIDs is how many packet identifiers are used.
const mqttIDs = 60_000

func (c *MQTT) flush() error {
	_, err := c.conn.Write(c.out)
	c.out = c.out[:0]
	return err
}

// packet reads one packet; its bytes are good until the next one.
func (c *MQTT) packet() (kind byte, body []byte, err error) {
	for {
		if kind, body, ok := c.next(); ok {
			return kind, body, nil
		}
		if err := c.read(); err != nil {
			return 0, nil, err
		}
	}
}

// next takes a packet out of what was read.
func (c *MQTT) next() (kind byte, body []byte, ok bool) {
	b := c.in[c.from:c.to]
	if len(b) < 2 {
		return 0, nil, false
	}
	size, at := 0, 1
	for shift := 0; ; shift += 7 {
		if at >= len(b) || shift > 21 {
			return 0, nil, false
		}
		size |= int(b[at]&0x7f) << shift
		at++
		if b[at-1]&0x80 == 0 {
			break
		}
	}
	if len(b) < at+size {
		return 0, nil, false
	}
	c.from += at + size
	return b[0], b[at : at+size], true
}

func (c *MQTT) read() error {
	c.to = copy(c.in, c.in[c.from:c.to])
	c.from = 0
	if c.to == len(c.in) {
		if len(c.in) >= mqttBuffer {
			return errMQTT
		}
		c.in = append(c.in, make([]byte, mqttBuffer-len(c.in))...)
	}
	n, err := c.conn.Read(c.in[c.to:])
	c.to += n
	if n > 0 {
		return nil
	}
	return err
}

// Step reads what is there and handles it; the acknowledgements of what came go
// out in one write.
func (c *MQTT) Step() error {
	if err := c.read(); err != nil {
		return err
	}
	now := time.Now()
	c.acks = c.acks[:0]
	acked := false
	for {
		kind, body, ok := c.next()
		if !ok {
			break
		}
		switch {
		case kind == mqttPuback && len(body) == 2 && c.writer != nil:
			acked = true
			if err := c.puback(now, binary.BigEndian.Uint16(body)); err != nil {
				return err
			}
		case kind&0xf0 == mqttPublish&0xf0 && c.receive != nil:
			if err := c.publish(now, body); err != nil {
				return err
			}
		default:
			return errMQTT
		}
	}
	if len(c.acks) > 0 {
		if _, err := c.conn.Write(c.acks); err != nil {
			return err
		}
		return c.receive.refill(now)
	}
	if acked {
		return c.writer.refill(now)
	}
	return nil
}

// Finish waits until the broker has handled everything that was sent here: it
// answers a ping behind the acknowledgements. No Step may run.
func (c *MQTT) Finish() error {
	if _, err := c.conn.Write([]byte{mqttPing, 0}); err != nil {
		return err
	}
	kind, _, err := c.packet()
	if err == nil && kind != mqttPong {
		err = errMQTT
	}
	return err
}

// puback finds the number that a packet identifier stands for: the oldest one
// without an acknowledgement has it, or one soon after.
func (c *MQTT) puback(now time.Time, id uint16) error {
	oldest := c.writer.oldest()
	number := oldest - oldest%mqttIDs + uint32(id-1)
	if number < oldest {
		number += mqttIDs
	}
	return c.writer.ack(now, number)
}

func (c *MQTT) publish(now time.Time, body []byte) error {
	if len(body) < 2 {
		return errMQTT
	}
	at := 2 + int(binary.BigEndian.Uint16(body))
	if len(body) < at+2 {
		return errMQTT
	}
	c.acks = append(append(c.acks, mqttPuback, 2), body[at:at+2]...)
	return c.receive.deliver(now, body[at+2:])
}
