// Package react decides what the node does by itself while conditions last:
// the actions of triggers, without a controller. It does no I/O and reads no
// clock.
package react
