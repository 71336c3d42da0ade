package profile

import (
	"reflect"
	"testing"
)

// fuzzRow has a parser read anything: it must not panic, and what it reads
// must come back the same once it was written.
func fuzzRow(f *testing.F, table Table, again func(Row) (Row, error)) {
	for _, s := range samples() {
		if s.row.Table == table {
			f.Add(s.row.Data, s.row.Key, s.row.Conv)
		}
	}
	f.Fuzz(func(t *testing.T, data, k []byte, conv uint64) {
		row, err := again(Row{Table: table, Key: k, Conv: conv, Data: data})
		if err != nil {
			return
		}
		if twice, err := again(row); err != nil || !reflect.DeepEqual(twice, row) {
			t.Fatalf("a row changes each time it is stored: %v\n%+v\n%+v", err, row, twice)
		}
	})
}

func FuzzParseSelf(f *testing.F)         { fuzzRow(f, TableSelf, againSelf) }
func FuzzParseCard(f *testing.F)         { fuzzRow(f, TableCard, againCard) }
func FuzzParseHome(f *testing.F)         { fuzzRow(f, TableHome, againHome) }
func FuzzParseContact(f *testing.F)      { fuzzRow(f, TableContact, againContact) }
func FuzzParseConversation(f *testing.F) { fuzzRow(f, TableConversation, againConversation) }
func FuzzParseMessage(f *testing.F)      { fuzzRow(f, TableMessage, againMessage) }
func FuzzParseItem(f *testing.F)         { fuzzRow(f, TableOutbox, againItem) }
func FuzzParseSessions(f *testing.F)     { fuzzRow(f, TableSession, againSessions) }
