// Package status tells an operator's tools how a gateway is, over HTTP on this
// computer only (docs/operations.md, "Health and metrics"):
//
//	GET /healthz    200 and "ok", or 503 and a sentence that says what is wrong
//	GET /metrics    counts for Prometheus
//
// Nothing in it is about a person: no label holds anything that a user, a key or
// an address could be told by, and their values come out of fixed tables.
//
// What is counted is counted by the gateway's own atomic counters anyway and read
// when somebody asks; only commits are observed one by one.
package status
