package flow

import "net/netip"

// Epoch is what the sketches of one policy saw between two moments, UNIX times
// in nanoseconds.
type Epoch struct {
	Policy     PolicyRef
	Start, End int64
	// Heavy are the largest flows, by rank.
	Heavy []HeavyFlow
	// Distinct is nil where the sketch does not count it.
	Distinct *Distinct
	// Spreaders are the sources with the most destinations, by rank.
	Spreaders []Spreader
}

// Distinct are estimates of how many different ones there were, each within
// 1.6 % (one standard error).
type Distinct struct{ Flows, Sources, Destinations uint64 }

// Spreader is a source with how many destinations it had, estimated within
// 13 % (one standard error).
type Spreader struct {
	// Rank is 1 for the source with the most destinations.
	Rank         uint32
	Source       netip.Addr
	Destinations uint64
}
