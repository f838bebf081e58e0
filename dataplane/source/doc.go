// Package source reads what probes left in the kernel, records out of flow
// tables and samples out of ring buffers, as values of package flow.
package source
