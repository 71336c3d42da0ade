package lan

import (
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Service is the type of the service, by the rules of RFC 6763 section 7.
const Service = "_zeroms._udp"

const (
	domain      = "local."
	service     = Service + "." + domain
	enumeration = "_services._dns-sd._udp." + domain
	nameStart   = "zms-"
)

// Limits of what is read and written.
const (
	maxPacket  = 9000 // bytes (RFC 6762 section 17)
	maxRecords = 64   // of one packet are looked at
	maxKnown   = 12   // gateways that a question names as known
)

// How long others may remember records (RFC 6762 section 10), in seconds: those
// that name a host, and all others.
const (
	hostTTL  = 120
	otherTTL = 4500
)

// flush is the bit of a record's class that tells that it is the only one of its
// name and type (RFC 6762 section 10.2).
const flush = dnsmessage.Class(1 << 15)

// label is the first label of a gateway's names.
func label(node key.NodePublic) string {
	h := key.GatewayHashOf(node)
	return nameStart + hex.EncodeToString(h[:8])
}

func instanceOf(node key.NodePublic) string { return label(node) + "." + service }

func hostOf(node key.NodePublic) string { return label(node) + "." + domain }

// text is the strings of the TXT record.
func text(network key.Network, c wire.Contact) []string {
	return []string{"txtvers=1", "net=" + hex.EncodeToString(network[:]), "c=" + base64.RawURLEncoding.EncodeToString(c.AppendTo(nil))}
}

// member is a gateway and the network that it says to be of.
type member struct {
	network key.Network
	contact wire.Contact
}

// parseText reads the strings of a TXT record. false: it is of another version, or
// holds no network or no contact with an address.
func parseText(texts []string) (m member, ok bool) {
	var version, net, contact string
	for i := len(texts) - 1; i >= 0; i-- { // the first of several counts (RFC 6763 section 6.4)
		name, value, _ := strings.Cut(texts[i], "=")
		switch strings.ToLower(name) {
		case "txtvers":
			version = value
		case "net":
			net = value
		case "c":
			contact = value
		}
	}
	if version != "1" || len(net) != hex.EncodedLen(len(m.network)) || len(contact) != base64.RawURLEncoding.EncodedLen(wire.ContactSize) {
		return m, false
	}
	if _, err := hex.Decode(m.network[:], []byte(net)); err != nil || m.network == (key.Network{}) || net != hex.EncodeToString(m.network[:]) {
		return m, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(contact)
	if err != nil {
		return m, false
	}
	m.contact, err = wire.ParseContact(b)
	return m, err == nil && m.contact.Addr.IsValid()
}

// announcement is what a gateway tells of itself, in one packet. As a goodbye it
// tells that this no longer holds. It fails for nothing that New lets pass.
func announcement(network key.Network, c wire.Contact, goodbye bool) []byte {
	ttl := func(seconds uint32) uint32 {
		if goodbye {
			return 0
		}
		return seconds
	}
	instance, host := dnsmessage.MustNewName(instanceOf(c.Node)), dnsmessage.MustNewName(hostOf(c.Node))
	of := func(name dnsmessage.Name, class dnsmessage.Class, seconds uint32) dnsmessage.ResourceHeader {
		return dnsmessage.ResourceHeader{Name: name, Class: class, TTL: ttl(seconds)}
	}
	m := dnsmessage.Message{
		Header: dnsmessage.Header{Response: true, Authoritative: true},
		Answers: []dnsmessage.Resource{
			{Header: of(dnsmessage.MustNewName(service), dnsmessage.ClassINET, otherTTL), Body: &dnsmessage.PTRResource{PTR: instance}},
			{Header: of(instance, dnsmessage.ClassINET|flush, hostTTL), Body: &dnsmessage.SRVResource{Port: c.Addr.Port(), Target: host}},
			{Header: of(instance, dnsmessage.ClassINET|flush, otherTTL), Body: &dnsmessage.TXTResource{TXT: text(network, c)}},
		},
	}
	if !goodbye { // the service itself may have other instances
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: of(dnsmessage.MustNewName(enumeration), dnsmessage.ClassINET, otherTTL), Body: &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(service)},
		})
	}
	address := dnsmessage.Resource{Header: of(host, dnsmessage.ClassINET|flush, hostTTL)}
	if ip := c.Addr.Addr(); ip.Is4() {
		address.Body = &dnsmessage.AResource{A: ip.As4()}
	} else {
		address.Body = &dnsmessage.AAAAResource{AAAA: ip.As16()}
	}
	m.Answers = append(m.Answers, address)
	b, err := m.Pack()
	if err != nil {
		panic("lan: " + err.Error())
	}
	return b
}

// known is a gateway that need not answer: it was heard of, and for how long that
// still holds.
type known struct {
	node key.NodePublic
	left time.Duration
}

// question asks who is there.
func question(those []known) []byte {
	name := dnsmessage.MustNewName(service)
	m := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypePTR, Class: dnsmessage.ClassINET}}}
	for _, k := range those[:min(len(those), maxKnown)] {
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: uint32(k.left / time.Second)},
			Body:   &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(instanceOf(k.node))},
		})
	}
	b, err := m.Pack()
	if err != nil {
		panic("lan: " + err.Error())
	}
	return b
}

// said is what a packet says that concerns us.
type said struct {
	asks    bool // for what we announce
	more    bool // more known answers follow
	members []member
}

// listen reads a packet; me is nil if nothing is announced. What is no packet of
// this kind says nothing.
func listen(b []byte, me *wire.Contact) (s said) {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil || h.OpCode != 0 || h.RCode != dnsmessage.RCodeSuccess {
		return said{}
	}
	if h.Response {
		return said{members: answers(&p)}
	}
	if me == nil {
		return said{}
	}
	asks, browses := questions(&p, me.Node)
	if !asks && browses && !knows(&p, me.Node) {
		asks = true
	}
	return said{asks: asks, more: h.Truncated}
}

// questions reports whether a question is about the gateway's own names, and
// whether one is about the service.
func questions(p *dnsmessage.Parser, me key.NodePublic) (own, browses bool) {
	for range maxRecords {
		q, err := p.Question()
		if err != nil {
			break
		}
		if class := q.Class &^ flush; class != dnsmessage.ClassINET && class != dnsmessage.ClassANY {
			continue
		}
		is := func(name string, types ...dnsmessage.Type) bool {
			if !strings.EqualFold(q.Name.String(), name) {
				return false
			}
			for _, t := range append(types, dnsmessage.TypeALL) {
				if q.Type == t {
					return true
				}
			}
			return false
		}
		browses = browses || is(service, dnsmessage.TypePTR)
		own = own || is(enumeration, dnsmessage.TypePTR) || is(instanceOf(me), dnsmessage.TypeSRV, dnsmessage.TypeTXT) ||
			is(hostOf(me), dnsmessage.TypeA, dnsmessage.TypeAAAA)
	}
	return own, browses
}

// knows reports whether whoever asks names the gateway as known, for at least half
// of its time yet (RFC 6762 section 7.1).
func knows(p *dnsmessage.Parser, me key.NodePublic) bool {
	if p.SkipAllQuestions() != nil {
		return false
	}
	for range maxRecords {
		h, err := p.AnswerHeader()
		if err != nil {
			return false
		}
		if h.Type != dnsmessage.TypePTR {
			if p.SkipAnswer() != nil {
				return false
			}
			continue
		}
		r, err := p.PTRResource()
		if err != nil {
			return false
		}
		if h.TTL >= otherTTL/2 && strings.EqualFold(h.Name.String(), service) && strings.EqualFold(r.PTR.String(), instanceOf(me)) {
			return true
		}
	}
	return false
}

// answers are the gateways that an answer names: each under the name that belongs to
// its key.
func answers(p *dnsmessage.Parser) (out []member) {
	if p.SkipAllQuestions() != nil {
		return nil
	}
	left := maxRecords
	take := func(header func() (dnsmessage.ResourceHeader, error), skip func() error) bool {
		for ; left > 0; left-- {
			h, err := header()
			if err == dnsmessage.ErrSectionDone {
				return true
			}
			if err != nil {
				return false
			}
			if h.Type != dnsmessage.TypeTXT || h.Class&^flush != dnsmessage.ClassINET || h.TTL == 0 {
				if skip() != nil {
					return false
				}
				continue
			}
			r, err := p.TXTResource()
			if err != nil {
				return false
			}
			if m, ok := parseText(r.TXT); ok && strings.EqualFold(h.Name.String(), instanceOf(m.contact.Node)) {
				out = append(out, m)
			}
		}
		return false
	}
	if take(p.AnswerHeader, p.SkipAnswer) && p.SkipAllAuthorities() == nil {
		take(p.AdditionalHeader, p.SkipAdditional)
	}
	return out
}

// from reports whether what is found at an address may come from there.
func from(c wire.Contact, source netip.Addr) bool {
	a := c.Addr.Addr()
	return a == source || a.IsLoopback() && source.IsLoopback()
}
