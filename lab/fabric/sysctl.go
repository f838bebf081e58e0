//go:build linux

package fabric

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/openifit/openifit/lab/namespace"
	"github.com/openifit/openifit/lab/topology"
)

type sysctl struct{ name, value string }

// Set before any interface exists, so that "default" reaches them all.
func nodeSysctls(kind topology.Kind) []sysctl {
	list := []sysctl{
		// The detour makes asymmetric paths while routes move.
		{"net/ipv4/conf/all/rp_filter", "0"},
		{"net/ipv4/conf/default/rp_filter", "0"},
		// Telemetry must not see packets that no flow sent.
		{"net/ipv4/conf/all/send_redirects", "0"},
		{"net/ipv4/conf/default/send_redirects", "0"},
		{"net/ipv6/conf/all/accept_ra", "0"},
		{"net/ipv6/conf/default/accept_ra", "0"},
		{"net/ipv6/conf/default/router_solicitations", "0"},
		// Addresses work at once, without the second of a tentative state.
		{"net/ipv6/conf/all/accept_dad", "0"},
		{"net/ipv6/conf/default/accept_dad", "0"},
		// A link that goes down and up again comes back with its addresses.
		{"net/ipv6/conf/all/keep_addr_on_down", "1"},
		{"net/ipv6/conf/default/keep_addr_on_down", "1"},
	}
	if kind == topology.Router {
		list = append(list, sysctl{"net/ipv4/ip_forward", "1"}, sysctl{"net/ipv6/conf/all/forwarding", "1"})
	}
	return list
}

// Management links speak IPv4 only; without IPv6 they stay silent.
func quiet(name string) []sysctl {
	return []sysctl{{"net/ipv6/conf/" + name + "/disable_ipv6", "1"}}
}

func setSysctls(ns *namespace.NS, list []sysctl) error {
	return ns.Do(func() error {
		for _, s := range list {
			// /proc/sys/net shows the namespace of the opening thread.
			if err := os.WriteFile(filepath.Join("/proc/sys", s.name), []byte(s.value), 0); err != nil {
				return fmt.Errorf("set %s to %s: %w", s.name, s.value, err)
			}
		}
		return nil
	})
}
