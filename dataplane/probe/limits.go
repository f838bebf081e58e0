package probe

import (
	"time"

	"github.com/openifit/openifit/gen/bpf/point"
)

// selectedBurst is what may be selected at once, as the time in which the
// limit would allow it.
const selectedBurst = 100 * time.Millisecond

// limit allows perSecond, none where that is 0, and at least one at once.
func limit(perSecond uint64, burst time.Duration) (l point.BPFIfitLimit) {
	if perSecond == 0 {
		return l
	}
	second := uint64(time.Second)
	// Rounded up, so that it never allows more.
	l.IntervalNs = max((second+perSecond-1)/perSecond, 1)
	l.BurstNs = max(uint64(burst), l.IntervalNs)
	return l
}
