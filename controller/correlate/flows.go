package correlate

import (
	"container/list"

	"github.com/openifit/openifit/controller/measure"
)

// HopDelays sums up one hop of a flow's present route.
type HopDelays struct {
	Node measure.Delay
	Link measure.Delay
	// Suspect counts differences that were no delays.
	Suspect uint64
}

// Flow is what is known of the way of one flow.
type Flow struct {
	Flow   measure.Flow
	Policy string
	// Latest is the path of the flow's latest packet, complete or not.
	Latest *Path
	// Current is the latest complete path; nil before the first.
	Current *Path
	// Previous is the last complete path on the route before; nil when the
	// route has not changed.
	Previous *Path
	// Hops sums up the delays of the present route's packets, by hop.
	Hops []HopDelays
	// Delay sums up the delay from the first hop to the last.
	Delay                measure.Delay
	Complete, Incomplete uint64
	Duplicates           uint64
	// Changes counts changes of the route, PacketsOnRoute the packets since
	// the last one.
	Changes        uint32
	PacketsOnRoute uint64
}

// flows remembers the flows of the latest paths, forgetting the one unseen for
// longest when it is full.
type flows struct {
	max       int
	byFlow    map[measure.Flow]*list.Element
	order     *list.List // of *Flow, oldest first
	forgotten uint64
}

func newFlows(n int) *flows {
	return &flows{max: n, byFlow: make(map[measure.Flow]*list.Element, n), order: list.New()}
}

func (f *flows) get(id measure.Flow) *Flow {
	if e, ok := f.byFlow[id]; ok {
		f.order.MoveToBack(e)
		return e.Value.(*Flow)
	}
	if len(f.byFlow) == f.max {
		oldest := f.order.Front()
		delete(f.byFlow, oldest.Value.(*Flow).Flow)
		f.order.Remove(oldest)
		f.forgotten++
	}
	fl := &Flow{Flow: id}
	f.byFlow[id] = f.order.PushBack(fl)
	return fl
}

func (f *flows) duplicate(id measure.Flow) {
	if e, ok := f.byFlow[id]; ok {
		e.Value.(*Flow).Duplicates++
	}
}

// observe takes a path in, and writes the flow's counts into it.
func (f *flows) observe(p *Path) {
	fl := f.get(p.Flow)
	fl.Policy = p.Policy
	fl.Duplicates += uint64(p.Duplicates)
	if !p.Complete {
		fl.Incomplete++
	} else {
		fl.Complete++
		fl.onRoute(p)
	}
	p.RouteChanges, p.PacketsOnRoute = fl.Changes, fl.PacketsOnRoute
	if fl.Latest == nil || p.Time >= fl.Latest.Time {
		fl.Latest = p
	}
}

// onRoute takes a complete path in. Paths end out of order: one that is older
// than the present path says nothing about a change.
func (fl *Flow) onRoute(p *Path) {
	switch {
	case fl.Current == nil:
		fl.begin(p)
	case p.Route == fl.Current.Route:
		if p.Time > fl.Current.Time {
			fl.Current = p
		}
	case p.Time > fl.Current.Time:
		fl.Previous = fl.Current
		fl.Changes++
		fl.begin(p)
	default:
		return
	}
	fl.PacketsOnRoute++
	for i := range p.Hops {
		fl.Hops[i].add(&p.Hops[i])
	}
	if p.Delay.Known && !p.Delay.Suspect {
		fl.Delay.Observe(uint64(p.Delay.Nanoseconds))
	}
}

func (fl *Flow) begin(p *Path) {
	fl.Current = p
	fl.Hops = make([]HopDelays, len(p.Hops))
	fl.Delay = measure.Delay{}
	fl.PacketsOnRoute = 0
}

func (h *HopDelays) add(hop *Hop) {
	for _, d := range [...]struct {
		delay Delay
		sum   *measure.Delay
	}{{hop.NodeDelay, &h.Node}, {hop.LinkDelay, &h.Link}} {
		switch {
		case d.delay.Suspect:
			h.Suspect++
		case d.delay.Known:
			d.sum.Observe(uint64(d.delay.Nanoseconds))
		}
	}
}

// Flows calls fn for each remembered flow, the latest first, until fn returns
// false. The flow is valid during the call only.
func (c *Correlator) Flows(fn func(*Flow) bool) {
	for e := c.flows.order.Back(); e != nil; e = e.Prev() {
		if !fn(e.Value.(*Flow)) {
			return
		}
	}
}

// Flow returns what is known of one flow; nil when it is not remembered. It is
// valid until the next call of Add or Expire.
func (c *Correlator) Flow(id measure.Flow) *Flow {
	if e, ok := c.flows.byFlow[id]; ok {
		return e.Value.(*Flow)
	}
	return nil
}
