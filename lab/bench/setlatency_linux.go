package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// Sets of each kind; enough for a 99th percentile that is not the maximum.
const (
	rateChanges = 300
	newPolicies = 150
)

// setLatency measures a gNMI Set over TLS from the request to the answer,
// which comes when the kernel enforces what was set.
func setLatency() (_ []Row, err error) {
	ctx := context.Background()
	n, err := newNode(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	client := gpb.NewGNMIClient(n.conn)
	const policy = `{"name": %q, "config": {"name": %q, "technique": "FLOW_METERING"},
		"observation-points": {"observation-point": [{"name": "in", "config": {"name": "in", "interface": "near", "direction": "INGRESS"}}]},
		"flow-selection": {"rules": {"rule": [{"sequence-id": 1, "config": {"sequence-id": 1, "protocol": 17}}]}},
		"packet-selection": {"config": {"algorithm": "UNIFORM_PROBABILISTIC", "probability": "0.5"}}}`
	set := func(path, value string) (time.Duration, error) {
		request := &gpb.SetRequest{Update: []*gpb.Update{{
			Path: gnmiPath(path), Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(value)}},
		}}}
		if value == "" {
			request = &gpb.SetRequest{Delete: []*gpb.Path{gnmiPath(path)}}
		}
		start := time.Now()
		if _, err := client.Set(ctx, request); err != nil {
			return 0, fmt.Errorf("set %s: %w", path, err)
		}
		return time.Since(start), nil
	}
	if _, err := set("ifit/interfaces/interface[name=near]", `{"name": "near", "config": {"name": "near", "role": "EDGE"}}`); err != nil {
		return nil, err
	}
	if _, err := set("ifit/policies/policy[name=base]", fmt.Sprintf(policy, "base", "base")); err != nil {
		return nil, err
	}
	var rates, policies []time.Duration
	for i := range rateChanges {
		took, err := set("ifit/policies/policy[name=base]/packet-selection/config/probability", fmt.Sprintf(`"0.%d"`, 1+i%9))
		if err != nil {
			return nil, err
		}
		rates = append(rates, took)
	}
	for range newPolicies {
		took, err := set("ifit/policies/policy[name=new]", fmt.Sprintf(policy, "new", "new"))
		if err != nil {
			return nil, err
		}
		policies = append(policies, took)
		if _, err := set("ifit/policies/policy[name=new]", ""); err != nil {
			return nil, err
		}
	}
	return []Row{
		AtMost("set-latency/rate", percentile(rates, 99), 5, "ms"),
		{ID: "set-latency/rate/p50", Value: percentile(rates, 50), Unit: "ms", OK: true},
		AtMost("set-latency/policy", percentile(policies, 99), 60, "ms"),
		{ID: "set-latency/policy/p50", Value: percentile(policies, 50), Unit: "ms", OK: true},
	}, nil
}

// percentile is in milliseconds.
func percentile(d []time.Duration, p int) float64 {
	slices.Sort(d)
	return float64(d[(len(d)*p+99)/100-1]) / 1e6
}

// gnmiPath parses "a/b[k=v]/c".
func gnmiPath(s string) *gpb.Path {
	p := &gpb.Path{}
	for _, elem := range strings.Split(s, "/") {
		name, key, keyed := strings.Cut(strings.TrimSuffix(elem, "]"), "[")
		e := &gpb.PathElem{Name: name}
		if keyed {
			k, v, _ := strings.Cut(key, "=")
			e.Key = map[string]string{k: v}
		}
		p.Elem = append(p.Elem, e)
	}
	return p
}
