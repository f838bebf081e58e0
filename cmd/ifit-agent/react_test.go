//go:build linux

package main

import (
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/openifit/openifit/lab/traffic"
)

// sampled selects nothing by itself.
const sampled = `{"name": "s", "config": {"name": "s", "technique": "FLOW_METERING"},
	"observation-points": {"observation-point": [{"name": "in", "config": {"name": "in", "interface": "left", "direction": "INGRESS"}}]},
	"flow-selection": {"rules": {"rule": [{"sequence-id": 1, "config": {"sequence-id": 1, "protocol": 17, "destination-port": 5001}}]}},
	"packet-selection": {"config": {"algorithm": "UNIFORM_PROBABILISTIC", "probability": "0"}},
	"data-export": {"config": {"drain-interval": 50}}}`

// reacting raises the rate of s and enables m at each new flow.
const reacting = `{"name": "watch", "config": {"name": "watch", "technique": "EVENT_MONITOR"},
	"observation-points": {"observation-point": [{"name": "out", "config": {"name": "out", "interface": "right", "direction": "EGRESS"}}]},
	"flow-selection": {"rules": {"rule": [{"sequence-id": 1, "config": {"sequence-id": 1, "protocol": 17, "destination-port": 5001}}]}},
	"triggers": {"trigger": [{"name": "new", "config": {"name": "new", "metric": "NEW_FLOW"}, "actions": {"action": [
		{"policy": "s", "config": {"policy": "s", "action": "SET_RATE", "probability": "1", "duration": 1500}},
		{"policy": "m", "config": {"policy": "m", "action": "ENABLE", "duration": 3000}}]}}]}}`

func TestNodeReactsByItself(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	c := w.client(t)
	const policyS = "/ifit/policies/policy[name=s]"
	set(t, c, append(base(collectorPort), update(policyS, sampled), update(policyM, metering), update(policyM+"/config/enabled", "false"),
		update("/ifit/policies/policy[name=watch]", reacting))...)
	generation := number(t, c, policyS+"/state/generation")
	if n := number(t, c, policyS+"/state/reactions-begun"); n != 0 {
		t.Fatalf("%d reactions to nothing", n)
	}
	s := w.traffic(t, traffic.Constant{Flows: 3, Rate: 500, Payload: 100})
	const cause = "/state/reactions/reaction[cause=watch:new]"
	wait(t, "the rate is raised", func() bool { return get(t, c, policyS+cause) != nil })
	wait(t, "the other policy is enabled", func() bool { return string(get(t, c, policyM+"/state/oper-status")) == `"ACTIVE"` })
	wait(t, "packets are selected", func() bool { return number(t, c, policyS+"/state/packets-selected") > 0 })
	if number(t, c, policyS+"/state/generation") <= generation {
		t.Error("two rates under one generation")
	}
	if got := string(get(t, c, policyS+"/packet-selection/config/probability")); got != `"0.0"` && got != `"0"` {
		t.Errorf("the configured probability became %s", got)
	}
	wait(t, "the rate falls back by itself", func() bool { return get(t, c, policyS+cause) == nil })
	wait(t, "the other policy ends by itself", func() bool { return string(get(t, c, policyM+"/state/oper-status")) == `"INACTIVE"` })
	for _, at := range []string{policyS, policyM} {
		if n := number(t, c, at+"/state/reactions-begun"); n != 1 {
			t.Errorf("%s: %d reactions to one burst of new flows", at, n)
		}
	}
	// What is selected from now on is nothing, though packets go on.
	selected := func() uint64 { return number(t, c, policyS+"/state/packets-selected") }
	var settled uint64
	wait(t, "the selection has come to rest", func() bool {
		before := settled
		settled = selected()
		observed := number(t, c, policyS+"/state/packets-observed")
		wait(t, "more packets pass", func() bool { return number(t, c, policyS+"/state/packets-observed") > observed+200 })
		return settled == before && selected() == settled
	})
	w.report(t, s)
}

func TestNodeDeclines(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	c := w.client(t)
	set(t, c, append(base(collectorPort), update(policyM, metering))...)
	set(t, c, update("/ifit/admission/config", `{"technique": ["EVENT_MONITOR"]}`))
	if got := string(get(t, c, policyM+"/state/oper-status")); got != `"INACTIVE"` {
		t.Errorf("a policy that is not admitted any more is %s", got)
	}
	if got := string(get(t, c, policyM+"/state/last-error")); got == "" {
		t.Error("nothing says why")
	}
	_, err := c.Set(t.Context(), &gpb.SetRequest{Update: []*gpb.Update{update("/ifit/policies/policy[name=s]", sampled)}})
	if status.Code(err) != codes.FailedPrecondition {
		t.Errorf("a policy that is not admitted: %v", err)
	}
	set(t, c, update("/ifit/admission/config", `{"technique": ["FLOW_METERING"], "on-declined-element": "OMIT",
		"data-element": ["FLOW_KEYS", "PACKET_COUNT", "OCTET_COUNT"]}`))
	if got := string(get(t, c, policyM+"/state/oper-status")); got != `"ACTIVE"` {
		t.Errorf("a policy that is admitted again is %s: %s", got, get(t, c, policyM+"/state/last-error"))
	}
	if get(t, c, policyM+"/state/declined-data-element") == nil {
		t.Error("nothing says what is left out")
	}
}
