package wire

// Ping asks whether a gateway is there. Answer: Pong.
type Ping struct{}

// Type is TypePing.
func (*Ping) Type() Type { return TypePing }

// Pong answers a Ping. Seen is the address that the asking gateway came from,
// 16 bytes as in a Contact; zeros if it has none.
type Pong struct {
	Seen [16]byte `cbor:"1,keyasint"`
}

// Type is TypePong.
func (*Pong) Type() Type { return TypePong }

// FindNode asks for the gateways nearest to a place. Answer: Nodes.
type FindNode struct {
	Target [32]byte `cbor:"1,keyasint"`
}

// Type is TypeFindNode.
func (*FindNode) Type() Type { return TypeFindNode }

// Nodes answers a FindNode: contacts of 59 bytes one after another, nearest first,
// at most MaxContacts. Only gateways that the answering one has reached lately.
type Nodes struct {
	Contacts []byte `cbor:"1,keyasint"`
}

// Type is TypeNodes.
func (*Nodes) Type() Type { return TypeNodes }

// FindValue asks for the record at a place. Answer: Value.
type FindValue struct {
	Key [32]byte `cbor:"1,keyasint"`
}

// Type is TypeFindValue.
func (*FindValue) Type() Type { return TypeFindValue }

// Value answers a FindValue. Record is the address record (1024 bytes) or the
// descriptor object (at most MaxDescriptor) that is held there, or empty;
// Contacts are as in Nodes and come in both cases.
type Value struct {
	Record   []byte `cbor:"1,keyasint"`
	Contacts []byte `cbor:"2,keyasint"`
}

// Type is TypeValue.
func (*Value) Type() Type { return TypeValue }

// StoreItem is one record to hold. Which place it belongs to follows from the
// record itself and Index: an address record has several positions, a descriptor
// has the index 0 only.
type StoreItem struct {
	Record []byte `cbor:"1,keyasint"`
	Index  uint8  `cbor:"2,keyasint"`
	// Stamp is work of WorkSize bytes for this place and day (StampSubject); empty
	// where the network asks for none.
	Stamp []byte `cbor:"3,keyasint"`
}

// Store asks a gateway to hold 1..MaxStores records of at most MaxStoreBytes
// together. Answer: Stored.
type Store struct {
	Items []StoreItem `cbor:"1,keyasint"`
}

// Type is TypeStore.
func (*Store) Type() Type { return TypeStore }

// Stored answers a Store: for every item 0, or the Code of why it is not held.
type Stored struct {
	Codes []uint16 `cbor:"1,keyasint"`
}

// Type is TypeStored.
func (*Stored) Type() Type { return TypeStored }

// Reach asks a gateway to connect to the caller at the address of Contact, whose
// key is the caller's and whose IP address is the one that the caller comes from.
// Answer: OK once the key was proved there over every transport named, or Error:
// CodeUnreachable, CodeScope, CodeLimit, CodeBusy if it can't be told from there.
type Reach struct {
	Contact [ContactSize]byte `cbor:"1,keyasint"`
}

// Type is TypeReach.
func (*Reach) Type() Type { return TypeReach }

// Publish asks a gateway to store records in the network for the caller: a home
// gateway does not do that itself, so that holders can't tell whose user a record
// belongs to. Wide asks for the whole region of each place. Answer: Published.
type Publish struct {
	Items []StoreItem `cbor:"1,keyasint"` // as in a Store
	Wide  bool        `cbor:"2,keyasint"`
}

// Type is TypePublish.
func (*Publish) Type() Type { return TypePublish }

// Published answers a Publish: for every item how many gateways hold it now.
type Published struct {
	Holders []uint8 `cbor:"1,keyasint"`
}

// Type is TypePublished.
func (*Published) Type() Type { return TypePublished }

// RecordGet asks for an address record by the blinded key and its day (days since
// 1970). Fresh asks for the newest of several copies instead of the first one
// found. Answer: Record, or Error: CodeNoRecord.
type RecordGet struct {
	Name  [32]byte `cbor:"1,keyasint"`
	Day   uint32   `cbor:"2,keyasint"`
	Fresh bool     `cbor:"3,keyasint"`
}

// Type is TypeRecordGet.
func (*RecordGet) Type() Type { return TypeRecordGet }

// Record answers a RecordGet: the 1024 bytes.
type Record struct {
	Record []byte `cbor:"1,keyasint"`
}

// Type is TypeRecord.
func (*Record) Type() Type { return TypeRecord }

// DescriptorGet asks for a gateway's descriptor. Node is its key (32) or its hash
// (16 bytes, as in cards); Host and Port say where it may be asked itself, if they
// are known: with a hash they have to be. Answer: Descriptor, or Error:
// CodeUnreachable, CodeNoRecord, CodeScope.
type DescriptorGet struct {
	Node []byte `cbor:"1,keyasint"`
	Host string `cbor:"2,keyasint"`
	Port uint16 `cbor:"3,keyasint"`
}

// Type is TypeDescriptorGet.
func (*DescriptorGet) Type() Type { return TypeDescriptorGet }

// Descriptor answers a DescriptorGet: the signed object's bytes.
type Descriptor struct {
	Object []byte `cbor:"1,keyasint"`
}

// Type is TypeDescriptor.
func (*Descriptor) Type() Type { return TypeDescriptor }

// GatewaysGet asks for some gateways of the network, drawn at random. Answer:
// Gateways.
type GatewaysGet struct {
	Count uint8 `cbor:"1,keyasint"` // 1..MaxGateways
}

// Type is TypeGatewaysGet.
func (*GatewaysGet) Type() Type { return TypeGatewaysGet }

// Gateways answers a GatewaysGet: signed descriptors, at most MaxGateways.
type Gateways struct {
	Objects [][]byte `cbor:"1,keyasint"`
}

// Type is TypeGateways.
func (*Gateways) Type() Type { return TypeGateways }

// Deposit is one record that a home publishes on its day, between First and Last
// (unix minutes). An empty record takes back what was deposited for Name and Day.
type Deposit struct {
	Name   [32]byte `cbor:"1,keyasint"` // A'
	Day    uint32   `cbor:"2,keyasint"`
	First  uint32   `cbor:"3,keyasint"`
	Last   uint32   `cbor:"4,keyasint"`
	Record []byte   `cbor:"5,keyasint"`
}

// DepositPut leaves 1..MaxDeposits records with the home gateway, which publishes
// each on its day, stores it again and verifies it. One of the same name and day
// and a higher seq takes the place of the former. Answer: OK once durable, or Error.
type DepositPut struct {
	Items []Deposit `cbor:"1,keyasint"`
}

// Type is TypeDepositPut.
func (*DepositPut) Type() Type { return TypeDepositPut }

// DepositsGet asks what the home has of this account. Answer: Deposits.
type DepositsGet struct{}

// Type is TypeDepositsGet.
func (*DepositsGet) Type() Type { return TypeDepositsGet }

// Deposited is the state of one deposit.
type Deposited struct {
	Name [32]byte `cbor:"1,keyasint"`
	Day  uint32   `cbor:"2,keyasint"`
	Seq  uint32   `cbor:"3,keyasint"`
	// Holders is how many gateways took it when it was stored last; Stored is when
	// that was and Verified when another gateway found it last, in unix ms; 0: not yet.
	Holders  uint8  `cbor:"4,keyasint"`
	Stored   uint64 `cbor:"5,keyasint"`
	Verified uint64 `cbor:"6,keyasint"`
}

// Deposits answers a DepositsGet: at most MaxDeposited of them.
type Deposits struct {
	Items []Deposited `cbor:"1,keyasint"`
}

// Type is TypeDeposits.
func (*Deposits) Type() Type { return TypeDeposits }
