// Package tap shows what a client's links say to whoever looks after a
// fault: every frame with its type, id, size and fields, and without anything
// that a stranger must not see. Whoever is shown this may pass it on.
//
// What is shown of each field stands in one table (rules.go) with the reason. A
// field that is not in it is not shown.
//
//	Hub      sees the messages of all links (home.Config.Sight); costs nothing while nobody watches
//	Watcher  gets them as Frames; one that is slow loses some and is told how many
//
// What would tell people, devices and places apart for longer than one look is
// shown as a mark: ~ and six hex digits of a MAC under a key that the Watcher
// draws. The same mark is the same value, for this Watcher only.
package tap
