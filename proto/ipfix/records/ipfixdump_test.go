package records_test

import (
	"fmt"
	"net/netip"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/openifit/openifit/lab/testenv"
	"github.com/openifit/openifit/proto/ipfix"
)

var dumpedField = regexp.MustCompile(`^\s*\((?:\d+/)?\d+\)(?: \(S\))?\s+(\w+) : (?:\(len: \d+\) )?(.*)$`)

// dump reads what ipfixDump says about each Data Record.
func dump(t *testing.T, tool, path string) []map[string]string {
	t.Helper()
	var out []map[string]string
	for _, line := range lines(t, exec.Command(tool, "--rfc5610", "--in", path)) {
		if strings.HasPrefix(line, "--- data record") {
			out = append(out, map[string]string{})
		} else if m := dumpedField.FindStringSubmatch(line); m != nil {
			out[len(out)-1][m[1]] = m[2]
		}
	}
	return out
}

// TestIpfixDumpReadsFlows has libfixbuf read a file of messages, our private
// elements included: it learns their names and types from the file.
func TestIpfixDumpReadsFlows(t *testing.T) {
	tool := testenv.NeedTool(t, "ipfixDump")
	flows := sentFlows()
	var all []byte
	export(t, flows, func(m ipfix.Message) error {
		all = append(all, m.Octets...)
		return nil
	})
	var got []map[string]string
	var names []map[string]string
	for _, r := range dump(t, tool, file(t, "flows.ipfix", all)) {
		switch {
		case r["octetDeltaCount"] != "":
			got = append(got, r)
		case r["ifitPolicyName"] != "" || r["interfaceName"] != "":
			names = append(names, r)
		}
	}
	if len(got) != len(flows) || len(names) != 2 {
		t.Fatalf("ipfixDump read %d flows of %d, and the names %v", len(got), len(flows), names)
	}
	if names[0]["ifitPolicyId"] != "7" || names[0]["ifitPolicyName"] != "baseline" || names[0]["ifitPolicyOwner"] != "lab" {
		t.Errorf("ipfixDump read the policy %v", names[0])
	}
	if names[1]["ingressInterface"] != "2" || names[1]["interfaceName"] != "eth0" {
		t.Errorf("ipfixDump read the interface %v", names[1])
	}
	for i, f := range flows {
		version := "IPv6"
		if f.Source.Is4() {
			version = "IPv4"
		}
		for name, want := range map[string]any{
			"source" + version + "Address": f.Source, "destination" + version + "Address": f.Destination,
			"sourceTransportPort": f.SourcePort, "destinationTransportPort": f.DestinationPort, "protocolIdentifier": f.Protocol,
			"octetDeltaCount": f.Octets, "packetDeltaCount": f.Packets, "tcpControlBits": f.TCPControlBits,
			"minimumTTL": f.MinimumHopLimit, "maximumTTL": f.MaximumHopLimit,
			"ingressInterface": f.IngressInterface, "egressInterface": f.EgressInterface,
			"flowDirection": uint8(f.Direction), "flowEndReason": uint8(f.EndReason),
			"flowStartMilliseconds": f.Start.Time().UTC().Format("2006-01-02 15:04:05.000"),
			"flowEndMilliseconds":   f.End.Time().UTC().Format("2006-01-02 15:04:05.000"),
			"ifitPolicyId":          f.Policy, "ifitPolicyGeneration": f.Generation, "ifitNodeId": f.Node,
			"ifitTransitDelayMinNanoseconds": f.DelayMin, "ifitTransitDelayMaxNanoseconds": f.DelayMax,
			"ifitTransitDelayNanoseconds": f.DelayMean, "ifitTransitDelaySumNanoseconds": f.DelaySum, "ifitTransitDelayPackets": f.DelayPackets,
		} {
			if read := canonical(got[i][name]); read != fmt.Sprint(want) {
				t.Errorf("flow %d: ipfixDump read %s %q, sent was %v", i, name, got[i][name], want)
			}
		}
	}
}

// canonical spells an IPv6 address as everybody does.
func canonical(s string) string {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.String()
	}
	return s
}
