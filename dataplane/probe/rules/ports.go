package rules

import (
	"slices"

	"github.com/openifit/openifit/dataplane/plan"
)

// classes divides the ports into ranges within which every port satisfies the
// same rules. Class 0 is port 0, which stands for no port.
func classes(all []rule, ports func(rule) plan.PortRange, class *[1 << 16]uint16, sets *[256 * len(Set{}.W)]Set) {
	cuts := []int{0, 1, 1 << 16}
	for _, r := range all {
		cuts = append(cuts, int(ports(r).Min), int(ports(r).Max)+1)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	for n := range cuts[1:] {
		from, to := cuts[n], cuts[n+1]
		sets[n] = satisfied(all, func(r rule) bool {
			p := ports(r)
			return p == plan.AnyPort || from > 0 && int(p.Min) <= from && from <= int(p.Max)
		})
		for port := from; port < to; port++ {
			class[port] = uint16(n)
		}
	}
}
