package selection

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// settings is what the user's environment says about the X server.
type settings struct {
	display   string // as in DISPLAY
	authority string // file of the secrets of servers
	host      string // name of this computer
}

func environment() settings {
	s := settings{display: os.Getenv("DISPLAY"), authority: os.Getenv("XAUTHORITY")}
	if home, err := os.UserHomeDir(); s.authority == "" && err == nil {
		s.authority = filepath.Join(home, ".Xauthority")
	}
	s.host, _ = os.Hostname() // without a name no secret is this computer's
	return s
}

// display is where a server listens.
type display struct {
	host   string // empty: this computer; with "/" the whole path of a socket
	number int
}

var errDisplay = errors.New("DISPLAY names no X server")

// parseDisplay reads [PROTOCOL/][HOST]:NUMBER[.SCREEN], or the path of a socket.
func parseDisplay(text string) (display, error) {
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return display{}, errDisplay
	}
	number, _, _ := strings.Cut(text[colon+1:], ".")
	n, err := strconv.ParseUint(number, 10, 15)
	if err != nil {
		return display{}, errDisplay
	}
	host := text[:colon]
	if strings.HasPrefix(host, "/") {
		return display{text, int(n)}, nil
	}
	if slash := strings.LastIndexByte(host, '/'); slash >= 0 {
		if host[:slash] == "unix" {
			host = ""
		} else {
			host = host[slash+1:]
		}
	}
	if host == "unix" {
		host = ""
	}
	return display{strings.Trim(host, "[]"), int(n)}, nil
}

// dial connects, on this computer by the socket without a file first, as Xlib does.
func (d display) dial(ctx context.Context) (net.Conn, error) {
	var dialer net.Dialer
	switch number := strconv.Itoa(d.number); {
	case strings.HasPrefix(d.host, "/"):
		return dialer.DialContext(ctx, "unix", d.host)
	case d.host == "":
		path := "/tmp/.X11-unix/X" + number
		if c, err := dialer.DialContext(ctx, "unix", "@"+path); err == nil {
			return c, nil
		}
		return dialer.DialContext(ctx, "unix", path)
	}
	return dialer.DialContext(ctx, "tcp", net.JoinHostPort(d.host, strconv.Itoa(6000+d.number)))
}

// cookieName is the one way to prove who one is that is spoken here.
const cookieName = "MIT-MAGIC-COOKIE-1"

// Families of addresses in a file of secrets.
const (
	familyIPv4  = 0
	familyIPv6  = 6
	familyLocal = 256
	familyAny   = 65535
)

// maxAuthority bounds the file of secrets, in bytes.
const maxAuthority = 1 << 20

// cookie is the secret for a server; empty: there is none, and none may be needed.
func (s settings) cookie(d display, at net.Addr) []byte {
	f, err := os.Open(s.authority)
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxAuthority))
	if err != nil {
		return nil
	}
	for len(b) > 0 {
		var e entry
		var ok bool
		if e, b, ok = nextEntry(b); !ok {
			return nil
		}
		if e.name == cookieName && (e.number == "" || e.number == strconv.Itoa(d.number)) && e.fits(s.host, at) {
			return e.secret
		}
	}
	return nil
}

// entry is one of a file of secrets.
type entry struct {
	family       uint16
	address      []byte
	number, name string
	secret       []byte
}

// nextEntry cuts an entry from the beginning of a file of secrets.
func nextEntry(b []byte) (e entry, rest []byte, ok bool) {
	if len(b) < 2 {
		return e, nil, false
	}
	e.family, b = binary.BigEndian.Uint16(b), b[2:]
	var parts [4][]byte
	for i := range parts {
		if len(b) < 2 {
			return e, nil, false
		}
		n := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; len(b) < n {
			return e, nil, false
		}
		parts[i], b = b[:n], b[n:]
	}
	e.address, e.number, e.name, e.secret = parts[0], string(parts[1]), string(parts[2]), parts[3]
	return e, b, true
}

// fits reports whether it is for a server at an address.
func (e entry) fits(host string, at net.Addr) bool {
	remote, far := at.(*net.TCPAddr)
	switch e.family {
	case familyAny:
		return true
	case familyLocal:
		return (!far || remote.IP.IsLoopback()) && string(e.address) == host
	case familyIPv4:
		return far && bytes.Equal(e.address, remote.IP.To4())
	case familyIPv6:
		return far && bytes.Equal(e.address, remote.IP.To16())
	}
	return false
}
