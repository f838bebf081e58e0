//go:build linux

package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openifit/openifit/lab/target"
)

// exportInterval is long enough that one message more or less changes
// nothing.
const exportInterval = time.Second

// exportMeter reads from the agents how much they send to the collector.
type exportMeter struct {
	w      *world
	ticker *time.Ticker
	octets uint64
	at     time.Time
}

func (w *world) startExportMeter(ctx context.Context) (*exportMeter, error) {
	m := &exportMeter{w: w, ticker: time.NewTicker(exportInterval), at: time.Now()}
	var err error
	if m.octets, err = w.exported(ctx); err != nil {
		m.stop()
		return nil, err
	}
	return m, nil
}

func (m *exportMeter) stop() { m.ticker.Stop() }

// next waits for the end of an interval and returns its rate in octets per
// second, over all agents.
func (m *exportMeter) next(ctx context.Context) (float64, error) {
	select {
	case <-ctx.Done():
		return 0, fmt.Errorf("measure export: %w", ctx.Err())
	case <-m.ticker.C:
	}
	octets, err := m.w.exported(ctx)
	if err != nil {
		return 0, err
	}
	now := time.Now()
	rate := float64(octets-m.octets) / now.Sub(m.at).Seconds()
	m.octets, m.at = octets, now
	return rate, nil
}

// exported sums up the octets that all agents sent to the collector.
func (w *world) exported(ctx context.Context) (uint64, error) {
	var sum uint64
	for node, agent := range w.agents {
		n, err := agent.Uint(ctx, "/ifit/collectors/collector[name=controller]/state/octets")
		if err != nil {
			return 0, fmt.Errorf("%s: %w", node, err)
		}
		sum += n
	}
	return sum, nil
}

// holding counts the agents that have a policy in force.
func (w *world) holding(ctx context.Context, policy string) (int, error) {
	n := 0
	for node, agent := range w.agents {
		var status string
		err := agent.Get(ctx, policyPath(policy)+"/state/oper-status", &status)
		if errors.Is(err, target.ErrAbsent) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w", node, err)
		}
		if status == "ACTIVE" {
			n++
		}
	}
	return n, nil
}
