//go:build linux

package main

import (
	"encoding/json"
	"slices"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/openifit/openifit/lab/traffic"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// marks are the domain's: default traffic is marked by 3.
func marks() *gpb.Update {
	return update("/ifit/domain/marks/mark[name=d]", `{"name": "d", "config": {"name": "d", "field": "DSCP"},
		"values": {"value": [{"unmarked": 0, "config": {"unmarked": 0, "marked": 3}}]}}`)
}

const postcards = `{"name": "m", "config": {"name": "m", "technique": "PBT_M"},
	"flow-selection": {"rules": {"rule": [{"sequence-id": 1, "config": {"sequence-id": 1, "protocol": 17, "destination-port": 5001}}]}},
	"encapsulation": {"config": {"mark": "d"}},
	"data-export": {"config": {"collector": ["c"], "batch-timeout": 20}}}`

func TestPostcardsOfEveryMarkedPacket(t *testing.T) {
	w := newWorld(t)
	collector := w.collect(t, collectorPort)
	w.start(t)
	c := w.client(t)
	set(t, c, append(base(collectorPort), marks(), update(policyM, postcards))...)
	truth := w.send(t, traffic.Constant{Flows: 4, Rate: 2000, Payload: 100, Packets: 200})
	if truth.Totals.Marked > 0 {
		t.Errorf("%d packets left the domain with a mark", truth.Totals.Marked)
	}
	sent := truth.Totals.SentPackets
	wait(t, "every packet has a postcard", func() bool {
		collector.mu.Lock()
		defer collector.mu.Unlock()
		return len(collector.cards) >= int(sent)
	})
	collector.mu.Lock()
	defer collector.mu.Unlock()
	distinct := make(map[uint64]bool)
	for _, card := range collector.cards {
		distinct[card.PacketID] = true
		if card.Node != 7 || card.Direction != records.Egress || card.HopLimit != 63 || card.DiffServ != 0 ||
			card.IngressInterface == 0 || card.EgressInterface == 0 || card.IngressInterface == card.EgressInterface ||
			card.EgressTime < card.IngressTime || card.DestinationPort != trafficPort {
			t.Fatalf("postcard %+v", card)
		}
	}
	if len(collector.cards) != int(sent) || len(distinct) < int(sent)-5 {
		t.Errorf("%d postcards with %d packet identifiers of %d packets", len(collector.cards), len(distinct), sent)
	}
	state := policyM + "/state/"
	for leaf, want := range map[string]uint64{"packets-observed": sent, "packets-marked": sent, "postcards": sent, "postcards-lost": 0} {
		// The drain and the cache of kernel counters may lag.
		wait(t, leaf+" is right", func() bool { return number(t, c, state+leaf) == want })
	}
	var roles []string
	if err := json.Unmarshal(get(t, c, state+"role"), &roles); err != nil || !slices.Equal(roles, []string{"HEAD", "END"}) {
		t.Errorf("roles %v, %v", roles, err)
	}
	if number(t, c, state+"lease-expires-at") == 0 {
		t.Error("the head marks without a lease")
	}
}

func TestMarkingEndsWithTheAgent(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	set(t, w.client(t), append(base(collectorPort), marks(), update(policyM, postcards))...)
	s := w.traffic(t, traffic.Constant{Flows: 2, Rate: 500, Payload: 100})
	marked := func() uint64 { return number(t, w.client(t), policyM+"/state/packets-marked") }
	wait(t, "packets are marked", func() bool { return marked() > 0 })
	w.kill(t)
	// Longer than the lease, in packets.
	wait(t, "the lease has ended", func() bool {
		r, err := s.Report()
		return err == nil && r.Totals.ReceivedPackets >= 500*5
	})
	truth := w.report(t, s)
	if truth.Totals.Marked > 0 {
		t.Errorf("%d packets left the domain with a mark", truth.Totals.Marked)
	}
	w.start(t)
	c := w.client(t)
	skipped := number(t, c, policyM+"/state/skips/skip[reason=NO_LEASE]/packets")
	if n := marked(); skipped == 0 || n+skipped != truth.Totals.SentPackets {
		t.Errorf("%d packets marked, %d not for want of a lease, %d sent", n, skipped, truth.Totals.SentPackets)
	}
}

// gnmiEvent is an event under /ifit/events.
type gnmiEvent struct {
	State struct {
		Policy string `json:"policy"`
		Source string `json:"source-address"`
		Port   uint16 `json:"source-port"`
	} `json:"state"`
}

func TestEventsByGNMIAndIPFIX(t *testing.T) {
	w := newWorld(t)
	collector := w.collect(t, collectorPort)
	w.start(t)
	c := w.client(t)
	set(t, c, append(base(collectorPort), update(policyM, `{"name": "m", "config": {"name": "m", "technique": "EVENT_MONITOR"},
		"observation-points": {"observation-point": [{"name": "out", "config": {"name": "out", "interface": "right", "direction": "EGRESS"}}]},
		"flow-selection": {"rules": {"rule": [{"sequence-id": 1, "config": {"sequence-id": 1, "protocol": 17, "destination-port": 5001}}]}},
		"data-export": {"config": {"collector": ["c"], "batch-timeout": 20}},
		"triggers": {"trigger": [{"name": "new", "config": {"name": "new", "metric": "NEW_FLOW"}}]}}`))...)
	truth := w.send(t, traffic.Constant{Flows: 6, Rate: 1000, Payload: 100, Packets: 20})
	wait(t, "each flow has an event", func() bool {
		collector.mu.Lock()
		defer collector.mu.Unlock()
		return len(collector.events) >= len(truth.Flows)
	})
	var list struct {
		Event []gnmiEvent `json:"openifit-agent:event"`
	}
	if err := json.Unmarshal(get(t, c, "/ifit/events"), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Event) != len(truth.Flows) {
		t.Errorf("%d events over gNMI of %d flows", len(list.Event), len(truth.Flows))
	}
	collector.mu.Lock()
	defer collector.mu.Unlock()
	seen := make(map[records.Tuple]int)
	for _, e := range collector.events {
		seen[e.Tuple]++
		if e.Metric != records.NewFlow || e.State != records.Momentary || e.Trigger != "new" || e.Node != 7 {
			t.Errorf("event %+v", e)
		}
		if !slices.ContainsFunc(list.Event, func(g gnmiEvent) bool {
			return g.State.Policy == "m" && g.State.Source == e.Source.String() && g.State.Port == e.SourcePort
		}) {
			t.Errorf("event of %v is not under /ifit/events", e.Tuple)
		}
	}
	for _, f := range truth.Flows {
		if seen[tupleOf(f)] != 1 {
			t.Errorf("%d events of flow %v", seen[tupleOf(f)], tupleOf(f))
		}
	}
}

func TestHeavyFlows(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	c := w.client(t)
	set(t, c, append(base(collectorPort), update(policyM, `{"name": "m", "config": {"name": "m", "technique": "FLOW_SKETCH"},
		"observation-points": {"observation-point": [{"name": "in", "config": {"name": "in", "interface": "left", "direction": "INGRESS"}}]},
		"sketch": {"config": {"top-k": 8, "epoch": 200, "threshold-octets-per-second": "50000"}}}`))...)
	s := w.traffic(t, traffic.Constant{Flows: 2, Rate: 400, Payload: 1000})
	var list struct {
		Flow []struct {
			Rank   uint32 `json:"rank"`
			Source string `json:"source-address"`
			Rate   string `json:"octets-per-second"`
			First  string `json:"first-seen"`
		} `json:"openifit-agent:heavy-flow"`
	}
	wait(t, "both flows are heavy", func() bool {
		text := get(t, c, policyM+"/state/heavy-flows")
		return text != nil && json.Unmarshal(text, &list) == nil && len(list.Flow) == 2
	})
	for _, f := range list.Flow {
		if f.Source == "" || f.First == "" || f.Rank == 0 {
			t.Errorf("heavy flow %+v", f)
		}
	}
	w.report(t, s)
	wait(t, "none is heavy any more", func() bool {
		list.Flow = nil
		text := get(t, c, policyM+"/state/heavy-flows")
		return text == nil || json.Unmarshal(text, &list) == nil && len(list.Flow) == 0
	})
}
