package message

import "fmt"

// Kind tells what a message's body is.
type Kind uint16

// The kinds. 64 to 127 are side kinds; every other kind is chained.
const (
	KindText       Kind = 1
	KindEdit       Kind = 2
	KindDelete     Kind = 3
	KindReaction   Kind = 4
	KindRead       Kind = 5
	KindProfile    Kind = 6
	KindAttachment Kind = 7
	KindTimer      Kind = 8
	KindDrops      Kind = 9

	KindTyping       Kind = 64
	KindAck          Kind = 65
	KindPQKey        Kind = 66
	KindPQCiphertext Kind = 67
	KindNack         Kind = 68
	KindGone         Kind = 69
	KindLater        Kind = 70
	KindHeads        Kind = 71
	KindResync       Kind = 72
	KindReceipt      Kind = 73
)

// kindNames are the words of the documents and logs.
var kindNames = map[Kind]string{
	KindText: "text", KindEdit: "edit", KindDelete: "delete", KindReaction: "reaction", KindRead: "read", KindProfile: "profile",
	KindAttachment: "attachment", KindTimer: "timer", KindDrops: "drops", KindTyping: "typing", KindAck: "ack", KindPQKey: "pq-key",
	KindPQCiphertext: "pq-ciphertext", KindNack: "nack", KindGone: "gone", KindLater: "later", KindHeads: "heads", KindResync: "resync",
	KindReceipt: "receipt",
}

// Side tells whether messages of this kind stand outside of the chain.
func (k Kind) Side() bool { return k >= 64 && k < 128 }

// String is the kind's name, or its number if this version does not know it.
func (k Kind) String() string {
	if name, ok := kindNames[k]; ok {
		return name
	}
	return fmt.Sprintf("kind-%d", uint16(k))
}
