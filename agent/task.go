package agent

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// task is one thing that an agent does all its life.
type task interface {
	// Run returns when its context ends, or earlier with the reason why the
	// agent cannot go on.
	Run(ctx context.Context) error
	String() string
}

// serve runs tasks until the context ends or one of them fails.
func serve(ctx context.Context, tasks []task) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, t := range tasks {
		group.Go(func() error {
			err := t.Run(ctx)
			if err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return nil
			}
			return fmt.Errorf("%s: %w", t, err)
		})
	}
	return group.Wait()
}
