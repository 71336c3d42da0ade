// Package inside runs a gateway inside of the app: a real one, with its own key and
// database in a directory as zeroms-gateway has it, which therefore tells and does with
// it what it does with others while the app does not run it. It takes people by
// invitation only.
//
// Closed it serves this computer, open the networks that the computer is in. In the
// public network one at a local address takes part by asking others only; it tells of
// itself in the local network, so that who is there finds it.
//
//	inside.go   Gateway: started, stopped, and followed to other addresses
//	serving.go  one run of it
//	reach.go    where it can be reached
package inside
