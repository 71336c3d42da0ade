package control

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestFrameRowsKeepTheirFieldsInOrder: through a line and back nothing is another, large numbers included.
func TestFrameRowsKeepTheirFieldsInOrder(t *testing.T) {
	row := &Frame{
		Type: TypeFrame, Time: time.UnixMilli(1_790_000_000_123).UTC(), Direction: FrameOut, Gateway: "gw:443", Home: true, Name: "submit", ID: 1<<64 - 1, Size: 9,
		Fields: FrameFields{{"z", "1 byte"}, {"a", uint64(1<<64 - 1)}, {"limits.frame", uint64(0)}, {"m", "<\x1b>"}}, Raw: `["submit",1,{}]`,
	}
	line, err := Line(row)
	if err != nil {
		t.Fatal(err)
	}
	if want := `"fields":{"z":"1 byte","a":18446744073709551615,"limits.frame":0,"m":"<\u001b>"}`; !strings.Contains(string(line), want) {
		t.Errorf("%s has no %s", line, want)
	}
	again, err := ParseRow(line)
	if err != nil || !reflect.DeepEqual(again, row) {
		t.Errorf("%s is read as %+v, %v", line, again, err)
	}
	line, err = Line(&Lost{Type: TypeLost, Count: 7})
	if again, parseErr := ParseRow(line); err != nil || parseErr != nil || !reflect.DeepEqual(again, &Lost{TypeLost, 7}) {
		t.Errorf("%s: %v, %v", line, err, parseErr)
	}
	for _, bad := range []string{`[]`, `{"a":{}}`, `{"a":-1}`, `{"a":1.5}`, `{"a":null}`, `{"a":true}`, `1`} {
		if row, err := ParseRow([]byte(`{"type":"frame","fields":` + bad + `}`)); err == nil {
			t.Errorf("%s is read as %+v", bad, row)
		}
	}
}
