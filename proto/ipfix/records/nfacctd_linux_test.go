package records_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openifit/openifit/lab/testenv"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/udp"
)

// accounted is what nfacctd writes about a flow. It reads tcpControlBits in its
// one-octet form only, so that the flags are not compared.
type accounted struct {
	Source      netip.Addr `json:"ip_src"`
	Destination netip.Addr `json:"ip_dst"`
	SourcePort  uint16     `json:"port_src"`
	Port        uint16     `json:"port_dst"`
	Protocol    string     `json:"ip_proto"`
	In          uint32     `json:"iface_in"`
	Out         uint32     `json:"iface_out"`
	Start       string     `json:"timestamp_start"`
	End         string     `json:"timestamp_end"`
	Packets     uint64     `json:"packets"`
	Octets      uint64     `json:"bytes"`
}

// TestNfacctdReadsFlows sends flows and options data over UDP to nfacctd.
func TestNfacctdReadsFlows(t *testing.T) {
	nfacctd := testenv.NeedTool(t, "nfacctd")
	ns := testenv.NewNetNS(t)
	dir := t.TempDir()
	output := filepath.Join(dir, "flows.json")
	config := filepath.Join(dir, "nfacctd.conf")
	if err := os.WriteFile(config, []byte(strings.Join([]string{
		"daemonize: false", "nfacctd_ip: 127.0.0.1", "nfacctd_port: 4739", "plugins: print",
		"aggregate: src_host, dst_host, src_port, dst_port, proto, in_iface, out_iface, timestamp_start, timestamp_end",
		"print_output: json", "print_output_file: " + output,
		"print_refresh_time: 3600", "timestamps_since_epoch: true", "",
	}, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), nfacctd, "-f", config)
	// It starts a process for its output, which must not outlive it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := ns.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	waitForText(t, log.Name(), "waiting for NetFlow/IPFIX data")
	waitForText(t, log.Name(), "JSON: setting object handlers")

	var sender *udp.Sender
	if err := ns.Do(func() (err error) {
		sender, err = udp.Dial(context.Background(), udp.SenderConfig{Remote: netip.MustParseAddrPort("127.0.0.1:4739"), DSCP: udp.LE})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	flows := sentFlows()
	// It takes some sets of repeated options templates for malformed.
	e, err := ipfix.NewExporter(ipfix.ExporterConfig{Domain: 9, MaxLength: 1400, FirstCopies: 1}, sender.Write)
	if err != nil {
		t.Fatal(err)
	}
	exportBy(t, e, flows)
	if err := sender.Flush(); err != nil {
		t.Fatal(err)
	}
	// What it has read, it writes when it is told to end.
	waitForSocket(t, cmd.Process.Pid, 4739)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("nfacctd: %v: %s", err, contents(t, log.Name()))
	}
	if said := contents(t, log.Name()); strings.Contains(said, "WARN") || strings.Contains(said, "unknown template") {
		t.Errorf("nfacctd complains:\n%s", said)
	}
	got := readAccounted(t, output)
	if len(got) != len(flows) {
		t.Fatalf("nfacctd read %d flows of %d:\n%s", len(got), len(flows), contents(t, log.Name()))
	}
	slices.SortFunc(got, func(a, b accounted) int { return int(a.SourcePort) - int(b.SourcePort) })
	for i, f := range flows {
		when := func(n ipfix.UnixNano) string { return fmt.Sprintf("%d.%03d000", n/1e9, n/1e6%1000) }
		want := accounted{
			f.Source, f.Destination, f.SourcePort, f.DestinationPort, map[uint8]string{6: "tcp", 17: "udp"}[f.Protocol],
			f.IngressInterface, f.EgressInterface, when(f.Start), when(f.End), f.Packets, f.Octets,
		}
		if got[i] != want {
			t.Errorf("nfacctd reads %+v, sent was %+v", got[i], want)
		}
	}
}

func readAccounted(t *testing.T, path string) []accounted {
	t.Helper()
	var out []accounted
	for line := range strings.Lines(contents(t, path)) {
		var a accounted
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		out = append(out, a)
	}
	return out
}

func contents(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// waitForText waits until a file has the text.
func waitForText(t *testing.T, path, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(contents(t, path), text) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("no %q within 20 s in\n%s", text, contents(t, path))
		}
	}
}
