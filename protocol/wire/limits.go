package wire

import "time"

// Limits of the encoding, in bytes or items; the same for every implementation.
const (
	MaxNesting  = 8        // depth of arrays and maps
	MaxElements = 4096     // elements of one array or map
	MaxFrame    = 96 << 10 // one frame
	MaxMessage  = 1 << 20  // one link message: a sequence of frames
	MaxEnvelope = 64 << 10
	MaxObject   = 4 << 10 // a signed object, unless its own document says less
	MaxProfile  = 16 << 10

	RecordSize    = 1024     // an address record, exactly
	MaxDescriptor = 4 << 10  // a gateway descriptor
	MaxContacts   = 40       // in one answer
	MaxStores     = 32       // records in one Store or Publish
	MaxStoreBytes = 80 << 10 // of these records together
	MaxDeposits   = 80       // records in one DepositPut
	MaxDeposited  = 1024     // states in one Deposits
	MaxGateways   = 20       // in one Gateways

	MaxHost = 249 // bytes of a gateway's host, as in cards

	EncapsulationSize = 1120 // X-Wing: ML-KEM-768 1088 | X25519 32
	ChannelIDSize     = 16
	// ForwardPadding is what the encapsulation and the sealed bytes of a forwarded
	// request have together beyond the envelope class that it is padded to.
	ForwardPadding = 1280
	MaxSealed      = MaxEnvelope + ForwardPadding // of a forwarded request or answer
)

// Limits of time.
const (
	ClockTolerance = 24 * time.Hour
	DedupeWindow   = 32 * 24 * time.Hour // how long (drop, envelope hash) is remembered
	MaxRetention   = 30 * 24 * time.Hour
	DoorPending    = 32 // envelopes waiting at one front door
	DoorPerInit    = 3  // of them with one encapsulation
)

// Limits are what a gateway announces in its hello and enforces on the link.
type Limits struct {
	// Frame and Message bound what the gateway reads, in bytes.
	Frame   uint32 `cbor:"1,keyasint"`
	Message uint32 `cbor:"2,keyasint"`
	// InFlight is how many submissions of one link may be without an answer.
	InFlight uint32 `cbor:"3,keyasint"`
	// PushWindow is how many pushed bytes may be without an acknowledgement.
	PushWindow uint32 `cbor:"4,keyasint"`
	// Retention is how long an envelope is kept at most, in seconds.
	Retention uint64 `cbor:"5,keyasint"`
	// Quota is how many bytes of envelopes an account may have waiting.
	Quota uint64 `cbor:"6,keyasint"`
	// Drops and Doors bound what one account may register.
	Drops uint32 `cbor:"7,keyasint"`
	Doors uint32 `cbor:"8,keyasint"`
	// Devices bounds the login keys of one account.
	Devices uint32 `cbor:"9,keyasint"`
	// Profiles bounds the profile blobs of one account.
	Profiles uint32 `cbor:"10,keyasint"`
	// RegisterBits is the work that stands for an invite (WorkBits); 0: the
	// gateway takes none, and whether it asks for an invite is its own affair.
	RegisterBits uint8 `cbor:"11,keyasint"`
}
