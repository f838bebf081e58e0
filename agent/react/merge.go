package react

import (
	"cmp"
	"strings"
)

// Change is what reactions make of one policy.
type Change struct {
	// Enabled: the policy runs even though it is configured not to.
	Enabled bool
	// Probability replaces the policy's selection probability where RateSet.
	Probability float64
	RateSet     bool
}

// Merge makes one change of all reactions that concern a policy. The highest
// of several probabilities counts: a packet is selected when anybody asks for
// it.
func Merge(reactions []Reaction) Change {
	var c Change
	for _, x := range reactions {
		switch {
		case x.Enable:
			c.Enabled = true
		case !c.RateSet || x.Probability > c.Probability:
			c.Probability, c.RateSet = x.Probability, true
		}
	}
	return c
}

func compareTriggers(a, b Trigger) int {
	return cmp.Or(strings.Compare(a.Policy, b.Policy), strings.Compare(a.Name, b.Name))
}
