//go:build linux

package lab

import (
	"context"
	"errors"
	"net/netip"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/lab/namespace"
	"github.com/openifit/openifit/lab/process"
	"github.com/openifit/openifit/lab/topology"
)

// Status is what a lab looks like from outside.
type Status struct {
	Up       bool         `json:"up"`
	Topology string       `json:"topology,omitempty"`
	Avoiding []string     `json:"avoiding,omitempty"`
	RunDir   string       `json:"run-dir,omitempty"`
	Nodes    []NodeStatus `json:"nodes,omitempty"`
}

// NodeStatus is one node of a Status.
type NodeStatus struct {
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	Role      string `json:"role,omitempty"`
	Namespace string `json:"namespace"`
	// Present says that the namespace exists.
	Present    bool              `json:"present"`
	Service    *ServiceStatus    `json:"service,omitempty"`
	Interfaces []InterfaceStatus `json:"interfaces,omitempty"`
}

// ServiceStatus tells of a node's agent, or of the controller.
type ServiceStatus struct {
	Program string         `json:"program"`
	Address netip.AddrPort `json:"address"`
	// PID is 0 when the service was not started.
	PID   int  `json:"pid,omitempty"`
	Alive bool `json:"alive"`
	// Reachable says that it took a connection, with TLS where it has TLS.
	Reachable bool   `json:"reachable"`
	Log       string `json:"log"`
}

// InterfaceStatus is one interface of a node, the management interface
// included.
type InterfaceStatus struct {
	Name      string         `json:"name"`
	Role      string         `json:"role,omitempty"`
	Up        bool           `json:"up"`
	MTU       int            `json:"mtu"`
	Addresses []netip.Prefix `json:"addresses"`
}

// Examine reports on the lab that the options name. A lab that is down is
// no error.
func Examine(ctx context.Context, opts Options) (Status, error) {
	o, err := opts.complete()
	if err != nil {
		return Status{}, err
	}
	s, err := o.load()
	if errors.Is(err, ErrDown) {
		return Status{}, nil
	}
	if err != nil {
		return Status{}, err
	}
	o.Topology = s.Topology
	st := Status{Up: s.Complete, Topology: s.Topology.Name, Avoiding: s.Avoid, RunDir: o.RunDir}
	for _, n := range s.Topology.Nodes {
		ns := NodeStatus{Name: n.Name, Kind: string(n.Kind), Role: string(n.Role)}
		if n.Kind == topology.Router && !n.NoAgent {
			ns.Service = o.serviceStatus(o.agentService(n))
		}
		st.Nodes = append(st.Nodes, ns)
	}
	st.Nodes = append(st.Nodes, NodeStatus{
		Name: topology.ControllerNode, Kind: "controller", Service: o.serviceStatus(o.controllerService()),
	})
	var wg sync.WaitGroup
	for i := range st.Nodes {
		wg.Go(func() { o.examine(ctx, &st.Nodes[i]) })
	}
	wg.Wait()
	for _, n := range st.Nodes {
		st.Up = st.Up && n.Present
	}
	return st, nil
}

func (o Options) serviceStatus(s service) *ServiceStatus {
	return &ServiceStatus{Program: s.program, Address: s.address, Log: o.file(s, ".log")}
}

func (o Options) examine(ctx context.Context, n *NodeStatus) {
	n.Namespace = o.Names.Namespace(n.Name)
	if ns, err := namespace.Open(n.Namespace); err == nil {
		defer ns.Close()
		n.Interfaces, err = o.interfaces(n.Name, ns)
		n.Present = err == nil
	}
	if n.Service == nil {
		return
	}
	s := o.controllerService()
	if spec, ok := o.Topology.Node(n.Name); ok {
		s = o.agentService(spec)
	}
	if p, err := process.Read(o.file(s, ".pid")); err == nil {
		n.Service.PID, n.Service.Alive = p.PID, p.Alive()
	}
	n.Service.Reachable = n.Present && o.probe(ctx, s) == nil
}

func (o Options) interfaces(node string, ns *namespace.NS) ([]InterfaceStatus, error) {
	h, err := ns.Netlink()
	if err != nil {
		return nil, err
	}
	defer h.Close()
	links, err := h.LinkList()
	if err != nil {
		return nil, err
	}
	var list []InterfaceStatus
	for _, l := range links {
		a := l.Attrs()
		s := InterfaceStatus{Name: a.Name, Up: a.Flags&unix.IFF_UP != 0 && a.RawFlags&unix.IFF_LOWER_UP != 0, MTU: a.MTU}
		if i, err := o.Topology.Interface(node, a.Name); err == nil {
			s.Role = string(i.Role)
		} else if a.Name != topology.ManagementInterface {
			continue
		}
		addrs, err := h.AddrList(l, netlink.FAMILY_ALL)
		if err != nil {
			return nil, err
		}
		for _, addr := range addrs {
			ip, ok := netip.AddrFromSlice(addr.IP)
			if ones, _ := addr.Mask.Size(); ok && !ip.Unmap().IsLinkLocalUnicast() {
				s.Addresses = append(s.Addresses, netip.PrefixFrom(ip.Unmap(), ones))
			}
		}
		list = append(list, s)
	}
	return list, nil
}
