package records_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openifit/openifit/lab/testenv"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/records"
	"github.com/openifit/openifit/proto/ipfix/udp"
)

// TestNfcapdReadsFlows sends flows over UDP to nfcapd, as an agent does, and
// compares what nfdump says of them.
func TestNfcapdReadsFlows(t *testing.T) {
	nfcapd, nfdump := testenv.NeedTool(t, "nfcapd"), testenv.NeedTool(t, "nfdump")
	ns := testenv.NewNetNS(t)
	dir := t.TempDir()
	remote := netip.MustParseAddrPort("127.0.0.1:4739")

	// The context ends the program when the test fails before it could.
	cmd := exec.CommandContext(t.Context(), nfcapd, "-b", "127.0.0.1", "-p", fmt.Sprint(remote.Port()), "-w", dir, "-t", "3600")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := ns.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	waitForSocket(t, cmd.Process.Pid, remote.Port())

	flows := sentFlows()
	var sender *udp.Sender
	if err := ns.Do(func() (err error) {
		sender, err = udp.Dial(context.Background(), udp.SenderConfig{Remote: remote, DSCP: udp.LE})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	// No options data here: nfcapd 1.7 leaves its records out of the sequence
	// (against RFC 7011 section 3.1) and would count an error.
	exportFlows(t, exporterTo(t, sender.Write), flows)
	if err := sender.Flush(); err != nil {
		t.Fatal(err)
	}
	// It is done when its receive queue is empty; what it has read, it writes
	// when it is told to end.
	waitForSocket(t, cmd.Process.Pid, remote.Port())
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("nfcapd: %v: %s", err, said.String())
	}
	if summary := fmt.Sprintf("Flows: %d,", len(flows)); !strings.Contains(said.String(), summary) ||
		!strings.Contains(said.String(), "Sequence Errors: 0, Bad Packets: 0") {
		t.Errorf("nfcapd does not say %q and no errors:\n%s", summary, said.String())
	}
	compareFlows(t, lines(t, exec.Command(nfdump, "-q", "-N", "-6", "-R", dir, "-o",
		"fmt:%sa|%da|%sp|%dp|%pr|%ipkt|%ibyt|%flg|%in|%out|%dir|%ts|%te")), flows)
}

func compareFlows(t *testing.T, got []string, flows []records.Flow) {
	t.Helper()
	var want []string
	for _, f := range flows {
		flags := "...A..S."
		if f.TCPControlBits == 0 {
			flags = "........"
		}
		direction := "I"
		if f.Direction == records.Egress {
			direction = "E"
		}
		when := func(n ipfix.UnixNano) string { return n.Time().UTC().Format("2006-01-02 15:04:05.000") }
		want = append(want, fmt.Sprint(f.Source, "|", f.Destination, "|", f.SourcePort, "|", f.DestinationPort, "|", f.Protocol,
			"|", f.Packets, "|", f.Octets, "|", flags, "|", f.IngressInterface, "|", f.EgressInterface, "|", direction,
			"|", when(f.Start), "|", when(f.End)))
	}
	var read []string
	for _, line := range got {
		fields := strings.Split(line, "|")
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		read = append(read, strings.Join(fields, "|"))
	}
	for i := range max(len(want), len(read)) {
		switch {
		case i >= len(read):
			t.Errorf("nfdump lacks %s", want[i])
		case i >= len(want):
			t.Errorf("nfdump invents %s", read[i])
		case read[i] != want[i]:
			t.Errorf("nfdump reads %s, sent was %s", read[i], want[i])
		}
	}
}

// waitForSocket waits until a process has a UDP socket on the port with nothing
// queued for it.
func waitForSocket(t *testing.T, pid int, port uint16) {
	t.Helper()
	path := filepath.Join("/proc", fmt.Sprint(pid), "net/udp")
	suffix := fmt.Sprintf(":%04X", port)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			// Columns: number, local, remote, state, tx_queue:rx_queue, ...
			if f := strings.Fields(line); len(f) > 4 && strings.HasSuffix(f[1], suffix) && strings.HasSuffix(f[4], ":00000000") {
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s shows no socket on port %d with an empty queue within 10 s:\n%s", path, port, b)
		}
	}
}
