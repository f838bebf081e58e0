package main

import (
	"fmt"

	"github.com/openifit/openifit/dataplane/probe/livebench"
)

// dpMeter judges by the ratios of each round, which cancel what the machine
// does besides; the values are medians.
func dpMeter() ([]Row, error) {
	m, err := livebench.MeasureMeter(400, livebench.FewFlows)
	if err != nil {
		return nil, err
	}
	many, err := livebench.MeasureMeter(100, livebench.ManyFlows)
	if err != nil {
		return nil, err
	}
	return []Row{
		against("dp-meter", m.Added, m.Floor, m.ToFloor, 1.5),
		against("dp-meter/peer", m.Added, m.Peer, m.ToPeer, 0.5),
		against("dp-meter/64k-flows", many.Added, many.Floor, many.ToFloor, 1.5),
		against("dp-meter/64k-flows-peer", many.Added, many.Peer, many.ToPeer, 0.5),
		Row{ID: "dp-meter/null", Value: m.Null.P50, Unit: "ns", OK: true}.WithFloor(m.Base.P50),
		{ID: "dp-meter/p10-p90", Value: m.ToFloor.P90 - m.ToFloor.P10, Unit: "x", OK: true},
	}, nil
}

// dpAll counts what policies do beyond metering.
func dpAll() ([]Row, error) {
	a, err := livebench.MeasureAll(200)
	if err != nil {
		return nil, err
	}
	rows := []Row{
		against("dp-all", a.All, a.Metering, a.ToMetering, 1.5),
		{ID: "dp-all/null", Value: a.Null.P50, Unit: "ns", OK: true},
	}
	for _, c := range a.Classes {
		rows = append(rows, Row{ID: "dp-all/" + c.Name, Value: c.Added.P50, Unit: "ns", OK: true})
	}
	return rows, nil
}

// dpClassify compares a point of many rules with one of a single rule. The
// first packet of a flow is judged by what it takes longer.
func dpClassify() ([]Row, error) {
	c, err := livebench.MeasureClassify(200)
	if err != nil {
		return nil, err
	}
	return []Row{
		against("dp-classify", c.KnownMany, c.KnownOne, c.ToOne, 1.1),
		AtMost("dp-classify/first-packet", c.More.P50, 300, "ns"),
		{ID: "dp-classify/first-packet-of-one-rule", Value: c.FirstOne.P50, Unit: "ns", OK: true},
		{ID: "dp-classify/null", Value: c.Null.P50, Unit: "ns", OK: true},
	}, nil
}

// dpForward compares whole ways through a node.
func dpForward() ([]Row, error) {
	f, err := livebench.MeasureForward(200)
	if err != nil {
		return nil, err
	}
	ratio := func(id string, s livebench.Spread) Row { return Row{ID: id, Value: s.P50, Unit: "x", OK: true} }
	return []Row{
		AtMost("dp-forward", f.InOut.P50, 1.35, "x"),
		ratio("dp-forward/in", f.In), ratio("dp-forward/empty", f.Empty), ratio("dp-forward/null", f.Null),
		{ID: "dp-forward/p10", Value: f.InOut.P10, Unit: "x", OK: true},
		{ID: "dp-forward/p90", Value: f.InOut.P90, Unit: "x", OK: true},
		{ID: "dp-forward/base", Value: f.Base.P50, Unit: "ns", OK: true},
	}, nil
}

// against is a row whose ratio was taken round by round.
func against(id string, added, floor, ratio livebench.Spread, bar float64) Row {
	r := RatioAtMost(id, added.P50, floor.P50, bar, "ns")
	*r.Ratio, r.OK = ratio.P50, ratio.P50 <= bar
	return r
}

func dpSwap() ([]Row, error) {
	s, err := livebench.MeasureSwap(1000, 1_000_000)
	if err != nil {
		return nil, err
	}
	wrong := apart(s.Packets, s.Counted) + apart(s.Packets, s.Recorded) + s.Orphans
	return []Row{
		AtMost("dp-swap", float64(wrong), 0, "packets"),
		AtLeast("dp-swap/packets", float64(s.Packets), 1e6, "packets"),
		AtLeast("dp-swap/swaps", float64(s.Swaps), 1000, "swaps"),
		AtLeast("dp-swap/kinds", float64(len(s.Kinds)), 15, "kinds"),
		{ID: "dp-swap/each", Value: float64(s.Least), Unit: "swaps", OK: true},
		{ID: "dp-swap/time", Value: float64(s.PerSwap.Microseconds()) / 1000, Unit: "ms", OK: true},
	}, nil
}

func dpDrain() ([]Row, error) {
	const flows = 100_000
	d, err := livebench.MeasureDrain(flows, 100)
	if err != nil {
		return nil, err
	}
	if d.Flows != flows {
		return nil, fmt.Errorf("%d flows where %d were sent", d.Flows, flows)
	}
	return []Row{
		AtMost("dp-drain", float64(d.Took.Microseconds())/1000, 100, "ms"),
		AtMost("dp-drain/lost", float64(apart(d.Packets, d.Recorded)+apart(d.TrafficPackets, d.TrafficRecorded)), 0, "packets"),
		{ID: "dp-drain/packets", Value: float64(d.TrafficPackets), Unit: "packets", OK: true},
	}, nil
}

func apart(a, b uint64) uint64 { return max(a, b) - min(a, b) }
