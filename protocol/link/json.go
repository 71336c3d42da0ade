package link

import (
	"github.com/gorilla/websocket"

	"zeroms/protocol/link/texts"
	"zeroms/protocol/wire/jsonframe"
)

// spoken is the link over a connection that has agreed on a subprotocol.
func spoken(c *conn, subprotocol string) Conn {
	if subprotocol != jsonframe.Subprotocol {
		return c
	}
	c.kind = websocket.TextMessage
	return texts.New(c)
}
