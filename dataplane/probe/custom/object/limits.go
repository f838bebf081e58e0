package object

import "runtime"

// Limits bound what an object may be and take.
type Limits struct {
	// Size of the object in octets.
	Size int
	// Instructions of the function and of all that it calls.
	Instructions int
	// Maps and their memory in octets.
	Maps      int
	MapOctets uint64
	// CPUs is how often maps with a value for each CPU count.
	CPUs int
}

// Usual are the limits that agents apply unless they are told otherwise.
func Usual() Limits {
	return Limits{
		Size: 256 << 10, Instructions: 4096, Maps: 16, MapOctets: 16 << 20, CPUs: runtime.NumCPU(),
	}
}

// What no object needs more of.
const (
	maxSections   = 256
	maxSymbols    = 4096
	maxFields     = 32
	maxParameters = 64
	maxEntries    = 1 << 20
	maxValue      = 32 << 10
	minCapture    = 16
	maxCapture    = 1024
)
