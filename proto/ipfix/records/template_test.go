package records_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
	"github.com/openifit/openifit/proto/ipfix/records"
)

func names(t *ipfix.Template) []string {
	var out []string
	for _, f := range t.All() {
		out = append(out, f.Element.Name)
	}
	return out
}

func TestFlowTemplateRefuses(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		pen          uint32
		family       records.Family
		keys         []string
		o            records.FlowOptions
	}{
		{"no family", "flows are of a family", 0, records.NoFlow, nil, records.FlowOptions{}},
		{"unknown key", "nonsense cannot be a flow key", 0, records.IPv4, []string{"nonsense"}, records.FlowOptions{}},
		{"counter for a key", "octetDeltaCount cannot be a flow key", 0, records.IPv4, []string{"octetDeltaCount"}, records.FlowOptions{}},
		{"key twice", "flow key vlanId occurs twice", 0, records.IPv4, []string{"vlanId", "vlanId"}, records.FlowOptions{}},
		{"delay without enterprise number", "needs an enterprise number", 0, records.IPv4, nil, records.FlowOptions{TransitDelay: true}},
	} {
		_, err := records.FlowTemplate(ie.NewModel(c.pen), c.family, c.keys, c.o)
		if err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.reason)
		}
	}
}

func TestFlowTemplate(t *testing.T) {
	keys := []string{"protocolIdentifier", "sourceIPv4Address", "sourceIPv6Address", "flowLabelIPv6", "ingressInterface"}
	counters := []string{
		"octetDeltaCount", "packetDeltaCount", "tcpControlBits", "flowStartMilliseconds", "flowEndMilliseconds",
		"minimumTTL", "maximumTTL", "egressInterface", "flowDirection", "flowEndReason",
	}
	for _, c := range []struct {
		pen    uint32
		family records.Family
		o      records.FlowOptions
		want   []string
	}{
		{0, records.IPv4, records.FlowOptions{}, append([]string{"protocolIdentifier", "sourceIPv4Address", "ingressInterface"}, counters...)},
		{0, records.IPv6, records.FlowOptions{Sampled: true}, append(append(
			[]string{"protocolIdentifier", "sourceIPv6Address", "flowLabelIPv6", "ingressInterface"}, counters...), "selectorId")},
		{32473, records.IPv4, records.FlowOptions{TransitDelay: true}, append(append(
			[]string{"protocolIdentifier", "sourceIPv4Address", "ingressInterface"}, counters...),
			"ifitPolicyId", "ifitPolicyGeneration", "ifitNodeId", "ifitTransitDelayMinNanoseconds",
			"ifitTransitDelayMaxNanoseconds", "ifitTransitDelayNanoseconds", "ifitTransitDelaySumNanoseconds", "ifitTransitDelayPackets")},
		{0, records.IPv4, records.FlowOptions{Without: []string{
			"tcpControlBits", "flowStartMilliseconds", "flowEndMilliseconds", "minimumTTL", "maximumTTL", "ingressInterface"}},
			[]string{"protocolIdentifier", "sourceIPv4Address", "ingressInterface",
				"octetDeltaCount", "packetDeltaCount", "egressInterface", "flowDirection", "flowEndReason"}},
	} {
		tmpl, err := records.FlowTemplate(ie.NewModel(c.pen), c.family, keys, c.o)
		if err != nil {
			t.Fatal(err)
		}
		if got := names(tmpl); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.family, got, c.want)
		}
		if _, err := ipfix.NewEncoder[records.Flow](tmpl); err != nil {
			t.Errorf("%s: %v", c.family, err)
		}
		if k := records.Classify(tmpl); k != records.KindFlow {
			t.Errorf("%s: is classified as %s", c.family, k)
		}
	}
}

func TestEveryFlowKeyHasAField(t *testing.T) {
	for _, e := range ie.Registered() {
		if !records.IsFlowKey(e.Name) {
			continue
		}
		for _, family := range []records.Family{records.IPv4, records.IPv6} {
			tmpl, err := records.FlowTemplate(model, family, []string{e.Name}, records.FlowOptions{})
			if err != nil {
				t.Errorf("%s: %v", e.Name, err)
				continue
			}
			if _, err := ipfix.NewEncoder[records.Flow](tmpl); err != nil {
				t.Errorf("%s: %v", e.Name, err)
			}
		}
	}
}

func TestPrivateRecordsNeedAnEnterpriseNumber(t *testing.T) {
	none := ie.NewModel(0)
	for name, make := range map[string]func() (*ipfix.Template, error){
		"postcard":    func() (*ipfix.Template, error) { return records.PostcardTemplate(none, records.IPv4) },
		"event":       func() (*ipfix.Template, error) { return records.EventTemplate(none, records.NoFlow) },
		"heavy flow":  func() (*ipfix.Template, error) { return records.HeavyFlowTemplate(none, records.IPv6) },
		"drop":        func() (*ipfix.Template, error) { return records.DropTemplate(none, records.IPv4) },
		"culprit":     func() (*ipfix.Template, error) { return records.CulpritTemplate(none, records.IPv6) },
		"policy name": func() (*ipfix.Template, error) { return records.PolicyNameTemplate(none) },
	} {
		if _, err := make(); err == nil || !strings.Contains(err.Error(), "needs an enterprise number") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestForwardingStatus(t *testing.T) {
	for reason, want := range map[string]records.ForwardingStatus{
		"": 128, "NOT_SPECIFIED": 128, "SUBSYSTEM_3_REASON_1": 128, "QDISC_DROP": 128,
		"NETFILTER_DROP": 129, "TC_EGRESS": 130, "IP_INNOROUTES": 131, "NEIGH_FAILED": 132, "PKT_TOO_BIG": 133,
		"UDP_CSUM": 134, "PKT_TOO_SMALL": 135, "IP_INHDR": 136, "IP_RPFILTER": 140, "SOCKET_RCVBUFF": 141, "DEV_READY": 142,
	} {
		if got := records.StatusOf(reason); got != want {
			t.Errorf("%s is %d, want %d", reason, got, want)
		}
	}
}

func TestFixedLengths(t *testing.T) {
	for _, c := range []struct {
		name   string
		make   func(*ie.Model, records.Family) (*ipfix.Template, error)
		v4, v6 int
	}{
		{"postcard", records.PostcardTemplate, 70, 94},
		{"heavy flow", records.HeavyFlowTemplate, 61, 85},
	} {
		for family, want := range map[records.Family]int{records.IPv4: c.v4, records.IPv6: c.v6} {
			tmpl, err := c.make(model, family)
			if err != nil {
				t.Fatal(err)
			}
			if n := tmpl.RecordLength(); n != want {
				t.Errorf("%s %s has %d octets, want %d", family, c.name, n, want)
			}
		}
	}
}

func TestReaderCountsWhatItCannotRead(t *testing.T) {
	var other int
	e, reader := link(t, records.Visitor{
		Flow:  func(ipfix.Header, *records.Flow) { t.Error("a flow without counters was read") },
		Other: func(*ipfix.Record) { other++ },
	})
	fields, err := ipfix.Fields(model, "vlanId")
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := ipfix.NewTemplate(fields...)
	if err != nil {
		t.Fatal(err)
	}
	id, err := e.Add(tmpl)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.End(ipfix.AppendUint16(e.Begin(id), 7)); err != nil {
		t.Fatal(err)
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	st := reader.Stats()
	if other != 1 || st.Of(records.KindOther) != 1 {
		t.Errorf("%d other records were seen, %d counted", other, st.Of(records.KindOther))
	}
}

func TestNames(t *testing.T) {
	for want, got := range map[string]string{
		"TRANSIT_DELAY": records.TransitDelay.String(), "FLOW_RATE": records.FlowRate.String(), "Metric(0)": records.Metric(0).String(),
		"Metric(99)": records.Metric(99).String(), "RAISED": records.Raised.String(), "MOMENTARY": records.Momentary.String(),
		"EventState(9)": records.EventState(9).String(), "type information": records.KindTypeInformation.String(),
		"192.0.2.1:1024 > 198.51.100.2:443 protocol 6": v4.String(),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
