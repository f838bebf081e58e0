package compile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// hashed selects by hash with these ranges.
func hashed(leaves string, ranges ...string) string {
	if leaves != "" {
		leaves = ", " + leaves
	}
	return `"packet-selection": {"config": {"algorithm": "HASH_BASED"` + leaves + `}, "hash-ranges": {"hash-range": [` + strings.Join(ranges, ",") + `]}}`
}

func span(min, max uint32) string {
	return fmt.Sprintf(`{"min": %d, "config": {"min": %d, "max": %d}}`, min, min, max)
}

func TestSelectionRefusals(t *testing.T) {
	const at = p + "/packet-selection/config"
	const ranges = p + "/packet-selection/hash-ranges"
	spans := make([]string, 9)
	for i := range spans {
		spans[i] = span(uint32(10*i), uint32(10*i))
	}
	for _, c := range []struct {
		name, selection string
		path            string
		code            compile.Code
		reason          string
	}{
		{"interval without space", selection(`"algorithm": "SYSTEMATIC_TIME", "interval": 1`), at, compile.Invalid, "SYSTEMATIC_TIME needs interval and space"},
		{"interval of another algorithm", selection(`"algorithm": "RANDOM_N_OUT_OF_N", "size": 1, "population": 2, "interval": 1`), at + "/interval", compile.Invalid, "belongs to SYSTEMATIC_COUNT and SYSTEMATIC_TIME, not to RANDOM_N_OUT_OF_N"},
		{"space of another algorithm", selection(`"space": 3`), at + "/space", compile.Invalid, "not to ALL"},
		{"no population", selection(`"algorithm": "RANDOM_N_OUT_OF_N", "size": 3`), at, compile.Invalid, "needs size and population"},
		{"size above population", selection(`"algorithm": "RANDOM_N_OUT_OF_N", "size": 3, "population": 2`), at + "/size", compile.Invalid, "3 exceeds the population of 2"},
		{"size of another algorithm", selection(`"algorithm": "SYSTEMATIC_COUNT", "interval": 1, "space": 1, "size": 1`), at + "/size", compile.Invalid, "belongs to RANDOM_N_OUT_OF_N"},
		{"population of another algorithm", selection(`"population": 1`), at + "/population", compile.Invalid, "belongs to RANDOM_N_OUT_OF_N"},
		{"probability of another algorithm", selection(`"algorithm": "PROPERTY_MATCH", "minimum-ttl": 1, "probability": "0.5"`), at + "/probability", compile.Invalid, "belongs to UNIFORM_PROBABILISTIC"},
		{"scope of all packets", selection(`"scope": "FLOW"`), at + "/scope", compile.Invalid, "ALL decides about each packet"},
		{"scope of time", selection(`"algorithm": "SYSTEMATIC_TIME", "interval": 1, "space": 1, "scope": "FLOW"`), at + "/scope", compile.Invalid, "SYSTEMATIC_TIME"},
		{"scope of a hash", hashed(`"scope": "FLOW"`, span(0, 9)), at + "/scope", compile.Invalid, "HASH_BASED"},
		{"initialiser of packets", selection(`"algorithm": "UNIFORM_PROBABILISTIC", "probability": "0.5", "hash-initialiser": 5`), at + "/hash-initialiser", compile.Invalid, "with scope FLOW"},
		{"function of another algorithm", selection(`"hash-function": "BOB"`), at + "/hash-function", compile.Invalid, "belongs to HASH_BASED"},
		{"no ranges", hashed(""), ranges, compile.Invalid, "needs a range"},
		{"nine ranges", hashed("", spans...), ranges, compile.TooMuch, "9 ranges, at most 8"},
		{"ranges of another algorithm", `"packet-selection": {"hash-ranges": {"hash-range": [` + span(0, 1) + `]}}`, ranges, compile.Invalid, "belongs to HASH_BASED"},
		{"range without end", hashed("", `{"min": 4, "config": {"min": 4}}`), ranges + "/hash-range[min=4]/config/max", compile.Invalid, "upper bound"},
		{"empty range", hashed("", span(5, 4)), ranges + "/hash-range[min=5]/config/max", compile.Invalid, "the range is empty"},
		{"overlapping ranges", hashed("", span(9, 20), span(0, 9)), ranges + "/hash-range[min=9]/config/min", compile.Invalid, "9 to 20 overlaps the range 0 to 9"},
		{"range within a range", hashed("", span(0, 100), span(5, 6)), ranges + "/hash-range[min=5]/config/min", compile.Invalid, "overlaps"},
		{"range beyond IPSX", hashed(`"hash-function": "IPSX"`, span(0, 65536)), ranges + "/hash-range[min=0]/config/max", compile.Invalid, "beyond IPSX's greatest value 65535"},
		{"initialiser of IPSX", hashed(`"hash-function": "IPSX", "hash-initialiser": 1`, span(0, 1)), at + "/hash-initialiser", compile.Invalid, "IPSX has no initialiser"},
		{"flags of another algorithm", selection(`"tcp-flags": ["SYN"]`), at + "/tcp-flags", compile.Invalid, "belongs to PROPERTY_MATCH"},
		{"fragments of another algorithm", selection(`"fragments": "FRAGMENTS"`), at + "/fragments", compile.Invalid, "belongs to PROPERTY_MATCH"},
		{"no property", selection(`"algorithm": "PROPERTY_MATCH"`), at, compile.Invalid, "needs a property"},
		{"contradicting flags", selection(`"algorithm": "PROPERTY_MATCH", "tcp-flags": ["SYN", "ACK"], "tcp-flags-absent": ["ACK"]`), at + "/tcp-flags-absent", compile.Invalid, "no packet matches"},
		{"lengths reversed", selection(`"algorithm": "PROPERTY_MATCH", "minimum-packet-length": 5, "maximum-packet-length": 4`), at + "/minimum-packet-length", compile.Invalid, "no packet matches"},
		{"TTLs reversed", selection(`"algorithm": "PROPERTY_MATCH", "minimum-ttl": 5, "maximum-ttl": 4`), at + "/minimum-ttl", compile.Invalid, "no packet matches"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := build(tree(t, node, policy("FLOW_METERING", c.selection)))
			first := new(compile.Error)
			if !errors.As(err, &first) || first.Path != c.path || first.Code != c.code || !strings.Contains(first.Reason, c.reason) {
				t.Errorf("%v, want code %d at %s with %q", err, c.code, c.path, c.reason)
			}
		})
	}
}

func TestSelections(t *testing.T) {
	properties := func(change func(*plan.Properties)) plan.Selection {
		s := plan.Selection{Algorithm: plan.SelectProperty, Match: plan.AnyProperties()}
		change(&s.Match)
		return s
	}
	byHash := func(a plan.Algorithm, initialiser uint32, r ...plan.HashRange) plan.Selection {
		s := plan.Selection{Algorithm: a, Initialiser: initialiser, NumRanges: uint8(len(r))}
		copy(s.Ranges[:], r)
		return s
	}
	for _, c := range []struct {
		selection string
		want      plan.Selection
	}{
		{selection(`"algorithm": "SYSTEMATIC_TIME", "interval": 100, "space": 900`), plan.Selection{Algorithm: plan.SelectSystematicTime, Interval: 100, Space: 900}},
		{selection(`"algorithm": "RANDOM_N_OUT_OF_N", "size": 3, "population": 3`), plan.Selection{Algorithm: plan.SelectRandom, Size: 3, Population: 3}},
		{selection(`"algorithm": "RANDOM_N_OUT_OF_N", "size": 1, "population": 9, "scope": "FLOW"`), plan.Selection{Algorithm: plan.SelectRandom, Size: 1, Population: 9, PerFlow: true}},
		{selection(`"algorithm": "SYSTEMATIC_COUNT", "interval": 1, "space": 9, "scope": "FLOW"`), plan.Selection{Algorithm: plan.SelectSystematicCount, Interval: 1, Space: 9, PerFlow: true}},
		{selection(`"algorithm": "UNIFORM_PROBABILISTIC", "probability": "0.5", "scope": "FLOW"`), plan.Selection{Algorithm: plan.SelectUniform, Threshold: 1 << 31, PerFlow: true, Initialiser: 0x9a3f9a3f}},
		{selection(`"algorithm": "UNIFORM_PROBABILISTIC", "probability": "0.5", "scope": "FLOW", "hash-initialiser": 5`), plan.Selection{Algorithm: plan.SelectUniform, Threshold: 1 << 31, PerFlow: true, Initialiser: 5}},
		{selection(`"algorithm": "UNIFORM_PROBABILISTIC", "probability": "0.5", "scope": "POLICY"`), plan.Selection{Algorithm: plan.SelectUniform, Threshold: 1 << 31}},
		{hashed("", span(20, 29), span(0, 9)), byHash(plan.SelectHashBOB, 0x9a3f9a3f, plan.HashRange{Max: 9}, plan.HashRange{Min: 20, Max: 29})},
		{hashed(`"hash-function": "CRC32"`, span(0, 4294967295)), byHash(plan.SelectHashCRC32, 0, plan.HashRange{Max: 4294967295})},
		{hashed(`"hash-function": "CRC32", "hash-initialiser": 7`, span(3, 3)), byHash(plan.SelectHashCRC32, 7, plan.HashRange{Min: 3, Max: 3})},
		{hashed(`"hash-function": "IPSX"`, span(0, 65535)), byHash(plan.SelectHashIPSX, 0, plan.HashRange{Max: 65535})},
		{selection(`"algorithm": "PROPERTY_MATCH", "tcp-flags": ["SYN", "CWR"], "tcp-flags-absent": ["ACK"]`), properties(func(m *plan.Properties) { m.TCPSet, m.TCPClear = 0x82, 0x10 })},
		{selection(`"algorithm": "PROPERTY_MATCH", "minimum-packet-length": 1400, "maximum-ttl": 5`), properties(func(m *plan.Properties) { m.MinLength, m.MaxTTL = 1400, 5 })},
		{selection(`"algorithm": "PROPERTY_MATCH", "ecn": ["CE", "ECT_0"], "fragments": "FRAGMENTS"`), properties(func(m *plan.Properties) { m.ECN, m.Fragments = 0b1100, plan.FragmentsOnly })},
	} {
		r, err := build(tree(t, node, policy("FLOW_METERING", c.selection)))
		if err != nil {
			t.Errorf("%s: %v", c.selection, err)
			continue
		}
		if err := r.Plan.Validate(); err != nil {
			t.Errorf("%s: %v", c.selection, err)
		}
		if diff := cmp.Diff(c.want, r.Plan.Points[0].Policies[0].Select); diff != "" {
			t.Errorf("%s: %s", c.selection, diff)
		}
	}
}

// Without a mark, every egress of the domain reports what the hash selects,
// and the arrival of packets is stamped.
func TestPostcardsByHashAlone(t *testing.T) {
	r, err := build(tree(t, node, policy("PBT_M", collected, hashed("", span(0, 42949672)))))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Plan.Validate(); err != nil {
		t.Fatal(err)
	}
	reporting := 0
	for i := range r.Plan.Points {
		at := &r.Plan.Points[i]
		inside := at.Interface != "mon"
		if at.ID.Direction == flow.Ingress {
			if len(at.Policies) != 0 || at.Stamp != inside {
				t.Errorf("%s ingress: %+v", at.Interface, at)
			}
			continue
		}
		if len(at.Policies) == 0 {
			continue
		}
		reporting++
		p := &at.Policies[0]
		if p.Actions != plan.ActDigest || p.Select.Algorithm != plan.SelectHashBOB || at.Postcards {
			t.Errorf("%s egress: %+v", at.Interface, at)
		}
	}
	got := r.Policies[0]
	if reporting != 3 || got.Marks() || !got.Unmarked || len(got.Roles) != 1 || got.Roles[0] != yang.NodeRole_PATH {
		t.Errorf("%d points report; %+v", reporting, got)
	}
}
