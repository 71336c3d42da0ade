// Package desk stands behind the screens of the app: it opens a profile, owns it as
// zms does, and is what package model declares: a Door, and behind it a Profile.
//
//	desk.go     Desk: whose Run runs the engine of whatever was opened
//	door.go     is there a profile, make one, restore one, open one
//	profile.go  conversations, people, gateways and the user
//	notes.go    what the app keeps in the profile; safe.go how that is kept
//	nearby.go   gateways of the local network; inside.go the one inside of the app
//	errors.go   why something could not be done, by name
//
// While a profile is open, PROFILE/zms.sock serves it to other processes: zms works
// beside the app.
package desk
