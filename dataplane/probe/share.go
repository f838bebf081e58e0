package probe

import (
	"errors"
	"fmt"
	"maps"

	"github.com/openifit/openifit/gen/bpf/point"
	"github.com/openifit/openifit/gen/bpf/xmit"
)

// share arranges what all points share: before any program is exchanged the
// programs learn what the new plan knows, and forget what it does not know
// when the last one has been exchanged.
func (c *Change) share() (err error) {
	n := c.engine.node
	if c.numbers, err = n.numbers.assign(&c.next); err != nil {
		return err
	}
	if c.histograms, err = n.counting.numbers.assign(&c.next); err != nil {
		return err
	}
	former := watching{
		counting: n.counting, numbers: n.numbers, config: n.config, floors: maps.Clone(n.watched),
		triggers: make(map[uint32]point.BPFIfitTrigger),
	}
	for _, number := range n.numbers.of {
		var t point.BPFIfitTrigger
		if err := n.maps[point.BPFMapTriggers].Lookup(number, &t); err != nil {
			return fmt.Errorf("read trigger %d: %w", number, err)
		}
		former.triggers[number] = t
	}
	next := watchingFor(&c.next, c.numbers, n.configFor(&c.next))
	next.counting = countingFor(&c.next, c.histograms)
	next.config.Histograms = next.counting.bits()
	if err := c.loadTracers(&next); err != nil {
		return err
	}
	attached, losing := n.xmit.link != nil, n.losses.link != nil
	both := former.union(next)
	back := func() error {
		err := n.put(former, next.numbers)
		if !attached {
			err = errors.Join(err, n.xmit.detach())
		}
		if !losing {
			err = errors.Join(err, n.losses.detach())
		}
		return err
	}
	c.steps = append(c.steps, step{
		name: "announce what points share", rank: rankFirst,
		do: undoOnError(func() error {
			if err := n.clearCounters(former.numbers, next.numbers); err != nil {
				return err
			}
			if err := n.clearHistogramCounters(former.counting.numbers, next.counting.numbers); err != nil {
				return err
			}
			if err := n.put(both, former.numbers); err != nil {
				return err
			}
			return n.attach(&next)
		}, back),
		undo: back,
	}, step{
		name: "settle what points share", rank: rankLast,
		do:   func() error { return n.put(next, former.numbers) },
		undo: func() error { return n.put(both, former.numbers) },
		finish: func() {
			n.numbers = next.numbers
			c.engine.warnNode("sweep triggers", n.settle(next))
		},
	})
	return nil
}

// loadTracers verifies the programs that a plan needs beside those of points.
func (c *Change) loadTracers(next *watching) error {
	e := c.engine
	n := e.node
	if len(next.triggers) > 0 {
		if err := n.loadSweeper(e.xmitSpec, e.types); err != nil {
			return err
		}
	}
	if next.seesDepartures() && !e.Has(FeatureTracing) {
		return ErrNoDepartures
	}
	if next.seesDepartures() && n.xmit.program == nil {
		spec := e.xmitSpec.Copy()
		// The model of the tables inside others is not itself in use.
		delete(spec.Maps, xmit.BPFMapHistogramTable)
		if err := n.xmit.load(spec, n.shared(e.xmitSpec), e.types); err != nil {
			return err
		}
	}
	if !next.drops() {
		return nil
	}
	return e.loadLosses()
}

// attach lets the programs that a plan needs see packets.
func (n *node) attach(w *watching) error {
	if w.seesDepartures() {
		if err := n.xmit.attach(nil); err != nil {
			return err
		}
	}
	if !w.drops() {
		return nil
	}
	return n.losses.attach(n.countLosses)
}

// settle ends what only the former plan needed.
func (n *node) settle(w watching) error {
	idle := flowIdle
	if len(w.triggers) == 0 {
		idle = 0
	}
	err := sweep(n.sweeper, idle)
	if !w.drops() {
		err = errors.Join(err, n.losses.detach())
	}
	if !w.seesDepartures() {
		err = errors.Join(err, n.xmit.detach())
	}
	return err
}

// union is what two plans need.
func (w watching) union(next watching) watching {
	out := watching{
		counting: w.counting.union(next.counting), numbers: next.numbers, config: widen(next.config, w.config),
		triggers: maps.Clone(w.triggers), floors: maps.Clone(w.floors),
	}
	maps.Copy(out.triggers, next.triggers)
	for ifindex, f := range next.floors {
		out.floors[ifindex] = f.least(out.floor(ifindex))
	}
	return out
}

// put writes everything; places of other that w does not use are emptied.
func (n *node) put(w watching, other triggerNumbers) error {
	if err := n.putTriggers(w.triggers, other.of); err != nil {
		return err
	}
	if err := n.putFloors(w.floors); err != nil {
		return err
	}
	if err := n.putCounting(w.counting); err != nil {
		return err
	}
	// Which drop program counts is decided when it is attached.
	w.config.DropInstance = n.config.DropInstance
	n.config = w.config
	return n.write()
}

// clearCounters zeroes the counters of triggers that are new.
func (n *node) clearCounters(have, want triggerNumbers) error {
	for name, number := range want.of {
		if _, ok := have.of[name]; ok {
			continue
		}
		cpus, err := possibleCPUs()
		if err != nil {
			return err
		}
		zero := make([]point.BPFIfitTriggerCounters, cpus)
		if err := n.maps[point.BPFMapTriggerCounters].Put(number, zero); err != nil {
			return fmt.Errorf("clear counters of trigger %d: %w", number, err)
		}
	}
	return nil
}

func (e *Engine) warnNode(what string, err error) {
	if err != nil {
		e.cfg.Log.Warn("clearing up after a commit failed", "what", what, "error", err)
	}
}
