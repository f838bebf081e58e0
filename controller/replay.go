package controller

import (
	"errors"
	"fmt"
	"io"

	"github.com/openifit/openifit/controller/config"
	"github.com/openifit/openifit/controller/journal"
	"github.com/openifit/openifit/controller/store"
)

// ErrReplay means that a decision came out differently when it was taken again.
var ErrReplay = errors.New("decisions differ")

// Replay takes every decision of the log again, from what was written down with
// it, and writes to w what came out. The controller may run meanwhile.
func Replay(cfg config.Config, w io.Writer) error {
	same, differ := 0, 0
	read := func(fn func([]byte) error) error {
		return store.ReadLog(decisionLog(cfg.StateDir), store.LogConfig{}, fn)
	}
	err := journal.Replay(read, func(id uint64, err error) {
		if err == nil {
			same++
			return
		}
		differ++
		_, _ = fmt.Fprintf(w, "decision %d: %v\n", id, err)
	})
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%d decisions come out the same, %d differ\n", same, differ); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if differ > 0 {
		return ErrReplay
	}
	return nil
}
