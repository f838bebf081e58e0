// Package loop runs the loops: it feeds what authenticated nodes report to the
// decisions, writes each decision down, and has it pushed.
package loop

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openifit/openifit/controller/decide"
	"github.com/openifit/openifit/controller/journal"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/policy"
	"github.com/openifit/openifit/controller/push"
)

// Spec configures one loop; either Elephants or Sampling is set.
type Spec struct {
	Name      string
	Elephants *Elephants
	Sampling  *Sampling
}

// Elephants is a loop that puts heavy flows on the flow list of a policy.
type Elephants struct {
	decide.Elephants
	// Policy has the flow list, Sketch finds the flows.
	Policy, Sketch string
	// Epoch is how often the loop decides.
	Epoch time.Duration
}

// Sampling is a loop that raises a base policy.
type Sampling struct {
	decide.Sampling
	Base string
}

// Validate reports every parameter that makes no sense.
func (s Spec) Validate() error {
	switch {
	case s.Elephants != nil && s.Sampling == nil:
		e := s.Elephants
		err := e.Validate()
		if e.Policy == "" || e.Sketch == "" {
			err = errors.Join(err, errors.New("an elephants loop needs a policy and a sketch"))
		}
		if e.Epoch <= 0 {
			err = errors.Join(err, fmt.Errorf("epoch is %v, want more than 0", e.Epoch))
		}
		return err
	case s.Sampling != nil && s.Elephants == nil:
		err := s.Sampling.Validate()
		if s.Sampling.Base == "" {
			err = errors.Join(err, errors.New("an adaptive sampling loop needs a base policy"))
		}
		return err
	}
	return errors.New("a loop is of one type")
}

// Pusher brings policies to the nodes.
type Pusher interface {
	Apply(ctx context.Context, want *policy.Policy, meant []string) ([]push.Result, error)
	Remove(ctx context.Context, name string) ([]push.Result, error)
	Renew(ctx context.Context, name string) ([]push.Result, error)
	Policy(name string) (want *policy.Policy, meant []string, applied time.Time)
	Results(name string) []push.Result
}

// Journal takes decisions before they are carried out, and what came of them.
type Journal interface {
	Record(d decide.Decision, generation uint32, record decide.Record) (uint64, error)
	Resolve(id uint64, results []journal.Result) error
}

// Evidence is what else is known about a policy's flows.
type Evidence func(policy string, now time.Time) measure.Evidence
