package agent

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/openifit/openifit/agent/meter"
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// life is a meter with the counters of a directory.
type life struct {
	*counters
	policy meter.Policy
}

func begin(t *testing.T, dir string) *life {
	t.Helper()
	c, err := openCounters(dir, meter.New(func(*meter.Record) {}))
	if err != nil {
		t.Fatal(err)
	}
	l := &life{c, meter.Policy{PolicyRef: flow.PolicyRef{ID: 1, Generation: 1}, Points: []plan.PointID{{Ifindex: 1}}}}
	l.on(t)
	return l
}

func (l *life) on(t *testing.T) {
	t.Helper()
	if l.policy.Totals = l.place(1); l.policy.Totals == nil {
		t.Fatal("no place")
	}
	l.meter.Configure([]meter.Policy{l.policy})
}

// off takes the policy out of the meter.
func (l *life) off() {
	l.meter.Configure(nil)
	for range 5 {
		l.meter.Drained(0)
	}
}

func (l *life) count() {
	l.meter.Observe(&flow.Record{Policies: []flow.PolicyRef{l.policy.PolicyRef}, Packets: 10, Octets: 1000, Ifindex: 1}, 0)
}

func (l *life) expect(t *testing.T, packets uint64) {
	t.Helper()
	if got := l.of(1); got.PacketsObserved != packets || got.OctetsObserved != 100*packets {
		t.Errorf("%+v, want %d packets", got, packets)
	}
}

func TestCountersOfAnotherLayoutStartAnew(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "counters"), []byte("something else, longer than a header"), 0o600); err != nil {
		t.Fatal(err)
	}
	begin(t, dir).expect(t, 0)
}

func TestCountersInADirectoryThatIsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openCounters(file, meter.New(nil)); err == nil {
		t.Error("opened counters below a file")
	}
}

func TestCountersNeverRunBackwards(t *testing.T) {
	dir := t.TempDir()
	first := begin(t, dir)
	first.count()
	first.expect(t, 10)
	// The policy is switched off and on again.
	first.off()
	first.keep(map[uint32]bool{1: true})
	first.expect(t, 10)
	first.on(t)
	first.count()
	first.expect(t, 20)
	// The agent dies, without a word to its counters, and comes back.
	second := begin(t, dir)
	second.expect(t, 20)
	second.count()
	second.expect(t, 30)
	// The policy is deleted: its place stays while the meter may write there.
	second.keep(nil)
	second.expect(t, 30)
	second.off()
	second.keep(nil)
	second.expect(t, 0)
	if err := second.close(); err != nil {
		t.Error(err)
	}
	begin(t, dir).expect(t, 0)
}
