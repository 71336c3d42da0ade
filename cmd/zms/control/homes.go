package control

// The types of rows about gateways that could be yours.
const (
	TypeOffer  = "offer"
	TypeHomes  = "homes"
	TypeDirect = "direct"
)

// How a gateway takes people.
const (
	TakesAll     = "all"
	TakesWork    = "work"
	TakesInvited = "invited"
)

// When gateways that are none of one's own are connected to.
const (
	DirectFallback = "fallback"
	DirectAlways   = "always"
	DirectNever    = "never"
)

// Seen is how long things took at a gateway of late, in milliseconds.
type Seen struct {
	// connecting and login, if it was measured.
	ConnectMS float64 `json:"connect_ms,omitempty"`
	// from a message to the gateway's receipt, if it was measured.
	CustodyMS float64 `json:"custody_ms,omitempty"`
	// the same through this gateway at another one, if it was measured.
	ForwardMS float64 `json:"forward_ms,omitempty"`
	// what all that comes to, with how often it failed: 100 is best, 50 half a second of waiting, 0 useless.
	Points int `json:"points"`
}

// Held is how many of your messages a gateway has in custody.
type Held struct {
	// hash of the gateway, 32 hex digits, as a `message` names its holder.
	Holder string `json:"holder"`
	// host:port, if it is one of yours.
	Host string `json:"host,omitempty"`
	// how many.
	Count int `json:"count"`
}

// Offer is a gateway of the network that could be one of yours (`gateway find`).
type Offer struct {
	// `offer`.
	Type string `json:"type"`
	// the gateway's key, 64 hex digits.
	Node string `json:"node"`
	// host:port.
	Host string `json:"host"`
	// its address, for `gateway add`.
	Address string `json:"address"`
	// whom it takes: `all`, `work` (who has their computer work for it) or `invited`.
	Takes string `json:"takes"`
	// the work that it takes, in zero bits.
	Work int `json:"work,omitempty"`
	// whether it brings messages to other gateways, sealed.
	Forwards bool `json:"forwards"`
	// how long it keeps messages, in seconds.
	Retention int64 `json:"retention_s"`
	// how many bytes may wait there.
	Quota uint64 `json:"quota"`
	// how long connecting took, if it was measured.
	TookMS float64 `json:"took_ms,omitempty"`
	// as of a `gateway`.
	Points int `json:"points"`
	// true, if it is in the same network as one of yours, or as a better one.
	Near bool `json:"near,omitempty"`
	// why it could not be reached or did not take you, if so.
	Problem string `json:"problem,omitempty"`
}

// Homes is what `gateway find --add` did.
type Homes struct {
	// `homes`.
	Type string `json:"type"`
	// how many connected gateways were wanted.
	Wanted int `json:"wanted"`
	// how many there are now.
	Have int `json:"have"`
	// list of `gateway` rows: those that were added.
	Added []Gateway `json:"added"`
	// list of `gateway` rows: those that could not be reached and are drained now.
	Drained []Gateway `json:"drained,omitempty"`
	// list of `offer` rows: those that were tried in vain.
	Refused []Offer `json:"refused,omitempty"`
}

// Direct tells whether gateways that are none of yours may be connected to.
type Direct struct {
	// `direct`.
	Type string `json:"type"`
	// `fallback`: if none of yours can bring a message there; `always`; or `never`.
	Direct string `json:"direct"`
}

func (*Offer) row()  {}
func (*Homes) row()  {}
func (*Direct) row() {}
