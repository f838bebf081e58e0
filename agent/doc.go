// Package agent wires the parts of an agent together: what a configuration
// says becomes probes, what probes measure becomes records, events and state.
package agent
