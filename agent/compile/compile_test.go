package compile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/gen/yang"
)

// node is a head and end with two interfaces into the domain.
const node = `{
 "domain": {
  "config": {"name": "lab", "node-name": "r1", "observation-domain-id": 11, "enterprise-number": 32473},
  "marks": {"mark": [{"name": "m", "config": {"name": "m", "field": "DSCP"}, "values": {"value": [
    {"unmarked": 0, "config": {"unmarked": 0, "marked": 3}},
    {"unmarked": 46, "config": {"unmarked": 46, "marked": 47}}]}}]}},
 "interfaces": {"interface": [
  {"name": "edge", "config": {"name": "edge", "role": "EDGE", "foreign-mark-action": "DROP"}},
  {"name": "core0", "config": {"name": "core0", "role": "CORE"}},
  {"name": "core1", "config": {"name": "core1", "role": "CORE"}},
  {"name": "mon", "config": {"name": "mon", "role": "MONITOR"}},
  {"name": "gone", "config": {"name": "gone", "role": "CORE"}}]},
 "collectors": {"collector": [{"name": "c", "config": {"name": "c", "address": "192.0.2.9"}}]}
}`

func links() map[string]uint32 {
	return map[string]uint32{"lo": 1, "edge": 2, "core0": 3, "core1": 4, "mon": 5, "spare": 6}
}

// merge lays one JSON object over another; lists are appended.
func merge(a, b map[string]any) map[string]any {
	for k, v := range b {
		switch old := a[k].(type) {
		case map[string]any:
			a[k] = merge(old, v.(map[string]any))
		case []any:
			a[k] = append(old, v.([]any)...)
		default:
			a[k] = v
		}
	}
	return a
}

// tree builds a configuration from JSON parts, all below /ifit.
func tree(t testing.TB, parts ...string) *yang.Ifit {
	t.Helper()
	all := map[string]any{}
	for _, part := range parts {
		var m map[string]any
		if err := json.Unmarshal([]byte(part), &m); err != nil {
			t.Fatalf("%v in %s", err, part)
		}
		all = merge(all, m)
	}
	data, err := json.Marshal(map[string]any{"ifit": all})
	if err != nil {
		t.Fatal(err)
	}
	var root yang.Device
	if err := yang.Unmarshal(data, &root); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return root.Ifit
}

// policy writes a policy p of a technique with further containers.
func policy(technique string, more ...string) string {
	return named("p", technique, more...)
}

func named(name, technique string, more ...string) string {
	var m strings.Builder
	for _, s := range more {
		m.WriteString(", " + s)
	}
	return fmt.Sprintf(`{"policies": {"policy": [{"name": %q, "config": {"name": %q, "technique": %q}%s}]}}`,
		name, name, technique, m.String())
}

func refs(in *yang.Ifit) map[string]flow.PolicyRef {
	out := make(map[string]flow.PolicyRef)
	for name := range in.GetPolicies().Policy {
		out[name] = flow.PolicyRef{ID: uint32(len(name)), Generation: 7}
	}
	return out
}

func build(in *yang.Ifit) (*compile.Result, error) {
	return compile.New().Compile(compile.Input{Tree: in, Refs: refs(in), Links: links()})
}

const inner = `"flow-selection": {"config": {"match-header": "INNER"}}`

func rules(list string) string {
	return `"flow-selection": {"rules": {"rule": [` + list + `]}}`
}

func rule(seq int, leaves string) string {
	return fmt.Sprintf(`{"sequence-id": %d, "config": {"sequence-id": %d%s}}`, seq, seq, leaves)
}

func selection(leaves string) string { return `"packet-selection": {"config": {` + leaves + `}}` }

func exported(leaves string) string { return `"data-export": {"config": {` + leaves + `}}` }

func chosen(elements ...string) string {
	return `"data-selection": {"config": {"data-element": ["` + strings.Join(elements, `", "`) + `"]}}`
}

func at(leaves string) string {
	return `"observation-points": {"observation-point": [{"name": "a", "config": {"name": "a", ` + leaves + `}}]}`
}

// points writes several observation points, numbered from 0.
func points(leaves ...string) string {
	var list []string
	for i, l := range leaves {
		list = append(list, fmt.Sprintf(`{"name": "%d", "config": {"name": "%d", %s}}`, i, i, l))
	}
	return `"observation-points": {"observation-point": [` + strings.Join(list, ",") + `]}`
}

func trigger(leaves string) string {
	return `"triggers": {"trigger": [{"name": "t", "config": {"name": "t", ` + leaves + `}}]}`
}

func flows(list string) string {
	return `"flow-selection": {"config": {"source": "FLOW_LIST"}, "flows": {"flow": [` + list + `]}}`
}

func exact(id, leaves string) string {
	return fmt.Sprintf(`{"id": %q, "config": {"id": %q, %s}}`, id, id, leaves)
}

const (
	withQueue = `"data-selection": {"config": {"data-element": ["FLOW_KEYS", "PACKET_COUNT", "OCTET_COUNT", "QUEUE_DEPTH"]}}`
	withDelay = `"data-selection": {"config": {"data-element": ["FLOW_KEYS", "PACKET_COUNT", "OCTET_COUNT", "TRANSIT_DELAY"]}}`

	histogram = `"data-export": {"config": {"computing": ["HISTOGRAM"]}}`
	health    = `"data-selection": {"config": {"data-element": ["FLOW_KEYS", "PACKET_COUNT", "OCTET_COUNT", "TCP_HEALTH"]}}`
	marked    = `"encapsulation": {"config": {"mark": "m"}}`
	collected = `"data-export": {"config": {"collector": ["c"]}}`
	p         = "/ifit/policies/policy[name=p]"
	five      = `"source-address": "10.0.0.1", "destination-address": "10.0.0.2", "protocol": 17, "source-port": 1, "destination-port": 2`
)

// marks writes a mark f of a field with pairs of values.
func marks(field string, pairs ...uint32) string {
	var values []string
	for i := 0; i+1 < len(pairs); i += 2 {
		values = append(values, fmt.Sprintf(`{"unmarked": %d, "config": {"unmarked": %d, "marked": %d}}`, pairs[i], pairs[i], pairs[i+1]))
	}
	return fmt.Sprintf(`{"domain": {"marks": {"mark": [{"name": "f", "config": {"name": "f", "field": %q}, "values": {"value": [%s]}}]}}}`,
		field, strings.Join(values, ","))
}

func seventeen() (pairs []uint32) {
	for i := range uint32(17) {
		pairs = append(pairs, i, 1000+i)
	}
	return pairs
}

func TestRefusals(t *testing.T) {
	many := func(n int, f func(i int) string) string {
		out := make([]string, n)
		for i := range out {
			out[i] = f(i)
		}
		return strings.Join(out, ",")
	}
	tests := []struct {
		name, part string
		path       string
		code       compile.Code
		reason     string
	}{
		{"technique", policy("IOAM_TRACE"), p + "/config/technique", compile.NotBuilt, "IOAM_TRACE is not built in this release"},
		{"technique of later parts", policy("ALTERNATE_MARKING"), p + "/config/technique", compile.NotBuilt, "ALTERNATE_MARKING is not built"},
		{"carrier", policy("PBT_M", `"encapsulation": {"config": {"mark": "m", "carrier": "GRE"}}`), p + "/encapsulation/config/carrier", compile.NotBuilt, "not built"},
		{"mode", policy("PBT_M", `"encapsulation": {"config": {"mark": "m", "mode": "IN_PLACE"}}`), p + "/encapsulation/config/mode", compile.NotBuilt, "not built"},
		{"end node", policy("PBT_M", `"encapsulation": {"config": {"mark": "m"}, "end-nodes": {"end-node": [{"prefix": "10.0.0.0/8", "config": {"prefix": "10.0.0.0/8"}}]}}`),
			p + "/encapsulation/end-nodes/end-node[prefix=10.0.0.0/8]/config/prefix", compile.NotBuilt, "not built"},
		{"leaf of another technique", policy("FLOW_METERING", marked), p + "/encapsulation/config/mark", compile.NotBuilt, "not built"},
		{"triggers of a metering policy", policy("FLOW_METERING", trigger(`"metric": "NEW_FLOW"`)), p + "/triggers/trigger[name=t]/config/name", compile.NotBuilt, "not built"},
		{"data element", policy("FLOW_METERING", withQueue), p + "/data-selection/config/data-element", compile.NotBuilt, "QUEUE_DEPTH without computing HISTOGRAM"},
		{"health of no TCP", policy("FLOW_METERING", health, rules(rule(1, `, "protocol": 17`))), p + "/flow-selection", compile.Invalid, "no TCP"},
		{"health of TCP that is denied", policy("FLOW_METERING", health, rules(rule(1, `, "protocol": 6, "action": "DENY"`)+","+rule(2, ""))), p + "/flow-selection", compile.Invalid, "no TCP"},
		{"health of listed flows without TCP", policy("FLOW_METERING", health, flows(exact("f", five))), p + "/flow-selection", compile.Invalid, "no TCP"},
		{"health of some packets", policy("FLOW_METERING", health, selection(`"algorithm": "SYSTEMATIC_COUNT", "interval": 1, "space": 9`)), p + "/packet-selection/config/algorithm", compile.Invalid, "all packets of a connection"},
		{"health where delay is measured", policy("FLOW_METERING", chosen("FLOW_KEYS", "PACKET_COUNT", "OCTET_COUNT", "TCP_HEALTH", "TRANSIT_DELAY")), p + "/data-selection/config/data-element", compile.Invalid, "take two policies"},
		{"health of what a tunnel carries", policy("FLOW_METERING", health, `"flow-selection": {"config": {"match-header": "INNER"}}`), p + "/flow-selection/config/match-header", compile.Invalid, "outermost"},
		{"health in a sketch", policy("FLOW_SKETCH", health), p + "/data-selection/config/data-element", compile.NotBuilt, "TCP_HEALTH"},
		{"histogram of nothing", policy("FLOW_METERING", exported(`"computing": ["HISTOGRAM"]`)), p + "/data-export/config/computing", compile.Invalid, "needs TRANSIT_DELAY or QUEUE_DEPTH"},
		{"minimum without a histogram", policy("FLOW_METERING", withDelay, exported(`"computing": ["MINIMUM"]`)), p + "/data-export/config/computing", compile.NotBuilt, "MINIMUM without HISTOGRAM"},
		{"computed twice", policy("FLOW_METERING", withDelay, exported(`"computing": ["HISTOGRAM", "MEAN", "MEAN"]`)), p + "/data-export/config/computing", compile.Invalid, "MEAN is given twice"},
		{"histogram of some packets", policy("FLOW_METERING", withDelay, histogram, selection(`"algorithm": "SYSTEMATIC_COUNT", "interval": 1, "space": 9`)), p + "/packet-selection/config/algorithm", compile.Invalid, "all packets of a flow"},
		{"histogram inside a tunnel", policy("FLOW_METERING", withDelay, histogram, `"flow-selection": {"config": {"match-header": "INNER"}}`), p + "/flow-selection/config/match-header", compile.Invalid, "outermost"},
		{"histogram by VNI", policy("FLOW_METERING", withDelay, histogram, `"flow-selection": {"config": {"flow-keys": ["layer2SegmentId"]}}`), p + "/flow-selection/config/flow-keys", compile.NotBuilt, "layer2SegmentId as a Flow Key of histograms"},
		{"histogram in a sketch", policy("FLOW_SKETCH", histogram), p + "/data-export/config/computing", compile.NotBuilt, "not built"},
		{"too many histograms", `{"policies": {"policy": [` + many(65, func(i int) string {
			return fmt.Sprintf(`{"name": "h%02d", "config": {"name": "h%02d", "technique": "FLOW_METERING"}, %s, %s, %s}`, i, i, withDelay, histogram,
				at(fmt.Sprintf(`"interface": %q, "direction": "EGRESS"`, []string{"edge", "core0"}[i%2])))
		}) + `]}}`, "/ifit/policies/policy[name=h64]/data-export/config/computing", compile.TooMuch, "at most 64"},
		{"fewer data elements", policy("FLOW_METERING", chosen("OCTET_COUNT")), p + "/data-selection/config/data-element", compile.NotBuilt, "always hold FLOW_KEYS, PACKET_COUNT; choosing fewer is not built in this release"},
		{"fewer data elements of postcards", policy("PBT_M", marked, chosen("NODE_ID")), p + "/data-selection/config/data-element", compile.NotBuilt, "records of PBT_M always hold TTL, FLOW_KEYS, PACKET_ID"},
		{"fewer data elements of a sketch", policy("FLOW_SKETCH", chosen("FLOW_KEYS")), p + "/data-selection/config/data-element", compile.NotBuilt, "always hold PACKET_COUNT, OCTET_COUNT"},
		{"events without their delay", policy("EVENT_MONITOR", trigger(`"metric": "TRANSIT_DELAY", "threshold": "1"`), chosen("FLOW_KEYS", "TTL", "INGRESS_INTERFACE", "EGRESS_INTERFACE")),
			p + "/data-selection/config/data-element", compile.NotBuilt, "always hold TRANSIT_DELAY"},
		{"delay of new flows", policy("EVENT_MONITOR", trigger(`"metric": "NEW_FLOW"`), chosen("FLOW_KEYS", "TTL", "INGRESS_INTERFACE", "EGRESS_INTERFACE", "TRANSIT_DELAY")),
			p + "/data-selection/config/data-element", compile.NotBuilt, "TRANSIT_DELAY in records of this"},
		{"data element twice", policy("FLOW_METERING", chosen("FLOW_KEYS", "FLOW_KEYS", "PACKET_COUNT", "OCTET_COUNT")), p + "/data-selection/config/data-element", compile.Invalid, "given twice"},
		{"PBT_M without a collector", policy("PBT_M", `"encapsulation": {"config": {"mark": "m"}}`), p + "/data-export/config/collector", compile.Invalid, "PBT_M needs a collector"},
		{"link-local collector", `{"collectors": {"collector": [{"name": "t", "config": {"name": "t", "address": "fe80::1"}}]}}`,
			"/ifit/collectors/collector[name=t]/config/address", compile.Invalid, "link-local"},
		{"bits beyond the prefix", policy("FLOW_METERING", rules(rule(1, `, "source-prefix": "10.1.2.3/8"`))),
			p + "/flow-selection/rules/rule[sequence-id=1]/config/source-prefix", compile.Invalid, "the prefix is 10.0.0.0/8"},
		{"one side twice", policy("FLOW_METERING", points(`"interface": "edge"`, `"interface": "edge", "direction": "INGRESS"`)),
			p + "/observation-points/observation-point[name=1]/config", compile.Invalid, "observes the same packets as " + p + "/observation-points/observation-point[name=0]"},
		{"one role twice", policy("FLOW_METERING", points(`"interface-role": "CORE", "direction": "EGRESS"`, `"interface-role": "CORE", "direction": "EGRESS"`)),
			p + "/observation-points/observation-point[name=1]/config", compile.Invalid, "observes the same packets"},
		{"sketch at egress", policy("FLOW_SKETCH", at(`"interface": "edge", "direction": "EGRESS"`)),
			p + "/observation-points/observation-point[name=a]/config/direction", compile.NotBuilt, "FLOW_SKETCH at EGRESS"},
		{"raise for ever", named("q.raise", "FLOW_METERING"), "/ifit/policies/policy[name=q.raise]/config/lifetime", compile.Invalid, "needs a lifetime"},
		{"flow key", policy("FLOW_METERING", `"flow-selection": {"config": {"flow-keys": ["applicationId"]}}`), p + "/flow-selection/config/flow-keys", compile.NotBuilt, "applicationId"},
		{"marks of the inner header", policy("PBT_M", marked, exported(`"collector": ["c"]`), inner), p + "/flow-selection/config/match-header", compile.Invalid, "the outermost IP header"},
		{"triggers of the inner header", policy("EVENT_MONITOR", inner), p + "/flow-selection/config/match-header", compile.Invalid, "the outermost IP header"},
		{"sketch as source", policy("PBT_M", marked, `"flow-selection": {"config": {"source": "SKETCH"}}`), p + "/flow-selection/config/source", compile.NotBuilt, "SKETCH"},
		{"sampled sketch", policy("FLOW_SKETCH", selection(`"algorithm": "SYSTEMATIC_COUNT", "interval": 1, "space": 9`)), p + "/packet-selection/config/algorithm", compile.NotBuilt, "not built"},
		{"interval without space", policy("FLOW_METERING", selection(`"algorithm": "SYSTEMATIC_COUNT", "interval": 1`)), p + "/packet-selection/config", compile.Invalid, "needs interval and space"},
		{"no probability", policy("FLOW_METERING", selection(`"algorithm": "UNIFORM_PROBABILISTIC"`)), p + "/packet-selection/config", compile.Invalid, "needs a probability"},
		{"probability for all", policy("FLOW_METERING", selection(`"probability": "0.5"`)), p + "/packet-selection/config/probability", compile.Invalid, "not to ALL"},
		{"encoding", policy("FLOW_METERING", exported(`"encoding": "JSON"`)), p + "/data-export/config/encoding", compile.NotBuilt, "JSON"},
		{"protocol", policy("FLOW_METERING", exported(`"protocol": "KAFKA"`)), p + "/data-export/config/protocol", compile.NotBuilt, "KAFKA"},
		{"share", policy("FLOW_METERING", exported(`"collector-mode": "SHARE"`)), p + "/data-export/config/collector-mode", compile.NotBuilt, "SHARE"},
		{"filter", policy("FLOW_METERING", exported(`"filter": "packets > 3"`)), p + "/data-export/config/filter", compile.NotBuilt, "not built"},
		{"deduplicate", policy("FLOW_METERING", exported(`"deduplicate": true`)), p + "/data-export/config/deduplicate", compile.NotBuilt, "not built"},
		{"collector dangles", policy("FLOW_METERING", exported(`"collector": ["nobody"]`)), p + "/data-export/config/collector", compile.NotFound, "no collector nobody"},
		{"transport", `{"collectors": {"collector": [{"name": "t", "config": {"name": "t", "address": "192.0.2.1", "transport": "TLS"}}]}}`,
			"/ifit/collectors/collector[name=t]/config/transport", compile.NotBuilt, "TLS"},
		{"collector without address", `{"collectors": {"collector": [{"name": "t", "config": {"name": "t"}}]}}`,
			"/ifit/collectors/collector[name=t]/config", compile.Invalid, "needs an address"},
		{"multicast collector", `{"collectors": {"collector": [{"name": "t", "config": {"name": "t", "address": "224.0.0.1"}}]}}`,
			"/ifit/collectors/collector[name=t]/config/address", compile.Invalid, "not the address of one host"},
		{"source of another family", `{"collectors": {"collector": [{"name": "t", "config": {"name": "t", "address": "192.0.2.1", "source-address": "2001:db8::1"}}]}}`,
			"/ifit/collectors/collector[name=t]/config/source-address", compile.Invalid, "family"},
		{"interface dangles", policy("FLOW_METERING", at(`"interface": "eth7"`)), p + "/observation-points/observation-point[name=a]/config/interface", compile.NotFound, "not under /ifit/interfaces"},
		{"point without place", policy("FLOW_METERING", at(`"direction": "INGRESS"`)), p + "/observation-points/observation-point[name=a]/config", compile.Invalid, "needs an interface"},
		{"point with two places", policy("FLOW_METERING", at(`"interface": "edge", "interface-role": "CORE"`)), p + "/observation-points/observation-point[name=a]/config", compile.Invalid, "not both"},
		{"delay at ingress", policy("FLOW_METERING", at(`"interface": "edge", "direction": "INGRESS"`), withDelay),
			p + "/observation-points/observation-point[name=a]/config/direction", compile.Invalid, "EGRESS only"},
		{"path at ingress", policy("EVENT_MONITOR", at(`"interface": "edge", "direction": "INGRESS"`), trigger(`"metric": "PATH_CHANGE"`)),
			p + "/observation-points/observation-point[name=a]/config/direction", compile.Invalid, "trigger t: PATH_CHANGE is known at EGRESS only"},
		{"queue at ingress", policy("EVENT_MONITOR", at(`"interface": "edge", "direction": "INGRESS"`), trigger(`"metric": "QUEUE_DEPTH", "threshold": "1"`)),
			p + "/observation-points/observation-point[name=a]/config/direction", compile.Invalid, "trigger t: QUEUE_DEPTH is known at EGRESS only"},
		{"marks on a monitor", policy("PBT_M", marked, at(`"interface": "mon"`)), p + "/observation-points/observation-point[name=a]/config/interface", compile.Invalid, "neither"},
		{"no mark", policy("PBT_M"), p + "/encapsulation/config/mark", compile.Invalid, "needs a mark"},
		{"no mark and no hash", policy("PBT_M", collected, selection(`"algorithm": "UNIFORM_PROBABILISTIC", "probability": "0.1"`)),
			p + "/encapsulation/config/mark", compile.Invalid, "unless it selects HASH_BASED"},
		{"postcards by hash at ingress", policy("PBT_M", collected, hashed("", span(0, 9)), at(`"interface": "edge", "direction": "INGRESS"`)),
			p + "/observation-points/observation-point[name=a]/config/direction", compile.NotBuilt, "PBT_M at INGRESS"},
		{"mark dangles", policy("PBT_M", `"encapsulation": {"config": {"mark": "x"}}`), p + "/encapsulation/config/mark", compile.NotFound, "no mark x"},
		{"field of a mark", marks("MPLS_LABEL"), "/ifit/domain/marks/mark[name=f]/config/field", compile.NotBuilt, "MPLS_LABEL"},
		{"flag that is cleared", marks("IPV4_RESERVED_FLAG", 1, 0), "/ifit/domain/marks/mark[name=f]/values/value[unmarked=1]/config", compile.Invalid, "the only pair"},
		{"flag of two bits", marks("IPV4_RESERVED_FLAG", 0, 2), "/ifit/domain/marks/mark[name=f]/values/value[unmarked=0]/config", compile.Invalid, "the only pair"},
		{"label of 21 bits", marks("FLOW_LABEL", 0, 1<<20), "/ifit/domain/marks/mark[name=f]/values/value[unmarked=0]/config/marked", compile.Invalid, "1048576 is no flow label"},
		{"unmarked label of 21 bits", marks("FLOW_LABEL", 1<<20, 1), "/ifit/domain/marks/mark[name=f]/values/value[unmarked=1048576]/config/unmarked", compile.Invalid, "is no flow label"},
		{"no label as a mark", marks("FLOW_LABEL", 5, 0), "/ifit/domain/marks/mark[name=f]/values/value[unmarked=5]/config/marked", compile.Invalid, "has no flow label"},
		{"label of two labels", marks("FLOW_LABEL", 0, 9, 1, 9), "/ifit/domain/marks/mark[name=f]/values/value[unmarked=1]/config/marked", compile.Invalid, "already stands"},
		{"mark of a marked label", marks("FLOW_LABEL", 0, 9, 9, 10), "/ifit/domain/marks/mark[name=f]/values/value[unmarked=9]/config/unmarked", compile.Invalid, "itself a marked value"},
		{"too many labels", marks("FLOW_LABEL", seventeen()...), "/ifit/domain/marks", compile.TooMuch, "17 flow labels"},
		{"mark without values", policy("PBT_M", `"encapsulation": {"config": {"mark": "f"}}`, collected) + "\x00" + marks("IPV4_RESERVED_FLAG"), p + "/encapsulation/config/mark", compile.Invalid, "has no values"},
		{"code point not for local use", `{"domain": {"marks": {"mark": [{"name": "f", "config": {"name": "f", "field": "DSCP"}, "values": {"value": [{"unmarked": 1, "config": {"unmarked": 1, "marked": 8}}]}}]}}}`,
			"/ifit/domain/marks/mark[name=f]/values/value[unmarked=1]/config/marked", compile.Invalid, "pool 2"},
		{"no inverse", `{"domain": {"marks": {"mark": [{"name": "f", "config": {"name": "f", "field": "DSCP"}, "values": {"value": [
			{"unmarked": 1, "config": {"unmarked": 1, "marked": 7}}, {"unmarked": 2, "config": {"unmarked": 2, "marked": 7}}]}}]}}}`,
			"/ifit/domain/marks/mark[name=f]/values/value[unmarked=2]/config/marked", compile.Invalid, "already stands"},
		{"marked twice over", `{"domain": {"marks": {"mark": [{"name": "f", "config": {"name": "f", "field": "DSCP"}, "values": {"value": [{"unmarked": 3, "config": {"unmarked": 3, "marked": 7}}]}}]}}}`,
			"/ifit/domain/marks/mark[name=f]/values/value[unmarked=3]/config/unmarked", compile.Invalid, "itself a marked value"},
		{"trigger missing", policy("EVENT_MONITOR"), p + "/triggers", compile.Invalid, "needs a trigger"},
		{"metric", policy("EVENT_MONITOR", trigger(`"metric": "PATH_DELAY", "threshold": "1"`)), p + "/triggers/trigger[name=t]/config/metric", compile.NotBuilt, "PATH_DELAY"},
		{"threshold of nothing", policy("EVENT_MONITOR", trigger(`"metric": "QUEUE_DEPTH", "threshold": "0"`)), p + "/triggers/trigger[name=t]/config/threshold", compile.Invalid, "never end"},
		{"drops without threshold", policy("EVENT_MONITOR", trigger(`"metric": "PACKET_DROP"`)), p + "/triggers/trigger[name=t]/config", compile.Invalid, "PACKET_DROP needs a threshold"},
		{"drops of a sketch", policy("FLOW_SKETCH", chosen("FLOW_KEYS", "PACKET_COUNT", "OCTET_COUNT", "DROPS")), p + "/data-selection/config/data-element", compile.NotBuilt, "DROPS"},
		{"queue of a flow", policy("EVENT_MONITOR", trigger(`"metric": "QUEUE_DEPTH", "threshold": "1", "scope": "FLOW"`)), p + "/triggers/trigger[name=t]/config/scope", compile.Invalid, "belongs to an interface"},
		{"burst of a flow", policy("EVENT_MONITOR", trigger(`"metric": "MICROBURST", "threshold": "1", "scope": "FLOW"`)), p + "/triggers/trigger[name=t]/config/scope", compile.Invalid, "belongs to an interface"},
		{"rate of an interface", policy("EVENT_MONITOR", trigger(`"metric": "FLOW_RATE", "threshold": "1", "scope": "INTERFACE"`)), p + "/triggers/trigger[name=t]/config/scope", compile.Invalid, "belongs to a flow"},
		{"rate without threshold", policy("EVENT_MONITOR", trigger(`"metric": "FLOW_RATE"`)), p + "/triggers/trigger[name=t]/config", compile.Invalid, "FLOW_RATE needs a threshold"},
		{"burst without threshold", policy("EVENT_MONITOR", trigger(`"metric": "MICROBURST"`)), p + "/triggers/trigger[name=t]/config", compile.Invalid, "MICROBURST needs a threshold"},
		{"no threshold", policy("EVENT_MONITOR", trigger(`"metric": "TRANSIT_DELAY"`)), p + "/triggers/trigger[name=t]/config", compile.Invalid, "needs a threshold"},
		{"scope of a path", policy("EVENT_MONITOR", trigger(`"metric": "PATH_CHANGE", "scope": "INTERFACE"`)), p + "/triggers/trigger[name=t]/config/scope", compile.Invalid, "belongs to a flow"},
		{"needless threshold", policy("EVENT_MONITOR", trigger(`"metric": "NEW_FLOW", "threshold": "1"`)), p + "/triggers/trigger[name=t]/config/threshold", compile.Invalid, "no threshold"},
		{"clear above threshold", policy("EVENT_MONITOR", trigger(`"metric": "TRANSIT_DELAY", "threshold": "1", "clear-threshold": "2"`)), p + "/triggers/trigger[name=t]/config/clear-threshold", compile.Invalid, "exceeds"},
		{"report", policy("EVENT_MONITOR", trigger(`"metric": "NEW_FLOW", "report": "RECORD"`)), p + "/triggers/trigger[name=t]/config/report", compile.NotBuilt, "RECORD"},

		{"contradiction", policy("FLOW_METERING", rules(rule(1, `, "protocol": 6`)+","+rule(2, `, "protocol": 6, "action": "DENY"`))),
			p + "/flow-selection/rules/rule[sequence-id=2]", compile.Invalid, "contradicts rule 1"},
		{"hidden rule", policy("FLOW_METERING", rules(rule(1, `, "source-prefix": "10.0.0.0/8"`)+","+rule(9, `, "source-prefix": "10.1.0.0/16", "protocol": 6, "action": "DENY"`))),
			p + "/flow-selection/rules/rule[sequence-id=9]", compile.Invalid, "never applies"},
		{"duplicate", policy("FLOW_METERING", rules(rule(1, `, "source-prefix": "10.0.0.0/8"`)+","+rule(2, `, "source-prefix": "10.0.0.0/8"`))),
			p + "/flow-selection/rules/rule[sequence-id=2]", compile.Invalid, "duplicate of rule 1"},
		{"ports of ICMP", policy("FLOW_METERING", rules(rule(1, `, "protocol": 1, "destination-port": 80`))),
			p + "/flow-selection/rules/rule[sequence-id=1]/config/destination-port", compile.Invalid, "has no ports"},
		{"reversed range", policy("FLOW_METERING", rules(rule(1, `, "source-port": "9..3"`))),
			p + "/flow-selection/rules/rule[sequence-id=1]/config/source-port", compile.Invalid, "reversed"},
		{"range too high", policy("FLOW_METERING", rules(rule(1, `, "source-port": "9..70000"`))),
			p + "/flow-selection/rules/rule[sequence-id=1]/config/source-port", compile.Invalid, "no range"},
		{"families", policy("FLOW_METERING", rules(rule(1, `, "source-prefix": "10.0.0.0/8", "destination-prefix": "2001:db8::/32"`))),
			p + "/flow-selection/rules/rule[sequence-id=1]/config/destination-prefix", compile.Invalid, "IPv6"},
		{"family leaf", policy("FLOW_METERING", rules(rule(1, `, "address-family": "IPV6", "source-prefix": "10.0.0.0/8"`))),
			p + "/flow-selection/rules/rule[sequence-id=1]/config/source-prefix", compile.Invalid, "IPv4"},
		{"label of IPv4", policy("FLOW_METERING", rules(rule(1, `, "address-family": "IPV4", "flow-label": 5`))),
			p + "/flow-selection/rules/rule[sequence-id=1]/config/flow-label", compile.Invalid, "IPv6"},
		{"segment of IPv4", policy("FLOW_METERING", rules(rule(1, `, "active-segment": "10.0.0.0/8"`))),
			p + "/flow-selection/rules/rule[sequence-id=1]/config/active-segment", compile.Invalid, "IPv6 addresses"},
		{"bits beyond the segment's prefix", policy("FLOW_METERING", rules(rule(1, `, "active-segment": "2001:db8::1/32"`))),
			p + "/flow-selection/rules/rule[sequence-id=1]/config/active-segment", compile.Invalid, "the prefix is 2001:db8::/32"},
		{"hidden by VLAN", policy("FLOW_METERING", rules(rule(1, `, "vlan-id": 5`)+","+rule(2, `, "vlan-id": 5, "vni": 0, "action": "DENY"`))),
			p + "/flow-selection/rules/rule[sequence-id=2]", compile.Invalid, "never applies"},
		{"hidden by a segment", policy("FLOW_METERING", rules(rule(1, `, "active-segment": "2001:db8::/32"`)+","+rule(2, `, "active-segment": "2001:db8:1::/48", "action": "DENY"`))),
			p + "/flow-selection/rules/rule[sequence-id=2]", compile.Invalid, "never applies"},
		{"rules beside a list", policy("FLOW_METERING", `"flow-selection": {"config": {"source": "FLOW_LIST"}, "rules": {"rule": [`+rule(1, "")+`]}}`),
			p + "/flow-selection/rules", compile.Invalid, "source RULES only"},
		{"list beside rules", policy("FLOW_METERING", `"flow-selection": {"flows": {"flow": [`+exact("f", five)+`]}}`), p + "/flow-selection/flows", compile.Invalid, "FLOW_LIST only"},
		{"half a flow", policy("FLOW_METERING", flows(exact("f", `"source-address": "10.0.0.1"`))), p + "/flow-selection/flows/flow[id=f]/config", compile.Invalid, "needs source-address"},
		{"flow without ports", policy("FLOW_METERING", flows(exact("f", `"source-address": "10.0.0.1", "destination-address": "10.0.0.2", "protocol": 6`))),
			p + "/flow-selection/flows/flow[id=f]/config", compile.Invalid, "source-port"},
		{"flow of two families", policy("FLOW_METERING", flows(exact("f", `"source-address": "10.0.0.1", "destination-address": "2001:db8::1", "protocol": 58`))),
			p + "/flow-selection/flows/flow[id=f]/config/destination-address", compile.Invalid, "family"},
		{"flow twice", policy("FLOW_METERING", flows(exact("f", five)+","+exact("g", five))), p + "/flow-selection/flows/flow[id=g]/config", compile.Invalid, "same flow as f"},
		{"too many rules", policy("FLOW_METERING", rules(many(1025, func(i int) string { return rule(i, fmt.Sprintf(`, "source-port": %d`, i)) }))),
			p + "/flow-selection/rules", compile.TooMuch, "1025 rules"},
		{"too many policies", `{"policies": {"policy": [` + many(65, func(i int) string {
			return fmt.Sprintf(`{"name": "q%02d", "config": {"name": "q%02d", "technique": "FLOW_METERING"}}`, i, i)
		}) + `]}}`, "/ifit/policies/policy[name=q64]", compile.TooMuch, "65 policies"},
		{"two sketches", `{"policies": {"policy": [{"name": "a", "config": {"name": "a", "technique": "FLOW_SKETCH"}}, {"name": "b", "config": {"name": "b", "technique": "FLOW_SKETCH"}}]}}`,
			"/ifit/policies/policy[name=b]", compile.TooMuch, "second FLOW_SKETCH"},
		{"limit on policies", `{"limits": {"config": {"max-policies": 1}}, "policies": {"policy": [{"name": "a", "config": {"name": "a", "technique": "FLOW_SKETCH"}}, {"name": "b", "config": {"name": "b", "technique": "FLOW_METERING"}}]}}`,
			"/ifit/policies", compile.TooMuch, "limit is 1"},
		{"IOAM namespace", `{"domain": {"namespaces": {"namespace": [{"id": 5, "config": {"id": 5}}]}}}`, "/ifit/domain/namespaces/namespace[id=5]", compile.NotBuilt, "not built"},
		{"wide node number", `{"domain": {"namespaces": {"namespace": [{"id": 0, "config": {"id": 0, "node-id-wide": "5"}}]}}}`,
			"/ifit/domain/namespaces/namespace[id=0]/config/node-id-wide", compile.NotBuilt, "not built"},
		{"nothing may be selected", `{"limits": {"config": {"max-selected-packets-per-second": "0"}}}`, "/ifit/limits/config/max-selected-packets-per-second", compile.Invalid, "0 would stop all"},
		{"no processor time", `{"limits": {"config": {"max-cpu-percent": "0"}}}`, "/ifit/limits/config/max-cpu-percent", compile.Invalid, "0 would stop all"},
		{"no maps", `{"limits": {"config": {"max-map-bytes": "0"}}}`, "/ifit/limits/config/max-map-bytes", compile.Invalid, "0 would stop all"},
		{"no memory", `{"limits": {"config": {"max-memory-bytes": "0"}}}`, "/ifit/limits/config/max-memory-bytes", compile.Invalid, "0 would stop all"},
		{"IOAM interface", `{"interfaces": {"interface": [{"name": "x", "config": {"name": "x", "ioam-interface-id": 5}}]}}`, "/ifit/interfaces/interface[name=x]/config/ioam-interface-id", compile.NotBuilt, "not built"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			parts := append([]string{node, `{"policies": {}}`}, strings.Split(tt.part, "\x00")...)
			_, err := build(tree(t, parts...))
			if err == nil {
				t.Fatal("was accepted")
			}
			first := new(compile.Error)
			if !errors.As(err, &first) {
				t.Fatalf("error of type %T", err)
			}
			for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
				if errors.As(e, &first) && first.Path == tt.path {
					break
				}
			}
			if first.Path != tt.path || first.Code != tt.code || !strings.Contains(first.Reason, tt.reason) {
				t.Errorf("refused with code %d:\n%v\nwant code %d at %s with %q", first.Code, err, tt.code, tt.path, tt.reason)
			}
		})
	}
}

func TestPrivateElementsNeedAnEnterpriseNumber(t *testing.T) {
	for _, part := range []string{
		policy("PBT_M", marked, exported(`"collector": ["c"]`)),
		policy("FLOW_SKETCH", exported(`"collector": ["c"]`)),
		policy("FLOW_METERING", exported(`"collector": ["c"]`), withDelay),
		policy("FLOW_METERING", exported(`"collector": ["c"]`), health),
		policy("FLOW_METERING", exported(`"collector": ["c"], "computing": ["HISTOGRAM"]`), withQueue),
	} {
		in := tree(t, node, part)
		in.Domain.Config.EnterpriseNumber = nil
		_, err := build(in)
		var e *compile.Error
		if !errors.As(err, &e) || !strings.Contains(e.Reason, "enterprise-number is not set") {
			t.Errorf("%s: %v", part, err)
		}
	}
	in := tree(t, node, policy("FLOW_METERING", exported(`"collector": ["c"]`)))
	in.Domain.Config.EnterpriseNumber = nil
	if _, err := build(in); err != nil {
		t.Errorf("plain flow records: %v", err)
	}
}

func TestAllRefusalsAreTold(t *testing.T) {
	_, err := build(tree(t, node, policy("FLOW_METERING", exported(`"encoding": "JSON", "collector": ["x"]`), rules(rule(1, `, "source-port": "9..3"`)))))
	for _, want := range []string{"encoding", "no collector x", "reversed"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not speak of %s", err, want)
		}
	}
}
