// Package inspect shows what a profile can prove: where a message is and who signed it
// (details.go), and how far two people have the same transcript (agreement.go). It
// reads and never changes anything.
package inspect
