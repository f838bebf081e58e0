//go:build linux

package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/openifit/openifit/lab/traffic"
)

const (
	swaps = 100
	// countedPort is the destination port of the flows that are counted to
	// the packet.
	countedPort = 6001
	countedRate = 5_000
)

// object is a node of a JSON_IETF tree (RFC 7951).
type object map[string]any

// counter is a policy that counts the packets to one port at one interface.
func counter(name, iface string, port uint16) object {
	return object{
		"name":   name,
		"config": object{"name": name, "technique": "FLOW_METERING"},
		"observation-points": object{"observation-point": []object{
			{"name": "in", "config": object{"name": "in", "interface": iface, "direction": "INGRESS"}},
		}},
		"flow-selection": object{"rules": object{"rule": []object{
			{"sequence-id": 10, "config": object{
				"sequence-id": 10, "protocol": 17, "destination-port": fmt.Sprint(port),
			}},
		}}},
	}
}

// counted starts traffic from h1 to h2 that is counted to the packet.
func (w *world) counted(ctx context.Context) (*traffic.Session, error) {
	p, err := traffic.Constant{
		Pairs: w.pairs("h1", "h2"), Flows: 16, Rate: countedRate, Payload: 64, Port: countedPort, Seed: w.opts.Seed + 2,
	}.Profile()
	if err != nil {
		return nil, fmt.Errorf("counted traffic: %w", err)
	}
	return w.send(ctx, "h1", "h2", "to-r5", p)
}

// swapPrograms replaces the program under traffic again and again, and holds
// its counters against the packets sent.
func swapPrograms(ctx context.Context, w *world) error {
	r1 := w.agents["r1"]
	if err := r1.Replace(ctx, policyPath("count"), counter("count", "to-h1", countedPort)); err != nil {
		return err
	}
	programs := map[string]bool{}
	session, err := w.counted(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	for i := range swaps {
		w.screen.now("swap %d of %d", i+1, swaps)
		// Another rule at the point needs another program.
		if i%2 == 0 {
			err = r1.Replace(ctx, policyPath("swap"), counter("swap", "to-h1", uint16(7000+i)))
		} else {
			err = r1.Delete(ctx, policyPath("swap"))
		}
		if err != nil {
			return fmt.Errorf("swap %d: %w", i+1, err)
		}
		id, err := w.program(ctx)
		if err != nil {
			return err
		}
		programs[id] = true
	}
	w.check("different programs at r1's edge, one after the other", fmt.Sprint(swaps), fmt.Sprint(len(programs)), len(programs) == swaps)
	if err := session.Stop(ctx, time.Second); err != nil {
		return err
	}
	report, err := session.Report()
	if err != nil {
		return err
	}
	sent := report.Totals.SentPackets
	var observed uint64
	_, err = until(ctx, 10*time.Second, "counters of all packets", func(ctx context.Context) (bool, error) {
		observed, err = r1.Uint(ctx, policyPath("count")+"/state/packets-observed")
		return observed >= sent, err
	})
	w.check("packets counted at r1 during the swaps", fmt.Sprintf("%d sent", sent), fmt.Sprint(observed), observed == sent)
	w.check("packets lost on the way to h2", "0", fmt.Sprint(report.Totals.Lost), report.Totals.Lost == 0)
	if err != nil {
		return err
	}
	return r1.Delete(ctx, policyPath("count"))
}

// program is the identifier of the program at r1's edge.
func (w *world) program(ctx context.Context) (string, error) {
	var programs struct {
		List []struct {
			ID        uint32 `json:"id"`
			Interface string `json:"interface"`
			Direction string `json:"direction"`
		} `json:"openifit-agent:program"`
	}
	if err := w.agents["r1"].Get(ctx, policyPath("count")+"/state/programs", &programs); err != nil {
		return "", err
	}
	for _, p := range programs.List {
		if p.Interface == "to-h1" && p.Direction == "INGRESS" {
			return fmt.Sprint(p.ID), nil
		}
	}
	return "", fmt.Errorf("no program at to-h1 among %d", len(programs.List))
}
