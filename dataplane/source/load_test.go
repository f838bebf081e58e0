//go:build linux

package source_test

import (
	"fmt"
	"testing"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/plan/plantest"
	"github.com/openifit/openifit/dataplane/probe/probetest"
)

// BenchmarkReload adds a policy to a point and takes it away again, with few
// and many rules there.
func BenchmarkReload(b *testing.B) {
	for _, rules := range []int{0, 1, 1000} {
		b.Run(fmt.Sprintf("%d-rules", rules), func(b *testing.B) {
			pair := probetest.NewPair(b)
			engine := pair.Engine(b)
			point := pair.Quiet(b)
			policies := plantest.New(1).Policies(rules, 32)
			for i := range policies {
				policies[i].Actions, policies[i].Keys = plan.ActMeter, plan.Key5Tuple
			}
			for n := 0; b.Loop(); n++ {
				point.Policies = append(policies[:len(policies):len(policies)], probetest.Metering(1000, 1))
				if n%2 == 1 {
					point.Policies = append(point.Policies, probetest.Metering(1001, 1))
				}
				pair.Apply(b, engine, plan.Plan{MaxFlows: 1024, Points: []plan.Point{point}})
			}
		})
	}
}
