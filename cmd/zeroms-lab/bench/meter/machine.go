package meter

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"io"
	"math"
	"net"
	"time"
)

// Machine is how fast this computer is at what messengers do, each for a second
// of CPU time of one core.
type Machine struct {
	SHA256 float64 `json:"sha256_mb_per_cpu_s"` // pieces of 1 KiB
	Copy   float64 `json:"copy_gb_per_cpu_s"`   // pieces of 64 KiB in 64 MiB
	Verify float64 `json:"ed25519_per_cpu_s"`   // signatures checked
	Echo   float64 `json:"echo_per_cpu_s"`      // 1 KiB there and back over loopback TCP
	Speed  float64 `json:"speed"`               // geometric mean of the four, that of the reference is 1
}

// reference is the computer on which the table of docs/performance.md was made:
// 2 cores of an Intel Xeon with SHA extensions, Linux, in a virtual machine.
var reference = Machine{SHA256: 1250, Copy: 9.5, Verify: 20_000, Echo: 150_000}

// How much is measured: some hundredths of a second each.
const (
	shaRounds    = 100_000
	copyRounds   = 8_000
	verifyRounds = 1_000
	echoRounds   = 6_000
)

// Calibrate measures this computer. Errors: there is no loopback network, or no
// clock of CPU time.
func Calibrate() (m Machine, err error) {
	block := make([]byte, 1<<10)
	if m.SHA256, err = rate(shaRounds*1e-6*float64(len(block)), func() error {
		for range shaRounds {
			sum := sha256.Sum256(block)
			copy(block, sum[:])
		}
		return nil
	}); err != nil {
		return m, err
	}
	from, to := make([]byte, 64<<20), make([]byte, 64<<20)
	const piece = 64 << 10
	if m.Copy, err = rate(copyRounds*piece*1e-9, func() error {
		for i := range copyRounds {
			at := i * piece % len(from)
			copy(to[at:at+piece], from[at:])
		}
		return nil
	}); err != nil {
		return m, err
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return m, err
	}
	sig := ed25519.Sign(private, block)
	if m.Verify, err = rate(verifyRounds, func() error {
		for range verifyRounds {
			if !ed25519.Verify(public, block, sig) {
				return errors.New("meter: a signature does not verify")
			}
		}
		return nil
	}); err != nil {
		return m, err
	}
	if m.Echo, err = runEcho(block); err != nil {
		return m, err
	}
	m.Speed = math.Pow(m.SHA256/reference.SHA256*m.Copy/reference.Copy*m.Verify/reference.Verify*m.Echo/reference.Echo, 0.25)
	return m, nil
}

// rate is n for each second of this process's CPU time that do takes.
func rate(n float64, do func() error) (float64, error) {
	began, err := ownCPU()
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	ended, err := ownCPU()
	return n / max(ended-began, time.Microsecond).Seconds(), err
}

// runEcho measures both ends of a loopback connection together.
func runEcho(block []byte) (float64, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	echoing := make(chan struct{})
	go func() {
		defer close(echoing)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b := make([]byte, len(block))
		for {
			if _, err := io.ReadFull(c, b); err != nil {
				return
			}
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return 0, err
	}
	defer func() { c.Close(); <-echoing }()
	back := make([]byte, len(block))
	return rate(echoRounds, func() error {
		for range echoRounds {
			if _, err := c.Write(block); err != nil {
				return err
			}
			if _, err := io.ReadFull(c, back); err != nil {
				return err
			}
		}
		return nil
	})
}
