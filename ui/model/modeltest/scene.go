package modeltest

import (
	"fmt"
	"time"

	"zeroms/client"
	"zeroms/ui/model"
)

// day is a day, for how long ago something was.
const day = 24 * time.Hour

// furnish is the profile of the drawings: Lin Wei is verified, wrote 3 messages that
// are not read and has 2 that are missing; two strangers want to write; one person is
// blocked; one gateway is down.
func (w *World) furnish() {
	for _, host := range []string{"gw.linwei.example", "gw.example.org", "home.mira.example"} {
		w.gateways = append(w.gateways, w.homeAt(AddressOf(host, 443)))
	}
	w.gateways[0].Held, w.gateways[0].Taken = 2, 31
	last := &w.gateways[2]
	last.Up, last.Current, last.Since, last.Retry = false, false, w.now.Add(-12*time.Minute), w.now.Add(8*time.Second)
	last.Problem, last.Faults, last.Used = "the connection was refused; is the gateway running?", 1, 250<<20
	last.Seen.Points, last.Published.Days, last.Published.Missing = 41, -1, 8
	last.Published.Problem = "it could not be reached"

	w.AddCard(func(c *client.Card) { c.Created = w.now.Add(-20 * day) })
	w.AddCard(func(c *client.Card) { c.Created, c.Revoked, c.Text, c.Bare = w.now.Add(-9*day), true, "", "" })
	w.AddCard(func(c *client.Card) { c.Created, c.Expires = w.now.Add(-2*day), w.now.Add(28*day) })
	w.AddCard(func(c *client.Card) { c.Created, c.Public = w.now.Add(-day), true })

	w.Neighbours = []model.Neighbour{
		{Address: AddressOf("192.168.1.30", 7443), Open: true, Took: 1200 * time.Microsecond},
		{Address: AddressOf("192.168.1.31", 7443), Took: 3 * time.Millisecond},
	}
	for i, host := range []string{"relay.example.net", "zms.example.com"} {
		o := client.Offer{Address: AddressOf(host, 443), Retention: 30 * day, Quota: 256 << 20, Took: time.Duration(21+i*14) * time.Millisecond, Points: 90 - i}
		o.Flags = 1
		w.Offers = append(w.Offers, o)
	}
	w.settle()
	w.strangers()
}

// settle is the people of the drawings.
func (w *World) settle() {
	lin := w.join("Lin Wei")
	lin.Verified, lin.Unread = true, 3
	clock := func(h, m int) time.Duration {
		return w.now.Sub(time.Date(w.now.Year(), w.now.Month(), w.now.Day(), h, m, 0, 0, w.now.Location()))
	}
	for _, l := range []Line{
		{Text: "Shall we try the new gateways on Friday?", Ago: 2*day + time.Hour},
		{Own: true, Text: "Yes. I will bring my card.", Ago: 2*day + 50*time.Minute, State: client.Read},
		{Text: "Hi! This is my new gateway.", Ago: clock(12, 36)},
		{Text: "The one at home sits behind the router, the public one is my offline proxy.", Ago: clock(12, 36)},
		{Own: true, Text: "Got it. I added two as well; nobody can tell which one I am behind.", Ago: clock(12, 37), State: client.Read},
		{Text: "Right: the record always shows sixteen places 🙂", Ago: clock(12, 39)},
		{Own: true, Text: "End to end in 0.8 ms. The name holds.", Ago: clock(12, 40), State: client.Read},
		{Text: "That was the third gateway this week.", Ago: clock(12, 40)},
		{Text: "好的，我这边也换好了。", Ago: clock(12, 41)},
		{Text: "Scanned it. The safety codes match", Ago: clock(12, 41)},
	} {
		w.Put(lin.ID, l)
	}
	lin.read, lin.readAt = lin.mine, w.now
	lin.gaps = []client.Gap{{Contact: lin.ID, Device: lin.device, From: 4, To: 5, State: client.GapAsking, Height: 6, Since: w.now.Add(-time.Minute), Asked: 1, AskedAt: w.now.Add(-time.Minute)}}

	for _, c := range []struct {
		name string
		line Line
		edit func(*client.Contact)
	}{
		{"Émile", Line{Own: true, Text: "Le passage est à 18 h 04", Ago: clock(12, 30), State: client.Read}, func(c *client.Contact) { c.Verified = true }},
		{"Gateway operators", Line{Text: "Обновил шлюз, всё работает, проверьте у себя", Ago: clock(11, 58)}, func(c *client.Contact) { c.Unread = 12 }},
		{"Борис", Line{Own: true, Text: "Держится у двух шлюзов", Ago: clock(10, 12), State: client.InCustody}, nil},
		{"林薇", Line{Text: "网关地址 gw.example.org", Ago: day + time.Hour}, nil},
		{"Ana Sousa", Line{Own: true, Text: "the train is late", Ago: 2 * day}, nil},
		{"Noor", Line{Text: "ok, tomorrow", Ago: 4 * day}, nil},
		{"Kaveh", Line{Text: "Send me what you have.", Ago: 4*day + time.Hour}, nil},
		{"Zoltán", Line{Own: true, Text: "Is this still your gateway?", Ago: 33 * day, State: client.NotDelivered}, nil},
		{"Oluwaseun", Line{Own: true, Text: "This one was refused.", Ago: 34 * day, State: client.Failed}, func(c *client.Contact) { c.Problem = "their gateway refuses; ask them for a new card" }},
	} {
		p := w.join(c.name)
		w.Put(p.ID, c.line)
		if c.edit != nil {
			c.edit(&p.Contact)
		}
	}
	w.chats[w.ID("Kaveh")] = model.Chat{Draft: "about the mesh: there is a second antenna"}
	w.chats[w.ID("Gateway operators")] = model.Chat{Muted: true}
}

// strangers are two requests and somebody who is blocked.
func (w *World) strangers() {
	for i, name := range []string{"Ingrid", "Tomáš"} {
		p := w.join(name)
		p.State, p.Answered, p.Unread, p.Via = client.Requested, false, 1, w.cards[0].ID
		w.Put(p.ID, Line{Text: "Hello, I have your card from the meeting in Brno.", Ago: 3*day + time.Duration(2-i)*time.Hour})
	}
	p := w.join("Spam & Sons")
	p.State = client.Blocked
	w.Put(p.ID, Line{Text: "Buy now", Ago: 5 * day})
}

// crowd adds n contacts with so many messages in all.
func (w *World) crowd(n, messages int) {
	for i := range n {
		p := w.join(fmt.Sprintf("%s %s %d", forenames[i%len(forenames)], surnames[i/len(forenames)%len(surnames)], i))
		p.made = uint32(messages / n)
		switch {
		case i == n-1 && n%2 == 1:
		case i%2 == 0:
			p.made += p.made - min(p.made, 4)
		default:
			p.made = min(p.made, 4)
		}
		p.height, p.mine, p.theirs, p.Verified = p.made, (p.made+1)/2, (p.made+1)/2, i%5 == 0
	}
}

// Names of people in a crowd.
var (
	forenames = []string{"Ada", "Björn", "Chen", "Dmitri", "Élodie", "Farah", "Goran", "Hồng", "Ilse", "João", "Kenji", "陈静", "Łukasz", "Maya", "Núria", "Олена", "王芳", "Rania", "Søren", "Tariq"}
	surnames  = []string{"Adeyemi", "Brandt", "Castillo", "Dvořák", "Eriksson", "Fournier", "Grünwald", "Haddad", "Ivanova", "Jensen"}
)
