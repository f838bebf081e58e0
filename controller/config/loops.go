package config

import (
	"errors"
	"fmt"
	"time"

	"github.com/openifit/openifit/controller/decide"
	"github.com/openifit/openifit/controller/loop"
)

// loopEntry is one loop in the file. Parameters that are absent take their
// defaults; those of another type are errors.
type loopEntry struct {
	Name string `yaml:"name"`
	Type string `yaml:"type"`

	// Of both types.
	MaxFlows            *int `yaml:"max-flows"`
	MaxChangesPerMinute *int `yaml:"max-changes-per-minute"`

	// Of type elephants; rates in octets per second.
	Policy      *string        `yaml:"policy"`
	Sketch      *string        `yaml:"sketch"`
	Enter       *uint64        `yaml:"enter-octets-per-second"`
	Leave       *uint64        `yaml:"leave-octets-per-second"`
	EnterEpochs *int           `yaml:"enter-epochs"`
	LeaveEpochs *int           `yaml:"leave-epochs"`
	Epoch       *time.Duration `yaml:"epoch"`

	// Of type adaptive-sampling.
	Base           *string        `yaml:"base"`
	Metrics        []string       `yaml:"metrics"`
	Budget         *float64       `yaml:"budget-octets-per-second"`
	DeadBand       *float64       `yaml:"dead-band"`
	MaxProbability *float64       `yaml:"max-probability"`
	FirstDoublings *int           `yaml:"first-doublings"`
	Doublings      *int           `yaml:"doublings"`
	Lifetime       *time.Duration `yaml:"lifetime"`
	Renew          *time.Duration `yaml:"renew"`
	HoldUp         *time.Duration `yaml:"hold-up"`
	HoldDown       *time.Duration `yaml:"hold-down"`
	Gather         *time.Duration `yaml:"gather"`
	Settle         *time.Duration `yaml:"settle"`
	FlapWindow     *time.Duration `yaml:"flap-window"`
}

func readLoops(entries []loopEntry) ([]loop.Spec, error) {
	var (
		specs []loop.Spec
		errs  []error
	)
	names := make(map[string]bool)
	for i := range entries {
		e := &entries[i]
		at := fmt.Sprintf("loops[%d]", i)
		if e.Name == "" || names[e.Name] {
			errs = append(errs, fmt.Errorf("%s.name: %q is missing or occurs twice", at, e.Name))
		}
		names[e.Name] = true
		spec, err := e.spec()
		if err == nil {
			err = spec.Validate()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s (%s): %w", at, e.Name, err))
			continue
		}
		specs = append(specs, spec)
	}
	return specs, errors.Join(errs...)
}

func (e *loopEntry) spec() (loop.Spec, error) {
	switch e.Type {
	case decide.TypeElephants:
		return e.elephants()
	case decide.TypeSampling:
		return e.sampling()
	}
	return loop.Spec{}, fmt.Errorf("type: %q, want %s or %s", e.Type, decide.TypeElephants, decide.TypeSampling)
}

func (e *loopEntry) elephants() (loop.Spec, error) {
	if err := absent(map[string]bool{
		"base": e.Base != nil, "metrics": e.Metrics != nil, "budget-octets-per-second": e.Budget != nil,
		"dead-band": e.DeadBand != nil, "max-probability": e.MaxProbability != nil,
		"first-doublings": e.FirstDoublings != nil, "doublings": e.Doublings != nil,
		"lifetime": e.Lifetime != nil, "renew": e.Renew != nil, "hold-up": e.HoldUp != nil,
		"hold-down": e.HoldDown != nil, "gather": e.Gather != nil, "settle": e.Settle != nil, "flap-window": e.FlapWindow != nil,
	}, e.Type); err != nil {
		return loop.Spec{}, err
	}
	l := &loop.Elephants{Elephants: decide.DefaultElephants(e.Name), Epoch: time.Second}
	set(&l.Policy, e.Policy)
	set(&l.Sketch, e.Sketch)
	set(&l.Epoch, e.Epoch)
	set(&l.Enter, e.Enter)
	set(&l.Leave, e.Leave)
	if e.Enter != nil && e.Leave == nil {
		l.Leave = l.Enter / 2
	}
	set(&l.EnterEpochs, e.EnterEpochs)
	set(&l.LeaveEpochs, e.LeaveEpochs)
	set(&l.MaxFlows, e.MaxFlows)
	set(&l.MaxChanges, e.MaxChangesPerMinute)
	return loop.Spec{Name: e.Name, Elephants: l}, nil
}

func (e *loopEntry) sampling() (loop.Spec, error) {
	if err := absent(map[string]bool{
		"policy": e.Policy != nil, "sketch": e.Sketch != nil, "epoch": e.Epoch != nil,
		"enter-octets-per-second": e.Enter != nil, "leave-octets-per-second": e.Leave != nil,
		"enter-epochs": e.EnterEpochs != nil, "leave-epochs": e.LeaveEpochs != nil,
	}, e.Type); err != nil {
		return loop.Spec{}, err
	}
	l := &loop.Sampling{Sampling: decide.DefaultSampling(e.Name)}
	set(&l.Base, e.Base)
	if e.Metrics != nil {
		l.Metrics = e.Metrics
	}
	set(&l.Budget, e.Budget)
	set(&l.DeadBand, e.DeadBand)
	set(&l.MaxProbability, e.MaxProbability)
	set(&l.FirstDoublings, e.FirstDoublings)
	set(&l.Doublings, e.Doublings)
	set(&l.Lifetime, e.Lifetime)
	set(&l.Renew, e.Renew)
	set(&l.HoldUp, e.HoldUp)
	set(&l.HoldDown, e.HoldDown)
	set(&l.Gather, e.Gather)
	set(&l.Settle, e.Settle)
	set(&l.FlapWindow, e.FlapWindow)
	set(&l.MaxFlows, e.MaxFlows)
	set(&l.MaxChanges, e.MaxChangesPerMinute)
	return loop.Spec{Name: e.Name, Sampling: l}, nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// absent refuses parameters that the type of a loop does not know.
func absent(given map[string]bool, kind string) error {
	var errs []error
	for name, is := range given {
		if is {
			errs = append(errs, fmt.Errorf("%s: not a parameter of type %s", name, kind))
		}
	}
	return errors.Join(errs...)
}
