// Package control is the language in which others speak with the process that
// owns a profile: the requests that the command line, scripts and bots make, the
// rows that answer them, the failures, and the socket PROFILE/zms.sock that
// carries them (docs/cli.md). What a request does stands in package service; who
// finds the owner, or becomes it, in package owner.
//
// On the socket everything is JSON, one object a line of at most MaxLine bytes:
//
//	owner   {"type":"hello","version":1,"owner":"agent","pid":4711}
//	other   {"cmd":"send","contact":"bob","text":"hi"}
//	owner   {"type":"message",...}          any number of rows
//	owner   {"ok":true}                     or {"error":{"name":"...","message":"..."}}
//
// A connection serves one request. The end of the other side's writing ends a
// request that has no end of its own (listen), and nothing else.
//
// The socket has mode 0600 and lies in the profile's directory of mode 0700:
// who may open it may read the profile anyway.
package control
