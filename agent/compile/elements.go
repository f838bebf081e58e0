package compile

import (
	"slices"
	"strings"

	"github.com/openifit/openifit/gen/yang"
)

// elements returns the data elements that a policy's records hold: those that
// were chosen, or what is usual where none were.
func (p *problems) elements(at string, t *technique, name yang.TECHNIQUE, chosen []yang.DATA_ELEMENT) []yang.DATA_ELEMENT {
	if len(chosen) == 0 {
		return slices.Concat(t.always, t.usual)
	}
	possible := slices.Concat(t.always, t.usual, t.onDemand)
	for i, e := range chosen {
		switch {
		case !slices.Contains(possible, e):
			p.add(NotBuilt, at, "%s in records of this %s policy is %s", e, name, notBuilt)
		case slices.Contains(chosen[:i], e):
			p.add(Invalid, at, "%s is given twice", e)
		}
	}
	var missing []string
	for _, e := range t.always {
		if !slices.Contains(chosen, e) {
			missing = append(missing, e.String())
		}
	}
	if len(missing) > 0 {
		p.add(NotBuilt, at, "records of %s always hold %s; choosing fewer is %s", name, strings.Join(missing, ", "), notBuilt)
	}
	return slices.Clone(chosen)
}
