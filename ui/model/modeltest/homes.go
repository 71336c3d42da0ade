package modeltest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/ui/model"
)

// ErrNoHome is returned for a gateway that is no home.
var ErrNoHome = errors.New("modeltest: that gateway is no home")

// AddressOf is the address of a gateway, the same one each time for a host.
func AddressOf(host string, port uint16) card.Address {
	return card.Address{Node: key.PrivateFromSeed[key.Node]([32]byte(hash("gateway " + host))).Public(), Host: host, Port: port, Network: card.NetworkPublic}
}

// CardOf is the card of somebody, the same one each time.
func CardOf(name string) card.Card {
	return cardNamed(name, "card of "+name)
}

func cardNamed(name, secret string) card.Card {
	address, door := hash("address of "+name), hash(secret)
	k := card.Card{User: userOf(name), Name: name}
	k.Address, _ = key.AddressSecretFrom(address[:16])
	k.Door, _ = key.DoorSecretFrom(door[:16])
	k.Gateways = []card.Gateway{AddressOf("gw.example.org", 443).Gateway()}
	return k
}

// homes is model.Homes.
type homes struct{ *World }

// homeAt is a gateway that is up.
func (w *World) homeAt(a card.Address) client.Gateway {
	text, _ := card.Address{Node: a.Node, Host: a.Host, Port: a.Port, Network: a.Network, Plain: a.Plain}.Text()
	g := client.Gateway{
		Node: a.Node, Added: w.now.Add(-20 * day), Address: text, Host: a.Endpoint(), Up: true, Since: w.now.Add(-3 * time.Hour), Took: 38 * time.Millisecond, Used: 12 << 20, Quota: 256 << 20,
		Retention: 30 * 24 * time.Hour, Position: 4812, Current: true, Drops: len(w.people), Forwards: true,
	}
	g.Published.Days, g.Published.Holders, g.Published.Stored, g.Published.Verified = 7, 16, w.now.Add(-2*time.Hour), w.now.Add(-time.Hour)
	g.Seen.Connect, g.Seen.Custody, g.Seen.Forward, g.Seen.Points = 38*time.Millisecond, 400*time.Microsecond, 2*time.Millisecond, 97
	return g
}

// SetGateway changes the n-th gateway and tells it.
func (w *World) SetGateway(n int, change func(*client.Gateway)) {
	change(&w.gateways[n])
	w.Tell(client.GatewayChanged{Gateway: w.gateways[n]})
}

// Down has the n-th gateway go down.
func (w *World) Down(n int, problem string) {
	w.SetGateway(n, func(g *client.Gateway) {
		g.Up, g.Since, g.Problem, g.Retry, g.Current = false, w.now, problem, w.now.Add(8*time.Second), false
	})
}

// Mend ends what SetBack began.
func (w *World) Mend() {
	w.setBack = false
	for n := range w.gateways {
		w.Up(n)
	}
}

// SetBack has a gateway show that the profile is an older copy of itself: all links end.
func (w *World) SetBack() {
	w.setBack = true
	for n := range w.gateways {
		w.SetGateway(n, func(g *client.Gateway) {
			g.Up, g.Since, g.Problem, g.Retry = false, w.now, "This profile is an older copy of itself. [set-back]", time.Time{}
		})
	}
}

// Up has it come up again.
func (w *World) Up(n int) {
	w.SetGateway(n, func(g *client.Gateway) {
		g.Up, g.Since, g.Problem, g.Retry, g.Current = true, w.now, "", time.Time{}, true
	})
}

func (w *World) gateway(node key.NodePublic) (int, error) {
	i := slices.IndexFunc(w.gateways, func(g client.Gateway) bool { return g.Node == node })
	if i < 0 {
		return 0, ErrNoHome
	}
	return i, nil
}

// Gateways is model.Homes's.
func (w homes) Gateways(context.Context) ([]client.Gateway, error) {
	return slices.Clone(w.gateways), w.enter("Gateways")
}

// AddGateway is model.Homes's: the gateway is up at once.
func (w homes) AddGateway(_ context.Context, a card.Address) (client.Gateway, error) {
	if err := w.enter("AddGateway"); err != nil {
		return client.Gateway{}, err
	}
	g := w.homeAt(a)
	g.Added, g.Since, g.Used, g.Drops = w.now, w.now, 0, 0
	if i, err := w.gateway(a.Node); err == nil {
		w.gateways[i] = g
	} else {
		w.gateways = append(w.gateways, g)
	}
	w.Tell(client.GatewayChanged{Gateway: g})
	return g, nil
}

// RemoveGateway is model.Homes's.
func (w homes) RemoveGateway(_ context.Context, node key.NodePublic) error {
	i, err := w.gateway(node)
	if err = cmp.Or(w.enter("RemoveGateway"), err); err != nil {
		return err
	}
	w.gateways = slices.Delete(w.gateways, i, i+1)
	w.Tell(client.GatewayRemoved{Node: node})
	return nil
}

// DrainGateway is model.Homes's.
func (w homes) DrainGateway(_ context.Context, node key.NodePublic) (client.Gateway, error) {
	i, err := w.gateway(node)
	if err = cmp.Or(w.enter("DrainGateway"), err); err != nil {
		return client.Gateway{}, err
	}
	w.SetGateway(i, func(g *client.Gateway) { g.Draining, g.Ends = w.now, w.now.Add(37*24*time.Hour) })
	return w.gateways[i], nil
}

// FindGateways is model.Homes's.
func (w homes) FindGateways(_ context.Context, s client.Search) ([]client.Offer, error) {
	if err := w.enter("FindGateways"); err != nil {
		return nil, err
	}
	if len(w.Offers) == 0 {
		return nil, client.ErrNoOffer
	}
	return slices.Clone(w.Offers[:min(len(w.Offers), max(s.Count, 1))]), nil
}

// UseGateways is model.Homes's.
func (w homes) UseGateways(ctx context.Context, n int, offers []client.Offer) (used client.Used, err error) {
	if err := w.enter("UseGateways"); err != nil {
		return used, err
	}
	used.Have = len(w.gateways)
	for _, o := range offers {
		if used.Have < n && o.Problem == nil {
			g, err := w.AddGateway(ctx, o.Address)
			if err != nil {
				return used, err
			}
			used.Added = append(used.Added, g)
			used.Have++
		}
	}
	return used, nil
}

// EvidenceAgainst is model.Homes's.
func (w homes) EvidenceAgainst(_ context.Context, node key.NodePublic) ([]byte, error) {
	if err := w.enter("EvidenceAgainst"); err != nil {
		return nil, err
	}
	return []byte("evidence against " + node.String()), nil
}

// nearby is model.Nearby.
type nearby struct{ *World }

// Find is model.Nearby's; it returns when it has found all.
func (w nearby) Find(_ context.Context, found func(model.Neighbour)) error {
	for _, n := range w.Neighbours {
		found(n)
	}
	return w.enter("Find")
}

// cards is model.Cards.
type cards struct{ *World }

// AddCard adds a card, the working one of now changed as wished; it is told to nobody.
func (w *World) AddCard(change func(*client.Card)) client.Card {
	name := hash(string(rune('a' + len(w.cards))))
	k := cardNamed(w.name, string(name))
	k.User = w.self
	text, _ := k.Text()
	k.Gateways = nil
	c := client.Card{ID: key.CardID(name[:8]), Created: w.now, Text: text}
	c.Bare, _ = k.Text()
	if change != nil {
		change(&c)
	}
	w.cards = append(w.cards, c)
	return c
}

// Cards is model.Cards's.
func (w cards) Cards(context.Context) ([]client.Card, error) {
	all := slices.Clone(w.cards)
	for i := range all {
		for _, p := range w.people {
			if p.Via == all[i].ID {
				all[i].Given++
			}
		}
	}
	return all, w.enter("Cards")
}

// NewCard is model.Cards's.
func (w cards) NewCard(context.Context) (client.Card, error) {
	if err := w.enter("NewCard"); err != nil {
		return client.Card{}, err
	}
	if len(w.gateways) == 0 {
		return client.Card{}, client.ErrNoGateway
	}
	return w.AddCard(nil), nil
}

// PublicCard is model.Cards's.
func (w cards) PublicCard(_ context.Context, _ uint8, byKey bool) (client.Card, error) {
	if err := w.enter("PublicCard"); err != nil {
		return client.Card{}, err
	}
	return w.AddCard(func(c *client.Card) { c.Public, c.ByKey = true, byKey }), nil
}

// RevokeCard is model.Cards's.
func (w cards) RevokeCard(_ context.Context, id key.CardID) error {
	if err := w.enter("RevokeCard"); err != nil {
		return err
	}
	for i := range w.cards {
		if w.cards[i].ID == id {
			w.cards[i].Revoked, w.cards[i].Text, w.cards[i].Bare = true, "", ""
		}
	}
	return nil
}

// Address is model.Cards's.
func (w cards) Address(context.Context) (client.Address, error) {
	a := client.Address{Renewal: w.renewal}
	for _, c := range w.cards {
		a.Public = a.Public || c.Public
		if c.Former || w.renewal.Since.IsZero() && !c.Revoked {
			a.Stopping = append(a.Stopping, c)
		}
	}
	for _, p := range w.people {
		if p.State == client.Accepted {
			a.Contacts++
		}
	}
	return a, w.enter("Address")
}

// RenewAddress is model.Cards's.
func (w cards) RenewAddress(ctx context.Context) (client.Address, error) {
	if err := w.enter("RenewAddress"); err != nil {
		return client.Address{}, err
	}
	for i := range w.cards {
		w.cards[i].Former, w.cards[i].Ends = true, w.now.Add(37*24*time.Hour)
	}
	a, err := w.Address(ctx)
	w.renewal = client.Renewal{Since: w.now, Ends: w.now.Add(37 * 24 * time.Hour), Untold: a.Contacts}
	a.Renewal, a.Card = w.renewal, w.AddCard(nil)
	w.Tell(client.AddressChanged{Renewal: w.renewal})
	return a, err
}

// inside is model.Inside.
type inside struct{ *World }

// SetInside changes how the gateway inside the app is doing.
func (w *World) SetInside(s model.InsideState) { w.inside = s }

// State is model.Inside's.
func (w inside) State() model.InsideState { return w.inside }

// Start is model.Inside's.
func (w inside) Start(_ context.Context, open bool) (model.InsideState, error) {
	if err := w.enter("Start"); err != nil {
		return w.inside, err
	}
	w.inside = model.InsideState{Running: true, Open: open, Reach: []string{"127.0.0.1:7443"}, Accounts: 1}
	w.inside.Address = AddressOf("127.0.0.1", 7443)
	w.inside.Address.Plain = true
	if open {
		w.inside.Address, w.inside.Reach = AddressOf("192.168.1.20", 7443), []string{"192.168.1.20:7443"}
	}
	return w.inside, nil
}

// Stop is model.Inside's.
func (w inside) Stop(context.Context) error {
	w.inside.Running = false
	return w.enter("Stop")
}

// Invite is model.Inside's.
func (w inside) Invite(context.Context) (a card.Address, err error) {
	if err := w.enter("Invite"); err != nil {
		return a, err
	}
	a = w.inside.Address
	secret := hash("invitation")
	a.Invite, err = key.InviteFrom(secret[:16])
	return a, err
}
