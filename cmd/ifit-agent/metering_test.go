//go:build linux

package main

import (
	"syscall"
	"testing"
	"time"

	"github.com/openifit/openifit/lab/traffic"
	"github.com/openifit/openifit/proto/ipfix/records"
)

func TestMeteringToIPFIX(t *testing.T) {
	w := newWorld(t)
	collector := w.collect(t, collectorPort)
	w.start(t)
	c := w.client(t)
	set(t, c, append(base(collectorPort), update(policyM, metering))...)
	begin := time.Now()
	truth := w.send(t, traffic.Constant{Flows: 20, Rate: 5000, Payload: 200, Packets: 100})
	wait(t, "all packets are in flow records", func() bool { return collector.packets() >= truth.Totals.SentPackets })

	collector.mu.Lock()
	defer collector.mu.Unlock()
	if len(collector.errs) > 0 || len(collector.flows) != len(truth.Flows) {
		t.Errorf("%d flows arrived, %d were sent; errors %v", len(collector.flows), len(truth.Flows), collector.errs)
	}
	for _, f := range truth.Flows {
		got := collector.flows[tupleOf(f)]
		if got == nil {
			t.Errorf("no record of flow %v > %v", f.Source, f.Destination)
			continue
		}
		if got.Packets != f.SentPackets || got.Octets != f.SentOctets || got.MinimumHopLimit != 64 || got.IngressInterface == 0 {
			t.Errorf("flow %v: %+v, want %d packets, %d octets", f.Source, got, f.SentPackets, f.SentOctets)
		}
		if start, end := time.Unix(0, int64(got.Start)), time.Unix(0, int64(got.End)); start.Before(begin.Add(-time.Second)) || end.After(time.Now()) || end.Before(start) {
			t.Errorf("flow %v lasted from %v to %v, sent after %v", f.Source, start, end, begin)
		}
	}
	state := policyM + "/state/"
	if n := number(t, c, state+"packets-observed"); n != truth.Totals.SentPackets {
		t.Errorf("%d packets observed, %d sent", n, truth.Totals.SentPackets)
	}
	if n := number(t, c, "/ifit/policies/policy[name=m]/flow-selection/rules/rule[sequence-id=1]/state/hits"); n != truth.Totals.SentPackets {
		t.Errorf("%d hits of the rule, %d packets sent", n, truth.Totals.SentPackets)
	}
	wait(t, "the exporter's counters agree", func() bool {
		return number(t, c, state+"records-exported") == uint64(len(collector.records))
	})
	if got := string(get(t, c, state+"oper-status")); got != `"ACTIVE"` {
		t.Errorf("oper-status %s", got)
	}
	remove(t, c, policyM)
	if got := get(t, c, "/ifit/interfaces/interface[name=left]/state/probe"); got != nil {
		t.Errorf("programs after the policy went: %s", got)
	}
}

func tupleOf(f traffic.FlowTruth) records.Tuple {
	return records.Tuple{
		Source: f.Source.Addr(), Destination: f.Destination.Addr(),
		SourcePort: f.Source.Port(), DestinationPort: f.Destination.Port(), Protocol: f.Protocol,
	}
}

func TestStoppedAgentExportsAllAndLeavesProbes(t *testing.T) {
	w := newWorld(t)
	collector := w.collect(t, collectorPort)
	w.start(t)
	c := w.client(t)
	set(t, c, append(base(collectorPort), update(policyM, metering), update(policyM+"/data-export/config/active-timeout", "600000"),
		update(policyM+"/data-export/config/idle-timeout", "600000"))...)
	first := w.send(t, traffic.Constant{Flows: 4, Rate: 2000, Payload: 100, Packets: 100})
	w.end(t, syscall.SIGTERM)
	wait(t, "the last records have arrived", func() bool { return collector.packets() == first.Totals.SentPackets })
	// The probes count on, for the next life of the agent to tell.
	second := w.send(t, traffic.Constant{Flows: 4, Rate: 2000, Payload: 100, Packets: 100})
	w.start(t)
	w.end(t, syscall.SIGTERM)
	wait(t, "records of the time between have arrived", func() bool {
		return collector.packets() == first.Totals.SentPackets+second.Totals.SentPackets
	})
	if err := run(t.Context(), []string{"--remove", "--pin-dir", w.pinDir}, w.log, w.log); err != nil {
		t.Fatal(err)
	}
	for _, r := range collector.records {
		if r.EndReason != records.EndForced {
			t.Errorf("record %+v ended by itself", r)
		}
	}
}

func TestRateChangesKeepGenerationsApart(t *testing.T) {
	w := newWorld(t)
	collector := w.collect(t, collectorPort)
	w.start(t)
	c := w.client(t)
	probability := policyM + "/packet-selection/config"
	set(t, c, append(base(collectorPort), update(policyM, metering),
		update(probability, `{"algorithm": "UNIFORM_PROBABILISTIC", "probability": "1"}`))...)
	program := string(get(t, c, policyM+"/state/programs"))
	first := w.send(t, traffic.Constant{Flows: 4, Rate: 2000, Payload: 100, Packets: 100})
	wait(t, "all packets are in records", func() bool { return collector.packets() == first.Totals.SentPackets })
	before := number(t, c, policyM+"/state/generation")
	set(t, c, update(probability+"/probability", `"0"`))
	second := w.send(t, traffic.Constant{Flows: 4, Rate: 2000, Payload: 100, Packets: 100})
	total := first.Totals.SentPackets + second.Totals.SentPackets
	wait(t, "all packets are observed", func() bool { return number(t, c, policyM+"/state/packets-observed") == total })
	if n := number(t, c, policyM+"/state/packets-selected"); n != first.Totals.SentPackets {
		t.Errorf("%d packets selected, want %d", n, first.Totals.SentPackets)
	}
	if after := number(t, c, policyM+"/state/generation"); after <= before {
		t.Errorf("generation %d, then %d", before, after)
	}
	if now := string(get(t, c, policyM+"/state/programs")); len(now) == 0 || ids(t, now) != ids(t, program) {
		t.Errorf("a new rate loaded another program: %s, before %s", now, program)
	}
	collector.mu.Lock()
	defer collector.mu.Unlock()
	for _, r := range collector.records {
		if r.Generation != uint32(before) || r.Selector != uint64(r.Policy)<<32|before {
			t.Errorf("record of generation %d, selector %x", r.Generation, r.Selector)
		}
	}
}

func TestRaiseEndsByItself(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	c := w.client(t)
	const raise = "/ifit/policies/policy[name=m.raise]"
	set(t, c, append(base(collectorPort), update(policyM, metering), update(raise, `{"name": "m.raise",
		"config": {"name": "m.raise", "technique": "FLOW_METERING", "owner": "loop", "lifetime": 1},
		"observation-points": {"observation-point": [{"name": "out", "config": {"name": "out", "interface": "right", "direction": "EGRESS"}}]}}`))...)
	right := "/ifit/interfaces/interface[name=right]/state/probe"
	if get(t, c, right) == nil || number(t, c, raise+"/state/expires-at") == 0 {
		t.Fatal("the raise is not in force")
	}
	wait(t, "the raise has expired", func() bool { return string(get(t, c, raise+"/state/oper-status")) == `"EXPIRED"` })
	if got := get(t, c, right); got != nil {
		t.Errorf("programs of an expired raise: %s", got)
	}
	if got := string(get(t, c, policyM+"/state/oper-status")); got != `"ACTIVE"` {
		t.Errorf("the base policy is %s", got)
	}
	// Neither does the end of the lifetime depend on the agent's life.
	w.kill(t)
	w.start(t)
	c = w.client(t)
	if got := string(get(t, c, raise+"/state/oper-status")); got != `"EXPIRED"` || get(t, c, right) != nil {
		t.Errorf("after a restart the raise is %s", got)
	}
}
