// Package netlab runs a network of real zeroms-gateway processes on this machine, with
// people who chat while gateways are killed, drained and cut off, and checks that
// every message arrived once and in order.
//
// The people are real clients with their own databases on disk, in this process; each
// has one home gateway or two. What happens to gateways is drawn from a seed before
// anything starts. Where the system allows it (root on Linux, with ip(8)), everything
// runs in network namespaces that end with this process: each gateway has an address
// of its own, and partitions are packets that get lost. Elsewhere all listen on
// loopback, and a gateway that is cut off is one that is stopped (SIGSTOP).
//
// Files: command.go the command line, space.go namespaces, process.go and gateway.go
// the gateways, person.go and chat.go the people, faults.go what goes wrong, ledger.go
// and verdict.go what came of the messages, report.go the figures.
package netlab
