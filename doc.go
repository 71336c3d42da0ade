// Package zeroms is the root of the ZeroMS module: a decentralised, end-to-end
// encrypted messenger. The root holds no code of its own, only the tests of the
// tree's architecture (arch_test.go): who may import whom, what a pure package
// may touch, and how long a file, a function or an interface may grow. The
// program starts in cmd, and docs/architecture.md is the map.
package zeroms
