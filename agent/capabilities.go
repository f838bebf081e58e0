package agent

import (
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/gen/yang"
)

// Version tells which build this is.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "devel"
}

// showNode fills in what stays the same while the agent runs.
func showNode(s *yang.State, started time.Time, features []probe.Feature) {
	s.AgentVersion = ptr(Version())
	s.StartedAt = ptr(uint64(started.UnixNano()))
	var uts unix.Utsname
	if err := unix.Uname(&uts); err == nil {
		s.KernelRelease = ptr(unix.ByteSliceToString(uts.Release[:]))
	}
	c := s.GetOrCreateCapabilities()
	c.Technique = compile.Techniques()
	c.DataElement = compile.DataElements()
	c.ObservationPointKind = []yang.ObservationPointKind{
		pointKind(available(features, probe.FeatureTCX)), yang.ObservationPointKind_NET_DEV_START_XMIT,
	}
	list := c.GetOrCreateKernelFeatures()
	list.KernelFeature = make(map[string]*yang.State_Capabilities_KernelFeature)
	for _, f := range features {
		shown := &yang.State_Capabilities_KernelFeature{Name: ptr(f.Name), Available: ptr(f.Available)}
		if !f.Available {
			shown.Fallback = ptr(f.Fallback)
		}
		list.KernelFeature[f.Name] = shown
	}
}

func available(features []probe.Feature, name string) bool {
	return slices.ContainsFunc(features, func(f probe.Feature) bool { return f.Name == name && f.Available })
}

func pointKind(tcx bool) yang.ObservationPointKind {
	if tcx {
		return yang.ObservationPointKind_TCX
	}
	return yang.ObservationPointKind_CLSACT
}

// showClock and showMultipath may change while the agent runs.
func showClock(c *yang.State_Capabilities_Clock) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return
	}
	const unsynchronised = 5 // TIME_ERROR
	c.Synchronized = ptr(state != unsynchronised && t.Status&unix.STA_UNSYNC == 0)
	c.EstimatedError = ptr(uint64(max(t.Esterror, 0)) * 1000)
	c.MaximumError = ptr(uint64(max(t.Maxerror, 0)) * 1000)
}

// showMultipath tells whether extension headers may move flows to another
// path: policy 0 of IPv6 hashes the flow label and the next header.
func showMultipath(c *yang.State_Capabilities) {
	c.FibMultipathHashPolicyIpv4 = sysctl8("net/ipv4/fib_multipath_hash_policy")
	c.FibMultipathHashPolicyIpv6 = sysctl8("net/ipv6/fib_multipath_hash_policy")
	if c.FibMultipathHashPolicyIpv6 != nil {
		c.EcmpNeutral = ptr(*c.FibMultipathHashPolicyIpv6 != 0)
	}
}

// hashesLabels tells whether the kernel's choice among equal IPv6 paths
// depends on the flow label.
func hashesLabels() bool {
	const layer3, inner, custom = 0, 2, 3
	policy := sysctl8("net/ipv6/fib_multipath_hash_policy")
	switch {
	case policy == nil: // no IPv6
		return false
	case *policy == custom:
		data, err := os.ReadFile("/proc/sys/net/ipv6/fib_multipath_hash_fields")
		if err != nil {
			return true
		}
		const flowLabel = 1 << 3
		fields, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 32)
		return err != nil || fields&flowLabel != 0
	}
	return *policy == layer3 || *policy == inner
}

func sysctl8(name string) *uint8 {
	data, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return nil
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 8)
	if err != nil {
		return nil
	}
	return ptr(uint8(n))
}
