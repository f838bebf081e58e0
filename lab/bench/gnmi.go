package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/openifit/openifit/agent/gnmi/gnmibench"
)

const (
	gnmiSets   = 200
	gnmiRounds = 7
)

// gnmiServer starts a gNMI server with the large tree and nothing to apply it
// to.
func gnmiServer(ctx context.Context, measure func(*gnmibench.Node) error) (err error) {
	dir, err := os.MkdirTemp("", "openifit-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	n, err := gnmibench.New(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	return measure(n)
}

// gnmiSet measures a Set of one leaf, saved to disk. What it costs beyond one
// policy is judged per policy: the whole must be linear in what changes.
func gnmiSet() ([]Row, error) {
	var one, hundred, get float64
	ctx := context.Background()
	err := gnmiServer(ctx, func(n *gnmibench.Node) error {
		round := 0
		timed := func(times int, do func() error) (float64, error) {
			var ms []float64
			for range times {
				round++
				start := time.Now()
				if err := do(); err != nil {
					return 0, err
				}
				ms = append(ms, float64(time.Since(start).Microseconds())/1000)
			}
			return median(ms), nil
		}
		var err error
		if one, err = timed(gnmiSets, func() error { return n.SetLeaf(ctx, round, 1) }); err != nil {
			return err
		}
		if hundred, err = timed(gnmiRounds, func() error { return n.SetLeaf(ctx, round, 100) }); err != nil {
			return err
		}
		get, err = timed(gnmiSets, func() error { return n.Get(ctx, round) })
		return err
	})
	return []Row{
		AtMost("gnmi-set", one, 20, "ms"),
		RatioAtMost("gnmi-set/per-policy-of-100", hundred/100, one, 1, "ms"),
		AtMost("gnmi-set/get-policy", get, 2, "ms"),
	}, err
}

// gnmiSubscribe measures how many leaves the server sends to one client, which
// only counts them.
func gnmiSubscribe() ([]Row, error) {
	ctx := context.Background()
	var rates []float64
	err := gnmiServer(ctx, func(n *gnmibench.Node) error {
		for range gnmiRounds {
			start := time.Now()
			leaves, err := n.Count(ctx)
			if err != nil {
				return err
			}
			rates = append(rates, float64(leaves)/time.Since(start).Seconds()/1000)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return []Row{AtLeast("gnmi-subscribe", median(rates), 300, "k leaves/s")}, nil
}
