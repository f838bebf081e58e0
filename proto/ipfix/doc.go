// Package ipfix puts IPFIX Messages (RFC 7011) on the wire and takes them off
// it. It owns no socket and starts no goroutine.
//
// An Exporter is the sending half of a Transport Session for one Observation
// Domain: it holds templates, fills Messages up to the path MTU, numbers them
// and hands each to a Sink. A Session is the receiving half: it learns
// templates, checks each Message whole before anything of it takes effect and
// visits Data Records in place.
//
// Records reach the wire in two ways. The Append functions write single
// values; a Layout binds a Go struct to a template once and then moves whole
// records in either direction without allocating.
package ipfix
