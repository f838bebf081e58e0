package intent

import "fmt"

// Reaction is a temporary change of a policy by the node itself. The zero
// value changes nothing.
type Reaction struct {
	// Enabled: the policy runs even though it is configured not to.
	Enabled bool
	// Probability replaces the configured one where RateSet.
	Probability float64
	RateSet     bool
	// Halvings of the probability, by which the node keeps its own limits.
	Halvings uint8
	// Suspended: the policy does not run, for the same reason.
	Suspended bool
}

// ProposeReactions proposes that the reactions named, by policy, are in force
// and no others. A policy that changes gets a new generation, so that no
// record mixes what was measured before and after. The proposal is empty when
// nothing changes.
func (s *Store) ProposeReactions(wanted map[string]Reaction) (*Proposal, error) {
	var failed error
	p := s.mark(func(name string, p *Policy) *Policy {
		if failed != nil || !p.Runs() || p.Reaction == wanted[name] {
			return p
		}
		changed := *p
		changed.Reaction = wanted[name]
		if changed.Generation, failed = s.numbers.nextGeneration(); failed != nil {
			return p
		}
		return &changed
	})
	if failed != nil {
		return nil, fmt.Errorf("number a reaction: %w", failed)
	}
	return p, nil
}
