// Package jsonframe writes the frames of package wire as JSON and reads them
// back, for the subprotocol zms.1.json (docs/protocol/json.md). It carries what
// the CBOR of wire carries and nothing else:
//
//	frame   = ["submit",7,{"drop":"...","mac":"...","envelope":"...","work":""}]
//	message = frame *(LF frame)
//
// One text has one meaning and one meaning one text:
//
//	type            the frame's name, a string
//	numbers         digits, exact up to 2^64-1
//	false, true     false, true
//	byte strings    base64url without padding
//	text            as in RFC 8785 section 3.2.2.2
//	maps, structs   objects with every field, in the order of wire.md; one that
//	                CBOR leaves out is an empty string here
//	lists           arrays
//	white space     none
//
// So CBOR, JSON and CBOR again are the same bytes, and what reads as a frame is
// written again as it was. Every other text is refused with an error of the
// table that says where it stopped; such an error repeats nothing of the text.
//
// The names of the frames and of their fields stand in forms.go. They are part
// of the protocol: a name does not change when a Go field is called otherwise.
package jsonframe
