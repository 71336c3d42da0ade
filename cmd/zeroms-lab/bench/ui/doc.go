// Package ui measures the desktop app against its budgets: it makes a profile with
// 100,000 messages in 500 conversations, starts the app with it on a display in
// memory, with OpenGL in software, and drives it as a person does. Times are the
// app's own (zeroms --trace: from the event to the frame that shows it), memory and
// CPU time are the system's.
package ui
