package agent

import (
	"time"

	"github.com/openifit/openifit/dataplane/probe"
)

// births are the times at which programs were loaded, by the program's number.
// The kernel tells them since the boot, and the wall clock is steered: without
// memory every reading would come out a little different.
type births map[uint32]time.Time

// keep gives programs the times that they had before, and returns those of the
// programs there are.
func (b births) keep(programs []probe.ProgramState) births {
	next := make(births, len(programs))
	for i := range programs {
		p := &programs[i]
		if known, ok := b[p.ID]; ok {
			p.LoadedAt = known
		}
		next[p.ID] = p.LoadedAt
	}
	return next
}
