package schema_test

import (
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"
	"google.golang.org/protobuf/proto"

	"github.com/openifit/openifit/agent/intent/schema"
	"github.com/openifit/openifit/gen/yang"
)

// TestWire compares what is written by hand with what the protocol buffer
// library makes of the same leaf.
func TestWire(t *testing.T) {
	s := load(t)
	root := &yang.Ifit{}
	p := root.GetOrCreatePolicies().GetOrCreatePolicy("x")
	p.GetOrCreateConfig().Technique = yang.TECHNIQUE_PBT_M
	p.Config.Enabled = ygot.Bool(true)
	p.Config.LocalOriginated = ygot.Bool(false)
	p.Config.Description = ygot.String("Zürich")
	p.GetOrCreatePacketSelection().GetOrCreateConfig().Probability = ygot.Float64(0.25)
	rule := p.GetOrCreateFlowSelection().GetOrCreateRules().GetOrCreateRule(10).GetOrCreateConfig()
	rule.SourcePort, rule.DestinationPort = yang.UnionUint16(80), yang.UnionString("1..2")
	rule.SourcePrefix = ygot.String("10.0.0.0/8")
	p.GetOrCreateDataExport().GetOrCreateConfig().Collector = []string{"c", "d"}
	p.GetOrCreateDataSelection().GetOrCreateConfig().DataElement = []yang.DATA_ELEMENT{yang.DATA_ELEMENT_TTL}
	p.GetOrCreateState().PacketsObserved = ygot.Uint64(1 << 63)
	p.State.GetOrCreateSkips().GetOrCreateSkip(yang.SkipReason_MTU).Packets = ygot.Uint64(0)
	root.GetOrCreateProbes().GetOrCreateProbe("x").GetOrCreateConfig().Object = yang.Binary{0, 1, 0xff}
	root.GetOrCreateLimits().GetOrCreateConfig().MaxEvents = ygot.Uint32(16)

	all := s.Find(schema.Pattern{Node: s.Root}, schema.View{Layers: []*yang.Ifit{root}})[0]
	n := 0
	all.Leaves(schema.All, func(p schema.Path, v schema.Value) {
		n++
		var val gpb.TypedValue
		if err := proto.Unmarshal(v.AppendProto(nil), &val); err != nil || !proto.Equal(&val, v.Typed()) {
			t.Errorf("%v: %v, %v; want %v", p, &val, err, v.Typed())
		}
		unit, _ := s.Unit(p)
		for _, below := range []*schema.Node{s.Root, unit.Node, s.Ifit} {
			want := &gpb.Path{Elem: p.Elems(below)}
			var got gpb.Path
			if err := proto.Unmarshal(p.AppendProto(nil, below), &got); err != nil || !proto.Equal(&got, want) {
				t.Errorf("%v below %s: %v, %v; want %v", p, below.SchemaPath(), &got, err, want)
			}
		}
	}, nil)
	if n < 20 {
		t.Errorf("only %d leaves compared", n)
	}
}
