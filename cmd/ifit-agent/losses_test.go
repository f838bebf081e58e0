//go:build linux

package main

import (
	"encoding/json"
	"testing"

	"github.com/openifit/openifit/lab/impair"
	"github.com/openifit/openifit/lab/traffic"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// What a lossy link loses arrives at the collector and in the state tree, by
// flow and reason, and the trigger beside it tells the loss.
func TestLossesByGNMIAndIPFIX(t *testing.T) {
	w := newWorld(t)
	collector := w.collect(t, collectorPort)
	w.start(t)
	c := w.client(t)
	set(t, c, append(base(collectorPort), update(policyM, `{"name": "m", "config": {"name": "m", "technique": "FLOW_METERING"},
		"flow-selection": {"rules": {"rule": [{"sequence-id": 1, "config": {"sequence-id": 1, "protocol": 17, "destination-port": 5001}}]}},
		"data-selection": {"config": {"data-element": ["FLOW_KEYS", "PACKET_COUNT", "OCTET_COUNT", "DROPS"]}},
		"data-export": {"config": {"collector": ["c"], "drain-interval": 50, "active-timeout": 500, "idle-timeout": 200, "batch-timeout": 20}}}`),
		update("/ifit/policies/policy[name=e]", `{"name": "e", "config": {"name": "e", "technique": "EVENT_MONITOR"},
		"flow-selection": {"rules": {"rule": [{"sequence-id": 1, "config": {"sequence-id": 1, "protocol": 17, "destination-port": 5001}}]}},
		"data-export": {"config": {"collector": ["c"], "batch-timeout": 20}},
		"triggers": {"trigger": [{"name": "loss", "config": {"name": "loss", "metric": "PACKET_DROP", "threshold": "20", "hold-time": 0}}]}}`))...)
	if err := impair.SetLoss(w.router, "right", impair.Loss{Drop: 0.25, Seed: 3}); err != nil {
		t.Fatal(err)
	}
	s := w.traffic(t, traffic.Constant{Flows: 4, Rate: 1000, Payload: 100, Packets: 200})
	<-s.Done()
	// The session itself waits for what is lost: the lossy link knows better.
	sent := uint64(800)
	wait(t, "all packets have come to the link", func() bool {
		counts, err := impair.LossCounts(w.router, "right")
		return err == nil && counts.Packets >= sent
	})
	truth, err := impair.ClearLoss(w.router, "right")
	if err != nil || truth.Dropped < 20 {
		t.Fatalf("lost %+v, %v", truth, err)
	}
	wait(t, "all losses are exported", func() bool {
		collector.mu.Lock()
		defer collector.mu.Unlock()
		var n uint64
		for _, d := range collector.drops {
			n += d.Packets
		}
		return n == truth.Dropped
	})
	r, err := s.Report()
	if err != nil || r.Totals.SentPackets != sent || r.Totals.SentPackets-r.Totals.ReceivedPackets != truth.Dropped {
		t.Errorf("the generator counts %+v, the link %+v, %v", r.Totals, truth, err)
	}
	collector.mu.Lock()
	for _, d := range collector.drops {
		if d.Reason != "TC_EGRESS" || d.Status != records.DroppedACLDrop || d.Location == "" || d.DestinationPort != trafficPort ||
			d.IngressInterface == 0 || d.EgressInterface == 0 || d.Start > d.End || d.Octets < 128*d.Packets {
			t.Errorf("%+v", d)
		}
	}
	events := collector.events
	collector.mu.Unlock()
	if len(events) == 0 || events[0].Metric != records.PacketDrop || events[0].State != records.Raised ||
		events[0].DropReason != "TC_EGRESS" || events[0].Value < 20 {
		t.Errorf("events %+v", events)
	}
	wait(t, "the state counts the losses", func() bool {
		return number(t, c, policyM+"/state/drops/drop[reason=TC_EGRESS]/packets") == truth.Dropped
	})
	wait(t, "the trigger counts its events", func() bool {
		return number(t, c, "/ifit/policies/policy[name=e]/state/trigger-counters/trigger[name=loss]/events") > 0
	})
	if n := number(t, c, "/ifit/state/drop-monitor/packets"); n < truth.Dropped {
		t.Errorf("the node counts %d drops of %d", n, truth.Dropped)
	}
	var list struct {
		Event []struct {
			State struct {
				Reason string `json:"drop-reason"`
			} `json:"state"`
		} `json:"openifit-agent:event"`
	}
	if err := json.Unmarshal(get(t, c, "/ifit/events"), &list); err != nil || len(list.Event) == 0 || list.Event[0].State.Reason != "TC_EGRESS" {
		t.Errorf("events over gNMI: %+v, %v", list, err)
	}
}
