package agent

import (
	"github.com/openifit/openifit/agent/export"
	"github.com/openifit/openifit/dataplane/probe/custom"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/proto/ipfix"
)

// probeReports hands what uploaded probes report to the Exporting Process.
type probeReports struct{ exporter *export.Process }

func (p *probeReports) report(r *custom.Report) {
	var clock source.Clock
	// Without it times are those of the kernel's clock, which nobody takes for
	// times of day.
	_ = clock.Set()
	start := ipfix.UnixNano(0)
	if !r.Start.IsZero() {
		start = ipfix.UnixNano(r.Start.UnixNano())
	}
	p.exporter.Probe(r.Instance.PolicyRef, r.Layout == r.Instance.Object.Counters, start, ipfix.UnixNano(r.End.UnixNano()), r.Data, clock.UNIX)
}
