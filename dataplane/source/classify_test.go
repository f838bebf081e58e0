//go:build linux

package source_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/plan/plantest"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/packet"
)

// of is a packet of a flow.
func of(k *flow.Key) packet.Spec {
	s := packet.Spec{
		Source: netip.AddrPortFrom(k.Source, k.SourcePort), Destination: netip.AddrPortFrom(k.Destination, k.DestinationPort),
		Protocol: k.Protocol, DSCP: k.DSCP, Payload: []byte("payload"),
	}
	if !plan.HasPorts(k.Protocol) {
		s.Payload = []byte{byte(k.DestinationPort >> 8), byte(k.DestinationPort), 0, 0, 0, 0, 0, 0}
	}
	if !s.IPv4() {
		s.FlowLabel = k.FlowLabel
	}
	return s
}

// Random policies with up to as many rules as a point can have: the kernel
// and the plain reading of the rules agree on random flows.
func TestClassificationOfManyRules(t *testing.T) {
	s := newStand(t)
	for round, size := range []struct{ rules, most int }{
		{1, 1}, {64, 10}, {65, 65}, {257, 9}, {plan.MaxRules, 32}, {plan.MaxRules, 300}, {plan.MaxRules, plan.MaxRules},
	} {
		g := plantest.New(uint64(round))
		policies := g.Policies(size.rules, size.most)
		if len(policies) == plan.MaxPolicies {
			policies = policies[1:]
		}
		list := probetest.Metering(1000, 1)
		list.FlowList = true
		for i := range policies {
			policies[i].Actions, policies[i].Keys = plan.ActMeter, plan.Key5Tuple
		}
		keys := make(map[flow.Key]bool)
		for range 400 {
			k := g.Flow()
			if k.Source.Is4() {
				k.FlowLabel = 0
			}
			if keys[k] = true; g.IntN(8) == 0 {
				list.Flows = append(list.Flows, k.ID)
			}
		}
		slices.SortFunc(list.Flows, flow.ID.Compare)
		list.Flows = slices.Compact(list.Flows)
		policies = append(policies, list)
		s.apply(t, policies...)
		for k := range keys {
			s.run.Run(t, of(&k).Frame(), probetest.Arrival{})
		}
		accepted := 0
		for _, r := range s.drain(t) {
			var want []flow.PolicyRef
			for i := range policies {
				if policies[i].Accepts(&r.Key) {
					want = append(want, policies[i].PolicyRef)
				}
			}
			if !slices.Equal(r.Policies, want) {
				t.Fatalf("%d rules: flow %+v belongs to %v, want %v", size.rules, r.Key, r.Policies, want)
			}
			accepted += len(want)
		}
		if accepted == 0 {
			t.Errorf("%d rules: no flow was accepted", size.rules)
		}
	}
}
