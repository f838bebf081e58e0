package paths

import (
	"cmp"
	"slices"

	"github.com/openifit/openifit/controller/measure"
)

func sortMeasurements(m []measure.Measurement) {
	slices.SortFunc(m, func(a, b measure.Measurement) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Interface, b.Interface))
	})
}
