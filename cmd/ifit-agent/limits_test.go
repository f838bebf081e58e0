//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Limits are refused with figures where something cannot fit, and enforced
// where it runs; the state agrees with what is enforced.
func TestLimitsOfTheNode(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	c := w.client(t)
	set(t, c, append(base(collectorPort), update(policyM, metering))...)

	var features struct {
		List []struct {
			Name      string `json:"name"`
			Available bool   `json:"available"`
			Fallback  string `json:"fallback"`
		} `json:"openifit-agent:kernel-feature"`
	}
	if err := json.Unmarshal(get(t, c, "/ifit/state/capabilities/kernel-features"), &features); err != nil || len(features.List) == 0 {
		t.Errorf("%d kernel features, %v", len(features.List), err)
	}
	for _, f := range features.List {
		if f.Available == (f.Fallback != "") {
			t.Errorf("%+v: a fallback belongs to what is absent", f)
		}
	}

	used := uint64(0)
	wait(t, "the memory of maps is measured", func() bool {
		used = number(t, c, "/ifit/state/telemetry-overhead/map-bytes")
		return used > 0
	})
	set(t, c, update("/ifit/limits/config/max-map-bytes", fmt.Sprintf(`"%d"`, used+1<<20)))
	more := strings.ReplaceAll(strings.ReplaceAll(metering, `"m"`, `"n"`), `"INGRESS"`, `"EGRESS"`)
	_, err := c.Set(t.Context(), replace("/ifit/policies/policy[name=n]", more))
	if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "/ifit/policies/policy[name=n]") ||
		!strings.Contains(err.Error(), fmt.Sprint(used+1<<20)) {
		t.Errorf("a policy whose maps do not fit: %v", err)
	}
	_, err = c.Set(t.Context(), replace("/ifit/limits/config/max-map-bytes", `"4096"`))
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a limit below what is in use: %v", err)
	}
	remove(t, c, "/ifit/limits/config/max-map-bytes")
	set(t, c, update("/ifit/policies/policy[name=n]", more))
	remove(t, c, "/ifit/policies/policy[name=n]")

	// Even an agent that does nothing takes more than this.
	set(t, c, update("/ifit/limits/config/max-cpu-percent", `"0.001"`))
	wait(t, "the node suspends its policy", func() bool {
		return strings.Contains(string(get(t, c, policyM+"/state")), `suspended":true`)
	})
	remove(t, c, "/ifit/limits/config/max-cpu-percent")
	wait(t, "the policy runs again", func() bool {
		return !strings.Contains(string(get(t, c, policyM+"/state")), `suspended":true`)
	})
	if n := number(t, c, "/ifit/state/losses/request-panics"); n != 0 {
		t.Errorf("%d requests failed by a fault of the agent", n)
	}
}
