package plan

import (
	"errors"
	"fmt"

	"github.com/openifit/openifit/dataplane/flow"
)

// MaxHistograms is the number of policies with histograms on one node.
const MaxHistograms = 64

// ActHistograms are the actions that count into histograms.
const ActHistograms = ActDelayHistogram | ActQueueHistogram

// HistogramKeys are the fields that can be Flow Keys of histograms.
const HistogramKeys = Key5Tuple | KeyDSCP | KeyFlowLabel | KeyVLAN

// validateHistograms checks what the node can hold.
func (p *Plan) validateHistograms() error {
	seen := make(map[uint32]bool)
	for i := range p.Points {
		at := &p.Points[i]
		for j := range at.Policies {
			policy := &at.Policies[j]
			if policy.Actions&ActHistograms == 0 {
				continue
			}
			if at.ID.Direction != flow.Egress {
				return fmt.Errorf("policy %q: %w", policy.Name, errors.New("histograms are of packets that leave"))
			}
			seen[policy.ID] = true
		}
	}
	if len(seen) > MaxHistograms {
		return fmt.Errorf("%d policies with histograms: at most %d", len(seen), MaxHistograms)
	}
	return nil
}
