//go:build linux

package agent

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openifit/openifit/lab/testenv"
)

// What cannot follow the interfaces at once follows them later, without
// another change of an interface, and complains once.
func TestLinkWatchTriesAgain(t *testing.T) {
	ns := testenv.NewNetNS(t)
	const failures = 3
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var log strings.Builder
	var calls []bool
	w := &linkWatch{log: slog.New(slog.NewTextHandler(&log, nil)), changed: func(again bool) error {
		calls = append(calls, again)
		if len(calls) <= failures {
			return errors.New("no memory")
		}
		cancel()
		return nil
	}}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := ns.Do(func() error { return w.Run(ctx) }); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	if len(calls) != failures+1 || calls[0] || !calls[1] || !calls[failures] {
		t.Errorf("attempts %v", calls)
	}
	if n := strings.Count(log.String(), "no memory"); n != 1 {
		t.Errorf("complained %d times: %s", n, &log)
	}
}
