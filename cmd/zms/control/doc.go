// Package control is what the process that owns a profile does for others: the
// requests that the command line, scripts and bots make, the rows that answer
// them, and the socket PROFILE/zms.sock that carries both (docs/cli.md).
//
// A request is one function, whether it comes from this process or over the
// socket:
//
//	Profile.Serve(ctx, request, emit)      in the process that owns the profile
//	Conn.Do(ctx, request, emit)            in every other one
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
