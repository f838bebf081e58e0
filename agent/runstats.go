package agent

import (
	"bytes"
	"os"

	"github.com/openifit/openifit/dataplane/probe"
)

// runStatistics tells whether the kernel measures how long programs run
// (sysctl kernel.bpf_stats_enabled), so that 0 is a measurement.
func runStatistics() bool {
	b, err := os.ReadFile("/proc/sys/kernel/bpf_stats_enabled")
	return err == nil && !bytes.Equal(bytes.TrimSpace(b), []byte("0"))
}

// measured tells whether a program's run time is known. It may have been
// gathered while statistics were on for a while.
func measured(p *probe.ProgramState, statistics bool) bool { return statistics || p.RunCount > 0 }
