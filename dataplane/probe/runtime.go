package probe

import (
	"fmt"
	"io"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// MeasureRunTime makes the kernel measure how long programs run, all of the
// machine's, until the result is closed. It costs each run about two readings
// of the clock.
func MeasureRunTime() (io.Closer, error) {
	c, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
	if err != nil {
		return nil, fmt.Errorf("measure the run time of programs: %w", err)
	}
	return c, nil
}
