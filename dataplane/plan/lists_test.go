package plan

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/openifit/openifit/dataplane/flow"
)

func lists(lists ...[]uint16) []Policy {
	out := make([]Policy, len(lists))
	for slot, ports := range lists {
		out[slot].FlowList = true
		for _, port := range ports {
			out[slot].Flows = append(out[slot].Flows, listed(port))
		}
	}
	return out
}

func TestDiffLists(t *testing.T) {
	long := lists(make([]uint16, 0))
	for port := range uint16(60000) {
		long[0].Flows = append(long[0].Flows, listed(port))
	}
	shorter := lists(nil)
	shorter[0].Flows = slices.Delete(slices.Clone(long[0].Flows), 7, 8)
	for _, c := range []struct {
		name       string
		have, want []Policy
		out        []ListedFlow
	}{
		{"nothing", lists(nil), lists(nil), nil},
		{"the same", lists([]uint16{1, 2}), lists([]uint16{1, 2}), nil},
		{"one more", lists([]uint16{1, 3}), lists([]uint16{1, 2, 3}), []ListedFlow{{listed(2), 0, 1}}},
		{"one less", long, shorter, []ListedFlow{{listed(7), 1, 0}}},
		{"to another policy", lists([]uint16{1, 2}, nil, []uint16{3}), lists([]uint16{1}, nil, []uint16{2, 3}),
			[]ListedFlow{{listed(2), 1, 4}}},
		{"by a second policy", lists([]uint16{1}, nil), lists([]uint16{1}, []uint16{1}), []ListedFlow{{listed(1), 1, 3}}},
	} {
		got := DiffLists(c.have, c.want)
		if diff := cmp.Diff(c.out, got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(flow.ID{})); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// Whatever two states the lists have, the difference leads from one to the
// other.
func TestDiffListsLeadsThere(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	random := func() []Policy {
		var in [3][]uint16
		for slot := range in {
			for port := range uint16(20) {
				if r.IntN(2) == 0 {
					in[slot] = append(in[slot], port)
				}
			}
		}
		return lists(in[:]...)
	}
	state := func(policies []Policy) map[flow.ID]uint64 {
		out := make(map[flow.ID]uint64)
		for slot := range policies {
			for _, id := range policies[slot].Flows {
				out[id] |= 1 << slot
			}
		}
		return out
	}
	for range 200 {
		have, want := random(), random()
		got := state(have)
		for _, f := range DiffLists(have, want) {
			if got[f.ID] != f.From || f.From == f.To {
				t.Fatalf("%s: from %b to %b where %b is", f.ID, f.From, f.To, got[f.ID])
			}
			if got[f.ID] = f.To; f.To == 0 {
				delete(got, f.ID)
			}
		}
		if diff := cmp.Diff(state(want), got, cmpopts.EquateComparable(flow.ID{})); diff != "" {
			t.Fatal(diff)
		}
	}
}
