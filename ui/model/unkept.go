package model

import (
	"maps"

	"zeroms/client"
)

// Unkept is what could not be kept of conversations, drafts above all: the engine had
// ended, as it does on a full disk.
func (c *Chats) Unkept() map[client.ContactID]Chat { return maps.Clone(c.unkept) }

// Restore keeps what another list could not.
func (c *Chats) Restore(unkept map[client.ContactID]Chat) {
	for id, was := range unkept {
		c.keep(id, func(k *Chat) { *k = was })
	}
}
