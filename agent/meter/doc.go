// Package meter is the Metering Process: it projects what the kernel counted
// onto the Flow Keys of each policy and keeps the flows until they end.
package meter
