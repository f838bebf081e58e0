//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/openifit/openifit/lab/traffic"
)

// What the kernel measured of each packet's way through the node reaches the
// collector: the least, the mean and the greatest delay of each flow.
func TestDelayOfFlowsToIPFIX(t *testing.T) {
	w := newWorld(t)
	collector := w.collect(t, collectorPort)
	w.start(t)
	c := w.client(t)
	set(t, c, append(base(collectorPort), update(policyM, strings.Replace(metering, `"interface": "left", "direction": "INGRESS"`, `"interface": "right", "direction": "EGRESS"`, 1)),
		update(policyM+"/data-selection/config", `{"data-element": ["FLOW_KEYS", "PACKET_COUNT", "OCTET_COUNT", "TRANSIT_DELAY"]}`))...)
	truth := w.send(t, traffic.Constant{Flows: 5, Rate: 2000, Payload: 100, Packets: 40})
	wait(t, "all packets are in flow records", func() bool { return collector.packets() >= truth.Totals.SentPackets })

	collector.mu.Lock()
	defer collector.mu.Unlock()
	for _, f := range truth.Flows {
		got := collector.flows[tupleOf(f)]
		if got == nil || got.DelayPackets != f.SentPackets || got.DelayMin == 0 || got.DelayMax < got.DelayMin {
			t.Errorf("flow %v of %d packets: %+v", f.Source, f.SentPackets, got)
		}
	}
	for _, r := range collector.records {
		if uint64(r.DelayMean) != r.DelaySum/r.DelayPackets || r.DelayMean < r.DelayMin || r.DelayMean > r.DelayMax {
			t.Errorf("delays of %d packets: %d to %d, mean %d, sum %d", r.DelayPackets, r.DelayMin, r.DelayMax, r.DelayMean, r.DelaySum)
		}
	}
}
