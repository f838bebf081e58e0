package decide

import (
	"errors"
	"fmt"
	"time"

	"github.com/openifit/openifit/controller/measure"
)

// DefaultElephants are the parameters of an elephants loop where the operator
// names none: 1 Mbit/s makes an elephant.
func DefaultElephants(loop string) Elephants {
	return Elephants{
		Loop:  loop,
		Enter: 125_000, Leave: 62_500, EnterEpochs: 2, LeaveEpochs: 5,
		MaxFlows: 64, MaxChanges: 30,
	}
}

// Validate reports every parameter that makes no sense.
func (c Elephants) Validate() error {
	return errors.Join(
		check(c.Loop != "", "the loop has no name"),
		check(c.Leave <= c.Enter, "leave %d exceeds enter %d", c.Leave, c.Enter),
		check(c.EnterEpochs >= 1, "enter-epochs is %d, want 1 or more", c.EnterEpochs),
		check(c.LeaveEpochs >= 1, "leave-epochs is %d, want 1 or more", c.LeaveEpochs),
		check(c.MaxFlows >= 1 && c.MaxFlows <= 1024, "max-flows is %d, want 1 to 1024", c.MaxFlows),
		check(c.MaxChanges >= 1, "max-changes is %d, want 1 or more", c.MaxChanges))
}

// DefaultSampling are the parameters of an adaptive sampling loop where the
// operator names none.
func DefaultSampling(loop string) Sampling {
	return Sampling{
		Loop:    loop,
		Metrics: []string{measure.TransitDelay, measure.PathChange},
		Budget:  1_000_000, DeadBand: 0.2, MaxProbability: 1,
		FirstDoublings: 3, Doublings: 1,
		Lifetime: 10 * time.Second, Renew: 3 * time.Second,
		HoldUp: 2 * time.Second, HoldDown: 2 * time.Second, Settle: time.Second, Gather: 300 * time.Millisecond,
		FlapWindow: 30 * time.Second, MaxChanges: 12, MaxFlows: 64,
	}
}

// longestRaise bounds the lifetime of a raise: that long the network stays
// over-measured after the controller's death.
const longestRaise = 10 * time.Second

// Validate reports every parameter that makes no sense.
func (c Sampling) Validate() error {
	return errors.Join(
		check(c.Loop != "", "the loop has no name"),
		check(c.Budget > 0, "budget is %v octets/s, want more than 0", c.Budget),
		check(c.DeadBand >= 0 && c.DeadBand < 1, "dead-band is %v, want 0 to below 1", c.DeadBand),
		check(c.MaxProbability > 0 && c.MaxProbability <= 1, "max-probability is %v, want above 0 up to 1", c.MaxProbability),
		check(c.FirstDoublings >= 1 && c.Doublings >= 1, "a step needs at least one doubling"),
		check(c.Lifetime >= time.Second && c.Lifetime <= longestRaise, "lifetime is %v, want 1s to %v", c.Lifetime, longestRaise),
		check(c.Renew > 0 && c.Renew < c.Lifetime, "renew is %v, want less than the lifetime of %v", c.Renew, c.Lifetime),
		check(c.HoldUp >= 0 && c.HoldDown >= 0 && c.Settle >= 0 && c.Gather >= 0 && c.FlapWindow >= 0, "a time is negative"),
		check(c.MaxChanges >= 1, "max-changes is %d, want 1 or more", c.MaxChanges),
		check(c.MaxFlows >= 1 && c.MaxFlows <= 1024, "max-flows is %d, want 1 to 1024", c.MaxFlows))
}

func check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}
