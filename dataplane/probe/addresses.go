package probe

import (
	"encoding/binary"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// addressMask is struct ifit_address_mask.
type addressMask [4]uint32

// maskAddresses tells a program how much of addresses is read, and reports
// whether that is less than the whole. An address that is not read at all
// needs no mask.
func maskAddresses(p *plan.Point, c *point.BPFIfitPoint) bool {
	source, destination := p.ReadAddresses()
	for family, bits := range [2]uint8{source.IPv4, source.IPv6} {
		c.SourceMask[family].W = leading(bits)
	}
	for family, bits := range [2]uint8{destination.IPv4, destination.IPv6} {
		c.DestinationMask[family].W = leading(bits)
	}
	part := func(b plan.AddressBits) bool { return b != plan.AddressBits{} && b != plan.WholeAddress }
	return part(source) || part(destination)
}

// leading is the mask of so many bits, in the order of memory.
func leading(bits uint8) (mask addressMask) {
	var octets [16]byte
	for i := range bits {
		octets[i/8] |= 0x80 >> (i % 8)
	}
	for w := range mask {
		mask[w] = binary.NativeEndian.Uint32(octets[4*w:])
	}
	return mask
}
