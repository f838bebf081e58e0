package schema

import (
	"reflect"
	"strings"
	"testing"

	"github.com/openconfig/ygot/ygot"

	"github.com/openifit/openifit/gen/yang"
)

func TestXPathRefused(t *testing.T) {
	for _, tt := range []struct{ text, part string }{
		{"", "too early"},
		{"a =", "too early"},
		{"a and", "too early"},
		{"(a", `expected`},
		{"a b", `unexpected "b"`},
		{"'a", "literal without its end"},
		{"a + b", `unexpected character '+'`},
		{"a/", "name is expected"},
		{"a/'b'", "name is expected"},
		{"string-length(a)", "string-length() is not supported"},
		{"derived-from-or-self(a)", `","`},
		{"derived-from-or-self(a, b)", "literal identity"},
		{"not(a", `")"`},
	} {
		if _, err := compileXPath(tt.text); err == nil || !strings.Contains(err.Error(), tt.part) {
			t.Errorf("%q: got %v, want %s", tt.text, err, tt.part)
		}
	}
}

func TestXPath(t *testing.T) {
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	// At the config container of packet-selection, in a policy.
	policy := &yang.Policy{
		Config: &yang.Policy_Config{Technique: yang.TECHNIQUE_PBT_M},
		PacketSelection: &yang.Policy_PacketSelection{Config: &yang.Policy_PacketSelection_Config{
			Algorithm: yang.SelectionAlgorithm_ALL, Size: ygot.Uint32(2), Population: ygot.Uint32(10),
			TcpFlags: []yang.TcpFlag{yang.TcpFlag_SYN, yang.TcpFlag_ACK},
		}},
		FlowSelection: &yang.Policy_FlowSelection{Rules: &yang.Policy_FlowSelection_Rules{
			Rule: map[uint32]*yang.Policy_FlowSelection_Rule{1: {}, 2: {}},
		}},
	}
	list := s.Ifit.Child("policies").Child("policy")
	sel := list.Child("packet-selection")
	at := cursor{node: list, v: reflect.ValueOf(policy).Elem()}
	up := at
	mid := cursor{&up, sel, reflect.ValueOf(policy.PacketSelection).Elem()}
	cfg := cursor{&mid, sel.Child("config"), reflect.ValueOf(policy.PacketSelection.Config).Elem()}
	for _, tt := range []struct {
		text string
		want bool
	}{
		{"size", true},
		{"interval", false},
		{"not(interval)", true},
		{"size and population", true},
		{"size and interval", false},
		{"interval or size", true},
		{"interval or space", false},
		{"interval and size or population", true},
		{"interval and (size or population)", false},
		{"algorithm = 'ALL'", true},
		{"algorithm != 'ALL'", false},
		{"algorithm != \"HASH_BASED\"", true},
		{"interval = 1", false},
		{"interval != 1", false}, // an empty node set compares false
		{"size < population", true},
		{"size <= population", true},
		{"size > population", false},
		{"size >= population", false},
		{"size < 10", true}, // as numbers, not as texts
		{"10 > size", true},
		{"size = 2", true},
		{"'2' = size", true},
		{"size = '2.0'", false}, // as texts
		{"tcp-flags = 'SYN'", true},
		{"tcp-flags = 'FIN'", false},
		{"tcp-flags != 'SYN'", true}, // one of them differs
		{"count(tcp-flags) = 2", true},
		{"count(interval) = 0", true},
		{"count(../../flow-selection/rules/rule) = 2", true},
		{"../../config/technique", true},
		{"../../config/technique = 'PBT_M'", true},
		{"../../config/owner", false},
		{"../../sketch/config/top-k", false},
		{"../../../nothing", false},
		{"derived-from-or-self(../../config/technique, 'oifit-types:PBT_M')", true},
		{"derived-from-or-self(../../config/technique, 'oifit-types:PBT_I')", false},
		{"oifit:size", true},
		{"not(size) = not(interval)", false},
		{"not(size) != not(interval)", true},
		{"'x'", true},
		{"''", false},
		{"0", false},
	} {
		e, err := compileXPath(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got := e.eval(cfg).bool(); got != tt.want {
			t.Errorf("%s is %v, want %v", tt.text, got, tt.want)
		}
	}
}
