package compile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/gen/yang"
)

func admission(leaves string) string { return `{"admission": {"config": {` + leaves + `}}}` }

func TestDeclinedPoliciesHaveNoPoints(t *testing.T) {
	for _, tt := range []struct {
		name, admission, leaf, reason string
	}{
		{"technique", `"technique": ["PBT_M"]`, "/config/technique", "FLOW_METERING is not admitted"},
		{"owner", `"owner": ["x"]`, "/config/owner", `"" is not admitted`},
		{"data element", `"data-element": ["FLOW_KEYS", "OCTET_COUNT"]`, "/data-selection/config/data-element", "PACKET_COUNT is not admitted"},
		{"data element that records always hold", `"on-declined-element": "OMIT", "data-element": ["FLOW_KEYS", "OCTET_COUNT"]`,
			"/data-selection/config/data-element", "cannot do without it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := build(tree(t, node, admission(tt.admission), policy("FLOW_METERING"), named("other", "PBT_M", marked, collected)))
			if err != nil {
				t.Fatal(err)
			}
			got := r.Policies[slices.IndexFunc(r.Policies, func(p compile.Policy) bool { return p.Name == "p" })]
			if len(got.Declined) == 0 {
				t.Fatal("was admitted")
			}
			first := got.Declined[0]
			if first.Path != p+tt.leaf || first.Code != compile.NotAdmitted || !strings.Contains(first.Reason, tt.reason) {
				t.Errorf("declined with %v", first)
			}
			if got.Active() || len(got.Points) > 0 {
				t.Errorf("declined and placed at %v", got.Points)
			}
			for i := range r.Plan.Points {
				for j := range r.Plan.Points[i].Policies {
					if r.Plan.Points[i].Policies[j].Name == "p" {
						t.Errorf("declined and in the plan of %s", r.Plan.Points[i].ID)
					}
				}
			}
		})
	}
}

func TestDeclinedElementsAreOmitted(t *testing.T) {
	r, err := build(tree(t, node, policy("FLOW_METERING"),
		admission(`"on-declined-element": "OMIT", "data-element": ["FLOW_KEYS", "PACKET_COUNT", "OCTET_COUNT", "FLOW_TIMES"]`)))
	if err != nil {
		t.Fatal(err)
	}
	got := r.Policies[0]
	if len(got.Declined) > 0 || !got.Active() {
		t.Fatalf("declined as a whole: %v", got.Declined)
	}
	want := []yang.DATA_ELEMENT{yang.DATA_ELEMENT_FLOW_KEYS, yang.DATA_ELEMENT_PACKET_COUNT, yang.DATA_ELEMENT_OCTET_COUNT, yang.DATA_ELEMENT_FLOW_TIMES}
	if !slices.Equal(got.Elements, want) {
		t.Errorf("records hold %v, want %v", got.Elements, want)
	}
	for _, e := range []yang.DATA_ELEMENT{yang.DATA_ELEMENT_TCP_FLAGS, yang.DATA_ELEMENT_TTL_RANGE} {
		if !slices.Contains(got.Omitted, e) {
			t.Errorf("%s is not among the omitted %v", e, got.Omitted)
		}
	}
}

func TestOmittedDelayIsNotMeasured(t *testing.T) {
	r, err := build(tree(t, node, policy("FLOW_METERING", withDelay),
		admission(`"on-declined-element": "OMIT", "data-element": ["FLOW_KEYS", "PACKET_COUNT", "OCTET_COUNT"]`)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Plan.Points {
		if r.Plan.Points[i].Stamp {
			t.Errorf("%s stamps packets for a delay that nobody gets", r.Plan.Points[i].ID)
		}
	}
}
