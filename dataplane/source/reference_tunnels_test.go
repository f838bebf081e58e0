//go:build linux

package source_test

import (
	"encoding/binary"

	"github.com/openifit/openifit/dataplane/flow"
)

// maxTunnels is MAX_TUNNELS of bpf/lib/tunnel.h.
const maxTunnels = 4

// What follows a tunnel header, beside an EtherType.
const (
	nothing = 0
	broken  = -1
)

// tunnels walks down to the innermost IP header behind h.
func (r *reading) tunnels(frame []byte, h header) (inner header, found bool) {
	for depth := 0; ; depth++ {
		at, inside := r.open(frame, h)
		if inside > 0 {
			at, inside = r.inside(frame, at, h.end, inside)
		}
		if inside == nothing {
			return inner, found
		}
		var next header
		ok := inside > 0 && depth < maxTunnels
		if ok {
			next, ok = readIP(frame, at, h.end, uint16(inside))
		}
		if !ok {
			r.unread = true
			return inner, found
		}
		r.segment(next)
		h, inner, found = next, next, true
	}
}

// open reads the tunnel header behind an IP header.
func (r *reading) open(frame []byte, h header) (at, inside int) {
	switch h.Protocol {
	case 4, 41, 143, 47:
		if !h.whole {
			return 0, broken
		}
		if h.Protocol == 47 {
			return r.gre(frame[:h.end], h.transport)
		}
		return h.transport, map[uint8]int{4: 0x0800, 41: 0x86dd, 143: 0x6558}[h.Protocol]
	case 17:
		if h.whole && h.DestinationPort == 4789 {
			return r.vxlan(frame[:h.end], h.transport+8)
		}
		if h.whole && h.DestinationPort == 6081 {
			return r.geneve(frame[:h.end], h.transport+8)
		}
	}
	return 0, nothing
}

func (r *reading) gre(frame []byte, at int) (int, int) {
	if at+4 > len(frame) {
		return 0, broken
	}
	flags, inside := binary.BigEndian.Uint16(frame[at:]), int(binary.BigEndian.Uint16(frame[at+2:]))
	if at += 4; flags&0x4007 != 0 {
		return 0, nothing
	}
	if flags&0x8000 != 0 {
		at += 4
	}
	if flags&0x2000 != 0 {
		if at+4 > len(frame) {
			return 0, broken
		}
		if inside == 0x6558 {
			r.outer.Overlay, r.outer.VNI = flow.OverlayNVGRE, binary.BigEndian.Uint32(frame[at:])>>8
		}
		at += 4
	}
	if flags&0x1000 != 0 {
		at += 4
	}
	return at, inside
}

func (r *reading) vxlan(frame []byte, at int) (int, int) {
	if at+8 > len(frame) {
		return 0, broken
	}
	if frame[at]&8 == 0 {
		return 0, nothing
	}
	r.outer.Overlay, r.outer.VNI = flow.OverlayVXLAN, binary.BigEndian.Uint32(frame[at+4:])>>8
	return at + 8, 0x6558
}

func (r *reading) geneve(frame []byte, at int) (int, int) {
	if at+8 > len(frame) {
		return 0, broken
	}
	if frame[at]>>6 != 0 {
		return 0, nothing
	}
	r.outer.Overlay, r.outer.VNI = flow.OverlayGENEVE, binary.BigEndian.Uint32(frame[at+4:])>>8
	return at + 8 + int(frame[at]&0x3f)*4, int(binary.BigEndian.Uint16(frame[at+2:]))
}

// inside moves over an Ethernet header with tags, and over labels.
func (r *reading) inside(frame []byte, at, end, inside int) (int, int) {
	if inside == 0x6558 {
		if at+14 > end {
			return 0, broken
		}
		at, inside = at+14, int(binary.BigEndian.Uint16(frame[at+12:]))
		for tags := 0; tags < 2 && (inside == 0x8100 || inside == 0x88a8); tags++ {
			if at+4 > end {
				return 0, broken
			}
			at, inside = at+4, int(binary.BigEndian.Uint16(frame[at+2:]))
		}
	}
	if inside == 0x8847 || inside == 0x8848 {
		behind, etherType, ok := r.labels(frame, at)
		if !ok || behind >= end {
			return 0, broken
		}
		at, inside = behind, int(etherType)
	}
	if inside == 0x0800 || inside == 0x86dd {
		return at, inside
	}
	return 0, nothing
}
