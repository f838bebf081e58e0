// Package probe loads, attaches, swaps and removes probes: it makes the
// kernel equal to a plan, all or nothing, without losing a packet or a count.
//
// An Observation Point has one tcx link, which stays for its lifetime, and
// one program at a time behind it. What a program reads as configuration
// (rules, flow lists, rates) belongs to that one load; what it writes (flow
// tables, counters) outlives it and is handed to its successor. So old and
// new program never share anything that a change would tear, and putting the
// old program back undoes a change completely. Links and what outlives the
// programs are pinned: the death of the process changes nothing.
package probe
