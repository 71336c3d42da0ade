package jsonframe

import (
	"slices"

	"zeroms/protocol/wire"
)

// Field is one value of a payload or of a signed body, under its name.
type Field struct {
	Name  string
	Value Value
}

// Value is where the value of a Field lies: *uint8, *uint16, *uint32, *uint64,
// *bool, *string, Fixed, *[]byte, Record or List.
type Value any

// Fixed is a byte string that always has this length.
type Fixed []byte

// Record is the fields of a map or struct in the order of their keys.
type Record []Field

// List is a list of values of one kind.
type List struct {
	Len func() int
	At  func(i int) Value
	add func() Value // makes the list longer by one value
}

func listOf[T any](list *[]T, value func(*T) Value) List {
	return List{
		Len: func() int { return len(*list) },
		At:  func(i int) Value { return value(&(*list)[i]) },
		add: func() Value {
			*list = append(*list, *new(T))
			return value(&(*list)[len(*list)-1])
		},
	}
}

// form is one type of frame: its name and the fields of its payload.
type form struct {
	name   string
	empty  func() wire.Payload
	fields func(wire.Payload) Record
}

// frame makes the form of the frames with payload T.
func frame[T any, P interface {
	*T
	wire.Payload
}](name string, fields func(P) Record) form {
	return form{
		name:   name,
		empty:  func() wire.Payload { return P(new(T)) },
		fields: func(p wire.Payload) Record { return fields(p.(P)) },
	}
}

// forms are all frames, by their types.
var forms = []form{
	frame("client_hello", func(p *wire.ClientHello) Record {
		return Record{
			{"min_version", &p.MinVersion}, {"max_version", &p.MaxVersion}, {"network", Fixed(p.Network[:])},
			{"random", Fixed(p.Random[:])}, {"node", &p.Node}, {"gateway", &p.Gateway},
		}
	}),
	frame("server_hello", func(p *wire.ServerHello) Record {
		return Record{
			{"version", &p.Version}, {"network", Fixed(p.Network[:])}, {"random", Fixed(p.Random[:])},
			{"node", Fixed(p.Node[:])}, {"time", &p.Time}, {"limits", limits(&p.Limits)},
			{"descriptor", &p.Descriptor},
		}
	}),
	frame("register", func(p *wire.Register) Record {
		return Record{{"object", object(&p.Object)}, {"invite", &p.Invite}, {"work", &p.Work}}
	}),
	frame("login", func(p *wire.Login) Record {
		return Record{{"key", Fixed(p.Key[:])}, {"sig", &p.Sig}}
	}),
	frame("welcome", func(p *wire.Welcome) Record {
		return Record{
			{"tag", Fixed(p.Tag[:])}, {"cursor", Fixed(p.Cursor[:])}, {"r", Fixed(p.R[:])},
			{"used", &p.Used}, {"quota", &p.Quota}, {"sig", &p.Sig},
		}
	}),
	frame("enrolment", func(p *wire.EnrolmentChange) Record { return Record{{"object", object(&p.Object)}} }),
	frame("drop_put", func(p *wire.DropPut) Record {
		return Record{{"object", object(&p.Object)}, {"capability", Fixed(p.Capability[:])}}
	}),
	frame("door_put", func(p *wire.DoorPut) Record {
		return Record{
			{"object", object(&p.Object)}, {"capability", Fixed(p.Capability[:])}, {"profile", Fixed(p.Profile[:])},
			{"x", Fixed(p.X[:])}, {"number", &p.Number}, {"claim", &p.Claim}, {"bits", &p.Bits},
		}
	}),
	frame("drop_delete", func(p *wire.DropDelete) Record { return Record{{"object", object(&p.Object)}} }),
	frame("submit", func(p *wire.Submit) Record {
		return Record{{"drop", Fixed(p.Drop[:])}, {"mac", Fixed(p.MAC[:])}, {"envelope", &p.Envelope}, {"work", &p.Work}}
	}),
	frame("commit", func(p *wire.Commit) Record {
		return Record{
			{"leaves", &p.Leaves}, {"time", &p.Time}, {"sig", &p.Sig},
			{"path", listOf(&p.Path, func(hash *[32]byte) Value { return Fixed(hash[:]) })},
			{"items", listOf(&p.Items, func(i *wire.CommitItem) Value {
				return Record{{"id", &i.ID}, {"index", &i.Index}, {"leaf", &i.Leaf}}
			})},
		}
	}),
	frame("refused", func(p *wire.Refused) Record { return Record{{"object", object(&p.Object)}} }),
	frame("push", func(p *wire.Push) Record {
		return Record{
			{"position", Fixed(p.Position[:])}, {"kind", &p.Kind}, {"drop", Fixed(p.Drop[:])}, {"k", &p.K},
			{"hash", Fixed(p.Hash[:])}, {"d", Fixed(p.D[:])}, {"time", &p.Time}, {"payload", &p.Payload},
		}
	}),
	frame("ack", func(p *wire.Ack) Record {
		return Record{{"upto", Fixed(p.Upto[:])}, {"r", Fixed(p.R[:])}, {"sig", &p.Sig}}
	}),
	frame("head_get", func(*wire.HeadGet) Record { return nil }),
	frame("state_get", func(p *wire.StateGet) Record {
		return Record{{"drop", Fixed(p.Drop[:])}, {"asked", Fixed(p.Asked[:])}, {"k", &p.K}, {"d0", Fixed(p.D0[:])}}
	}),
	frame("state", func(p *wire.State) Record {
		return Record{{"object", object(&p.Object)}, {"acks", listOf(&p.Acks, func(sig *[]byte) Value { return sig })}}
	}),
	frame("profile_put", func(p *wire.ProfilePut) Record {
		return Record{{"name", Fixed(p.Name[:])}, {"number", &p.Number}, {"claim", &p.Claim}, {"blob", &p.Blob}}
	}),
	frame("profile_get", func(p *wire.ProfileGet) Record { return Record{{"name", Fixed(p.Name[:])}} }),
	frame("profile", func(p *wire.Profile) Record { return Record{{"blob", &p.Blob}} }),
	frame("ok", func(*wire.OK) Record { return nil }),
	frame("error", func(p *wire.Failure) Record { return Record{{"code", (*uint16)(&p.Code)}, {"detail", &p.Detail}} }),

	frame("ping", func(*wire.Ping) Record { return nil }),
	frame("pong", func(p *wire.Pong) Record { return Record{{"seen", Fixed(p.Seen[:])}} }),
	frame("find_node", func(p *wire.FindNode) Record { return Record{{"target", Fixed(p.Target[:])}} }),
	frame("nodes", func(p *wire.Nodes) Record { return Record{{"contacts", &p.Contacts}} }),
	frame("find_value", func(p *wire.FindValue) Record { return Record{{"key", Fixed(p.Key[:])}} }),
	frame("value", func(p *wire.Value) Record { return Record{{"record", &p.Record}, {"contacts", &p.Contacts}} }),
	frame("store", func(p *wire.Store) Record { return Record{{"items", storeItems(&p.Items)}} }),
	frame("stored", func(p *wire.Stored) Record {
		return Record{{"codes", listOf(&p.Codes, func(code *uint16) Value { return code })}}
	}),
	frame("reach", func(p *wire.Reach) Record { return Record{{"contact", Fixed(p.Contact[:])}} }),
	frame("publish", func(p *wire.Publish) Record { return Record{{"items", storeItems(&p.Items)}, {"wide", &p.Wide}} }),
	frame("published", func(p *wire.Published) Record { return Record{{"holders", &p.Holders}} }),
	frame("relay", relay),
	frame("forward", func(p *wire.Forward) Record {
		return append(Record{{"target", Fixed(p.Target[:])}, {"host", &p.Host}, {"port", &p.Port}}, relay(&p.Relay)...)
	}),
	frame("forwarded", func(p *wire.Forwarded) Record {
		return Record{{"channel", Fixed(p.Channel[:])}, {"n", &p.N}, {"nonce", Fixed(p.Nonce[:])}, {"sealed", &p.Sealed}}
	}),
	frame("record_get", func(p *wire.RecordGet) Record {
		return Record{{"name", Fixed(p.Name[:])}, {"day", &p.Day}, {"fresh", &p.Fresh}}
	}),
	frame("record", func(p *wire.Record) Record { return Record{{"record", &p.Record}} }),
	frame("deposit_put", func(p *wire.DepositPut) Record {
		return Record{{"items", listOf(&p.Items, func(d *wire.Deposit) Value {
			return Record{{"name", Fixed(d.Name[:])}, {"day", &d.Day}, {"first", &d.First}, {"last", &d.Last}, {"record", &d.Record}}
		})}}
	}),
	frame("deposits_get", func(*wire.DepositsGet) Record { return nil }),
	frame("deposits", func(p *wire.Deposits) Record {
		return Record{{"items", listOf(&p.Items, func(d *wire.Deposited) Value {
			return Record{
				{"name", Fixed(d.Name[:])}, {"day", &d.Day}, {"seq", &d.Seq},
				{"holders", &d.Holders}, {"stored", &d.Stored}, {"verified", &d.Verified},
			}
		})}}
	}),
	frame("descriptor_get", func(p *wire.DescriptorGet) Record {
		return Record{{"node", &p.Node}, {"host", &p.Host}, {"port", &p.Port}}
	}),
	frame("descriptor", func(p *wire.Descriptor) Record { return Record{{"object", &p.Object}} }),
	frame("gateways_get", func(p *wire.GatewaysGet) Record { return Record{{"count", &p.Count}} }),
	frame("gateways", func(p *wire.Gateways) Record {
		return Record{{"objects", listOf(&p.Objects, func(object *[]byte) Value { return object })}}
	}),
}

// relay is the fields of a relay, which a forward has too.
func relay(p *wire.Relay) Record {
	return Record{{"channel", Fixed(p.Channel[:])}, {"n", &p.N}, {"encapsulation", &p.Encapsulation}, {"sealed", &p.Sealed}}
}

func storeItems(items *[]wire.StoreItem) List {
	return listOf(items, func(i *wire.StoreItem) Value {
		return Record{{"record", &i.Record}, {"index", &i.Index}, {"stamp", &i.Stamp}}
	})
}

func object(o *wire.Object) Record { return Record{{"body", &o.Body}, {"sig", &o.Sig}} }

func limits(l *wire.Limits) Record {
	return Record{
		{"frame", &l.Frame}, {"message", &l.Message}, {"in_flight", &l.InFlight}, {"push_window", &l.PushWindow},
		{"retention", &l.Retention}, {"quota", &l.Quota}, {"drops", &l.Drops}, {"doors", &l.Doors},
		{"devices", &l.Devices}, {"profiles", &l.Profiles}, {"register_bits", &l.RegisterBits},
	}
}

// Types are the types of frames that have a form, ascending.
func Types() []wire.Type {
	var out []wire.Type
	for _, f := range forms {
		out = append(out, f.empty().Type())
	}
	slices.Sort(out)
	return out
}

// Name is the name of a type of frames. It reports false for a type that has none.
func Name(t wire.Type) (string, bool) {
	if f := byType(t); f != nil {
		return f.name, true
	}
	return "", false
}

// Empty makes an empty payload for frames of a type; nil if the type has no form.
func Empty(t wire.Type) wire.Payload {
	if f := byType(t); f != nil {
		return f.empty()
	}
	return nil
}

// Fields are the fields of a payload, with places in it as their values; none
// if its type has no form.
func Fields(p wire.Payload) Record {
	if f := byType(p.Type()); f != nil {
		return f.fields(p)
	}
	return nil
}

// Body is the fields of the body of a signed object, which travels as CBOR: of
// *wire.Enrolment, *wire.DropObject, *wire.Refusal or *wire.DropState.
func Body(body any) Record {
	switch b := body.(type) {
	case *wire.Enrolment:
		return Record{
			{"op", &b.Op}, {"account", Fixed(b.Account[:])}, {"login", Fixed(b.Login[:])}, {"cursor", Fixed(b.Cursor[:])}, {"time", &b.Time},
		}
	case *wire.DropObject:
		return Record{
			{"op", &b.Op}, {"account", Fixed(b.Account[:])}, {"drop", Fixed(b.Drop[:])},
			{"capability_hash", Fixed(b.CapabilityHash[:])}, {"time", &b.Time},
		}
	case *wire.Refusal:
		return Record{
			{"node", Fixed(b.Node[:])}, {"drop_hash", Fixed(b.DropHash[:])}, {"envelope_hash", Fixed(b.EnvelopeHash[:])},
			{"code", (*uint16)(&b.Code)}, {"time", &b.Time}, {"bits", &b.Bits},
		}
	case *wire.DropState:
		return state(b)
	}
	return nil
}

func state(b *wire.DropState) Record {
	return Record{
		{"node", Fixed(b.Node[:])}, {"tag", Fixed(b.Tag[:])}, {"drop_hash", Fixed(b.DropHash[:])}, {"d0", Fixed(b.D0[:])},
		{"start", Fixed(b.Start[:])}, {"low", &b.Low}, {"k", &b.K}, {"d", Fixed(b.D[:])}, {"head", Fixed(b.Head[:])},
		{"r", Fixed(b.R[:])}, {"time", &b.Time}, {"asked", Fixed(b.Asked[:])}, {"asked_k", &b.AskedK},
		{"asked_d", Fixed(b.AskedD[:])}, {"asked_row", Fixed(b.AskedRow[:])},
		{"cursors", listOf(&b.Cursors, func(c *wire.CursorState) Value {
			return Record{
				{"login", Fixed(c.Login[:])}, {"cursor", Fixed(c.Cursor[:])}, {"from", Fixed(c.From[:])},
				{"upto", Fixed(c.Upto[:])}, {"r", Fixed(c.R[:])}, {"ack", Fixed(c.Ack[:])},
			}
		})},
	}
}

// byType finds the form of a type.
func byType(t wire.Type) *form {
	return index.types[t]
}

// byName finds the form of a name.
func byName(name string) *form { return index.names[name] }

// index finds forms by type and by name.
var index = func() (x struct {
	types [256]*form
	names map[string]*form
}) {
	x.names = map[string]*form{}
	for i := range forms {
		f := &forms[i]
		x.types[f.empty().Type()], x.names[f.name] = f, f
	}
	return x
}()
