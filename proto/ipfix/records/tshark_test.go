package records_test

import (
	"fmt"
	"os/exec"
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
	times(t, "start", got[16], flows, func(f records.Flow) ipfix.UnixNano { return f.Start })
	times(t, "end", got[17], flows, func(f records.Flow) ipfix.UnixNano { return f.End })
}

// times compares pairs of a time in nanoseconds and in milliseconds. The
// dissector cuts what is below a nanosecond, so that it may be one short.
func times(t *testing.T, name string, got []string, flows []records.Flow, of func(records.Flow) ipfix.UnixNano) {
	t.Helper()
	// A date has a comma of its own: "Nov 14, 2023 22:13:20.123456788 UTC".
	var dates []string
	for i := 0; i+1 < len(got); i += 2 {
		dates = append(dates, got[i]+","+got[i+1])
	}
	if len(dates) != 2*len(flows) {
		t.Fatalf("%d %s times for %d flows: %v", len(dates), name, len(flows), got)
	}
	for i, f := range flows {
		for j, precision := range []ipfix.UnixNano{1, 1e6} {
			read, err := time.Parse("Jan _2, 2006 15:04:05.999999999 MST", dates[2*i+j])
			if err != nil {
				t.Fatal(err)
			}
			sent := of(f) / precision * precision
			if d := sent - ipfix.FromTime(read); d > 1 {
				t.Errorf("flow %d: %s is %v, sent was %v", i, name, read, sent.Time().UTC())
			}
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
	gap, n := newPcap(), 0
	export(t, sentFlows(), func(m ipfix.Message) error {
		if n++; n == 3 {
			return nil
		}
		return gap.add(m)
	})
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
