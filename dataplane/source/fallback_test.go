//go:build linux

package source_test

import (
	"testing"

	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
)

// samples are the tests of what travels by ring buffer, and of what loops.
const samples = "^Test(.*Postcards.*|.*Events.*|Microburst|.*NodeOutlives.*|SystematicCount.*|UniformSelection|CountsOfFlows.*|.*Limit.*)$"

// All that is measured comes out the same on a kernel that lacks what there is
// a way round.
func TestWithoutWhatOlderKernelsLack(t *testing.T) {
	probetest.Rerun(t, samples, probe.FeatureRingBuffer, probe.FeatureIterator, probe.FeatureSkipNeighbour)
}
