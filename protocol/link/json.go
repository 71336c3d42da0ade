package link

import (
	"github.com/gorilla/websocket"

	"zeroms/protocol/link/texts"
	"zeroms/protocol/wire/jsonframe"
)

// jsonLarges is how many texts above 4 KiB all links of a gateway have at once.
const jsonLarges = 64

// spoken is the link over a connection that has agreed on a subprotocol.
func spoken(c *conn, subprotocol string, larges texts.Larges) Conn {
	if subprotocol != jsonframe.Subprotocol {
		return c
	}
	c.kind = websocket.TextMessage
	return texts.New(c, larges)
}
