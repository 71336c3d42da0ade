package shown

import (
	"testing"

	"zeroms/protocol/wire"
)

func TestPlain(t *testing.T) {
	for in, out := range map[string]string{
		"":                         "",
		"connecting":               "connecting",
		wire.ErrLinkClosed.Error(): "The connection to the gateway was lost; it is made again.",
		wire.ErrLinkClosed.Because("dial: a [b]: c").Error(): "The connection to the gateway was lost; it is made again. (dial: a [b]: c)",
		"odd [end": "odd [end",
	} {
		if got := Plain(in); got != out {
			t.Errorf("Plain(%q) = %q, want %q", in, got, out)
		}
	}
}
