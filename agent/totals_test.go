package agent

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/openifit/openifit/agent/meter"
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

func TestCountersOfEarlierRunsThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "counters.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openTotals(dir, meter.New(nil)); err == nil {
		t.Error("a broken file was taken for none")
	}
}

func TestCountersNeverRunBackwards(t *testing.T) {
	dir, ids := t.TempDir(), map[uint32]bool{1: true}
	policy := meter.Policy{PolicyRef: flow.PolicyRef{ID: 1, Generation: 1}, Points: []plan.PointID{{Ifindex: 1}}}
	record := flow.Record{Policies: []flow.PolicyRef{policy.PolicyRef}, Packets: 10, Octets: 1000, Ifindex: 1}
	begin := func() (*meter.Meter, *totals) {
		m := meter.New(func(*meter.Record) {})
		total, err := openTotals(dir, m)
		if err != nil {
			t.Fatal(err)
		}
		m.Configure([]meter.Policy{policy})
		total.keep(ids)
		return m, total
	}
	expect := func(total *totals, packets uint64) {
		t.Helper()
		if err := total.save(); err != nil {
			t.Fatal(err)
		}
		if got := total.of(1); got.PacketsObserved != packets || got.OctetsObserved != 100*packets {
			t.Errorf("%+v, want %d packets", got, packets)
		}
	}
	m, total := begin()
	m.Observe(&record, 0)
	expect(total, 10)
	// The policy is switched off and on again.
	m.Configure(nil)
	for range 5 {
		m.Drained(time.Second)
	}
	expect(total, 10)
	m.Configure([]meter.Policy{policy})
	m.Observe(&record, 0)
	expect(total, 20)
	// The agent dies and comes back.
	m, total = begin()
	expect(total, 20)
	m.Observe(&record, 0)
	expect(total, 30)
	// The policy is deleted.
	total.keep(nil)
	expect(total, 0)
}
