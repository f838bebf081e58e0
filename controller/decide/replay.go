package decide

import (
	"encoding/json"
	"fmt"
)

// Types of loops.
const (
	TypeElephants = "elephants"
	TypeSampling  = "adaptive-sampling"
)

// Record is everything that one step of a loop had: from it the step can be
// taken again.
type Record struct {
	Type   string          `json:"type"`
	Config json.RawMessage `json:"config"`
	State  json.RawMessage `json:"state"`
	Input  json.RawMessage `json:"input"`
}

// NewRecord writes a step down.
func NewRecord(kind string, config, state, input any) (Record, error) {
	r := Record{Type: kind}
	for _, part := range []struct {
		to   *json.RawMessage
		from any
	}{{&r.Config, config}, {&r.State, state}, {&r.Input, input}} {
		text, err := json.Marshal(part.from)
		if err != nil {
			return Record{}, fmt.Errorf("record step of a loop: %w", err)
		}
		*part.to = text
	}
	return r, nil
}

// Replay takes the recorded step again and returns what it decides.
func (r Record) Replay() ([]Decision, error) {
	switch r.Type {
	case TypeElephants:
		return replay(r, Elephants.Step)
	case TypeSampling:
		return replay(r, Sampling.Step)
	}
	return nil, fmt.Errorf("replay step: there is no loop of type %q", r.Type)
}

func replay[C, S, I any](r Record, step func(C, S, I) (S, []Decision, Tally, error)) ([]Decision, error) {
	var (
		config C
		state  S
		input  I
	)
	for _, part := range []struct {
		from json.RawMessage
		to   any
	}{{r.Config, &config}, {r.State, &state}, {r.Input, &input}} {
		if err := json.Unmarshal(part.from, part.to); err != nil {
			return nil, fmt.Errorf("replay step: %w", err)
		}
	}
	_, decisions, _, err := step(config, state, input)
	return decisions, err
}
