// Package packetid computes the identifier by which the nodes of a domain
// recognise the same packet: the reference of what bpf/lib/bob.h does.
package packetid
