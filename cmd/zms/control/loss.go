package control

import "time"

// The types of rows about losses.
const (
	TypeGap      = "gap"
	TypeErased   = "erased"
	TypeEvidence = "evidence"
	TypeVerdict  = "verdict"
)

// Gap is a range of a contact's messages that is missing, or was.
type Gap struct {
	// `gap`.
	Type string `json:"type"`
	// number of the contact.
	Contact uint64 `json:"contact"`
	// their name.
	Name string `json:"name"`
	// the device that wrote them, 16 hex digits.
	Device string `json:"device"`
	// `seq` of the first.
	From uint32 `json:"from"`
	// `seq` of the last.
	To uint32 `json:"to"`
	// how many they are. Above 100,000 somebody named messages that there never were.
	Count int `json:"count"`
	// `noticed`: they may still come by themselves; `asking`: the contact was asked for them; `later`: the
	// contact promised them; `filled`: they came; `gone`: the contact no longer has them;
	// `lost-with-proof`: a gateway took them and lost them, see `gateway` and `zms evidence export`.
	State string `json:"state"`
	// the gap stands before the messages of this height; 4294967295 is after all of them.
	Height uint32 `json:"height"`
	// when it was noticed.
	Since time.Time `json:"since"`
	// how many times the contact was asked, if so.
	Asked int `json:"asked,omitempty"`
	// when last, if so.
	AskedAt time.Time `json:"asked_at,omitzero"`
	// until when they are promised, if `later`.
	Until time.Time `json:"until,omitzero"`
	// when the last of them came, if `filled`.
	Filled time.Time `json:"filled,omitzero"`
	// key of the gateway that lost them, if `lost-with-proof`.
	Gateway string `json:"gateway,omitempty"`
}

// Erased tells of how many messages the content was erased.
type Erased struct {
	// `erased`.
	Type string `json:"type"`
	// number of the contact, if it was for `--before`.
	Contact uint64 `json:"contact,omitempty"`
	// how many messages lost their content; 1 for one that had none already.
	Count int `json:"count"`
}

// Evidence is a part of a file that anybody can check (docs/protocol/evidence.md).
type Evidence struct {
	// `evidence`.
	Type string `json:"type"`
	// the message as it was named, or the gateway's key.
	About string `json:"about"`
	// the file, or a part of at most 64 KiB of it: then several rows follow each other, and their texts
	// joined are the file; absent with `--output`.
	File string `json:"file,omitempty"`
	// the whole path of the file, if it was written.
	Path string `json:"path,omitempty"`
}

// Repairs counts what was done about losses since the profile was made.
type Repairs struct {
	// messages missing now.
	Missing int `json:"missing"`
	// messages found missing, after a grace.
	Found uint64 `json:"found"`
	// requests for missing messages.
	Asked uint64 `json:"asked"`
	// missing messages that came.
	Filled uint64 `json:"filled"`
	// missing messages that nobody has any more.
	Gone uint64 `json:"gone"`
	// messages sent again because somebody asked.
	Answered uint64 `json:"answered"`
	// messages that were asked for and put off, because of the limit on answers.
	Postponed uint64 `json:"postponed"`
	// sessions set up anew because a ratchet was lost.
	Resyncs uint64 `json:"resyncs"`
	// own messages given up for some device of their recipient.
	Undelivered int `json:"undelivered"`
}

// Verdict is what a file of evidence proves.
type Verdict struct {
	// `verdict`.
	Type string `json:"type"`
	// key of the gateway that it is about.
	Gateway string `json:"gateway"`
	// `guilty`: statements that the gateway signed contradict each other; `custody`: nothing against it,
	// it signed that it took the receipts' envelopes; `incomplete`: the file lacks something that a
	// statement refers to; `nothing`: nothing is proven.
	Verdict string `json:"verdict"`
	// what a guilty gateway did (docs/protocol/evidence.md).
	Fault string `json:"fault,omitempty"`
	// list of sentences: which statements contradict each other, or what is missing; if there are any.
	Reasons []string `json:"reasons,omitempty"`
	// list of the receipts in the file, if there are any.
	Receipts []Receipt `json:"receipts,omitempty"`
}

// Receipt is one envelope that a gateway signed for.
type Receipt struct {
	// SHA-256 of the envelope in hex.
	Envelope string `json:"envelope"`
	// its number at its drop, 0 at a door.
	K uint32 `json:"k"`
	// when the gateway took it, by its clock.
	Time time.Time `json:"time"`
	// until when it promised to keep it.
	Kept time.Time `json:"kept"`
}

func (*Gap) row()      {}
func (*Erased) row()   {}
func (*Evidence) row() {}
func (*Verdict) row()  {}
