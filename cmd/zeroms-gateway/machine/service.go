package machine

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// Notify tells the service manager that started this process how it is, for example
// "READY=1" (sd_notify(3)); nobody is told if no manager asked for it. It waits for a
// manager that does not listen no longer than notifyTimeout. Errors: those of its
// socket.
func Notify(state string) error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("the service manager can't be told: %w", err)
	}
	defer c.Close()
	c.SetWriteDeadline(time.Now().Add(notifyTimeout))
	_, err = c.Write([]byte(state))
	return err
}

// notifyTimeout bounds a Notify.
const notifyTimeout = time.Second

// Watchdog is within what time the service manager wants to hear "WATCHDOG=1" again
// and again; 0: it does not.
func Watchdog() time.Duration {
	us, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || us <= 0 {
		return 0
	}
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	return time.Duration(us) * time.Microsecond
}
