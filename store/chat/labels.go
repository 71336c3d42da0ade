package chat

// The info strings of HKDF-SHA256 that make the sub-keys of the profile key,
// unique among themselves. They name uses at rest only; those of the protocol
// stand in protocol/key.
const (
	labelCheck = "zms/at-rest/1/check" // 16 bytes in table meta: which profile key the database belongs to
	labelHash  = "zms/at-rest/1/hash"  // key of the row hashes
	labelRow   = "zms/at-rest/1/row"   // with a slot: cipher keys of records and messages
	labelSeen  = "zms/at-rest/1/seen"  // cipher key of table seen
	labelDay   = "zms/at-rest/1/day"   // cipher key that wraps the daily key
)
