package sim

import (
	"math/rand/v2"
	"time"

	"zeroms/gateway/dht"
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
	// Idle is for how long a connection stays open after the last request; negative: for
	// ever, and every gateway is connected with every other from the start.
	Idle time.Duration
	// Dial is after how long a handshake is given up, HeadStart how long QUIC is tried
	// alone before TCP is as well, Answer after how long a request is given up.
	Dial, HeadStart, Answer time.Duration
	// Pause is for how long a gateway is left alone at an address where it did not
	// answer; it doubles up to PauseMost. PauseProven is the first pause of one that
	// proved itself there within Proven; it doubles up to a tenth of PauseMost.
	Pause, PauseProven, PauseMost, Proven time.Duration
	// IP, Near, Far and All bound the handshakes that come to nothing, with addresses
	// that proved nothing: with one of them, with its neighbourhood, with its wider one,
	// and with all.
	IP, Near, Far, All Allowance
	// Known is how many pauses are remembered.
	Known int
}

// Allowance is a number at once, and how many more come back in a minute.
type Allowance struct{ Burst, Minute int }

// Default is the model of gateways on the Internet whose links are those of
// gateway/peers: messages of 50 ms +- 20, one of a hundred packets lost.
func Default() Model {
	return Model{
		Latency: 50 * time.Millisecond, Jitter: 20 * time.Millisecond,
		Loss: 0.01, Resend: 300 * time.Millisecond,
		Greeting: 1, Idle: dht.Timing{}.Default().Idle,
		Dial: 6 * time.Second, HeadStart: 300 * time.Millisecond, Answer: 15 * time.Second,
		Pause: 20 * time.Second, PauseProven: 500 * time.Millisecond, PauseMost: 10 * time.Minute, Proven: time.Hour,
		IP: Allowance{4, 2}, Near: Allowance{16, 8}, Far: Allowance{64, 32}, All: Allowance{512, 2400},
		Known: 4096,
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

// greet is how long it takes until a new connection over QUIC may carry a request.
func (m *Model) greet(r *rand.Rand) time.Duration { return m.trips(m.Greeting, r) }

// overTCP is how many round trips a link over TCP takes more: TLS, WebSocket.
const overTCP = 2

// greetTCP is greet over TCP.
func (m *Model) greetTCP(r *rand.Rand) time.Duration { return m.trips(m.Greeting+overTCP, r) }

// trips is how long so many round trips take.
func (m *Model) trips(n int, r *rand.Rand) (took time.Duration) {
	for range 2 * n {
		took += m.way(r)
	}
	return took
}
