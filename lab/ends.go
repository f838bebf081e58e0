//go:build linux

package lab

import (
	"fmt"

	"github.com/openifit/openifit/lab/traffic"
)

// Ends are two nodes as traffic sees them; the capture looks at the
// receiver's first interface. They are valid until the lab is closed.
func (l *Lab) Ends(from, to string) (traffic.Ends, error) {
	a, err := l.Node(from).Namespace()
	if err != nil {
		return traffic.Ends{}, err
	}
	b, err := l.Node(to).Namespace()
	if err != nil {
		return traffic.Ends{}, err
	}
	interfaces := l.opts.Topology.Interfaces(to)
	if len(interfaces) == 0 || from == to {
		return traffic.Ends{}, fmt.Errorf("traffic from %s to %s: want two different nodes of topology %s", from, to, l.opts.Topology.Name)
	}
	return traffic.Ends{From: a, To: b, Interface: interfaces[0].Name}, nil
}

// Pairs are the addresses of two nodes, one pair per family that both have.
func (l *Lab) Pairs(from, to string) []traffic.Pair {
	var pairs []traffic.Pair
	for _, v4 := range []bool{true, false} {
		src, ok := l.opts.Topology.Address(from, v4)
		dst, ok2 := l.opts.Topology.Address(to, v4)
		if ok && ok2 {
			pairs = append(pairs, traffic.Pair{Source: src, Destination: dst})
		}
	}
	return pairs
}
