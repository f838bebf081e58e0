//go:build linux

package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/openifit/openifit/lab/traffic"
)

// killAgent shows that packets and counters do without the agent.
func killAgent(ctx context.Context, w *world) error {
	r3, agent := w.lab.Node("r3"), w.agents["r3"]
	if err := agent.Replace(ctx, policyPath("count"), counter("count", "to-r2", countedPort)); err != nil {
		return err
	}
	counted := policyPath("count") + "/state/packets-observed"
	kernel := "/ifit/interfaces/interface[name=to-r2]/state/packets-observed"
	before, err := agent.Uint(ctx, kernel)
	if err != nil {
		return err
	}
	// What was sent up to now may have been counted already.
	maybe, err := w.total(func(t traffic.Totals) uint64 { return t.SentPackets })
	if err != nil {
		return err
	}
	session, err := w.counted(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	if err := arrived(ctx, session, countedRate); err != nil {
		return err
	}
	if err := r3.Kill(); err != nil {
		return err
	}
	w.screen.say("r3's agent is dead (kill -9); packets go on")
	if err := arrived(ctx, session, countedRate); err != nil {
		return err
	}
	start := time.Now()
	if err := r3.Start(ctx); err != nil {
		return err
	}
	_, err = until(ctx, 20*time.Second, "r3's agent has its probes again", func(ctx context.Context) (bool, error) {
		var status string
		if err := agent.Get(ctx, policyPath("count")+"/state/oper-status", &status); err != nil {
			return false, err
		}
		return status == "ACTIVE", nil
	})
	took := time.Since(start)
	w.check("r3's agent has its probes again", "within 5 s", fmt.Sprintf("%.1f s", took.Seconds()), err == nil && took < 5*time.Second)
	if err != nil {
		return err
	}
	if err := session.Stop(ctx, time.Second); err != nil {
		return err
	}
	report, err := session.Report()
	if err != nil {
		return err
	}
	w.check("packets lost on the way to h2", "0", fmt.Sprint(report.Totals.Lost), report.Totals.Lost == 0)
	sent := report.Totals.SentPackets
	// What has arrived up to now must have been counted.
	surely, err := w.total(func(t traffic.Totals) uint64 { return t.ReceivedPackets })
	if err != nil {
		return err
	}
	after, err := agent.Uint(ctx, kernel)
	if err != nil {
		return err
	}
	least := before + sent + surely - maybe
	w.check("r3's kernel counter, the time without an agent included",
		fmt.Sprintf("%d or more", least), fmt.Sprint(after), after >= least)
	var observed uint64
	_, err = until(ctx, 10*time.Second, "counters of all packets", func(ctx context.Context) (bool, error) {
		observed, err = agent.Uint(ctx, counted)
		return observed >= sent, err
	})
	w.check("packets counted at r3, the time without an agent included", fmt.Sprintf("%d sent", sent), fmt.Sprint(observed), observed == sent)
	if err != nil {
		return err
	}
	return agent.Delete(ctx, policyPath("count"))
}

// total sums up what both directions of the background traffic say.
func (w *world) total(of func(traffic.Totals) uint64) (uint64, error) {
	forward, backward, err := w.truth()
	return of(forward.Totals) + of(backward.Totals), err
}

// arrived waits until so many more packets of a session have arrived.
func arrived(ctx context.Context, s *traffic.Session, packets uint64) error {
	first, err := s.Report()
	if err != nil {
		return err
	}
	_, err = until(ctx, 20*time.Second, fmt.Sprintf("%d packets more arrive", packets), func(context.Context) (bool, error) {
		r, err := s.Report()
		return r.Totals.ReceivedPackets >= first.Totals.ReceivedPackets+packets, err
	})
	return err
}
