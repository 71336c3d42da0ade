// Package appdrive drives the desktop app as people do: with a mouse and a keyboard,
// on displays in memory (Xvfb, OpenGL in software, xdotool). It knows of the app its
// command line, the words by which its controls are named, and what it answers on the
// socket PROFILE/zeroms.sock of an app that was started with --trace:
//
//	{"controls":true}   {"controls":[{"id":"start.create","x":420,"y":388,"w":96,"h":36}, ...],
//	                     "scale":1,"width":1180,"height":740}     pixels inside the window
//
// The trace file has a line for each thing that was timed, from its cause to the frame
// that shows it: {"at":1767225600000,"what":"open","ms":12.3}, at in ms since 1970.
//
// Package story plays what two people do with it; package bus is the desktop around the
// app, and x11 looks at displays and drags files over them.
package appdrive
