package key

// Label names one use of the key derivation function. The info string of HKDF
// is "zms/1/" followed by the label, a zero byte and the use's own context.
type Label string

// Context names one kind of signature (docs/protocol/keys.md, "Signatures").
type Context string

// Prefix names one kind of hash (docs/protocol/keys.md, "Hashes").
type Prefix string

// The labels of the key derivation function, unique among themselves.
const (
	LabelIdentity       Label = "identity"        // seed -> identity key seed
	LabelBackup         Label = "backup"          // seed -> backup key
	LabelSelfKey        Label = "self-key"        // seed -> key of the self conversation
	LabelSelfDrop       Label = "self-drop"       // self key -> drop secret of the self conversation
	LabelDeviceSign     Label = "device-sign"     // device secret -> DSK seed
	LabelMailbox        Label = "mailbox"         // seed, node key -> MK seed
	LabelLoginKey       Label = "login-key"       // device secret, node key -> LK seed
	LabelCursor         Label = "cursor"          // device secret, node key -> cursor id
	LabelDrop           Label = "drop"            // W, node key -> drop
	LabelDropCapability Label = "drop-capability" // W, node key -> capability
	LabelDoor           Label = "door"            // door secret, node key -> x
	LabelDoorCapability Label = "door-capability" // door secret, node key -> capability
	LabelCardID         Label = "card-id"         // door secret -> card id
	LabelSession        Label = "session"         // HPKE export, door secret -> RK, HKa, NHKb
	LabelRoot           Label = "root"            // root step
	LabelTag            Label = "tag"             // header key -> tag key
	LabelHeader         Label = "header"          // header key -> header cipher key
	LabelCommit         Label = "commit"          // CEK -> commitment
	LabelBody           Label = "body"            // CEK -> body cipher key
	LabelWrap           Label = "wrap"            // message key -> wrap cipher key
	LabelProfileBlind   Label = "profile-blind"   // A, S -> blinding factor of the profile name
	LabelProfileKey     Label = "profile-key"     // A, S -> profile cipher key
	LabelPQConfirm      Label = "pq-confirm"      // post-quantum secret -> its confirmation
	LabelArchive        Label = "archive"         // backup key or passphrase key, salt -> key of an exported archive
	LabelBlind          Label = "blind"           // A, S -> blinding factor of an address record
	LabelAddressBody    Label = "address-body"    // A, S -> cipher key of an address record
	LabelReset          Label = "reset"           // node seed -> key of QUIC's stateless resets, never shown
	LabelSafe           Label = "safe"            // backup key, node key -> key that names and seals the safe at a home
)

// The contexts of signatures, unique among themselves.
const (
	ContextDeviceList   Context = "zms/1/device-list"   // IK over an entry of the device list
	ContextDeviceJoin   Context = "zms/1/device-join"   // DSK joins an entry
	ContextBundle       Context = "zms/1/bundle"        // DSK over its prekey bundle
	ContextInit         Context = "zms/1/init"          // DSK over a handshake
	ContextMessage      Context = "zms/1/message"       // DSK over a message header
	ContextProfile      Context = "zms/1/profile-blob"  // DSK over the profile's content
	ContextProfileClaim Context = "zms/1/profile-claim" // P_g claims its blob
	ContextDoorClaim    Context = "zms/1/door-claim"    // P_g claims a door
	ContextBlindProfile Context = "zms/1/profile"       // blinding context of profile names
	ContextEnrol        Context = "zms/1/enrol"         // MK over a login key's enrolment or removal
	ContextMailbox      Context = "zms/1/mailbox"       // LK over a drop or door object
	ContextLogin        Context = "zms/1/login"         // LK over a link's login
	ContextMailboxAck   Context = "zms/1/mailbox-ack"   // LK over an acknowledgement
	ContextCommit       Context = "zms/1/commit"        // node key over a commit tree
	ContextRefusal      Context = "zms/1/refusal"       // node key over a refusal
	ContextDropState    Context = "zms/1/drop-state"    // node key over the state of a drop
	ContextAddress      Context = "zms/1/address"       // A' over an address record; blinding context of A' too
	ContextDescriptor   Context = "zms/1/descriptor"    // node key over a gateway descriptor
)

// The prefixes of hashes, unique among themselves.
const (
	PrefixUserID       Prefix = "zms/1/user-id"
	PrefixCard         Prefix = "zms/1/card"
	PrefixGateway      Prefix = "zms/1/gateway"
	PrefixNodeKey      Prefix = "zms/1/node-key"
	PrefixSafety       Prefix = "zms/1/safety-number"
	PrefixTranscript   Prefix = "zms/1/th"
	PrefixInitInfo     Prefix = "zms/1/init"
	PrefixHint         Prefix = "zms/1/hint"
	PrefixMessageID    Prefix = "zms/1/id"
	PrefixFirst        Prefix = "zms/1/first"
	PrefixConvPair     Prefix = "zms/1/conv-pair"
	PrefixConvGroup    Prefix = "zms/1/conv-group"
	PrefixConvSelf     Prefix = "zms/1/conv-self"
	PrefixDoor         Prefix = "zms/1/door"
	PrefixMailboxHead  Prefix = "zms/1/mailbox-head"
	PrefixDropHead     Prefix = "zms/1/drop-head"
	PrefixDropStart    Prefix = "zms/1/drop-start"
	PrefixAccount      Prefix = "zms/1/account"
	PrefixDoorWork     Prefix = "zms/1/work"
	PrefixRegisterWork Prefix = "zms/1/register-work"
	PrefixNodeID       Prefix = "zms/1/node"
	PrefixPosition     Prefix = "zms/1/position"
	PrefixDescriptor   Prefix = "zms/1/descriptor"
	PrefixStamp        Prefix = "zms/1/stamp"
	PrefixForwardInfo  Prefix = "zms/1/forward"
)

// ExporterLogin is the label of the TLS exporter that binds a login to its
// connection (RFC 8446 section 7.5); its context is empty and its length 32.
const ExporterLogin = "EXPORTER-zms-1-login"

// PuzzleSalt is the salt of the memory-hard puzzle of node IDs (docs/protocol/dht.md).
const PuzzleSalt = "zms/1/node-puzzle"

// The labels of HPKE exports (RFC 9180 section 5.3) of a channel.
const (
	ExportForward     = "zms/1/forward"      // key of requests
	ExportForwardBack = "zms/1/forward-back" // key of answers
	ExportForwardID   = "zms/1/forward-id"   // the channel's id
)
