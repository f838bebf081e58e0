package ie_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/openifit/openifit/proto/ipfix/ie"
)

func TestLookup(t *testing.T) {
	m := ie.NewModel(ie.ExperimentalPEN)
	for _, want := range []ie.Element{
		{ID: 1, Name: "octetDeltaCount", Type: ie.TypeUnsigned64, Semantics: ie.SemanticsDeltaCounter, Units: ie.UnitsOctets},
		{ID: ie.SourceIPv6Address, Name: "sourceIPv6Address", Type: ie.TypeIPv6Address},
		{ID: 89, Name: "forwardingStatus", Type: ie.TypeUnsigned32, Semantics: ie.SemanticsIdentifier},
		{ID: 291, Name: "basicList", Type: ie.TypeBasicList, Semantics: ie.SemanticsList},
		{ID: 6, Name: "tcpControlBits", Type: ie.TypeUnsigned16, Semantics: ie.SemanticsFlags},
		{ID: 515, Name: "ipv6ExtensionHeadersFull", Type: ie.TypeUnsigned256},
		{ID: 533, Name: "pathDelaySumDeltaMicroseconds", Type: ie.TypeUnsigned64, Semantics: ie.SemanticsDeltaCounter, Units: ie.UnitsMicroseconds},
		{ID: ie.NewID(29305, 1), Name: "reverseOctetDeltaCount", Type: ie.TypeUnsigned64, Semantics: ie.SemanticsDeltaCounter, Units: ie.UnitsOctets},
		{ID: ie.VRFname.Reverse(), Name: "reverseVRFname", Type: ie.TypeString},
		{ID: ie.IfitPolicyId.Under(32473), Name: "ifitPolicyId", Type: ie.TypeUnsigned32, Semantics: ie.SemanticsIdentifier},
		{ID: ie.NewID(32473, 26), Name: "ifitPolicyOwner", Type: ie.TypeString},
	} {
		if got, ok := m.Lookup(want.ID); !ok || got != want {
			t.Errorf("Lookup(%s): got %+v, %v, want %+v", want.ID, got, ok, want)
		}
		if got, ok := m.ByName(want.Name); !ok || got != want {
			t.Errorf("ByName(%s): got %+v, %v, want %+v", want.Name, got, ok, want)
		}
	}
}

func TestLookupFails(t *testing.T) {
	for _, c := range []struct {
		pen uint32
		id  ie.ID
	}{
		{32473, 0}, {32473, 105}, {32473, 32767},
		{32473, ie.NewID(29305, 148)}, {32473, ie.NewID(29305, 105)},
		{32473, ie.NewID(32473, 0)}, {32473, ie.NewID(32473, 27)},
		{0, ie.NewID(32473, 1)}, {32473, ie.NewID(32474, 1)},
	} {
		if e, ok := ie.NewModel(c.pen).Lookup(c.id); ok {
			t.Errorf("%s is %+v", c.id, e)
		}
	}
	for _, name := range []string{"", "reverse", "octetdeltacount", "reverseoctetDeltaCount", "reverseFlowId", "reverseIfitPolicyId"} {
		if e, ok := ie.NewModel(32473).ByName(name); ok {
			t.Errorf("%q is %+v", name, e)
		}
	}
	if e, ok := ie.NewModel(0).ByName("ifitPolicyId"); ok {
		t.Errorf("without an enterprise number ifitPolicyId is %+v", e)
	}
}

func TestRegistryIsComplete(t *testing.T) {
	all := ie.Registered()
	if len(all) != 502 {
		t.Errorf("%d elements are registered, want 502", len(all))
	}
	m := ie.NewModel(0)
	for i, e := range all {
		if i > 0 && all[i-1].ID >= e.ID {
			t.Errorf("%s does not follow %s", e.ID, all[i-1].ID)
		}
		if got, ok := m.ByName(e.Name); !ok || got != e {
			t.Errorf("ByName(%s) is %+v, %v", e.Name, got, ok)
		}
		if !e.Type.Accepts(e.Type.Size()) {
			t.Errorf("%s cannot have its own size", e.Name)
		}
	}
	rows, err := os.ReadFile("gen/ifit.csv")
	if err != nil {
		t.Fatal(err)
	}
	if n, want := len(ie.NewModel(32473).Private()), bytes.Count(rows, []byte("\n"))-1; n != want {
		t.Errorf("%d private elements, want %d", n, want)
	}
	if n := len(m.Private()); n != 0 {
		t.Errorf("%d private elements without an enterprise number", n)
	}
}

func TestWith(t *testing.T) {
	m := ie.NewModel(32473)
	foreign := ie.Element{ID: ie.NewID(9, 1), Name: "foreignThing", Type: ie.TypeString}
	with, err := m.With(foreign)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := with.Lookup(foreign.ID); !ok || got != foreign {
		t.Errorf("Lookup: got %+v, %v", got, ok)
	}
	if got, ok := with.ByName("foreignThing"); !ok || got != foreign {
		t.Errorf("ByName: got %+v, %v", got, ok)
	}
	if _, ok := m.Lookup(foreign.ID); ok {
		t.Error("the old model changed")
	}
	if _, err := with.With(foreign); err != nil {
		t.Errorf("learning the same again: %v", err)
	}
	for reason, e := range map[string]ie.Element{
		"it has no name":                  {ID: ie.NewID(9, 2)},
		"number is taken by octetDelta":   {ID: ie.OctetDeltaCount, Name: "mine", Type: ie.TypeString},
		"name is taken by 1":              {ID: ie.NewID(9, 2), Name: "octetDeltaCount"},
		"number is taken by foreignThing": {ID: foreign.ID, Name: "other", Type: ie.TypeString},
		"number is taken by ifitPolicyId": {ID: ie.NewID(32473, 1), Name: "other", Type: ie.TypeString},
		"name is taken by 9/1":            {ID: ie.NewID(9, 3), Name: "foreignThing"},
		"number is taken by reverseIpTTL": {ID: ie.IpTTL.Reverse(), Name: "other"},
		"name is taken by 32473/26":       {ID: ie.NewID(9, 4), Name: "ifitPolicyOwner"},
		"name is taken by 29305/192":      {ID: ie.NewID(9, 4), Name: "reverseIpTTL"},
	} {
		if _, err := with.With(e); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%+v: got %v, want %q", e, err, reason)
		}
	}
}

func TestID(t *testing.T) {
	id := ie.NewID(32473, 7)
	if id.PEN() != 32473 || id.Number() != 7 || id.String() != "32473/7" {
		t.Errorf("got %d, %d, %s", id.PEN(), id.Number(), id)
	}
	if s := ie.OctetDeltaCount.String(); s != "1" {
		t.Errorf("octetDeltaCount is %s", s)
	}
	if id := ie.NewID(1<<32-1, 0x8001); id.Number() != 1 || id.PEN() != 1<<32-1 {
		t.Errorf("the enterprise bit entered the number: %s", id)
	}
}

func TestNames(t *testing.T) {
	for typ := range ie.TypeUnsigned256 + 1 {
		if got, err := ie.ParseType(typ.String()); err != nil || got != typ {
			t.Errorf("type %d: %v, %v", typ, got, err)
		}
	}
	for s := range ie.SemanticsSNMPGauge + 1 {
		if got, err := ie.ParseSemantics(s.String()); err != nil || got != s {
			t.Errorf("semantics %d: %v, %v", s, got, err)
		}
	}
	for u := range ie.UnitsFrames + 1 {
		if got, err := ie.ParseUnits(u.String()); err != nil || got != u {
			t.Errorf("units %d: %v, %v", u, got, err)
		}
	}
	if _, err := ie.ParseType("unsigned128"); err == nil {
		t.Error("unsigned128 is a type")
	}
	if _, err := ie.ParseSemantics("counter"); err == nil {
		t.Error("counter is a semantic")
	}
	if _, err := ie.ParseUnits("bytes"); err == nil {
		t.Error("bytes are a unit")
	}
}
