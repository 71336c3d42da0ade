package wire

import (
	"encoding/hex"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"zeroms/protocol/key"
)

const document = "../../docs/protocol/wire.md"

// section is the text below a heading of the document, up to the next heading of its rank or a higher one.
func section(t *testing.T, heading string) string {
	t.Helper()
	b, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(b), "\n"+heading+"\n")
	if !found {
		t.Errorf("%s has no section %q", document, heading)
		return ""
	}
	text, _, _ := strings.Cut(after, "\n## ")
	if strings.HasPrefix(heading, "### ") {
		text, _, _ = strings.Cut(text, "\n### ")
	}
	return text
}

// rows are the cells of a section's table, without its two lines of heading.
func rows(text string) [][]string {
	var out [][]string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		out = append(out, cells)
	}
	return out[min(1, len(out)):]
}

// TestDocumentedErrors: the document's error table is the code's.
func TestDocumentedErrors(t *testing.T) {
	var want [][]string
	for _, e := range Table {
		want = append(want, []string{fmt.Sprint(e.Code), e.Name, e.Retry.String(), e.Sentence})
	}
	got := rows(section(t, "## Errors"))
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("the document lacks %q", want[i])
		case i >= len(want) || !slices.Equal(got[i], want[i]):
			t.Errorf("row %d of the document is %q", i+1, got[i])
		}
	}
}

// kebab writes a Go name in the document's form.
func kebab(name string) string {
	var out strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) && unicode.IsLower(runes[i-1]) {
			out.WriteByte('-')
		}
		out.WriteRune(unicode.ToLower(r))
	}
	return out.String()
}

// form is how the document writes a field's type.
func form(of reflect.Type) string {
	named := map[string]string{"Object": "object", "Limits": "limits", "CommitItem": "commit-item", "CursorState": "cursor-state",
		"StoreItem": "store-item", "Deposit": "deposit", "Deposited": "deposit-state"}
	switch {
	case named[of.Name()] != "":
		return named[of.Name()]
	case of.Kind() == reflect.Array:
		return fmt.Sprintf("bstr(%d)", of.Len())
	case of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Uint8:
		return "bstr"
	case of.Kind() == reflect.Slice:
		return "[" + form(of.Elem()) + "]"
	case of.Kind() == reflect.String:
		return "tstr"
	}
	return of.Kind().String()
}

// TestDocumentedFields: each frame, signed body and table of limits has all its fields in the document, with key, name and form.
func TestDocumentedFields(t *testing.T) {
	documented := map[string]any{
		"body enrolment": Enrolment{}, "body drop-object": DropObject{}, "body refusal": Refusal{}, "body drop-state": DropState{}, "limits": Limits{},
		"store-item": StoreItem{}, "deposit": Deposit{}, "deposit-state": Deposited{},
	}
	names := map[Type]string{}
	for name, value := range codeConstants(t, "frame.go", "Type") {
		names[Type(value)] = kebab(strings.TrimPrefix(name, "Type"))
	}
	for _, s := range samples() {
		of := s.payload.Type()
		documented[fmt.Sprintf("%d %s", of, names[of])] = reflect.ValueOf(s.payload).Elem().Interface()
	}
	for heading, v := range documented {
		var want [][]string
		of := reflect.TypeOf(v)
		for _, f := range reflect.VisibleFields(of) {
			if f.Anonymous {
				continue // its fields follow
			}
			key, _, _ := strings.Cut(f.Tag.Get("cbor"), ",")
			want = append(want, []string{key, kebab(f.Name), form(f.Type)})
		}
		got := rows(section(t, "### "+heading))
		if len(got) != len(want) {
			t.Errorf("%s has %d fields in the document, %d in the code", heading, len(got), len(want))
			continue
		}
		for i, row := range got {
			if len(row) != 4 || !slices.Equal(row[:3], want[i]) || row[3] == "" {
				t.Errorf("%s: the document says %q, the code %q", heading, row, want[i])
			}
		}
	}
	item := section(t, "### commit-item")
	if want := "[id uint64, index uint32, leaf bstr]"; !strings.Contains(item, want) || reflect.TypeOf(CommitItem{}).NumField() != 4 {
		t.Errorf("commit-item is not %s", want)
	}
	cursor := section(t, "### cursor-state")
	want := "[login bstr(32), cursor bstr(8), from bstr(12), upto bstr(12), r bstr(32), ack bstr(32)]"
	if !strings.Contains(cursor, want) || reflect.TypeOf(CursorState{}).NumField() != 7 {
		t.Errorf("cursor-state is not %s", want)
	}
}

// TestDocumentedTypes: the package comment and the document name every frame type with its number.
func TestDocumentedTypes(t *testing.T) {
	comment, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range codeConstants(t, "frame.go", "Type") {
		entry := regexp.MustCompile(fmt.Sprintf(`\b%d %s\b`, value, kebab(strings.TrimPrefix(name, "Type"))))
		if !entry.Match(comment) {
			t.Errorf("doc.go does not list %s", entry)
		}
	}
	frames := section(t, "## Frames")
	if !strings.Contains(frames, "`"+Subprotocol+"`") {
		t.Errorf("the document does not name the subprotocol %s", Subprotocol)
	}
	last := rows(section(t, "## Versions"))
	if len(last) == 0 || last[len(last)-1][0] != fmt.Sprint(Version) {
		t.Errorf("the last version in the document is not %d", Version)
	}
}

// TestDocumentedLimits: the document's limits are the code's.
func TestDocumentedLimits(t *testing.T) {
	want := map[string]string{}
	for name, n := range map[string]int{
		"MaxNesting": MaxNesting, "MaxElements": MaxElements, "MaxFrame": MaxFrame, "MaxMessage": MaxMessage, "MaxEnvelope": MaxEnvelope,
		"MaxObject": MaxObject, "MaxProfile": MaxProfile, "MaxDetail": MaxDetail, "DoorPending": DoorPending, "DoorPerInit": DoorPerInit,
		"WorkSize": WorkSize, "MinDoorBits": MinDoorBits, "MaxWorkBits": MaxWorkBits,
		"StampBits": StampBits, "RecordSize": RecordSize, "MaxDescriptor": MaxDescriptor, "ContactSize": ContactSize, "MaxContacts": MaxContacts,
		"MaxStores": MaxStores, "MaxStoreBytes": MaxStoreBytes, "MaxDeposits": MaxDeposits, "MaxDeposited": MaxDeposited, "MaxGateways": MaxGateways,
		"MaxHost": MaxHost, "EncapsulationSize": EncapsulationSize, "ChannelIDSize": ChannelIDSize, "ForwardPadding": ForwardPadding, "MaxSealed": MaxSealed,
	} {
		want[name] = fmt.Sprint(n)
	}
	for name, d := range map[string]time.Duration{"ClockTolerance": ClockTolerance, "DedupeWindow": DedupeWindow, "MaxRetention": MaxRetention} {
		want[name] = strings.TrimSuffix(d.String(), "0m0s")
	}
	got := rows(section(t, "## Limits"))
	for _, row := range got {
		if want[row[0]] != row[1] || row[2] == "" {
			t.Errorf("the document says %q, the code %q", row, want[row[0]])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d limits in the document, %d in the code", len(got), len(want))
	}
}

// TestDocumentedWork: the document's forms of work and of a row are the code's.
func TestDocumentedWork(t *testing.T) {
	text := section(t, "## Work")
	for _, c := range []struct {
		line    string
		subject []byte
	}{
		{`(?m)"zms/1/work" +\| 0x00 \| door 16 +\| SHA-256\(envelope\) 32 .* (\d+)$`, DoorWork(key.DropID{}, [32]byte{})},
		{`(?m)"zms/1/register-work" +\| 0x00 \| node key 32 +\| account key 32 .* (\d+)$`, RegisterWork(key.NodePublic{}, key.MailboxPublic{})},
		{`(?m)"zms/1/stamp" +\| 0x00 \| place 32 .* (\d+)$`, StampSubject(key.NodeID{})},
		{`(?m)^work += day 4 \| nonce 8 +(\d+)$`, make([]byte, WorkSize)},
	} {
		m := regexp.MustCompile(c.line).FindStringSubmatch(text)
		if m == nil || m[1] != fmt.Sprint(len(c.subject)) {
			t.Errorf("the document's %s is %q, the code has %d bytes", c.line, m, len(c.subject))
		}
	}
	row := fmt.Sprintf("`row = position 12 | kind 1 | drop 16 | k 4 | hash 32 | d 32 | time 8` = %d bytes", RowSize)
	if !strings.Contains(section(t, "### 30 push"), row) {
		t.Errorf("the document does not say %s", row)
	}
}

// TestDocumentedContact: the document's contact is the code's.
func TestDocumentedContact(t *testing.T) {
	text := section(t, "### contact")
	layout := regexp.MustCompile(`(?m)^contact = node key 32 \| x 8 \| address 16 \| port 2 \| transports 1 +(\d+)$`).FindStringSubmatch(text)
	if layout == nil || layout[1] != fmt.Sprint(ContactSize) {
		t.Errorf("the document's contact is %q, the code's has %d bytes", layout, ContactSize)
	}
	for _, transport := range []string{fmt.Sprintf("%d QUIC", TransportQUIC), fmt.Sprintf("%d WSS", TransportWSS)} {
		if !strings.Contains(text, transport) {
			t.Errorf("the document does not name the transport %s", transport)
		}
	}
	var shown []string
	for _, m := range regexp.MustCompile(`(?m)^(\S.*?) += ([0-9a-f]{118})$`).FindAllStringSubmatch(text, -1) {
		shown = append(shown, m[2])
	}
	var k sampleKeys
	want := []string{hex.EncodeToString(k.contact().AppendTo(nil)), hex.EncodeToString(k.contact6().AppendTo(nil))}
	if !slices.Equal(shown, want) {
		t.Errorf("the document's contacts are %q, not %q", shown, want)
	}
}

// TestDocumentedExample: the frames of the worked example are the vectors', read from their hex columns.
func TestDocumentedExample(t *testing.T) {
	text := section(t, "## Worked example")
	blocks := regexp.MustCompile("(?s)```\n(.*?)```").FindAllStringSubmatch(text, -1)
	if len(blocks) != 3 {
		t.Fatalf("%d blocks", len(blocks))
	}
	column := regexp.MustCompile(`(?m)^ *((?:[0-9a-f]+ )*[0-9a-f]+)(?:   .*)?$`)
	var message string
	for i, name := range []string{"submit", "error"} {
		var got strings.Builder
		for _, line := range column.FindAllStringSubmatch(blocks[i][1], -1) {
			got.WriteString(strings.ReplaceAll(line[1], " ", ""))
		}
		want := ""
		for _, v := range vectors(t) {
			if v.Name == name {
				want = v.Hex
			}
		}
		if got.String() != want {
			t.Errorf("the example's %s is %s, the vector %s", name, got.String(), want)
		}
		message += want
	}
	if got := strings.TrimSpace(strings.TrimPrefix(blocks[2][1], "message = ")); got != message {
		t.Errorf("the example's message is %s, not %s", got, message)
	}
	b, err := hex.DecodeString(message)
	if frames, frameErr := Frames(b); err != nil || frameErr != nil || len(frames) != 2 {
		t.Errorf("the message is %d frames, %v, %v", len(frames), err, frameErr)
	}
}
