package meter

import (
	"net/netip"
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// The kernel's records may tell more of addresses than the policy asks for.
func TestPrefixes(t *testing.T) {
	var got collector
	m := New(got.take)
	p := metering(1)
	p.Keys = SourceIPv4Prefix | SourceIPv6Prefix | DestinationIPv4Prefix
	p.SourceBits, p.DestinationBits = plan.AddressBits{IPv4: 20, IPv6: 33}, plan.AddressBits{}
	m.Configure([]Policy{p})
	for i, source := range []string{"10.0.0.1", "10.0.15.255", "10.0.16.0", "2001:db8::1", "2001:db8:7fff::1", "2001:db8:8000::1"} {
		r := record(source, uint16(i), 1<<i, ref(1, 1))
		m.Observe(&r, 0)
	}
	m.Flush()
	want := map[string]uint64{"10.0.0.0/20": 3, "10.0.16.0/20": 4, "2001:db8::/33": 24, "2001:db8:8000::/33": 32}
	for _, r := range got.got {
		prefix := netip.PrefixFrom(r.Key.Source, int(r.SourceLength)).String()
		if r.Packets != want[prefix] || r.Key.SourcePort != 0 || r.DestinationLength != 0 || !r.Key.Destination.IsUnspecified() {
			t.Errorf("%s: %+v", prefix, r)
		}
		delete(want, prefix)
	}
	if len(want) != 0 {
		t.Errorf("no records of %v", want)
	}
	// Other lengths are other keys: what was counted goes out as it was.
	r := record("10.0.15.255", 1, 7, ref(1, 1))
	got.got = nil
	m.Observe(&r, 0)
	p.SourceBits.IPv4 = 8
	m.Configure([]Policy{p})
	if len(got.got) != 1 || got.got[0].SourceLength != 20 || got.got[0].EndReason != EndForced {
		t.Errorf("after a change: %+v", got.got)
	}
}

// A policy whose only key is an interface has one record for each family.
func TestNoHeaderFieldAsKey(t *testing.T) {
	var got collector
	m := New(got.take)
	p := metering(1)
	p.Keys = EgressInterface
	m.Configure([]Policy{p})
	for i, source := range []string{"10.0.0.1", "10.9.9.9", "2001:db8::1"} {
		r := record(source, uint16(i), 1, ref(1, 1))
		r.Direction, r.IngressIfindex, r.EgressIfindex = flow.Egress, 2, 3
		m.Observe(&r, 0)
	}
	m.Flush()
	if len(got.got) != 2 || got.packets() != 3 || got.got[0].EgressIfindex != 3 {
		t.Errorf("%+v", got.got)
	}
}
