package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"zeroms/protocol/key"
)

// Tag is what stands before a slot in the clear and tells its receiver which
// message of which chain it is: HMAC(tk, i)[:8].
type Tag = [8]byte

// Depths of the look-out for tags.
const (
	TagsAhead = 64   // in the current and the next receiving chain, always
	MaxSearch = 1100 // once, for an envelope that matched nothing
)

// maxIndex is where a chain ends at the latest; far beyond NeedsInit.
const maxIndex = 1 << 31

// Place is where a message stands in a session: its receiving chain, counted
// from 1 as the chains come, and its index in it. A tag keeps its place as long
// as its key exists, whether its chain is the next, the current or an old one.
type Place struct {
	Chain uint32
	I     uint32
}

// tagger makes the tags of one chain.
type tagger [32]byte

func taggerOf(head [32]byte) tagger { return key.KDF32(key.LabelTag, head[:]) }

// tags are those of the indices from, from+1, ... n of them.
func (t tagger) tags(from uint32, n int) []Tag {
	out := make([]Tag, n)
	mac := hmac.New(sha256.New, t[:])
	var sum [sha256.Size]byte
	for k := range out {
		var i [4]byte
		binary.BigEndian.PutUint32(i[:], from+uint32(k))
		mac.Reset()
		mac.Write(i[:])
		copy(out[k][:], mac.Sum(sum[:0]))
	}
	return out
}

func (t tagger) tag(i uint32) Tag { return t.tags(i, 1)[0] }

// window is the look-out over one receiving chain: its header key HK and the
// tags from the first index that was not reached yet. It never changes; slide
// makes the next one.
type window struct {
	head      [32]byte // HK
	headerKey [32]byte // hk
	tagger    tagger
	from      uint32
	tags      []Tag
}

func newWindow(head [32]byte, from uint32) window {
	t := taggerOf(head)
	return window{head: head, headerKey: headerKeyOf(head), tagger: t, from: from, tags: t.tags(from, TagsAhead)}
}

// slide is the window that begins at a later index.
func (w window) slide(from uint32) window {
	passed := min(int(from-w.from), len(w.tags))
	next := w
	next.from = from
	next.tags = append(w.tags[passed:len(w.tags):len(w.tags)], w.tagger.tags(from+uint32(TagsAhead-passed), passed)...)
	return next
}

// holds reports whether index i is in the look-out.
func (w window) holds(i uint32) bool { return i >= w.from && i-w.from < uint32(len(w.tags)) }

// headerKeyOf is hk of a chain.
func headerKeyOf(head [32]byte) [32]byte { return key.KDF32(key.LabelHeader, head[:]) }
