package probe

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// ProgramState describes a program in the kernel.
type ProgramState struct {
	// ID is the kernel's number for the program, Tag the hash of its code.
	ID  uint32
	Tag string
	// Name is the program's name, Filter tells whether it is a filter of
	// clsact, where the kernel lacks tcx.
	Name   string
	Filter bool
	// Point is where it is attached.
	Point     plan.PointID
	Interface string
	Policies  []flow.PolicyRef
	// LoadedAt is the time of the load, by any process, as the clock now has it.
	LoadedAt time.Time
	// RunTime and RunCount stay 0 unless the kernel gathers them (sysctl
	// kernel.bpf_stats_enabled).
	RunTime  time.Duration
	RunCount uint64
}

// Programs describes the programs of all points.
func (e *Engine) Programs() ([]ProgramState, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	out := make([]ProgramState, 0, len(e.points))
	for _, o := range e.ordered() {
		s := ProgramState{Point: o.point.ID, Interface: o.point.Interface}
		for i := range o.point.Policies {
			s.Policies = append(s.Policies, o.point.Policies[i].PolicyRef)
		}
		s.Filter = !e.Has(FeatureTCX)
		if o.program != nil {
			if err := s.inspect(o); err != nil {
				return nil, fmt.Errorf("inspect program at point %s: %w", o.point.ID, err)
			}
		}
		out = append(out, s)
	}
	return out, nil
}

func (s *ProgramState) inspect(o *observation) error {
	info, err := o.program.Info()
	if err != nil {
		return err
	}
	id, _ := info.ID()
	s.ID, s.Tag, s.Name = uint32(id), info.Tag, info.Name
	if sinceBoot, ok := info.LoadTime(); ok {
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
			return fmt.Errorf("read clock: %w", err)
		}
		s.LoadedAt = time.Now().Add(sinceBoot - time.Duration(now.Nano()))
	}
	stats, err := o.program.Stats()
	if err != nil {
		return err
	}
	s.RunTime, s.RunCount = stats.Runtime, stats.RunCount
	return nil
}
