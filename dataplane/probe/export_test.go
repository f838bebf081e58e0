package probe

import (
	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/gen/bpf/point"
)

// FlowSequences holds the counts of flows.
func (e *Engine) FlowSequences() *ebpf.Map { return e.node.maps[point.BPFMapFlowSequences] }
