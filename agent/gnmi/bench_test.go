package gnmi_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/openifit/openifit/agent/gnmi/gnmibench"
)

func load(b *testing.B) *gnmibench.Node {
	b.Helper()
	n, err := gnmibench.New(b.Context(), b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := n.Close(); err != nil {
			b.Error(err)
		}
	})
	return n
}

// BenchmarkSet shows that the cost of a Set is linear in what it changes.
func BenchmarkSet(b *testing.B) {
	for _, policies := range []int{1, 10, 100, gnmibench.Policies} {
		b.Run(fmt.Sprint(policies), func(b *testing.B) {
			n := load(b)
			for round := 1; b.Loop(); round++ {
				if err := n.SetLeaf(b.Context(), round, policies); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*policies), "us/policy")
		})
	}
}

func BenchmarkGet(b *testing.B) {
	n := load(b)
	for i := 0; b.Loop(); i++ {
		if err := n.Get(b.Context(), i); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSubscribe counts the leaves that reach one client: one that makes
// messages of them, as Go's usual clients do, and one that only counts, which
// shows what the server can do.
func BenchmarkSubscribe(b *testing.B) {
	for name, read := range map[string]func(*gnmibench.Node, context.Context) (int, error){
		"messages": (*gnmibench.Node).Subscribe, "octets": (*gnmibench.Node).Count,
	} {
		b.Run(name, func(b *testing.B) {
			n := load(b)
			leaves := 0
			for b.Loop() {
				got, err := read(n, b.Context())
				if err != nil {
					b.Fatal(err)
				}
				leaves += got
			}
			b.ReportMetric(float64(leaves)/b.Elapsed().Seconds(), "leaves/s")
		})
	}
}
