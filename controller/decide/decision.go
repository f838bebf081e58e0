// Package decide holds the loops' decisions as pure functions: a state and what
// was measured in, the next state and what to change out. It does no I/O and
// reads no clock, and its inputs have no place for what came unauthenticated
// but the sealed evidence.
package decide

import (
	"time"

	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/policy"
)

// Kind is what an action does.
type Kind string

// Kinds of actions.
const (
	Raise       Kind = "RAISE"
	SetRate     Kind = "SET_RATE"
	Renew       Kind = "RENEW"
	Withdraw    Kind = "WITHDRAW"
	AddFlows    Kind = "ADD_FLOWS"
	RemoveFlows Kind = "REMOVE_FLOWS"
)

// Action is a change of one policy on every node.
type Action struct {
	Kind   Kind   `json:"kind"`
	Policy string `json:"policy"`
	// Want is the policy as it shall be; nil when it shall go.
	Want *policy.Policy `json:"want,omitempty"`
	// Changes are the operations that lead there from what was before.
	Changes []policy.Change `json:"changes"`
	Summary string          `json:"summary"`
}

// Cause is what made a loop decide. All of it was authenticated.
type Cause struct {
	Events       []uint64              `json:"events,omitempty"`
	Measurements []measure.Measurement `json:"measurements,omitempty"`
	Summary      string                `json:"summary"`
}

// Decision is one step of a loop.
type Decision struct {
	Time     int64            `json:"time"`
	Loop     string           `json:"loop"`
	Cause    Cause            `json:"cause"`
	Evidence measure.Evidence `json:"evidence"`
	Action   Action           `json:"action"`
	// Inverse undoes the action.
	Inverse Action `json:"inverse"`
	// Lifetime is how long the effect lasts at most; 0 when it stays.
	Lifetime time.Duration `json:"lifetime,omitempty"`
}

// Tally counts what a step did not do.
type Tally struct {
	// Budget counts changes withheld because the budget was spent, Damping
	// those withheld by dead band, hold-down or the bound on changes, Flaps the
	// changes of direction.
	Budget, Damping, Flaps uint64
}

// Add joins two tallies.
func (t *Tally) Add(o Tally) {
	t.Budget += o.Budget
	t.Damping += o.Damping
	t.Flaps += o.Flaps
}

// recent drops the times that are older than window.
func recent(times []int64, now int64, window time.Duration) []int64 {
	var kept []int64
	for _, t := range times {
		if now-t < int64(window) {
			kept = append(kept, t)
		}
	}
	return kept
}

func since(now, then int64) time.Duration { return time.Duration(now - then) }
