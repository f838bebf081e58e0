package intent_test

import (
	"errors"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"

	"github.com/openifit/openifit/agent/intent"
	"github.com/openifit/openifit/agent/intent/schema"
	"github.com/openifit/openifit/gen/yang"
)

// FuzzPropose gives the store operations with arbitrary paths and values. A
// proposal is refused with a *schema.Error, or can be saved and loaded again.
func FuzzPropose(f *testing.F) {
	f.Add("/ifit/policies/policy[name=x]", []byte(policyX), uint8(2))
	f.Add("/ifit/policies/policy", []byte(`[{"name":"a","config":{"technique":"PBT_M"}}]`), uint8(1))
	f.Add("/ifit/.../rule[sequence-id=*]", []byte(nil), uint8(0))
	f.Add("/", []byte(`{"ifit":{"limits":{"config":{"max-events":"16"}}}}`), uint8(1))
	f.Add("/ifit/domain/marks/mark[name=m]", []byte(`{"config":{"field":"DSCP"},"values":{"value":[{"unmarked":0,"config":{"marked":3}}]}}`), uint8(2))
	f.Add("/ifit/collectors/collector[name=c]/config/address", []byte(`"::1"`), uint8(2))
	f.Add("/ifit/policies/policy[name=x]/packet-selection/config/probability", []byte("1e-3"), uint8(2))
	c := newClock()
	base := f.TempDir()
	s := filled(f, base, c)
	f.Fuzz(func(t *testing.T, path string, value []byte, kind uint8) {
		p, err := ygot.StringToStructuredPath(path)
		if err != nil {
			return
		}
		proposal, err := s.Propose([]intent.Op{{
			Kind: intent.OpKind(kind % 3), Elems: p.Elem,
			Value: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: value}},
		}})
		if err != nil {
			var bad *schema.Error
			if !errors.As(err, &bad) {
				t.Fatalf("%v is no error of the request", err)
			}
			return
		}
		// The saved form of what was accepted has to be accepted too.
		if proposal.Empty() {
			return
		}
		dir := t.TempDir()
		fresh, err := intent.Open(dir, sch, func() time.Time { return c.t })
		if err != nil {
			t.Fatal(err)
		}
		text, ok := everything(proposal.Snapshot())
		if !ok {
			return
		}
		if err := set(t, fresh, intent.Op{Kind: intent.Replace, Value: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: text}}}); err != nil {
			t.Fatalf("%s is written as %s, which is refused: %v", value, text, err)
		}
		again, _ := everything(fresh.Snapshot())
		if string(again) != string(text) {
			t.Fatalf("written as %s, read as %s", text, again)
		}
	})
}

func everything(s *intent.Snapshot) ([]byte, bool) {
	l := sch.Find(schema.Pattern{Node: sch.Root}, schema.View{Layers: layers(s)})[0]
	return l.AppendJSON(nil, schema.Config, true)
}

func layers(s *intent.Snapshot) []*yang.Ifit { return []*yang.Ifit{s.Root} }
