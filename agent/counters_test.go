package agent

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/openifit/openifit/agent/meter"
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
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

func (l *life) count(t *testing.T) {
	t.Helper()
	l.observe()
	if err := l.Commit(probe.Table{Pair: 7, ID: 8}); err != nil {
		t.Fatal(err)
	}
}

func (l *life) observe() {
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

// The file of agents without commits goes on: 3 policies, of which one is gone.
func TestCountersOfTheFormerLayoutGoOn(t *testing.T) {
	dir := t.TempDir()
	words := []uint64{oldMagic, 1, 40, 4000, 40, 4000, 2, 1, 9, 0, 7, 7, 7, 7, 7, 7, 7, 5, 60, 6000, 6, 600, 0, 0, 0}
	var data []byte
	for _, w := range words {
		data = binary.NativeEndian.AppendUint64(data, w)
	}
	file := filepath.Join(dir, "counters")
	if err := os.WriteFile(file, append(data, make([]byte, 1<<16)...), 0o600); err != nil {
		t.Fatal(err)
	}
	l := begin(t, dir)
	l.expect(t, 40)
	if got := l.of(5); got.PacketsObserved != 60 || got.OctetsSelected != 600 || l.of(1).Early != 1 || l.of(7).PacketsObserved != 0 {
		t.Errorf("%+v, %+v", got, l.of(1))
	}
	l.count(t)
	begin(t, dir).expect(t, 50)
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
	first.count(t)
	first.expect(t, 10)
	// The policy is switched off and on again.
	first.off()
	first.keep(map[uint32]bool{1: true})
	first.expect(t, 10)
	first.on(t)
	first.count(t)
	first.expect(t, 20)
	// The agent dies, without a word to its counters, and comes back.
	second := begin(t, dir)
	second.expect(t, 20)
	second.count(t)
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

// What was counted without a commit is not shown, and a successor does not
// have it; the same goes for a commit that was written in part.
func TestCountersHoldFromTheCommitOn(t *testing.T) {
	dir := t.TempDir()
	first := begin(t, dir)
	first.count(t)
	first.observe()
	first.expect(t, 10)
	torn := first.byPolicy[1]
	torn.entry.set(first.header.committed+1, keptTotals{Totals: torn.working})
	first.byPair[7].set(first.header.committed+1, 7)

	second := begin(t, dir)
	second.expect(t, 10)
	if !second.Counted(probe.Table{Pair: 7, ID: 8}) || second.Counted(probe.Table{Pair: 7, ID: 7}) {
		t.Error("the note of the last commit is not the one that holds")
	}
	second.count(t)
	second.expect(t, 20)
	begin(t, dir).expect(t, 20)
}

func TestNotesOfTables(t *testing.T) {
	dir := t.TempDir()
	l := begin(t, dir)
	for pair := range uint32(maxNotes) {
		if err := l.Commit(probe.Table{Pair: pair + 1, ID: pair + 2}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Commit(probe.Table{Pair: maxNotes + 1, ID: 1}); err == nil {
		t.Error("noted more tables than there are places")
	}
	l.Keep(map[uint32]bool{5: true})
	if l.Counted(probe.Table{Pair: 1, ID: 2}) || !l.Counted(probe.Table{Pair: 5, ID: 6}) || l.Counted(probe.Table{Pair: 5, ID: 5}) {
		t.Error("the wrong notes were kept")
	}
	if err := l.Commit(probe.Table{Pair: maxNotes + 1, ID: 1}); err != nil {
		t.Errorf("no place after others were freed: %v", err)
	}
	// Another boot has other tables under the same numbers.
	l.header.boot[0]++
	if begin(t, dir).Counted(probe.Table{Pair: 5, ID: 6}) {
		t.Error("a table of another boot passes for counted")
	}
}
