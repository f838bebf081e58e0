// Package journal is the decision log: what the loops did, why, on what
// evidence, how it is undone, what the nodes answered, and all that is needed
// to take the decision again.
package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/openifit/openifit/controller/decide"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/policy"
	"github.com/openifit/openifit/controller/watch"
)

// kept is the number of decisions in memory.
const kept = 1024

// State is how far a decision has come.
type State string

// States of a decision.
const (
	Pending State = "PENDING"
	Applied State = "APPLIED"
	Partial State = "PARTIAL"
	Failed  State = "FAILED"
)

// Result is a node's answer.
type Result struct {
	Node    string `json:"node"`
	Applied bool   `json:"applied"`
	Error   string `json:"error,omitempty"`
	// At is in UNIX nanoseconds.
	At int64 `json:"at"`
}

// Action is a change of one policy, as it is written down: the operations, not
// the whole policy.
type Action struct {
	Kind    decide.Kind     `json:"kind"`
	Policy  string          `json:"policy"`
	Changes []policy.Change `json:"changes"`
	Summary string          `json:"summary"`
}

// Decision is one entry of the journal.
type Decision struct {
	ID       uint64           `json:"id"`
	Time     int64            `json:"time"`
	Loop     string           `json:"loop"`
	Cause    decide.Cause     `json:"cause"`
	Evidence measure.Evidence `json:"evidence"`
	Action   Action           `json:"action"`
	Inverse  Action           `json:"inverse"`
	Lifetime time.Duration    `json:"lifetime,omitempty"`
	// Generation is the highest that the policy had on a node before.
	Generation uint32   `json:"generation,omitempty"`
	State      State    `json:"state"`
	Results    []Result `json:"results,omitempty"`
}

// entry is what is written down of a decision.
func entry(d *decide.Decision) Decision {
	action := func(a *decide.Action) Action { return Action{a.Kind, a.Policy, a.Changes, a.Summary} }
	return Decision{
		Time: d.Time, Loop: d.Loop, Cause: d.Cause, Evidence: d.Evidence,
		Action: action(&d.Action), Inverse: action(&d.Inverse), Lifetime: d.Lifetime,
	}
}

// line is how the journal is written: a decision with its record, or later the
// results of one.
type line struct {
	Decision *Decision      `json:"decision,omitempty"`
	Record   *decide.Record `json:"record,omitempty"`
	// Result updates a decision written before.
	Result *outcome `json:"result,omitempty"`
}

type outcome struct {
	ID      uint64   `json:"id"`
	State   State    `json:"state"`
	Results []Result `json:"results"`
}

// Log takes values and gives them back.
type Log interface {
	Append(value any) error
	Read(fn func(line []byte) error) error
}

// Journal is the log and the latest decisions of it. It is safe for concurrent
// use.
type Journal struct {
	// Hub passes on each decision as it is taken, and again with its results.
	Hub watch.Hub[Decision]

	log Log

	mu     sync.Mutex
	latest *watch.Ring[Decision]
	lastID uint64
}

// New returns the journal that is in the log.
func New(log Log) (*Journal, error) {
	j := &Journal{log: log, latest: watch.NewRing[Decision](kept)}
	err := log.Read(func(text []byte) error {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return fmt.Errorf("decision log: %w", err)
		}
		switch {
		case l.Decision != nil:
			j.lastID = max(j.lastID, l.Decision.ID)
			j.latest.Add(*l.Decision)
		case l.Result != nil:
			j.update(*l.Result)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return j, nil
}

// Record writes a decision down before it is carried out, and returns its
// number. A decision that cannot be written must not be carried out.
func (j *Journal) Record(d decide.Decision, generation uint32, record decide.Record) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := entry(&d)
	e.ID, e.Generation, e.State = j.lastID+1, generation, Pending
	if err := j.log.Append(line{Decision: &e, Record: &record}); err != nil {
		return 0, fmt.Errorf("write decision down: %w", err)
	}
	j.lastID++
	j.latest.Add(e)
	j.Hub.Publish(e)
	return e.ID, nil
}

// Resolve adds what the nodes answered.
func (j *Journal) Resolve(id uint64, results []Result) error {
	done := 0
	for _, r := range results {
		if r.Applied {
			done++
		}
	}
	o := outcome{ID: id, State: Partial, Results: results}
	switch {
	case done == len(results):
		o.State = Applied
	case done == 0:
		o.State = Failed
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if d := j.update(o); d != nil {
		j.Hub.Publish(*d)
	}
	if err := j.log.Append(line{Result: &o}); err != nil {
		return fmt.Errorf("write results of decision %d down: %w", id, err)
	}
	return nil
}

func (j *Journal) update(o outcome) *Decision {
	for d := range j.latest.Newest() {
		if d.ID == o.ID {
			d.State, d.Results = o.State, o.Results
			return d
		}
	}
	return nil
}

// List returns the decisions that match, newest first.
func (j *Journal) List(match func(*Decision) bool) []Decision {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []Decision
	for d := range j.latest.Newest() {
		if match(d) {
			out = append(out, *d)
		}
	}
	return out
}

// ErrDiffers means that a decision taken again came out differently.
var ErrDiffers = errors.New("the decision comes out differently")

// Replay takes every recorded decision of a log again, and calls fn with the
// number and nil, or why it cannot be replayed or differs. What was not a step
// of a loop, such as the kill switch, has nothing to replay and is left out.
func Replay(read func(fn func(line []byte) error) error, fn func(id uint64, err error)) error {
	return read(func(text []byte) error {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return fmt.Errorf("decision log: %w", err)
		}
		if l.Decision == nil || l.Record == nil || l.Record.Type == "" {
			return nil
		}
		fn(l.Decision.ID, replay(*l.Decision, *l.Record))
		return nil
	})
}

func replay(want Decision, record decide.Record) error {
	again, err := record.Replay()
	if err != nil {
		return err
	}
	want.ID, want.Generation, want.State, want.Results = 0, 0, "", nil
	was, err := json.Marshal(want)
	if err != nil {
		return fmt.Errorf("compare decisions: %w", err)
	}
	for i := range again {
		is, err := json.Marshal(entry(&again[i]))
		if err != nil {
			return fmt.Errorf("compare decisions: %w", err)
		}
		if string(is) == string(was) {
			return nil
		}
	}
	return ErrDiffers
}
