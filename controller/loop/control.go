package loop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/openifit/openifit/controller/decide"
	"github.com/openifit/openifit/controller/policy"
	"github.com/openifit/openifit/controller/push"
)

// Mode says what a loop may do.
type Mode string

// Modes of a loop.
const (
	// Enabled: decides and acts.
	Enabled Mode = "ENABLED"
	// Disabled: makes no decision; what it installed stays until its lifetime
	// ends.
	Disabled Mode = "DISABLED"
	// Killed: everything it installed is removed, and it makes no decision.
	Killed Mode = "KILLED"
)

// Budget changes bounds of a loop; nil leaves one as it is.
type Budget struct {
	ExportOctets *uint64  `json:"export-octets,omitempty"`
	Flows        *uint32  `json:"flows,omitempty"`
	Ratio        *float64 `json:"ratio,omitempty"`
	Changes      *uint32  `json:"changes,omitempty"`
}

// settings are what an operator changed.
type settings struct {
	Mode   Mode   `json:"mode"`
	Budget Budget `json:"budget"`
}

func loadSettings(docs push.Documents) (map[string]settings, error) {
	all, err := docs.All()
	if err != nil {
		return nil, fmt.Errorf("read settings of loops: %w", err)
	}
	out := make(map[string]settings, len(all))
	for name, content := range all {
		var s settings
		if err := json.Unmarshal(content, &s); err != nil {
			return nil, fmt.Errorf("settings of loop %q: %w", name, err)
		}
		out[name] = s
	}
	return out, nil
}

// adopt takes stored settings over. The caller has the loop for itself.
func (l *Loop) adopt(s settings) error {
	switch s.Mode {
	case Enabled, Disabled, Killed:
		l.mode = s.Mode
	default:
		return fmt.Errorf("mode %q", s.Mode)
	}
	return l.setBudget(s.Budget)
}

// ErrBudget means that a bound makes no sense for the loop.
var ErrBudget = errors.New("budget makes no sense")

// setBudget changes the bounds, all or none. The caller holds mu.
func (l *Loop) setBudget(b Budget) error {
	elephants, sampling := l.elephantsCfg, l.samplingCfg
	var err error
	if l.spec.Elephants != nil {
		if b.ExportOctets != nil || b.Ratio != nil {
			return fmt.Errorf("%w: an elephants loop bounds flows and changes only", ErrBudget)
		}
		change(&elephants.MaxFlows, b.Flows)
		change(&elephants.MaxChanges, b.Changes)
		err = elephants.Validate()
	} else {
		if b.ExportOctets != nil {
			sampling.Budget = float64(*b.ExportOctets)
		}
		if b.Ratio != nil {
			sampling.MaxProbability = *b.Ratio
		}
		change(&sampling.MaxFlows, b.Flows)
		change(&sampling.MaxChanges, b.Changes)
		err = sampling.Validate()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBudget, err)
	}
	l.elephantsCfg, l.samplingCfg = elephants, sampling
	return nil
}

func change(to *int, from *uint32) {
	if from != nil {
		*to = int(*from)
	}
}

func (l *Loop) elephantsConfig() decide.Elephants {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.elephantsCfg
}

func (l *Loop) samplingConfig() decide.Sampling {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.samplingCfg
}

// ErrUnknownLoop means that there is no loop of that name.
var ErrUnknownLoop = errors.New("there is no such loop")

// Set steers a loop, or all of them by the name "*". An empty mode leaves it.
// Killed removes what the loop installed before it answers.
func (e *Engine) Set(ctx context.Context, name string, mode Mode, budget Budget) error {
	var chosen []*Loop
	for _, l := range e.loops {
		if name == "*" || l.spec.Name == name {
			chosen = append(chosen, l)
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("loop %q: %w", name, ErrUnknownLoop)
	}
	var errs []error
	note := func(l *Loop, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("loop %q: %w", l.spec.Name, err))
		}
	}
	// All loops are stopped before the first one is cleared, which may have to
	// wait for nodes.
	var killed []*Loop
	for _, l := range chosen {
		err := l.set(mode, budget)
		note(l, err)
		if mode == Killed && !errors.Is(err, ErrBudget) {
			killed = append(killed, l)
		}
	}
	for _, l := range killed {
		note(l, l.clear(ctx))
	}
	return errors.Join(errs...)
}

// set changes mode and bounds; what was set holds after a restart too.
func (l *Loop) set(mode Mode, budget Budget) error {
	l.mu.Lock()
	if err := l.setBudget(budget); err != nil {
		l.mu.Unlock()
		return err
	}
	if mode != "" {
		l.mode = mode
	}
	saved := settings{Mode: l.mode, Budget: l.budget()}
	if mode == Killed && l.stop != nil {
		// A push under way does not keep the operator waiting.
		l.stop()
	}
	l.mu.Unlock()
	content, err := json.Marshal(saved)
	if err != nil {
		return err
	}
	return l.engine.cfg.Settings.Put(l.spec.Name, content)
}

// budget returns the bounds in force. The caller holds mu.
func (l *Loop) budget() Budget {
	if l.spec.Elephants != nil {
		flows, changes := uint32(l.elephantsCfg.MaxFlows), uint32(l.elephantsCfg.MaxChanges)
		return Budget{Flows: &flows, Changes: &changes}
	}
	s := l.samplingCfg
	octets, flows, ratio, changes := uint64(s.Budget), uint32(s.MaxFlows), s.MaxProbability, uint32(s.MaxChanges)
	return Budget{ExportOctets: &octets, Flows: &flows, Ratio: &ratio, Changes: &changes}
}

// clear removes what the loop installed, even when that cannot be written down:
// a full disk must not keep an operator from stopping a loop.
func (l *Loop) clear(ctx context.Context) error {
	l.step.Lock()
	defer l.step.Unlock()
	const why = "the operator threw the kill switch"
	now := time.Now().UnixNano()
	if l.spec.Elephants != nil {
		target, meant, _ := l.engine.cfg.Pusher.Policy(l.spec.Elephants.Policy)
		decisions, err := l.elephantsConfig().Clear(now, target, why)
		if err != nil {
			return err
		}
		l.elephants = decide.ElephantsState{}
		return l.force(ctx, decisions, meant)
	}
	next, decisions := l.samplingConfig().Withdraw(now, l.sampling, why)
	if err := l.force(ctx, decisions, nil); err != nil {
		// Thrown again, the switch tries again.
		return err
	}
	l.sampling = next
	return nil
}

// force carries decisions out whether or not they can be written down.
func (l *Loop) force(ctx context.Context, decisions []decide.Decision, meant []string) error {
	var errs []error
	for i := range decisions {
		id, err := l.writeDown(&decisions[i], decide.Record{})
		errs = append(errs, err, l.do(ctx, id, &decisions[i], meant))
	}
	return errors.Join(errs...)
}

func raiseName(base string) string { return policy.RaiseName(base) }
