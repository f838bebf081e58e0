//go:build linux

package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openifit/openifit/lab/testenv"
	"github.com/openifit/openifit/lab/traffic"
)

// totals adds up what another collector makes of the export, by source port.
type totals struct {
	packets, octets map[string]uint64
	first, last     time.Time
}

// compare holds what a collector read against the truth.
func (o totals) compare(t *testing.T, truth traffic.Report, begin time.Time) {
	t.Helper()
	packets, octets := map[string]uint64{}, map[string]uint64{}
	for _, f := range truth.Flows {
		key := f.Source.Addr().String() + " " + f.Destination.Addr().String() + " " + fmt.Sprint(f.Source.Port())
		packets[key] += f.SentPackets
		octets[key] += f.SentOctets
	}
	for key, n := range packets {
		if o.packets[key] != n || o.octets[key] != octets[key] {
			t.Errorf("flow %s: %d packets, %d octets, want %d and %d", key, o.packets[key], o.octets[key], n, octets[key])
		}
	}
	if len(o.packets) != len(packets) {
		t.Errorf("%d flows, want %d", len(o.packets), len(packets))
	}
	if o.first.Before(begin.Add(-time.Second)) || o.last.After(time.Now().Add(time.Second)) || o.last.Before(o.first) {
		t.Errorf("flows from %v to %v, sent after %v", o.first, o.last, begin)
	}
}

// export makes flow records for a foreign collector and returns the truth.
func (w *world) export(t *testing.T) (traffic.Report, time.Time) {
	t.Helper()
	w.start(t)
	c := w.client(t)
	set(t, c, append(base(collectorPort), update(policyM, metering))...)
	begin := time.Now()
	truth := w.send(t, traffic.Constant{Flows: 10, Rate: 2000, Payload: 200, Packets: 50})
	wait(t, "all records have left", func() bool {
		return number(t, c, policyM+"/state/packets-observed") == truth.Totals.SentPackets &&
			number(t, c, "/ifit/interfaces/interface[name=left]/state/flows") == 0
	})
	// The last message leaves with the agent at the latest.
	w.end(t, syscall.SIGTERM)
	return truth, begin
}

func TestNfcapdReadsTheExport(t *testing.T) {
	nfcapd, nfdump := testenv.NeedTool(t, "nfcapd"), testenv.NeedTool(t, "nfdump")
	w := newWorld(t)
	dir := t.TempDir()
	daemon := exec.Command(nfcapd, "-p", strconv.Itoa(collectorPort), "-b", "127.0.0.1", "-w", dir)
	w.background(t, daemon)
	w.listens(t, collectorPort)
	truth, begin := w.export(t)
	if err := daemon.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = daemon.Wait()
	dump := exec.Command(nfdump, "-R", dir, "-q", "-N", "-6", "-o", "fmt:%sa,%da,%sp,%pkt,%byt,%ts,%te")
	dump.Env = append(os.Environ(), "TZ=UTC")
	out, err := dump.CombinedOutput()
	if err != nil {
		t.Fatalf("nfdump: %v: %s", err, out)
	}
	got := totals{packets: map[string]uint64{}, octets: map[string]uint64{}, first: time.Now().Add(time.Hour)}
	rows, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
	if err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	for _, row := range rows {
		got.add(t, row[0], row[1], row[2], row[3], row[4], row[5], row[6])
	}
	got.compare(t, truth, begin)
}

// add takes one record in the text of a foreign collector.
func (o *totals) add(t *testing.T, source, destination, port, packets, octets, first, last string) {
	t.Helper()
	key := strings.TrimSpace(source) + " " + strings.TrimSpace(destination) + " " + strings.TrimSpace(port)
	count := func(s string) uint64 {
		n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	moment := func(s string) time.Time {
		for _, layout := range []string{"2006-01-02 15:04:05.000", "Jan _2, 2006 15:04:05.000000000 MST"} {
			if at, err := time.Parse(layout, strings.TrimSpace(s)); err == nil {
				return at
			}
		}
		t.Fatalf("time %q", s)
		return time.Time{}
	}
	o.packets[key] += count(packets)
	o.octets[key] += count(octets)
	if at := moment(first); at.Before(o.first) {
		o.first = at
	}
	if at := moment(last); at.After(o.last) {
		o.last = at
	}
}

func TestTsharkReadsTheExport(t *testing.T) {
	tshark := testenv.NeedTool(t, "tshark")
	w := newWorld(t)
	w.collect(t, collectorPort) // somebody must listen, or the agent waits
	file := filepath.Join(t.TempDir(), "export.pcapng")
	capture := exec.Command(tshark, "-q", "-i", "lo", "-w", file, "-f", fmt.Sprintf("udp port %d", collectorPort))
	w.background(t, capture)
	wait(t, "the capture has begun", func() bool { return strings.Contains(w.log.String(), "Capturing on") })
	truth, begin := w.export(t)
	var got totals
	var out []byte
	// The capture writes its file in its own time.
	wait(t, "the capture holds all records", func() bool {
		var err error
		out, err = exec.Command(tshark, "-r", file, "-d", fmt.Sprintf("udp.port==%d,cflow", collectorPort), "-T", "json", "-J", "cflow").Output()
		if err != nil || !json.Valid(out) {
			return false // cut off in the middle of a packet
		}
		got = totals{packets: map[string]uint64{}, octets: map[string]uint64{}, first: time.Now().Add(time.Hour)}
		for _, f := range dissected(t, out) {
			got.add(t, f["cflow.srcaddr"]+f["cflow.srcaddrv6"], f["cflow.dstaddr"]+f["cflow.dstaddrv6"], f["cflow.srcport"],
				f["cflow.packets"], f["cflow.octets"], f["cflow.abstimestart"], f["cflow.abstimeend"])
		}
		return len(got.packets) >= len(truth.Flows)
	})
	got.compare(t, truth, begin)
	if strings.Contains(string(out), "_ws.malformed") || strings.Contains(string(out), "No template found") {
		t.Errorf("tshark complains: %s", out)
	}
}

// dissected finds the flow records in what tshark printed.
func dissected(t *testing.T, out []byte) (flows []map[string]string) {
	t.Helper()
	var packets []any
	if err := json.Unmarshal(out, &packets); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			if _, isFlow := v["cflow.packets"]; isFlow {
				flows = append(flows, leaves(v, map[string]string{}))
				return
			}
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(packets)
	return flows
}

// leaves flattens a record, some of whose fields tshark puts into subtrees.
func leaves(v map[string]any, into map[string]string) map[string]string {
	for name, value := range v {
		switch value := value.(type) {
		case string:
			into[name] = value
		case map[string]any:
			leaves(value, into)
		}
	}
	return into
}

// background runs a program in the router until the test ends.
func (w *world) background(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Stdout, cmd.Stderr = w.log, w.log
	// A child of the program may keep its output open for longer.
	cmd.WaitDelay = time.Second
	if err := w.router.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Signal(syscall.SIGINT)
			_ = cmd.Wait()
		}
	})
}
