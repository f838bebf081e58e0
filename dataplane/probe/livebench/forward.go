//go:build linux

package livebench

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"

	"github.com/openifit/openifit/dataplane/flow"
)

// Forward is what metering does to forwarding, as ratios of the time that a
// node takes for a packet: from its arrival to where the device would get it.
type Forward struct {
	// Base is that time without any program, in nanoseconds.
	Base Spread
	// Null compares no program with no program: the noise.
	Null Spread
	// Empty compares with an empty program at ingress and at egress.
	Empty Spread
	// In and InOut compare with metering at ingress, and at both.
	In, InOut Spread
}

// MeasureForward forwards frames in a namespace of its own.
func MeasureForward(rounds int) (*Forward, error) {
	s, err := newStage()
	if err != nil {
		return nil, err
	}
	out, err := s.measureForward(rounds)
	return out, errors.Join(err, s.close())
}

func (s *stage) measureForward(rounds int) (*Forward, error) {
	if err := s.openQuiet(); err != nil {
		return nil, err
	}
	in, err := s.borrow(s.quietPoint(flow.Ingress, metering(1)))
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out, err := s.borrow(s.quietPoint(flow.Egress, metering(1)))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	way, err := s.route()
	if err != nil {
		return nil, err
	}
	if _, err := s.attachAt(way, ebpf.AttachTCXEgress, s.objects.BenchDrop); err != nil {
		return nil, err
	}
	c := &contest{
		places: []*place{s.place(loopback, ebpf.AttachTCXIngress), s.place(way, ebpf.AttachTCXEgress)},
		frames: mix{flows: FewFlows},
	}
	none, again := c.add(nil, nil), c.add(nil, nil)
	empty := c.add(s.objects.BenchEmpty, s.objects.BenchEmpty)
	one, both := c.add(in, nil), c.add(in, out)
	if err := s.hold(c, rounds); err != nil {
		return nil, err
	}
	if err := s.checkForwarded(); err != nil {
		return nil, err
	}
	to := func(x *contender) Spread { return spread(combine(x.perFrame, none.perFrame, over)) }
	return &Forward{Base: spread(none.perFrame), Null: to(again), Empty: to(empty), In: to(one), InOut: to(both)}, nil
}

// checkForwarded makes sure that the frames went all the way: the program at
// egress carried one of the two contenders that had one at ingress.
func (s *stage) checkForwarded() error {
	counters, err := s.engine.PointCounters()
	if err != nil {
		return err
	}
	var in, out uint64
	for i := range counters {
		if counters[i].Point.Direction == flow.Egress {
			out = counters[i].Packets
		} else {
			in = counters[i].Packets
		}
	}
	if in == 0 || 2*out < in/10*9 {
		return fmt.Errorf("%d frames came in at two programs, %d left at one: they are not forwarded", in, out)
	}
	return nil
}

// route makes the namespace forward the frames and returns the interface by
// which they would leave.
func (s *stage) route() (int, error) {
	index, err := s.addPair("out", "next")
	if err != nil {
		return 0, err
	}
	nl, err := s.ns.Netlink()
	if err != nil {
		return 0, err
	}
	defer nl.Close()
	gateway := netip.MustParseAddr("198.51.100.2").AsSlice()
	l, err := nl.LinkByIndex(index)
	if err != nil {
		return 0, fmt.Errorf("find interface: %w", err)
	}
	addr, err := netlink.ParseAddr("198.51.100.1/24")
	if err != nil {
		return 0, fmt.Errorf("address of the way out: %w", err)
	}
	if err := nl.AddrAdd(l, addr); err != nil {
		return 0, fmt.Errorf("address of the way out: %w", err)
	}
	// Nobody answers there.
	err = nl.NeighAdd(&netlink.Neigh{
		LinkIndex: index, State: netlink.NUD_PERMANENT, IP: gateway, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1},
	})
	if err != nil {
		return 0, fmt.Errorf("neighbour on the way out: %w", err)
	}
	_, target, err := net.ParseCIDR("192.0.2.0/24")
	if err != nil {
		return 0, fmt.Errorf("route out: %w", err)
	}
	if err := nl.RouteAdd(&netlink.Route{Dst: target, Gw: gateway, LinkIndex: index}); err != nil {
		return 0, fmt.Errorf("route out: %w", err)
	}
	return index, s.ns.Do(func() error {
		for name, value := range map[string]string{"ip_forward": "1", "conf/all/rp_filter": "0", "conf/lo/rp_filter": "0"} {
			if err := os.WriteFile("/proc/sys/net/ipv4/"+name, []byte(value), 0o644); err != nil {
				return fmt.Errorf("let the namespace forward: %w", err)
			}
		}
		return nil
	})
}
