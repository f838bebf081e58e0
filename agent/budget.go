package agent

import (
	"fmt"
	"io"
	"math"
	"runtime/debug"
	"sync"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/dataplane/probe"
)

// fits refuses a Set whose maps exceed the limit, with figures. What needs no
// more than there is may always be set, so that one can get out of the matter.
func (c *change) fits() error {
	limit := c.next.result.Limits.MapBytes
	if limit == 0 || !c.asked() {
		return nil
	}
	e := c.applier.engine
	need := e.EstimateMapBytes(&c.next.result.Plan)
	used, err := e.MapBytes()
	if err != nil {
		return err
	}
	lowered := c.before.result.Limits.MapBytes == 0 || limit < c.before.result.Limits.MapBytes
	if used+need <= limit || need == 0 && !lowered {
		return nil
	}
	return &compile.Error{
		Path: c.blamed("/ifit/limits/config/max-map-bytes"), Code: compile.TooMuch,
		Reason: fmt.Sprintf("its maps need %d octets more, and %d of the node's %d (/ifit/limits/config/max-map-bytes) are in use", need, used, limit),
	}
}

// affordable refuses a Set whose new Observation Points would take more
// processor time than the limit leaves, as far as packets now and the cost of
// programs so far can tell.
func (c *change) affordable() error {
	limit := c.next.result.Limits.CPUPercent
	if limit == 0 || !c.asked() || c.applier.cost == nil {
		return nil
	}
	used, perPacket, known := c.applier.cost.price()
	if !known {
		return nil
	}
	more := 0.0
	for i := range c.next.result.Plan.Points {
		p := &c.next.result.Plan.Points[i]
		if !c.before.observes(p.ID) {
			more += c.applier.cost.packetRate(p.ID) * perPacket.Seconds() * 100
		}
	}
	if more == 0 || used+more <= limit {
		return nil
	}
	return &compile.Error{
		Path: c.blamed("/ifit/limits/config/max-cpu-percent"), Code: compile.TooMuch,
		Reason: fmt.Sprintf("its Observation Points would take %.1f %% of a processor more (%s a packet), and %.1f of the node's %.1f (/ifit/limits/config/max-cpu-percent) are in use",
			more, perPacket, used, limit),
	}
}

// blamed is the path of the one policy that a Set changes, otherwise another.
func (c *change) blamed(otherwise string) string {
	if changed := c.next.snapshot.Changed.Policies; len(changed) == 1 {
		return "/ifit/policies/policy[name=" + changed[0] + "]"
	}
	return otherwise
}

// budget brings limits into force that the process keeps for itself.
type budget struct {
	mu        sync.Mutex
	measuring io.Closer
}

// configure sets the soft limit of memory, and has run times measured as long
// as there is a limit on processor time.
func (b *budget) configure(l compile.Limits) error {
	memory := int64(math.MaxInt64)
	if l.MemoryBytes > 0 && l.MemoryBytes < math.MaxInt64 {
		memory = int64(l.MemoryBytes)
	}
	debug.SetMemoryLimit(memory)
	b.mu.Lock()
	defer b.mu.Unlock()
	if l.CPUPercent > 0 && b.measuring == nil {
		c, err := probe.MeasureRunTime()
		if err != nil {
			return err
		}
		b.measuring = c
	}
	if l.CPUPercent == 0 {
		return b.stop()
	}
	return nil
}

func (b *budget) stop() error {
	if b.measuring == nil {
		return nil
	}
	err := b.measuring.Close()
	b.measuring = nil
	return err
}

// close ends the measurement.
func (b *budget) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stop()
}
