package agent

import (
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/gen/yang"
)

func TestUnmeasuredRunTimesAreNotShown(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, c := range []struct {
		statistics bool
		before, in time.Duration
		shown      bool
	}{
		{false, 0, 0, false},
		{false, time.Millisecond, time.Millisecond, false}, // were on for a while
		{false, 0, time.Millisecond, true},
		{true, 0, 0, true},
	} {
		o := &overhead{
			before: spent{at: now, inPrograms: c.before},
			last:   spent{at: now.Add(time.Second), inPrograms: c.in, statistics: c.statistics},
		}
		s := &yang.State_TelemetryOverhead{ProgramCpuPercent: ptr(1.0)}
		o.show(s)
		if (s.ProgramCpuPercent != nil) != c.shown {
			t.Errorf("%+v: shown as %v", c, s.ProgramCpuPercent)
		}
	}
	idle, busy := &probe.ProgramState{}, &probe.ProgramState{RunCount: 1}
	if measured(idle, false) || !measured(idle, true) || !measured(busy, false) {
		t.Error("a program that never ran without statistics is not one that never ran")
	}
}
