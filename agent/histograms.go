package agent

import (
	"sync"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/agent/export"
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/gen/yang"
)

// distributions takes histograms out of the kernel, exports them, and keeps the
// sum over each policy for the state.
type distributions struct {
	reader   *source.Histograms
	engine   *probe.Engine
	exporter *export.Process

	mu sync.Mutex
	// last are those of the last interval, by policy number and metric.
	last map[uint32]map[flow.Metric]*flow.Histogram
}

func newDistributions(e *probe.Engine, x *export.Process) *distributions {
	return &distributions{reader: source.NewHistograms(e), engine: e, exporter: x}
}

// drain ends an interval.
func (d *distributions) drain() error {
	last := make(map[uint32]map[flow.Metric]*flow.Histogram)
	err := d.reader.Drain(func(h *flow.Histogram) {
		d.exporter.Histogram(h)
		sums := last[h.Policy.ID]
		if sums == nil {
			sums = make(map[flow.Metric]*flow.Histogram)
			last[h.Policy.ID] = sums
		}
		if sums[h.Metric] == nil {
			sums[h.Metric] = new(flow.Histogram)
		}
		sums[h.Metric].Add(h)
	})
	d.mu.Lock()
	d.last = last
	d.mu.Unlock()
	return err
}

// show writes the last interval into the state of a policy.
func (d *distributions) show(p *compile.Policy, s *yang.Policy_State) {
	if !p.Computing.Histogram {
		return
	}
	refused, err := d.engine.HistogramsRefused()
	if err != nil {
		return // The engine is closing.
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	out := s.GetOrCreateHistograms()
	out.Histogram = make(map[yang.METRIC]*yang.Policy_State_Histogram)
	for metric, name := range map[flow.Metric]yang.METRIC{
		flow.MetricTransitDelay: yang.METRIC_TRANSIT_DELAY, flow.MetricQueueDepth: yang.METRIC_QUEUE_DEPTH,
	} {
		h := d.last[p.ID][metric]
		if h == nil {
			continue
		}
		out.Histogram[name] = &yang.Policy_State_Histogram{
			Metric: name, Packets: ptr(h.Packets), Minimum: ptr(h.Min), Maximum: ptr(h.Max), Mean: ptr(h.Mean()),
			P50: ptr(h.Quantile(0.5)), P90: ptr(h.Quantile(0.9)), P99: ptr(h.Quantile(0.99)), P99_9: ptr(h.Quantile(0.999)),
			PacketsRefused: ptr(refused[p.ID]),
		}
	}
}
