package records_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/openifit/openifit/lab/testenv"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// milliseconds is start as Flow Records tell it.
func milliseconds() ipfix.UnixNano { return start / 1e6 * 1e6 }

// biflows are one in each family.
func biflows() []records.Flow {
	var out []records.Flow
	for n, tuple := range []records.Tuple{v4, v6} {
		out = append(out, records.Flow{
			Origin: origin, Tuple: tuple, IngressInterface: 2, EgressInterface: 3,
			Octets: 5000, Packets: 50, Start: milliseconds(), End: milliseconds() + 3e9, TCPControlBits: 0x1b, MinimumHopLimit: 60, MaximumHopLimit: 61,
			EndReason: records.EndActive,
			Reverse: records.Reverse{
				BiflowDirection: records.BiflowInitiator, ReverseOctets: 1<<33 + uint64(n), ReversePackets: 77,
				ReverseStart: milliseconds() + 1e9, ReverseEnd: milliseconds() + 2e9, ReverseTCPControlBits: 0x12,
				ReverseMinimumHopLimit: 50, ReverseMaximumHopLimit: 51,
				ReverseIngressInterface: 3, ReverseEgressInterface: 2, ReverseDirection: records.Egress,
			},
		})
	}
	return out
}

func biflowTemplate(f *records.Flow) (*ipfix.Template, error) {
	return records.FlowTemplate(model, records.FamilyOf(f.Source), records.DefaultFlowKeys(), records.FlowOptions{Biflow: true})
}

func TestReverseElements(t *testing.T) {
	for _, c := range []struct {
		name     string
		keys     []string
		options  records.FlowOptions
		has, not []string
	}{
		{"one direction", records.DefaultFlowKeys(), records.FlowOptions{}, []string{"octetDeltaCount"}, []string{"reverseOctetDeltaCount", "biflowDirection"}},
		{"both", records.DefaultFlowKeys(), records.FlowOptions{Biflow: true},
			[]string{"octetDeltaCount", "reverseOctetDeltaCount", "reverseTcpControlBits", "biflowDirection"}, []string{"reverseProtocolIdentifier", "reverseFlowEndReason"}},
		{"what the one direction lacks", records.DefaultFlowKeys(), records.FlowOptions{Biflow: true, Without: []string{"tcpControlBits"}},
			[]string{"reversePacketDeltaCount"}, []string{"tcpControlBits", "reverseTcpControlBits"}},
		{"a key belongs to both", append(records.DefaultFlowKeys(), "ingressInterface"), records.FlowOptions{Biflow: true},
			[]string{"ingressInterface", "reverseEgressInterface"}, []string{"reverseIngressInterface"}},
	} {
		tmpl, err := records.FlowTemplate(model, records.IPv4, c.keys, c.options)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range tmpl.All() {
			names = append(names, f.Element.Name)
		}
		for _, name := range c.has {
			if !slices.Contains(names, name) {
				t.Errorf("%s: no %s in %v", c.name, name, names)
			}
		}
		for _, name := range c.not {
			if slices.Contains(names, name) {
				t.Errorf("%s: %s in %v", c.name, name, names)
			}
		}
	}
}

func TestBiflowRoundTrip(t *testing.T) {
	for _, f := range biflows() {
		tmpl, err := biflowTemplate(&f)
		through(t, tmpl, err, func(v *records.Visitor, take func(ipfix.Header, *records.Flow)) { v.Flow = take }, f)
	}
}

// Records between prefixes tell the addresses and how much of them counts.
func betweenPrefixes() (*ipfix.Template, records.Flow, error) {
	tmpl, err := records.FlowTemplate(model, records.IPv4,
		[]string{"destinationIPv4Prefix", "ipDiffServCodePoint", "sourceIPv4Prefix", "sourceIPv6Prefix"}, records.FlowOptions{})
	return tmpl, records.Flow{
		Origin: origin, Tuple: records.Tuple{Source: netip.MustParseAddr("192.0.2.0"), Destination: netip.MustParseAddr("198.51.0.0")},
		SourceLength: 24, DestinationLength: 16, DiffServ: 46, Octets: 99, Packets: 3, Start: milliseconds(), End: milliseconds() + 1e9,
	}, err
}

func TestPrefixRoundTrip(t *testing.T) {
	tmpl, f, err := betweenPrefixes()
	through(t, tmpl, err, func(v *records.Visitor, take func(ipfix.Header, *records.Flow)) { v.Flow = take }, f)
}

// exported are the Messages with biflows and a record between prefixes.
func exported(t *testing.T, sink ipfix.Sink) {
	t.Helper()
	e := exporterTo(t, sink)
	for _, f := range biflows() {
		tmpl, err := biflowTemplate(&f)
		write(t, e, tmpl, err, f)
	}
	tmpl, f, err := betweenPrefixes()
	write(t, e, tmpl, err, f)
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
}

func TestTsharkReadsBiflowsAndPrefixes(t *testing.T) {
	tshark := testenv.NeedTool(t, "tshark")
	capture := newPcap()
	exported(t, capture.add)
	path := file(t, "biflows.pcap", capture.Bytes())
	if found := lines(t, exec.Command(tshark, "-r", path, "-d", "udp.port==4739,cflow", "-Y", "_ws.malformed || _ws.expert")); len(found) != 0 {
		t.Errorf("tshark objects to\n%s", strings.Join(found, "\n"))
	}
	for field, want := range map[string]string{
		"cflow.biflow_direction": "1,1", "cflow.srcprefix": "192.0.2.0", "cflow.dstprefix": "198.51.0.0",
		"cflow.srcmask": "24", "cflow.dstmask": "16", "cflow.ip_dscp": "46",
	} {
		got := lines(t, exec.Command(tshark, "-r", path, "-d", "udp.port==4739,cflow", "-T", "fields", "-E", "occurrence=a", "-e", field))
		if strings.Join(got, ",") != want {
			t.Errorf("tshark read %s %v, want %s", field, got, want)
		}
	}
	// It shows the reverse elements under the names of the forward ones.
	text := strings.Join(lines(t, exec.Command(tshark, "-r", path, "-d", "udp.port==4739,cflow", "-V")), "\n")
	for _, f := range biflows() {
		if !strings.Contains(text, fmt.Sprint(f.ReverseOctets)) {
			t.Errorf("tshark does not show the reverse octets %d", f.ReverseOctets)
		}
	}
}

func TestIpfixDumpReadsBiflowsAndPrefixes(t *testing.T) {
	tool := testenv.NeedTool(t, "ipfixDump")
	var all bytes.Buffer
	exported(t, func(m ipfix.Message) error {
		all.Write(m.Octets)
		return nil
	})
	got := dump(t, tool, file(t, "biflows.ipfix", all.Bytes()))
	if len(got) != 3 {
		t.Fatalf("ipfixDump read %d records: %v", len(got), got)
	}
	for i, f := range biflows() {
		for name, want := range map[string]any{
			"octetDeltaCount": f.Octets, "packetDeltaCount": f.Packets, "biflowDirection": uint8(f.BiflowDirection),
			"reverseOctetDeltaCount": f.ReverseOctets, "reversePacketDeltaCount": f.ReversePackets,
			"reverseTcpControlBits": f.ReverseTCPControlBits, "reverseMinimumTTL": f.ReverseMinimumHopLimit,
			"reverseMaximumTTL": f.ReverseMaximumHopLimit, "reverseIngressInterface": f.ReverseIngressInterface,
			"reverseEgressInterface": f.ReverseEgressInterface, "reverseFlowDirection": uint8(f.ReverseDirection),
			"reverseFlowStartMilliseconds": f.ReverseStart.Time().UTC().Format("2006-01-02 15:04:05.000"),
			"reverseFlowEndMilliseconds":   f.ReverseEnd.Time().UTC().Format("2006-01-02 15:04:05.000"),
		} {
			if read := canonical(got[i][name]); read != fmt.Sprint(want) {
				t.Errorf("biflow %d: ipfixDump read %s %q, sent was %v", i, name, got[i][name], want)
			}
		}
	}
	for name, want := range map[string]string{
		"sourceIPv4Prefix": "192.0.2.0", "sourceIPv4PrefixLength": "24",
		"destinationIPv4Prefix": "198.51.0.0", "destinationIPv4PrefixLength": "16", "ipDiffServCodePoint": "46",
	} {
		if read := canonical(got[2][name]); read != want {
			t.Errorf("ipfixDump read %s %q, sent was %s", name, got[2][name], want)
		}
	}
}
