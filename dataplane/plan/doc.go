// Package plan says which probes must exist on a node, as plain values, and
// computes the difference of two plans. It is pure and builds on any OS.
package plan
