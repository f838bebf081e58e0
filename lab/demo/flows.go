//go:build linux

package demo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
	"github.com/openifit/openifit/lab/target"
	"github.com/openifit/openifit/lab/traffic"
)

// flowID is a UDP flow of the generator, as telemetry names it.
type flowID struct{ Source, Destination netip.AddrPort }

func (f flowID) String() string { return f.Source.String() + " > " + f.Destination.String() }

// flowSet is a set of flows.
type flowSet map[flowID]bool

// elephants are the flows that the generator knows to be large.
func elephants(sessions ...traffic.Report) flowSet {
	set := flowSet{}
	for _, r := range sessions {
		for _, f := range r.Flows {
			if f.Group != mouseGroup {
				set[flowID{f.Source, f.Destination}] = true
			}
		}
	}
	return set
}

// compare says how many of want are in got, and how many others.
func (want flowSet) compare(got flowSet) (found, others int) {
	for f := range got {
		if want[f] {
			found++
		} else {
			others++
		}
	}
	return found, others
}

// verdict puts a comparison in words, and says whether the sets are equal.
func (want flowSet) verdict(got flowSet) (string, bool) {
	found, others := want.compare(got)
	return fmt.Sprintf("%d of %d, and %d others", found, len(want), others), found == len(want) && others == 0
}

// fromKey converts a flow as the controller names it.
func fromKey(k *openifitv1.FlowKey) (flowID, error) {
	source, err := netip.ParseAddr(k.GetSourceAddress())
	if err != nil {
		return flowID{}, fmt.Errorf("source of flow: %w", err)
	}
	destination, err := netip.ParseAddr(k.GetDestinationAddress())
	if err != nil {
		return flowID{}, fmt.Errorf("destination of flow: %w", err)
	}
	return flowID{
		netip.AddrPortFrom(source, uint16(k.GetSourcePort())),
		netip.AddrPortFrom(destination, uint16(k.GetDestinationPort())),
	}, nil
}

// listed reads the flow list of a policy from an agent.
func listed(ctx context.Context, agent *target.Target, policy string) (flowSet, error) {
	var list struct {
		Flows []struct {
			Config struct {
				Source          netip.Addr `json:"source-address"`
				Destination     netip.Addr `json:"destination-address"`
				SourcePort      uint16     `json:"source-port"`
				DestinationPort uint16     `json:"destination-port"`
			} `json:"config"`
		} `json:"openifit-agent:flow"`
	}
	err := agent.Get(ctx, policyPath(policy)+"/flow-selection/flows", &list)
	if errors.Is(err, target.ErrAbsent) {
		return flowSet{}, nil
	}
	if err != nil {
		return nil, err
	}
	set := flowSet{}
	for _, f := range list.Flows {
		set[flowID{
			netip.AddrPortFrom(f.Config.Source, f.Config.SourcePort),
			netip.AddrPortFrom(f.Config.Destination, f.Config.DestinationPort),
		}] = true
	}
	return set, nil
}
