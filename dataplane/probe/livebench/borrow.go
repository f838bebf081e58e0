//go:build linux

package livebench

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// openQuiet starts an engine beside an interface without traffic, at which it
// makes the programs that contests borrow.
func (s *stage) openQuiet() error {
	if err := s.open(); err != nil {
		return err
	}
	index, err := s.addPair("quiet", "peer")
	if err != nil {
		return err
	}
	s.quiet = uint32(index)
	return nil
}

// addPair creates two interfaces that are up and returns the index of the
// first.
func (s *stage) addPair(name, peer string) (int, error) {
	nl, err := s.ns.Netlink()
	if err != nil {
		return 0, err
	}
	defer nl.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	if err := nl.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: peer}); err != nil {
		return 0, fmt.Errorf("create interface: %w", err)
	}
	index := 0
	for _, end := range []string{peer, name} {
		l, err := nl.LinkByName(end)
		if err != nil {
			return 0, fmt.Errorf("find interface: %w", err)
		}
		if err := nl.LinkSetUp(l); err != nil {
			return 0, fmt.Errorf("set interface up: %w", err)
		}
		index = l.Attrs().Index
	}
	return index, nil
}

func (s *stage) quietPoint(direction flow.Direction, policies ...plan.Policy) plan.Point {
	return plan.Point{
		ID: plan.PointID{Ifindex: s.quiet, Direction: direction}, Interface: "quiet",
		Policies: policies,
	}
}

// borrow has the engine make the program of a point, beside those of other
// points, and returns it.
func (s *stage) borrow(p plan.Point) (*ebpf.Program, error) {
	// A new list: the engine keeps the old one.
	s.made = slices.DeleteFunc(slices.Clone(s.made), func(other plan.Point) bool { return other.ID == p.ID })
	s.made = append(s.made, p)
	slices.SortFunc(s.made, func(a, b plan.Point) int { return a.ID.Compare(b.ID) })
	if err := s.apply(s.made...); err != nil {
		return nil, err
	}
	programs, err := s.engine.Programs()
	if err != nil {
		return nil, err
	}
	for i := range programs {
		if programs[i].Point != p.ID {
			continue
		}
		borrowed, err := ebpf.NewProgramFromID(ebpf.ProgramID(programs[i].ID))
		if err != nil {
			return nil, fmt.Errorf("borrow the point's program: %w", err)
		}
		return borrowed, nil
	}
	return nil, fmt.Errorf("no program at point %s", p.ID)
}
