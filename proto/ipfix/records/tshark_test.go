package records_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openifit/openifit/lab/testenv"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// tsharkFields are what the dissector calls the fields of a flow record; one
// packet's values of a field come joined by commas, in order.
var tsharkFields = []string{
	"cflow.srcaddr", "cflow.srcaddrv6", "cflow.dstaddr", "cflow.dstaddrv6", "cflow.srcport", "cflow.dstport", "cflow.protocol",
	"cflow.octets", "cflow.packets", "cflow.tcpflags", "cflow.ttl_min", "cflow.ttl_max", "cflow.inputint", "cflow.outputint",
	"cflow.direction", "cflow.flow_end_reason", "cflow.abstimestart", "cflow.abstimeend",
}

func TestTsharkReadsFlows(t *testing.T) {
	tshark := testenv.NeedTool(t, "tshark")
	flows := sentFlows()
	capture := newPcap()
	export(t, flows, capture.add)
	path := file(t, "flows.pcap", capture.Bytes())

	args := []string{"-r", path, "-d", "udp.port==4739,cflow", "-T", "fields", "-E", "occurrence=a"}
	for _, f := range tsharkFields {
		args = append(args, "-e", f)
	}
	got := make([][]string, len(tsharkFields))
	for _, line := range lines(t, exec.Command(tshark, args...)) {
		for i, column := range strings.Split(line, "\t") {
			if column != "" {
				got[i] = append(got[i], strings.Split(column, ",")...)
			}
		}
	}
	want := make([][]string, len(tsharkFields))
	add := func(i int, values ...any) {
		for _, v := range values {
			want[i] = append(want[i], fmt.Sprint(v))
		}
	}
	// The interface name's options record has an ingress interface, too.
	add(12, 2)
	for _, f := range flows {
		if f.Source.Is4() {
			add(0, f.Source)
			add(2, f.Destination)
		} else {
			add(1, f.Source)
			add(3, f.Destination)
		}
		for i, v := range []any{
			f.SourcePort, f.DestinationPort, f.Protocol, f.Octets, f.Packets, fmt.Sprintf("0x%04x", f.TCPControlBits),
			f.MinimumHopLimit, f.MaximumHopLimit, f.IngressInterface, f.EgressInterface, f.Direction, f.EndReason,
		} {
			add(4+i, v)
		}
	}
	for i := range want[:16] {
		if strings.Join(got[i], ",") != strings.Join(want[i], ",") {
			t.Errorf("%s: tshark read\n%v, sent were\n%v", tsharkFields[i], got[i], want[i])
		}
	}
	for i, f := range flows {
		// Flow records tell milliseconds.
		for column, sent := range map[int]ipfix.UnixNano{16: f.Start, 17: f.End} {
			if read := date(t, got[column], i); read != sent/1e6*1e6 {
				t.Errorf("flow %d: %s is %v, sent was %v", i, tsharkFields[column], read.Time(), sent.Time())
			}
		}
	}
}

// date takes the n-th of dates like "Nov 14, 2023 22:13:20.123000000 UTC", each
// of which has a comma of its own.
func date(t *testing.T, columns []string, n int) ipfix.UnixNano {
	t.Helper()
	if len(columns) < 2*n+2 {
		t.Fatalf("date %d is missing in %v", n, columns)
	}
	at, err := time.Parse("Jan _2, 2006 15:04:05.999999999 MST", columns[2*n]+","+columns[2*n+1])
	if err != nil {
		t.Fatal(err)
	}
	return ipfix.FromTime(at)
}

func TestTsharkReadsNanoseconds(t *testing.T) {
	tshark := testenv.NeedTool(t, "tshark")
	capture := newPcap()
	e := exporterTo(t, capture.add)
	sent := records.HeavyFlow{Origin: origin, Tuple: v4, Rank: 1, Start: start, End: start + 987_654_321}
	tmpl, err := records.HeavyFlowTemplate(model, records.IPv4)
	write(t, e, tmpl, err, sent)
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	path := file(t, "heavy.pcap", capture.Bytes())
	out := lines(t, exec.Command(tshark, "-r", path, "-d", "udp.port==4739,cflow", "-T", "fields", "-e", "cflow.abstimestart", "-e", "cflow.abstimeend"))
	if len(out) != 1 {
		t.Fatalf("tshark says %v", out)
	}
	for i, column := range strings.Split(out[0], "\t") {
		want := []ipfix.UnixNano{sent.Start, sent.End}[i]
		// It cuts what is below a nanosecond, so that it may be one short.
		if read := date(t, strings.Split(column, ","), 0); want-read > 1 {
			t.Errorf("time %d is %d, sent was %d", i, read, want)
		}
	}
}

func TestTsharkFindsNoFault(t *testing.T) {
	tshark := testenv.NeedTool(t, "tshark")
	capture := newPcap()
	export(t, sentFlows(), capture.add)
	path := file(t, "flows.pcap", capture.Bytes())
	const faults = "_ws.malformed || _ws.expert"
	if found := lines(t, exec.Command(tshark, "-r", path, "-d", "udp.port==4739,cflow", "-Y", faults)); len(found) != 0 {
		t.Errorf("tshark objects to\n%s", strings.Join(found, "\n"))
	}
	// The filter finds faults where there are some: a message is missing.
	var all []ipfix.Message
	export(t, sentFlows(), func(m ipfix.Message) error {
		m.Octets = slices.Clone(m.Octets)
		all = append(all, m)
		return nil
	})
	gap, n := newPcap(), len(all)
	for _, m := range slices.Delete(all, n-2, n-1) {
		if err := gap.add(m); err != nil {
			t.Fatal(err)
		}
	}
	path = file(t, "gap.pcap", gap.Bytes())
	if found := lines(t, exec.Command(tshark, "-r", path, "-d", "udp.port==4739,cflow", "-Y", faults)); len(found) == 0 {
		t.Errorf("tshark does not notice that one of %d messages is missing", n)
	}
}

// lines are what a program says.
func lines(t *testing.T, cmd *exec.Cmd) []string {
	t.Helper()
	var complaints strings.Builder
	cmd.Stderr = &complaints
	cmd.Env = append(cmd.Environ(), "TZ=UTC", "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", cmd.Args[0], err, complaints.String())
	}
	text := strings.TrimRight(string(out), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
