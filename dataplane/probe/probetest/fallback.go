//go:build linux

package probetest

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"github.com/openifit/openifit/lab/namespace"
)

// withoutEnv names kernel features that engines of tests do without.
const withoutEnv = "OPENIFIT_TEST_WITHOUT"

// Without are the kernel features that this run of tests does without.
func Without() []string {
	return strings.Fields(os.Getenv(withoutEnv))
}

// Lacks tells whether this run of tests does without a kernel feature.
func Lacks(feature string) bool { return slices.Contains(Without(), feature) }

// Rerun runs tests of this test binary once more, on engines that do without
// some kernel features. In such a run it does nothing.
func Rerun(t *testing.T, tests string, without ...string) {
	t.Helper()
	if len(Without()) > 0 {
		t.Skip("this is such a run")
	}
	c := exec.Command("/proc/self/exe", "-test.run="+tests, "-test.v=test2json")
	c.Env = append(os.Environ(), withoutEnv+"="+strings.Join(without, " "))
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("without %s: %v\n%s", strings.Join(without, ", "), err, failures(string(out)))
	}
	if !strings.Contains(string(out), "--- PASS") {
		t.Errorf("without %s: no test has passed\n%s", strings.Join(without, ", "), out)
	}
}

// failures leaves out what passed.
func failures(out string) string {
	var kept []string
	for line := range strings.Lines(out) {
		if !strings.Contains(line, "=== ") && !strings.Contains(line, "--- PASS") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// Attached asks the kernel for the programs on either side of an interface,
// by tcx and as clsact filters.
func Attached(t testing.TB, ns *namespace.NS, ifindex uint32) []ebpf.ProgramID {
	t.Helper()
	var out []ebpf.ProgramID
	err := ns.Do(func() error {
		for _, side := range []ebpf.AttachType{ebpf.AttachTCXIngress, ebpf.AttachTCXEgress} {
			result, err := link.QueryPrograms(link.QueryOptions{Target: int(ifindex), Attach: side})
			if err != nil {
				return err
			}
			for _, p := range result.Programs {
				out = append(out, p.ID)
			}
		}
		device := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: int(ifindex)}}
		for _, parent := range []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS} {
			filters, err := netlink.FilterList(device, parent)
			if err != nil {
				return err
			}
			for _, f := range filters {
				if b, ok := f.(*netlink.BpfFilter); ok {
					out = append(out, ebpf.ProgramID(b.Id))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
