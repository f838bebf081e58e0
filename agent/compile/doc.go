// Package compile turns the configuration tree of a node into the plan of its
// probes, and makes every semantic check that YANG tools do not enforce. It
// is pure.
package compile
