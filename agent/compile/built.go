package compile

import (
	"maps"
	"slices"

	"github.com/openifit/openifit/gen/yang"
)

// technique is what this release can do of one technique.
type technique struct {
	// leaves are the leaves of a policy that are honoured.
	leaves set
	// always are the data elements that every record of the technique holds.
	always []yang.DATA_ELEMENT
	// usual are those that records hold unless others are chosen.
	usual []yang.DATA_ELEMENT
	// onDemand are those that records hold when they are chosen.
	onDemand []yang.DATA_ELEMENT
	// private: the records consist of private Information Elements.
	private bool
}

// builtTechniques lists the techniques that exist.
func builtTechniques() map[yang.TECHNIQUE]technique {
	common := []string{
		"config/name", "config/description", "config/enabled", "config/technique",
		"config/priority", "config/lifetime", "config/owner",
		"observation-points/observation-point/config/name",
		"observation-points/observation-point/config/interface",
		"observation-points/observation-point/config/interface-role",
		"observation-points/observation-point/config/direction",
		"flow-selection/config/source",
		"flow-selection/config/match-header",
		"flow-selection/rules/rule/config/sequence-id",
		"flow-selection/rules/rule/config/action",
		"flow-selection/rules/rule/config/address-family",
		"flow-selection/rules/rule/config/source-prefix",
		"flow-selection/rules/rule/config/destination-prefix",
		"flow-selection/rules/rule/config/protocol",
		"flow-selection/rules/rule/config/source-port",
		"flow-selection/rules/rule/config/destination-port",
		"flow-selection/rules/rule/config/dscp",
		"flow-selection/rules/rule/config/flow-label",
		"flow-selection/rules/rule/config/vlan-id",
		"flow-selection/rules/rule/config/vni",
		"flow-selection/rules/rule/config/mpls-label",
		"flow-selection/rules/rule/config/active-segment",
		"flow-selection/flows/flow/config/id",
		"flow-selection/flows/flow/config/address-family",
		"flow-selection/flows/flow/config/source-address",
		"flow-selection/flows/flow/config/destination-address",
		"flow-selection/flows/flow/config/protocol",
		"flow-selection/flows/flow/config/source-port",
		"flow-selection/flows/flow/config/destination-port",
		"data-selection/config/data-element",
		"data-export/config/collector",
		"data-export/config/collector-mode",
		"data-export/config/encoding",
		"data-export/config/protocol",
		"data-export/config/batch-timeout",
		"data-export/config/max-records-per-second",
		"data-export/config/max-octets-per-second",
	}
	probeLeaves := []string{
		"data-selection/config/probe",
		"probe-parameters/parameter/config/name",
		"probe-parameters/parameter/config/value",
	}
	selection := []string{
		"packet-selection/config/algorithm",
		"packet-selection/config/interval",
		"packet-selection/config/space",
		"packet-selection/config/probability",
		"packet-selection/config/scope",
		"packet-selection/config/size",
		"packet-selection/config/population",
		"packet-selection/config/hash-function",
		"packet-selection/config/hash-initialiser",
		"packet-selection/hash-ranges/hash-range/config/min",
		"packet-selection/hash-ranges/hash-range/config/max",
		"packet-selection/config/tcp-flags",
		"packet-selection/config/tcp-flags-absent",
		"packet-selection/config/minimum-packet-length",
		"packet-selection/config/maximum-packet-length",
		"packet-selection/config/minimum-ttl",
		"packet-selection/config/maximum-ttl",
		"packet-selection/config/ecn",
		"packet-selection/config/fragments",
	}
	return map[yang.TECHNIQUE]technique{
		yang.TECHNIQUE_FLOW_METERING: {
			leaves: paths(common, selection, []string{
				"config/local-originated",
				"flow-selection/config/flow-keys",
				"flow-selection/config/source-prefix-length-ipv4",
				"flow-selection/config/source-prefix-length-ipv6",
				"flow-selection/config/destination-prefix-length-ipv4",
				"flow-selection/config/destination-prefix-length-ipv6",
				"flow-selection/config/biflow",
				"data-export/config/active-timeout",
				"data-export/config/idle-timeout",
				"data-export/config/drain-interval",
				"data-export/config/computing",
			}),
			always: []yang.DATA_ELEMENT{
				yang.DATA_ELEMENT_FLOW_KEYS, yang.DATA_ELEMENT_PACKET_COUNT, yang.DATA_ELEMENT_OCTET_COUNT,
			},
			usual: []yang.DATA_ELEMENT{
				yang.DATA_ELEMENT_TCP_FLAGS, yang.DATA_ELEMENT_FLOW_TIMES, yang.DATA_ELEMENT_TTL_RANGE,
				yang.DATA_ELEMENT_INGRESS_INTERFACE, yang.DATA_ELEMENT_EGRESS_INTERFACE,
			},
			onDemand: []yang.DATA_ELEMENT{yang.DATA_ELEMENT_TRANSIT_DELAY, yang.DATA_ELEMENT_QUEUE_DEPTH, yang.DATA_ELEMENT_TCP_HEALTH, yang.DATA_ELEMENT_DROPS},
		},
		yang.TECHNIQUE_FLOW_SKETCH: {
			leaves: paths(common, []string{
				"sketch/config/top-k",
				"sketch/config/epoch",
				"sketch/config/report",
				"sketch/config/spreader-threshold",
				"sketch/config/threshold-octets-per-second",
			}),
			always: []yang.DATA_ELEMENT{
				yang.DATA_ELEMENT_FLOW_KEYS, yang.DATA_ELEMENT_PACKET_COUNT, yang.DATA_ELEMENT_OCTET_COUNT,
			},
			private: true,
		},
		yang.TECHNIQUE_PBT_M: {
			leaves: paths(common, selection, probeLeaves, []string{"encapsulation/config/mark"}),
			always: []yang.DATA_ELEMENT{
				yang.DATA_ELEMENT_NODE_ID, yang.DATA_ELEMENT_TTL, yang.DATA_ELEMENT_FLOW_KEYS,
				yang.DATA_ELEMENT_PACKET_ID, yang.DATA_ELEMENT_PACKET_LENGTH,
				yang.DATA_ELEMENT_INGRESS_INTERFACE, yang.DATA_ELEMENT_EGRESS_INTERFACE,
				yang.DATA_ELEMENT_INGRESS_TIMESTAMP, yang.DATA_ELEMENT_EGRESS_TIMESTAMP,
				yang.DATA_ELEMENT_TRANSIT_DELAY,
			},
			private: true,
		},
		yang.TECHNIQUE_CUSTOM_PROBE: {
			leaves: paths(common, []string{
				"config/probe",
				"probe-parameters/parameter/config/name",
				"probe-parameters/parameter/config/value",
			}),
			private: true,
		},
		yang.TECHNIQUE_EVENT_MONITOR: {
			leaves: paths(common, []string{
				"triggers/trigger/config/name",
				"triggers/trigger/config/metric",
				"triggers/trigger/config/scope",
				"triggers/trigger/config/threshold",
				"triggers/trigger/config/clear-threshold",
				"triggers/trigger/config/hold-time",
				"triggers/trigger/config/report",
				"triggers/trigger/actions/action/config/policy",
				"triggers/trigger/actions/action/config/action",
				"triggers/trigger/actions/action/config/probability",
				"triggers/trigger/actions/action/config/duration",
			}),
			always: []yang.DATA_ELEMENT{
				yang.DATA_ELEMENT_FLOW_KEYS, yang.DATA_ELEMENT_TTL,
				yang.DATA_ELEMENT_INGRESS_INTERFACE, yang.DATA_ELEMENT_EGRESS_INTERFACE,
			},
			private: true,
		},
	}
}

// Techniques lists the techniques that this release can do, in a stable order.
func Techniques() []yang.TECHNIQUE { return slices.Sorted(maps.Keys(builtTechniques())) }

// DataElements lists the data elements that some technique can deliver, in a
// stable order.
func DataElements() []yang.DATA_ELEMENT {
	var out []yang.DATA_ELEMENT
	for _, t := range builtTechniques() {
		out = slices.Concat(out, t.always, t.usual, t.onDemand)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
