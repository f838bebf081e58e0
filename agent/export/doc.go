// Package export is the Exporting Process (RFC 7011): it takes what was
// measured, and sends it to collectors that may be slow, absent or restarted
// without ever blocking the agent. What it cannot send it counts.
package export
