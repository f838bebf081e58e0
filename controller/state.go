package controller

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/openifit/openifit/controller/events"
	"github.com/openifit/openifit/controller/journal"
	"github.com/openifit/openifit/controller/store"
)

// state is what is on disk.
type state struct {
	policies, loops, baseline *store.Documents
	logs                      []*store.Log
	events                    *events.Events
	journal                   *journal.Journal
	lock                      *os.File
}

// decisionLog is the file of the decision log.
func decisionLog(dir string) string { return filepath.Join(dir, "decisions.jsonl") }

func (s *state) openLog(path string, cfg store.LogConfig) (*store.Log, error) {
	l, err := store.OpenLog(path, cfg)
	if err == nil {
		s.logs = append(s.logs, l)
	}
	return l, err
}

func openState(dir string, log *slog.Logger) (s *state, err error) {
	s = &state{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("state directory %s: %w", dir, err), s.close())
		}
	}()
	if s.lock, err = store.Lock(dir); err != nil {
		return s, err
	}
	for _, d := range []struct {
		to   **store.Documents
		name string
	}{{&s.policies, "policies"}, {&s.loops, "loops"}, {&s.baseline, "baseline"}} {
		if *d.to, err = store.OpenDocuments(filepath.Join(dir, d.name)); err != nil {
			return s, err
		}
	}
	eventLog, err := s.openLog(filepath.Join(dir, "events.jsonl"), store.LogConfig{MaxOctets: 4 << 20})
	if err != nil {
		return s, err
	}
	if s.events, err = events.New(eventLog, log); err != nil {
		return s, err
	}
	// A decision is written before it is carried out, so that the controller's
	// death loses none. It does not wait for the disk: that would cost more time
	// than the whole reaction to an event may take.
	decisions, err := s.openLog(decisionLog(dir), store.LogConfig{MaxOctets: 8 << 20})
	if err != nil {
		return s, err
	}
	s.journal, err = journal.New(decisions)
	return s, err
}

func (s *state) close() error {
	var errs []error
	for _, l := range s.logs {
		errs = append(errs, l.Close())
	}
	s.logs = nil
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
		s.lock = nil
	}
	return errors.Join(errs...)
}
