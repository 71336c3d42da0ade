package client

import "zeroms/client/tap"

// WatchLinks starts showing what the links to gateways say, without secrets.
// The Watcher must be closed. It costs the links nothing while nobody watches.
func (c *Client) WatchLinks() *tap.Watcher { return c.links.Watch() }
