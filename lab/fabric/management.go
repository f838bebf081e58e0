//go:build linux

package fabric

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/openifit/openifit/lab/namespace"
	"github.com/openifit/openifit/lab/topology"
)

// management connects the root namespace, the controller and the agents.
func (f *Fabric) management() error {
	ns, err := namespace.Current()
	if err != nil {
		return err
	}
	if f.root, err = openNode("root", ns); err != nil {
		return err
	}
	bridge, err := f.bridge()
	if err != nil {
		return err
	}
	if err := f.port(bridge, 0, topology.ControllerNode, f.names.Controller()); err != nil {
		return err
	}
	for _, a := range f.topology.Agents() {
		if err := f.port(bridge, a.ID, a.Name, f.names.Agent(a)); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fabric) bridge() (netlink.Link, error) {
	name := f.names.Bridge()
	if err := f.free(name); err != nil {
		return nil, err
	}
	link, err := f.root.nl.LinkByName(name)
	if isNotFound(err) {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		snooping := false
		if err := f.root.nl.LinkAdd(&netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}); err != nil {
			return nil, fmt.Errorf("create bridge %s: %w", name, err)
		}
		link, err = f.root.nl.LinkByName(name)
	}
	if err != nil {
		return nil, fmt.Errorf("find bridge %s: %w", name, err)
	}
	if err := setSysctls(f.root.ns, quiet(name)); err != nil {
		return nil, err
	}
	if err := f.root.address(link, f.inManagement(f.names.Root())); err != nil {
		return nil, err
	}
	return link, f.root.up(link)
}

// free refuses a management network that the machine uses already: its
// hosts would become unreachable.
func (f *Fabric) free(bridge string) error {
	links, err := f.root.nl.LinkList()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	for _, l := range links {
		if l.Attrs().Name == bridge {
			continue
		}
		addrs, err := f.root.nl.AddrList(l, netlink.FAMILY_V4)
		if err != nil {
			return fmt.Errorf("list addresses of %s: %w", l.Attrs().Name, err)
		}
		for _, a := range addrs {
			ip, ok := netip.AddrFromSlice(a.IP.To4())
			if ok && f.names.Management.Contains(ip) {
				return fmt.Errorf("network %s is in use: interface %s has %s", f.names.Management, l.Attrs().Name, ip)
			}
		}
	}
	return nil
}

func (f *Fabric) port(bridge netlink.Link, index int, nodeName string, addr netip.Addr) error {
	n, name := f.nodes[nodeName], f.names.port(index)
	link, err := f.root.nl.LinkByName(name)
	if isNotFound(err) {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		attrs.MasterIndex = bridge.Attrs().Index
		veth := &netlink.Veth{
			LinkAttrs: attrs, PeerName: topology.ManagementInterface,
			PeerNamespace: netlink.NsFd(n.ns.Fd()), PeerTxQLen: -1,
		}
		if err := f.root.nl.LinkAdd(veth); err != nil {
			return fmt.Errorf("connect %s: %w", nodeName, err)
		}
		link, err = f.root.nl.LinkByName(name)
	}
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	if err := setSysctls(f.root.ns, quiet(name)); err != nil {
		return err
	}
	if err := setSysctls(n.ns, quiet(topology.ManagementInterface)); err != nil {
		return err
	}
	mgmt, err := n.nl.LinkByName(topology.ManagementInterface)
	if err != nil {
		return fmt.Errorf("find %s of %s: %w", topology.ManagementInterface, nodeName, err)
	}
	if err := n.address(mgmt, f.inManagement(addr)); err != nil {
		return err
	}
	if err := n.up(mgmt); err != nil {
		return err
	}
	return f.root.up(link)
}

func (f *Fabric) inManagement(a netip.Addr) netip.Prefix {
	return netip.PrefixFrom(a, f.names.Management.Bits())
}
