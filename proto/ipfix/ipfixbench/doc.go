// Package ipfixbench holds the bodies of the codec's benchmarks, for go test
// and for the project's benchmark program alike. Each runs beside a floor: the
// same work written by hand for one record layout.
package ipfixbench
