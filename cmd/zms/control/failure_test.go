package control

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"zeroms/client"
	"zeroms/protocol/wire"
	"zeroms/store"
	"zeroms/store/chat"
)

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		err     error
		name    string
		exit    int
		message string
	}{
		{client.ErrOwnCard, "own-card", ExitFailure, "this is your own card; give it to somebody else"},
		{client.ErrNoContact, NameNoContact, ExitNotFound, "there is no such contact; see contacts and requests"},
		{fmt.Errorf("open the profile in p: %w", chat.ErrWrongPassphrase), "wrong-passphrase", ExitLocked, "open the profile in p: the passphrase does not open"},
		{fmt.Errorf("open: %w", store.ErrLocked), NameLocked, ExitLocked, "open: it is in use"},
		{chat.ErrNeedsPassphrase, NameNeeds, ExitLocked, "the profile is locked; enter its passphrase"},
		{wire.ErrCheck, "check", ExitFailure, "A check value does not match: there is a typing or scanning error. Copy it again."},
		{wire.ErrWrongKind.Because("a gateway address"), "wrong-kind", ExitFailure, "asked for. (a gateway address)"},
		{fmt.Errorf("read: %w", wire.ErrNoQR), "no-qr", ExitFailure, "No QR code was found"},
		{Usage("bad %d", 1), NameUsage, ExitUsage, "bad 1"},
		{fmt.Errorf("w: %w", Fail(NameTimeout, "too late")), NameTimeout, ExitTimeout, "too late"},
		{context.Canceled, NameInterrupted, ExitFailure, "interrupted"},
		{errors.New("client: something"), NameFailure, ExitFailure, "something"},
	} {
		f := Explain(c.err)
		if f.Name != c.name || f.Exit() != c.exit || !strings.Contains(f.Message, c.message) {
			t.Errorf("%v: %s (%d) %q", c.err, f.Name, f.Exit(), f.Message)
		}
		if strings.HasPrefix(f.Message, "client: ") {
			t.Errorf("a person reads %q", f.Message)
		}
	}
}
