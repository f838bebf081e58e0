package journal_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openifit/openifit/controller/analyze"
	"github.com/openifit/openifit/controller/decide"
	"github.com/openifit/openifit/controller/journal"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/policy"
	"github.com/openifit/openifit/controller/store"
)

// replay takes the decisions of the log at path again.
func replay(path string, fn func(id uint64, err error)) error {
	return journal.Replay(func(fn func([]byte) error) error { return store.ReadLog(path, store.LogConfig{}, fn) }, fn)
}

func open(t *testing.T, path string) *journal.Journal {
	t.Helper()
	log, err := store.OpenLog(path, store.LogConfig{Sync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	j, err := journal.New(log)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// record writes one step of an elephants loop down.
func record(t *testing.T, j *journal.Journal) uint64 {
	t.Helper()
	target, err := policy.Parse([]byte(`{"config": {"name": "paths", "technique": "PBT_M", "owner": "e"},
		"flow-selection": {"config": {"source": "FLOW_LIST"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	cfg := decide.DefaultElephants("e")
	cfg.EnterEpochs = 1
	state := decide.ElephantsState{}
	in := decide.ElephantsInput{
		Now: 1, Target: target,
		Heavy: []analyze.FlowRate{{Node: "r1", OctetsPerSecond: 1 << 40, Flow: measure.Flow{
			Source: netip.MustParseAddr("10.0.0.1"), Destination: netip.MustParseAddr("10.0.0.2"), Protocol: 17}}},
		Evidence: measure.Seal([]measure.Measurement{{Name: "udp", Value: 3}}),
	}
	_, decisions, _, err := cfg.Step(state, in)
	if err != nil || len(decisions) != 1 {
		t.Fatalf("decisions %+v, %v", decisions, err)
	}
	r, err := decide.NewRecord(decide.TypeElephants, cfg, state, in)
	if err != nil {
		t.Fatal(err)
	}
	id, err := j.Record(decisions[0], 4, r)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "decisions")
	j := open(t, path)
	follow := j.Hub.Subscribe(10)
	first, second, third := record(t, j), record(t, j), record(t, j)
	for id, results := range map[uint64][]journal.Result{
		first:  {{Node: "r1", Applied: true}, {Node: "r2", Applied: true}},
		second: {{Node: "r1", Applied: true}, {Node: "r2", Error: "no room"}},
		third:  {{Node: "r1", Error: "no room"}},
	} {
		if err := j.Resolve(id, results); err != nil {
			t.Fatal(err)
		}
	}
	if len(follow.C) != 6 {
		t.Errorf("%d decisions were told", len(follow.C))
	}
	for _, j := range []*journal.Journal{j, open(t, path)} {
		got := j.List(func(d *journal.Decision) bool { return d.Loop == "e" })
		if len(got) != 3 || got[0].ID != third || got[0].State != journal.Failed || got[1].State != journal.Partial ||
			got[2].State != journal.Applied || got[2].Generation != 4 || len(got[2].Action.Changes) != 1 {
			t.Fatalf("decisions %+v", got)
		}
		replayed := 0
		if err := replay(path, func(id uint64, err error) {
			replayed++
			if err != nil {
				t.Errorf("decision %d: %v", id, err)
			}
		}); err != nil || replayed != 3 {
			t.Errorf("replayed %d, %v", replayed, err)
		}
	}
}

// TestReplayTampered changes what a decision was based on, and expects that
// replaying tells.
func TestReplayTampered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "decisions")
	record(t, open(t, path))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tampered := strings.Replace(string(text), `"octets-per-second":1099511627776`, `"octets-per-second":1099511627777`, 1)
	if tampered == string(text) {
		t.Fatal("nothing to tamper with")
	}
	if err := os.WriteFile(path, []byte(tampered), 0o600); err != nil {
		t.Fatal(err)
	}
	told := error(nil)
	if err := replay(path, func(_ uint64, err error) { told = err }); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(told, journal.ErrDiffers) {
		t.Errorf("replay says %v", told)
	}
}
