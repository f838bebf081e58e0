//go:build linux

package fabric

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/lab/topology"
)

// link connects two nodes. Both ends know each other's addresses for good,
// so that no packet waits for ARP or neighbour discovery and none is sent.
func (f *Fabric) link(index int, l topology.Link) error {
	ends := [2]topology.LinkEnd{l.A, l.B}
	if err := f.pair(index, ends, l.MTU); err != nil {
		return err
	}
	for _, e := range ends {
		if err := f.end(e); err != nil {
			return fmt.Errorf("interface %s of %s: %w", e.Interface, e.Node, err)
		}
	}
	return nil
}

// mac is the same on every run, so that captures compare.
func mac(link, side int) net.HardwareAddr {
	return net.HardwareAddr{0x02, 'i', 'f', byte(link >> 8), byte(link), byte(side + 1)}
}

func (f *Fabric) pair(index int, ends [2]topology.LinkEnd, mtu int) error {
	a, b := f.nodes[ends[0].Node], f.nodes[ends[1].Node]
	if _, err := a.nl.LinkByName(ends[0].Interface); err == nil {
		return nil
	} else if !isNotFound(err) {
		return fmt.Errorf("find %s: %w", ends[0].Interface, err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = ends[0].Interface
	attrs.HardwareAddr = mac(index, 0)
	attrs.MTU = mtu
	// One queue keeps the packets of a link in order.
	attrs.NumTxQueues, attrs.NumRxQueues = 1, 1
	veth := &netlink.Veth{
		LinkAttrs: attrs, PeerName: ends[1].Interface, PeerNamespace: netlink.NsFd(b.ns.Fd()),
		PeerHardwareAddr: mac(index, 1), PeerMTU: uint32(mtu), PeerTxQLen: -1,
		PeerNumTxQueues: 1, PeerNumRxQueues: 1,
	}
	if err := a.nl.LinkAdd(veth); err != nil {
		return fmt.Errorf("create veth pair: %w", err)
	}
	return nil
}

// end configures one interface; it does no harm to one that is configured.
func (f *Fabric) end(e topology.LinkEnd) error {
	n := f.nodes[e.Node]
	link, err := n.nl.LinkByName(e.Interface)
	if err != nil {
		return fmt.Errorf("find: %w", err)
	}
	if !f.topology.Offloads {
		if err := disableOffloads(n.ns, link); err != nil {
			return err
		}
		if err := n.nl.LinkSetGSOMaxSegs(link, 1); err != nil {
			return fmt.Errorf("set gso_max_segs: %w", err)
		}
	}
	for _, p := range e.Addresses {
		if err := n.address(link, p); err != nil {
			return err
		}
	}
	if err := n.up(link); err != nil {
		return err
	}
	return f.neighbours(n, link, e.Interface)
}

func (f *Fabric) neighbours(n *node, link netlink.Link, name string) error {
	i, err := f.topology.Interface(n.name, name)
	if err != nil {
		return err
	}
	peer, err := f.nodes[i.Peer.Node].nl.LinkByName(i.Peer.Interface)
	if err != nil {
		return fmt.Errorf("find peer %s of %s: %w", i.Peer.Interface, i.Peer.Node, err)
	}
	for _, p := range i.Peer.Addresses {
		family := unix.AF_INET6
		if p.Addr().Is4() {
			family = unix.AF_INET
		}
		err := n.nl.NeighSet(&netlink.Neigh{
			LinkIndex: link.Attrs().Index, Family: family, State: netlink.NUD_PERMANENT,
			IP: p.Addr().AsSlice(), HardwareAddr: peer.Attrs().HardwareAddr,
		})
		if err != nil {
			return fmt.Errorf("set neighbour %s: %w", p.Addr(), err)
		}
	}
	return nil
}

func (n *node) address(link netlink.Link, p netip.Prefix) error {
	addr := &netlink.Addr{IPNet: ipNet(p)}
	if p.Addr().Is6() {
		addr.Flags = unix.IFA_F_NODAD
	}
	if err := n.nl.AddrReplace(link, addr); err != nil {
		return fmt.Errorf("set address %s: %w", p, err)
	}
	return nil
}

func (n *node) up(link netlink.Link) error {
	if err := n.nl.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s up: %w", link.Attrs().Name, err)
	}
	return nil
}

// SetLink takes a node's interface down or brings it up again, with the
// neighbours and routes that the kernel forgot in between. The nodes in
// avoid are those of the last Route.
func (f *Fabric) SetLink(nodeName, name string, up bool, avoid ...string) error {
	i, err := f.topology.Interface(nodeName, name)
	if err != nil {
		return err
	}
	n := f.nodes[nodeName]
	link, err := n.nl.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find %s of %s: %w", name, nodeName, err)
	}
	if !up {
		if err := n.nl.LinkSetDown(link); err != nil {
			return fmt.Errorf("set %s of %s down: %w", name, nodeName, err)
		}
		return nil
	}
	if err := f.end(topology.LinkEnd{Node: nodeName, Interface: name, Addresses: i.Addresses}); err != nil {
		return fmt.Errorf("interface %s of %s: %w", name, nodeName, err)
	}
	return f.Route(avoid...)
}

func isNotFound(err error) bool {
	var missing netlink.LinkNotFoundError
	return errors.As(err, &missing)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func hostPrefix(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
