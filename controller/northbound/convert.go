package northbound

import (
	"encoding/json"

	"github.com/openifit/openifit/controller/inventory"
	"github.com/openifit/openifit/controller/measure"
	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
)

func ptr[T any](v T) *T { return &v }

// known returns nil for an unknown time.
func known(ns int64) *int64 {
	if ns == 0 {
		return nil
	}
	return &ns
}

func flowKey(k measure.FlowKey) *openifitv1.FlowKey {
	out := tuple(k.Flow)
	if out == nil {
		out = &openifitv1.FlowKey{}
	}
	if k.DSCP != 0 {
		out.Dscp = ptr(uint32(k.DSCP))
	}
	if k.FlowLabel != 0 {
		out.FlowLabel = ptr(k.FlowLabel)
	}
	if k.VLAN != 0 {
		out.VlanId = ptr(uint32(k.VLAN))
	}
	return out
}

// tuple returns nil for no flow.
func tuple(f measure.Flow) *openifitv1.FlowKey {
	if f.IsZero() {
		return nil
	}
	out := &openifitv1.FlowKey{
		Protocol:   ptr(uint32(f.Protocol)),
		SourcePort: ptr(uint32(f.SourcePort)), DestinationPort: ptr(uint32(f.DestinationPort)),
	}
	if f.Source.IsValid() {
		out.SourceAddress = f.Source.String()
	}
	if f.Destination.IsValid() {
		out.DestinationAddress = f.Destination.String()
	}
	return out
}

func provenance(authenticated bool) openifitv1.Provenance {
	if authenticated {
		return openifitv1.Provenance_PROVENANCE_IPFIX_SECURE
	}
	return openifitv1.Provenance_PROVENANCE_IPFIX_PLAIN
}

func delay(d measure.Delay) *openifitv1.DelayStatistics {
	if d.Packets == 0 {
		return nil
	}
	return &openifitv1.DelayStatistics{
		Packets: d.Packets, MeanNs: int64(d.Mean()), MinNs: int64(d.Min), MaxNs: int64(d.Max),
	}
}

func direction(name string) openifitv1.Direction {
	switch name {
	case "INGRESS":
		return openifitv1.Direction_DIRECTION_INGRESS
	case "EGRESS":
		return openifitv1.Direction_DIRECTION_EGRESS
	}
	return openifitv1.Direction_DIRECTION_UNSPECIFIED
}

func roles(names []string) []openifitv1.Role {
	out := make([]openifitv1.Role, 0, len(names))
	for _, name := range names {
		out = append(out, openifitv1.Role(openifitv1.Role_value["ROLE_"+name]))
	}
	return out
}

func measurements(list []measure.Measurement) []*openifitv1.Measurement {
	out := make([]*openifitv1.Measurement, 0, len(list))
	for _, m := range list {
		out = append(out, &openifitv1.Measurement{
			Name: m.Name, Node: m.Node, Interface: m.Interface, Value: m.Value, Unit: m.Unit, TimeUnixNs: m.Time,
			Provenance: openifitv1.Provenance(openifitv1.Provenance_value["PROVENANCE_"+string(m.Provenance)]),
		})
	}
	return out
}

// evidence opens what no loop may look into, for people.
func evidence(e measure.Evidence) []*openifitv1.Measurement {
	text, err := json.Marshal(e)
	if err != nil {
		return nil
	}
	var list []measure.Measurement
	if err := json.Unmarshal(text, &list); err != nil {
		return nil
	}
	return measurements(list)
}

// nodeIDs returns the nodes' identifiers by name.
func nodeIDs(nodes []inventory.Node) map[string]uint32 {
	ids := make(map[string]uint32, len(nodes))
	for i := range nodes {
		ids[nodes[i].Name] = nodes[i].NodeID
	}
	return ids
}
