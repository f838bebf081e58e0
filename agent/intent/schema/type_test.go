package schema_test

import (
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// TestTypes checks which texts fit the types that have patterns, ranges and
// members.
func TestTypes(t *testing.T) {
	s := load(t)
	const (
		address = "/ifit/collectors/collector[name=c]/config/address"
		prefix  = "/ifit/policies/policy[name=x]/flow-selection/rules/rule[sequence-id=1]/config/source-prefix"
		port    = "/ifit/policies/policy[name=x]/flow-selection/rules/rule[sequence-id=1]/config/source-port"
		share   = "/ifit/policies/policy[name=x]/packet-selection/config/probability"
		gnmi    = "/ifit/policies/policy[name=x]/encapsulation/end-nodes/end-node[prefix=::/0]/config/gnmi-address"
		object  = "/ifit/probes/probe[name=p]/config/object"
	)
	for _, tt := range []struct {
		path string
		good string // blank-separated values
		bad  string
	}{
		{address, "0.0.0.0 192.0.2.255 ::1 :: 2001:db8::1 ::ffff:192.0.2.1 fe80::1 1:2:3:4:5:6:7:8",
			"192.0.2 192.0.2.256 192.0.2.1. 01.2.3.4 1::2::3 1:2:3:4:5:6:7 1:2:3:4:5:6:7:8:9 12345::1 fe80::1%eth0 host g::1 192.0.2.1/32"},
		{prefix, "0.0.0.0/0 10.1.2.3/8 192.0.2.0/32 ::/0 2001:db8::/32 ::1/128", "10.0.0.0 10.0.0.0/33 10.0.0.0/-1 ::/129 2001:db8::/ /8 10.0.0.0/8/8"},
		{port, "0 65535 1..2 80..65535", "65536 -1 1- 1... ..2 1..2..3 http 1.5"},
		{share, "0 1 0.5 0.000000001 1.0 .5", "-0.1 1.1 2 0.0000000001 half 1/2 NaN Inf"},
		{gnmi, "r5:9339 [2001:db8::1]:9339 192.0.2.1:1", "r5 :9339 r5:port r5:123456"},
		{object, "AAEC AA==", "A *** AAEC="},
	} {
		patterns, err := s.Resolve(elems(t, tt.path))
		if err != nil {
			t.Fatal(err)
		}
		path, ok := patterns[0].Exact()
		if !ok {
			t.Fatalf("%s is not exact", tt.path)
		}
		for _, v := range strings.Fields(tt.good) {
			if err := s.Edit(nil).Update(path, text(v)); err != nil {
				t.Errorf("%s refused: %v", v, err)
			}
		}
		for _, v := range append(strings.Fields(tt.bad), "") {
			if err := s.Edit(nil).Update(path, text(v)); err == nil {
				t.Errorf("%s accepts %q", tt.path, v)
			} else if !strings.HasPrefix(err.Error(), tt.path+": ") {
				t.Errorf("%q: error %q does not name the path", v, err)
			}
		}
	}
}

func text(v string) *gpb.TypedValue {
	return &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: v}}
}
