package loop

import (
	"fmt"
	"time"

	"github.com/openifit/openifit/controller/decide"
	"github.com/openifit/openifit/controller/measure"
)

// Status is a loop as it is now.
type Status struct {
	Name        string
	Description string
	Mode        Mode
	Budget      Budget
	// ExportRate is the measured export of the domain in octets per second;
	// Measured is false before the first measurement.
	ExportRate float64
	Measured   bool
	// Owned are the policies that the loop has installed or fills.
	Owned           []string
	Decisions       uint64
	Tally           decide.Tally
	Stale           uint64
	Unauthenticated uint64
	LastDecision    uint64
	Inputs          []measure.Measurement
	// Failure is why the loop could not go on at last; nil when it never failed.
	Failure error
}

// Loops returns every loop, in the order of their names.
func (e *Engine) Loops(now time.Time) []Status {
	out := make([]Status, 0, len(e.loops))
	for _, l := range e.loops {
		out = append(out, l.status(now))
	}
	return out
}

func (l *Loop) status(now time.Time) Status {
	rates, measured := l.engine.know.rates(now)
	stale := l.engine.know.stale()
	l.mu.Lock()
	s := Status{
		Name: l.spec.Name, Mode: l.mode, Budget: l.budget(),
		ExportRate: rates.Octets(), Measured: measured,
		Decisions: l.decided, Tally: l.tally, LastDecision: l.last,
		Stale: stale, Failure: l.failure,
	}
	elephants, sampling := l.elephantsCfg, l.samplingCfg
	l.mu.Unlock()
	s.Unauthenticated = l.engine.cfg.Unauthenticated()
	if measured {
		s.Inputs = append(s.Inputs, measure.Measurement{
			Name: "export-octets-per-second", Value: rates.Octets(), Unit: "octets/s", Time: now.UnixNano(), Provenance: measure.GNMI,
		})
	}
	own := ""
	if e := l.spec.Elephants; e != nil {
		own = e.Policy
		s.Description = fmt.Sprintf("keeps the flows that %s finds above %d octets/s on the list of %s", e.Sketch, elephants.Enter, e.Policy)
		if flows, _, ok := l.engine.know.heavyFlows(e.Sketch, now); ok {
			s.Inputs = append(s.Inputs, measure.Measurement{
				Name: "heavy-flows", Value: float64(len(flows)), Unit: "flows", Time: now.UnixNano(), Provenance: measure.GNMI,
			})
		}
	} else {
		own = raiseName(l.spec.Sampling.Base)
		s.Description = fmt.Sprintf("samples more of what %s covers while a condition holds, within %.0f octets/s", l.spec.Sampling.Base, sampling.Budget)
		s.Inputs = append(s.Inputs, measure.Measurement{
			Name: "conditions", Value: float64(len(l.engine.know.active(now, sampling.Metrics))), Unit: "conditions", Time: now.UnixNano(), Provenance: measure.GNMI,
		})
	}
	if p, _, _ := l.engine.cfg.Pusher.Policy(own); p != nil && p.Owner() == l.spec.Name {
		s.Owned = []string{own}
	}
	return s
}
