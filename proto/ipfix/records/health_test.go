package records_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/openifit/openifit/lab/testenv"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
	"github.com/openifit/openifit/proto/ipfix/records"
)

func tcpHealth(t records.Tuple) records.TCPHealth {
	return records.TCPHealth{
		Origin: origin, Tuple: t, Direction: records.Ingress, IngressInterface: 2, Start: start, End: start + 5e9,
		Packets: 1 << 33, Payload: 1 << 40, SYNs: 1, FINs: 2, Resets: 3, Retransmitted: 4, RetransmittedOctets: 5,
		OutOfOrder: 6, Gaps: 7, DuplicateAcks: 8, Probes: 9, ZeroWindows: 10, ZeroWindowTime: 11e9,
		HandshakeRTT: 12e6, RTTMin: 13, RTTMax: 14e9, RTTSmoothed: 15, RTTSum: 16, RTTSamples: 17,
	}
}

func histogram(t records.Tuple) records.Histogram {
	return records.Histogram{
		Origin: origin, Tuple: t, DiffServ: 46, Start: start, End: start + 1e9, Metric: records.TransitDelay, Packets: 6,
		Min: 1, Max: 9, Mean: 3, P50: 2, P90: 8, P99: 9, P999: 9,
		Buckets: records.EncodeBuckets([]uint64{0, 3, 2, 0, 1}, 3, 100),
	}
}

var histogramFlowKeys = append(records.DefaultFlowKeys(), "ipDiffServCodePoint")

func TestHealthTemplatesRefuse(t *testing.T) {
	for reason, make := range map[string]func() (*ipfix.Template, error){
		"needs an enterprise number": func() (*ipfix.Template, error) { return records.TCPHealthTemplate(ie.NewModel(0), records.IPv4) },
		"flows are of a family": func() (*ipfix.Template, error) {
			return records.HistogramTemplate(model, records.NoFlow, nil, true, true, true)
		},
		"octetDeltaCount cannot be a flow key": func() (*ipfix.Template, error) {
			return records.HistogramTemplate(model, records.IPv4, []string{"octetDeltaCount"}, true, true, true)
		},
	} {
		if _, err := make(); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("got %v, want %q", err, reason)
		}
	}
	if _, err := records.HistogramTemplate(ie.NewModel(0), records.IPv4, nil, true, true, true); err == nil {
		t.Error("histograms without an enterprise number")
	}
}

func TestHealthRoundTrip(t *testing.T) {
	healths := func(v *records.Visitor, f func(ipfix.Header, *records.TCPHealth)) { v.TCPHealth = f }
	histograms := func(v *records.Visitor, f func(ipfix.Header, *records.Histogram)) { v.Histogram = f }
	for _, tuple := range []records.Tuple{v4, v6} {
		family := records.FamilyOf(tuple.Source)
		tmpl, err := records.TCPHealthTemplate(model, family)
		through(t, tmpl, err, healths, tcpHealth(tuple))
		tmpl, err = records.HistogramTemplate(model, family, histogramFlowKeys, true, true, true)
		through(t, tmpl, err, histograms, histogram(tuple))
		class := histogram(tuple)
		class.Tuple, class.Min, class.Max, class.Mean = records.Tuple{}, 0, 0, 0
		tmpl, err = records.HistogramTemplate(model, family, []string{"ipDiffServCodePoint"}, false, false, false)
		through(t, tmpl, err, histograms, class)
	}
}

func TestTsharkReadsHealth(t *testing.T) {
	tshark := testenv.NeedTool(t, "tshark")
	capture := newPcap()
	e := exporterTo(t, capture.add)
	health := tcpHealth(v4)
	tmpl, err := records.TCPHealthTemplate(model, records.IPv4)
	write(t, e, tmpl, err, health)
	tmpl, err = records.HistogramTemplate(model, records.IPv6, histogramFlowKeys, true, true, true)
	write(t, e, tmpl, err, histogram(v6))
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	path := file(t, "health.pcap", capture.Bytes())
	args := []string{"-r", path, "-d", "udp.port==4739,cflow", "-T", "fields", "-E", "occurrence=a", "-E", "separator=;"}
	want := make([]string, 0, 6)
	for _, f := range []struct {
		name string
		sent any
	}{
		{"cflow.srcaddr", v4.Source}, {"cflow.srcaddrv6", v6.Source},
		{"cflow.srcport", fmt.Sprintf("%d,%d", v4.SourcePort, v6.SourcePort)},
		{"cflow.permanent_packets", health.Packets}, {"cflow.total_tcp_rst", health.Resets},
		{"cflow.total_tcp_syn", health.SYNs},
	} {
		args = append(args, "-e", f.name)
		want = append(want, fmt.Sprint(f.sent))
	}
	got := strings.Join(lines(t, exec.Command(tshark, args...)), "\n")
	if got != strings.Join(want, ";") {
		t.Errorf("tshark read %s, sent were %s", got, strings.Join(want, ";"))
	}
	const faults = "_ws.malformed || _ws.expert"
	if found := lines(t, exec.Command(tshark, "-r", path, "-d", "udp.port==4739,cflow", "-Y", faults)); len(found) != 0 {
		t.Errorf("tshark objects to\n%s", strings.Join(found, "\n"))
	}
}
