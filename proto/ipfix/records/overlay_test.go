package records_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/records"
)

func TestSegmentID(t *testing.T) {
	for _, c := range []struct {
		encapsulation uint8
		vni           uint32
		want          uint64
	}{
		{0, 0, 0}, {records.EncapsulationVXLAN, 0xfedcba, 1<<56 | 0xfedcba}, {records.EncapsulationNVGRE, 0, 2 << 56},
		{3, 7, 7}, {255, 1 << 24, 0},
	} {
		if got := records.SegmentID(c.encapsulation, c.vni); got != c.want {
			t.Errorf("encapsulation %d, VNI %#x: %#x, want %#x", c.encapsulation, c.vni, got, c.want)
		}
	}
}

// What is beyond the IP header goes out and comes back in, in either family.
func TestKeysBeyondTheIPHeader(t *testing.T) {
	keys := append(slices.Clone(records.DefaultFlowKeys()),
		"dot1qVlanId", "dot1qCustomerVlanId", "layer2SegmentId", "mplsTopLabelStackSection", "srhActiveSegmentIPv6")
	for _, tuple := range []records.Tuple{v4, v6} {
		flow := records.Flow{
			Origin: origin, Tuple: tuple, VLAN: 9, CustomerVLAN: 7, SegmentID: records.SegmentID(records.EncapsulationVXLAN, 5),
			TopLabel: records.TopLabel(0xfffff<<4 | 1), ActiveSegment: netip.MustParseAddr("2001:db8::5"), Octets: 1, Packets: 1, Start: coarse, End: coarse,
		}
		tmpl, err := records.FlowTemplate(model, records.FamilyOf(tuple.Source), keys, records.FlowOptions{})
		through(t, tmpl, err, func(v *records.Visitor, f func(ipfix.Header, *records.Flow)) { v.Flow = f }, flow)
	}
}
