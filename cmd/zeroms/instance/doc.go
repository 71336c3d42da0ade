// Package instance lets one window be open for each profile: the first one holds a lock
// in the profile's directory and listens at a socket beside it, a second one hands over
// what it was started with, and ends.
//
//	zeroms.lock  held while a window is open; the system drops it with the process
//	zeroms.sock  mode 0600: one JSON line each way
//
// Requests, each at most MaxLine bytes, and their answers:
//
//	{"open": "zeroms:..."}  {"ok": true}                 shows the window, with a link or ""
//	{"controls": true}      {"ok": true, "controls": [...]}  where what can be used is, for tests
//	{"shot": "FILE"}        {"ok": true}                 writes a PNG of the window into a new FILE
//
// The last two are for tests and refused unless the window was started for them; what
// fails has {"ok": false, "error": "..."}.
package instance
