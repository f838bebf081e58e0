package policy

import (
	"fmt"
	"time"

	"github.com/openconfig/ygot/ygot"

	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/gen/yang"
)

// RaiseName is the name of a policy's raise.
func RaiseName(base string) string { return base + RaiseSuffix }

// Raise returns the policy that measures what p measures, with another
// sampling probability and for a while. Flows narrows it to a list; nil leaves
// the base's selection.
func (p *Policy) Raise(owner string, probability float64, lifetime time.Duration, flows []measure.Flow) (*Policy, error) {
	if lifetime < time.Second {
		return nil, fmt.Errorf("raise of %s: lifetime %v is below one second", p.Name(), lifetime)
	}
	if probability <= 0 || probability > 1 {
		return nil, fmt.Errorf("raise of %s: probability %v lies outside (0, 1]", p.Name(), probability)
	}
	tree, err := p.clone()
	if err != nil {
		return nil, err
	}
	tree.Name = ygot.String(RaiseName(p.Name()))
	tree.Config.Name = tree.Name
	tree.Config.Owner = ygot.String(owner)
	tree.Config.Description = ygot.String("raise of " + p.Name())
	tree.Config.Lifetime = ygot.Uint32(uint32(lifetime / time.Second))
	tree.PacketSelection = &yang.Policy_PacketSelection{Config: &yang.Policy_PacketSelection_Config{
		Algorithm:   yang.SelectionAlgorithm_UNIFORM_PROBABILISTIC,
		Probability: ygot.Float64(probability),
	}}
	if flows != nil {
		setFlows(tree, flows)
	}
	return build(tree)
}
