//go:build linux

package fabric

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/lab/namespace"
)

// Offloads that let one socket buffer be several packets, or let a packet
// travel with an unfinished checksum. A veth pair never finishes one by
// itself: every program and every capture on the way would see the sum of
// the pseudo header alone, and a packet identifier computed over it would
// change where some device completes it.
var offloads = []string{
	"tx-checksum-ip-generic", "tx-generic-segmentation", "tx-tcp-segmentation",
	"tx-tcp6-segmentation", "tx-udp-segmentation", "rx-gro",
}

// disableOffloads asks ethtool's netlink family, which needs no ioctl.
func disableOffloads(ns *namespace.NS, link netlink.Link) error {
	return ns.Do(func() error {
		family, err := netlink.GenlFamilyGet(unix.ETHTOOL_GENL_NAME)
		if err != nil {
			return fmt.Errorf("find the kernel's ethtool netlink family: %w", err)
		}
		req := nl.NewNetlinkRequest(int(family.ID), unix.NLM_F_ACK)
		req.AddData(&nl.Genlmsg{Command: unix.ETHTOOL_MSG_FEATURES_SET, Version: unix.ETHTOOL_GENL_VERSION})
		header := nl.NewRtAttr(unix.ETHTOOL_A_FEATURES_HEADER|unix.NLA_F_NESTED, nil)
		header.AddRtAttr(unix.ETHTOOL_A_HEADER_DEV_INDEX, nl.Uint32Attr(uint32(link.Attrs().Index)))
		header.AddRtAttr(unix.ETHTOOL_A_HEADER_FLAGS, nl.Uint32Attr(unix.ETHTOOL_FLAG_OMIT_REPLY))
		req.AddData(header)
		wanted := nl.NewRtAttr(unix.ETHTOOL_A_FEATURES_WANTED|unix.NLA_F_NESTED, nil)
		bits := wanted.AddRtAttr(unix.ETHTOOL_A_BITSET_BITS|unix.NLA_F_NESTED, nil)
		for _, name := range offloads {
			// A bit that is named without the VALUE flag is to be cleared.
			bit := bits.AddRtAttr(unix.ETHTOOL_A_BITSET_BITS_BIT|unix.NLA_F_NESTED, nil)
			bit.AddRtAttr(unix.ETHTOOL_A_BITSET_BIT_NAME, nl.ZeroTerminated(name))
		}
		req.AddData(wanted)
		if _, err := req.Execute(unix.NETLINK_GENERIC, 0); err != nil {
			return fmt.Errorf("disable offloads: %w", err)
		}
		return nil
	})
}
