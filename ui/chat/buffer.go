package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"zeroms/ui/typeset"
)

// Bounds of a buffer: its text in bytes, several messages long, and how many steps can
// be taken back.
const (
	bufferBytes = 64 << 10
	bufferSteps = 100
)

// buffer is a text that is being written: a caret, a selection, and steps back.
// Places are bytes.
type buffer struct {
	text        string
	caret, mark int // what lies between is selected
	back, ahead []step
	typing      bool // the newest step back is what is being typed now
}

// step is a text as it was.
type step struct {
	text        string
	caret, mark int
}

// selected is the selection, from and to.
func (b *buffer) selected() (from, to int) { return min(b.caret, b.mark), max(b.caret, b.mark) }

// selection is the text selected.
func (b *buffer) selection() string {
	from, to := b.selected()
	return b.text[from:to]
}

// set takes another text, with the caret at its end; no step leads back.
func (b *buffer) set(text string) {
	text = clean(text)
	*b = buffer{text: text[:fitting(text, bufferBytes)]}
	b.caret, b.mark = len(b.text), len(b.text)
}

// insert replaces the selection. It tells whether all of s had room.
func (b *buffer) insert(s string, typed bool) bool {
	s = clean(s)
	from, to := b.selected()
	n := fitting(s, bufferBytes-(len(b.text)-(to-from)))
	if n == 0 && from == to {
		return s == ""
	}
	b.keep(typed && from == to && !strings.ContainsAny(s, " \n"))
	b.text = b.text[:from] + s[:n] + b.text[to:]
	b.caret, b.mark = from+n, from+n
	return n == len(s)
}

// fitting is how many bytes of s fit into room without cutting a rune.
func fitting(s string, room int) int {
	if len(s) <= room {
		return len(s)
	}
	n := max(room, 0)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return n
}

// clean leaves out of a text what nobody writes: controls, and those that turn the
// direction of what follows.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\r\n", "\n"), "\r", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case unicode.IsControl(r), r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff, r == 0xfffc:
			return -1
		}
		return r
	}, s)
}

// delete removes the selection or, if there is none, what lies between the caret and
// a place.
func (b *buffer) delete(to int) {
	from, end := b.selected()
	if from == end {
		from, end = min(b.caret, to), max(b.caret, to)
	}
	if from == end {
		return
	}
	b.keep(false)
	b.text = b.text[:from] + b.text[end:]
	b.caret, b.mark = from, from
}

// keep notes a step back; going on typing makes no further ones.
func (b *buffer) keep(typing bool) {
	if !typing || !b.typing || len(b.back) == 0 {
		b.back = append(b.back, step{b.text, b.caret, b.mark})
		if len(b.back) > bufferSteps {
			b.back = append(b.back[:0], b.back[1:]...)
		}
	}
	b.typing, b.ahead = typing, nil
}

// undo goes a step back.
func (b *buffer) undo() bool { return b.travel(&b.back, &b.ahead) }

// redo goes a step ahead again.
func (b *buffer) redo() bool { return b.travel(&b.ahead, &b.back) }

func (b *buffer) travel(from, to *[]step) bool {
	if len(*from) == 0 {
		return false
	}
	last := (*from)[len(*from)-1]
	*from = (*from)[:len(*from)-1]
	*to = append(*to, step{b.text, b.caret, b.mark})
	b.text, b.caret, b.mark, b.typing = last.text, last.caret, last.mark, false
	return true
}

// move puts the caret at a place; hold keeps the other end of the selection.
func (b *buffer) move(to int, hold bool) {
	b.caret, b.typing = max(0, min(to, len(b.text))), false
	if !hold {
		b.mark = b.caret
	}
}

// after is the place one character after another.
func (b *buffer) after(at int) int { return at + typeset.Cluster(b.text[at:]) }

// before is the place one character before another.
func (b *buffer) before(at int) int {
	begin := max(0, at-256)
	if i := strings.LastIndexByte(b.text[begin:at], '\n'); i >= 0 {
		if begin += i; begin == at-1 {
			return begin
		}
		begin++
	}
	for begin > 0 && !utf8.RuneStart(b.text[begin]) {
		begin++
	}
	for next := begin; next < at; next = b.after(next) {
		begin = next
	}
	return begin
}

// wordAfter is the end of the word after a place.
func (b *buffer) wordAfter(at int) int {
	rest := b.text[at:]
	word := strings.IndexFunc(rest, letter)
	if word < 0 {
		return len(b.text)
	}
	end := strings.IndexFunc(rest[word:], func(r rune) bool { return !letter(r) })
	if end < 0 {
		return len(b.text)
	}
	return at + word + end
}

// wordBefore is the beginning of the word before a place.
func (b *buffer) wordBefore(at int) int {
	end := strings.LastIndexFunc(b.text[:at], letter)
	if end < 0 {
		return 0
	}
	begin := strings.LastIndexFunc(b.text[:end], func(r rune) bool { return !letter(r) })
	if begin < 0 {
		return 0
	}
	_, size := utf8.DecodeRuneInString(b.text[begin:])
	return begin + size
}

// selectWord selects the word at a place.
func (b *buffer) selectWord(at int) {
	from, to := typeset.Word(b.text, at)
	b.move(from, false)
	b.move(to, true)
}

func letter(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) || r == '_'
}
