package compile

import (
	"math"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// limits converts what the node enforces by itself.
func (p *problems) limits(in *Input, r *Result) {
	const at = "/ifit/limits/config/"
	c := in.Tree.GetLimits().GetConfig()
	if c == nil {
		return
	}
	for leaf, value := range map[string]*uint64{
		"max-selected-packets-per-second": c.MaxSelectedPacketsPerSecond,
		"max-map-bytes":                   c.MaxMapBytes,
		"max-memory-bytes":                c.MaxMemoryBytes,
	} {
		if value != nil && *value == 0 {
			p.add(Invalid, at+leaf, "0 would stop all of it: disable the policies, or leave the limit out")
		}
	}
	switch percent := c.GetMaxCpuPercent(); {
	case c.MaxCpuPercent != nil && percent <= 0:
		p.add(Invalid, at+"max-cpu-percent", "0 would stop all of it: disable the policies, or leave the limit out")
	case c.MaxCpuPercent != nil && in.NoStatistics:
		p.add(Invalid, at+"max-cpu-percent", "this kernel does not measure how long programs run (run-time-statistics under /ifit/state/capabilities)")
	default:
		r.Limits.CPUPercent = percent
	}
	r.Limits.MapBytes, r.Limits.MemoryBytes = c.GetMaxMapBytes(), c.GetMaxMemoryBytes()
	r.Limits.ExportOctets = c.GetMaxExportOctetsPerSecond()
	r.Plan.MaxSelected = c.GetMaxSelectedPacketsPerSecond()
}

// selection is how a policy selects packets on this node. Under a limit each
// one must be selected by itself, also where all are.
func (r *Result) selection(p *Policy) (plan.Selection, float64) {
	if r.Plan.MaxSelected == 0 || p.Select.Algorithm != plan.SelectAll || p.Technique == yang.TECHNIQUE_EVENT_MONITOR {
		return p.Select, p.Probability
	}
	return plan.Selection{Algorithm: plan.SelectUniform, Threshold: math.MaxUint32}, 1
}
