package start_test

import (
	"testing"

	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/ui/words"
)

// TestAGatewayOfAnotherNetwork: its network is shown, and taken with it.
func TestAGatewayOfAnotherNetwork(t *testing.T) {
	world := emptyWorld(t, words.English)
	noor := key.Network{'n', 'o', 'o', 'r'}
	world.Neighbours[0].Address.Network = noor
	world.Neighbours[1].Open = true
	m := newWelcome(t, world, "")
	m.write("start.name", "Lin Wei")
	m.tap("start.create")
	m.tick()
	m.says("its own network “noor” · answers in")
	m.tap("start.near.0")
	m.tick()
	all, err := world.Profile().Homes.Gateways(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if a, err := card.ParseAddress(all[0].Address); err != nil || a.Network != noor {
		t.Errorf("the home is in %q, %v", a.Network[:], err)
	}
}
