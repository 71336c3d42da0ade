// Package socket is the TCP connection below a link: it reads into buffers that
// are lent for as long as there is something in them, and sends what belongs
// together at once. It knows the headers of TLS records and no frame.
package socket
