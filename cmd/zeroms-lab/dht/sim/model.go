package sim

import (
	"math/rand/v2"
	"time"
)

// Model is how messages travel.
type Model struct {
	// Latency of one message on its way in one direction; it differs by up to Jitter
	// to either side, evenly.
	Latency, Jitter time.Duration
	// Loss is the share of packets that do not arrive. The transport sends them again
	// after Resend, then after twice that, and so on.
	Loss   float64
	Resend time.Duration
	// Greeting is how many round trips pass before the first request on a new
	// connection may leave: TLS and the hellos.
	Greeting int
	// Idle is for how long an unused connection stays open; negative: for ever, and
	// every gateway is connected with every other from the start.
	Idle time.Duration
	// Dial and Answer are after how long the transport gives up a connection and a
	// request.
	Dial, Answer time.Duration
	// Pause is for how long it does not try an address again that did not answer, and
	// fails at once; it doubles up to PauseMost.
	Pause, PauseMost time.Duration
	// Burst and Minute bound the handshakes with an IP address that come to nothing:
	// at once, and how many more a minute.
	Burst, Minute int
}

// Default is the model of gateways on the Internet whose links are those of
// gateway/peers: messages of 50 ms +- 20, one of a hundred packets lost.
func Default() Model {
	return Model{
		Latency: 50 * time.Millisecond, Jitter: 20 * time.Millisecond,
		Loss: 0.01, Resend: 300 * time.Millisecond,
		Greeting: 1, Idle: time.Minute,
		Dial: 6 * time.Second, Answer: 15 * time.Second,
		Pause: 20 * time.Second, PauseMost: 10 * time.Minute,
		Burst: 4, Minute: 2,
	}
}

// way is how long one message is under way.
func (m *Model) way(r *rand.Rand) time.Duration {
	took := m.Latency
	if m.Jitter > 0 {
		took += time.Duration(r.Int64N(int64(2*m.Jitter)+1)) - m.Jitter
	}
	if m.Loss > 0 {
		for again := m.Resend; r.Float64() < m.Loss; again *= 2 {
			took += again
		}
	}
	return took
}

// greet is how long it takes until a new connection may carry a request.
func (m *Model) greet(r *rand.Rand) (took time.Duration) {
	for range 2 * m.Greeting {
		took += m.way(r)
	}
	return took
}
