package agent

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/agent/meter"
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/gen/yang"
)

// defaultDrain is how often flow tables are read for policies that only count.
const defaultDrain = time.Second

// drainer moves flow records from the kernel to the Metering Process.
type drainer struct {
	records *source.Records
	journal probe.Journal
	meter   *meter.Meter
	since   time.Time // the meter's clock counts from here
	log     *slog.Logger
	// ahead reads what names rule sets that a drain may forget; nil for nothing.
	ahead func() error
	// losses are drained along with the flow tables.
	losses *losses
	// changed tells of a new interval.
	changed chan time.Duration

	mu sync.Mutex
	// flows counts the flows in the tables of each interface at the last drain.
	flows map[uint32]uint32
}

func newDrainer(r *source.Records, j probe.Journal, m *meter.Meter, log *slog.Logger) *drainer {
	return &drainer{
		records: r, journal: j, meter: m, since: time.Now(), log: log,
		changed: make(chan time.Duration, 1), flows: make(map[uint32]uint32),
	}
}

// String names the task.
func (d *drainer) String() string { return "drain of flow tables" }

// Run drains until ctx ends.
func (d *drainer) Run(ctx context.Context) error {
	timer := time.NewTimer(defaultDrain)
	defer timer.Stop()
	interval, last := defaultDrain, time.Now()
	for {
		select {
		case <-timer.C:
			d.once()
			last = time.Now()
		case interval = <-d.changed:
			// Counted from the last drain: configurations that come faster than
			// the interval must not put the next one off for ever.
		case <-ctx.Done():
			return nil
		}
		timer.Reset(max(time.Until(last.Add(interval)), 0))
	}
}

// once drains all tables. A failure leaves the records for the next time.
func (d *drainer) once() {
	now := time.Since(d.since)
	if d.ahead != nil {
		if err := d.ahead(); err != nil {
			d.log.Error("connections and histograms could not be read", "error", err)
		}
	}
	if d.losses != nil {
		if err := d.losses.drain(); err != nil {
			d.log.Error("dropped packets could not be drained", "error", err)
		}
	}
	flows := make(map[uint32]uint32)
	err := d.records.DrainInto(d.journal, func(r *flow.Record) {
		if !r.Sampled {
			flows[r.Ifindex]++
		}
		d.meter.Observe(r, now)
	})
	if err != nil {
		d.log.Error("flow tables could not be drained", "error", err)
	}
	d.meter.Drained(now)
	d.mu.Lock()
	d.flows = flows
	d.mu.Unlock()
}

// flowsAt is the number of flows of an interface at the last drain.
func (d *drainer) flowsAt(ifindex uint32) uint32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flows[ifindex]
}

// configure takes the shortest interval that a policy asks for.
func (d *drainer) configure(r *compile.Result) {
	interval := time.Duration(0)
	for i := range r.Policies {
		p := &r.Policies[i]
		if p.Active() && p.Technique == yang.TECHNIQUE_FLOW_METERING &&
			(interval == 0 || p.Export.DrainInterval < interval) {
			interval = p.Export.DrainInterval
		}
	}
	if interval == 0 {
		interval = defaultDrain
	}
	for {
		select {
		case d.changed <- interval:
			return
		case <-d.changed:
			// An older interval that nobody has read.
		}
	}
}
