//go:build linux

package demo

import (
	"context"
	"fmt"
	"time"
)

// killController shows that nothing stays raised when the controller is gone.
func killController(ctx context.Context, w *world) error {
	remove, err := w.buildQueue()
	if err != nil {
		return err
	}
	err = w.killDuringRaise(ctx)
	if removeErr := remove(); err == nil {
		err = removeErr
	}
	return err
}

func (w *world) killDuringRaise(ctx context.Context) error {
	_, err := until(ctx, 20*time.Second, "a raise on all agents", func(ctx context.Context) (bool, error) {
		n, err := w.holding(ctx, raisePolicy)
		w.screen.now("the raise is in force on %d agents", n)
		return n == len(w.agents), err
	})
	if err != nil {
		return err
	}
	if err := w.lab.Node("ctl").Kill(); err != nil {
		return err
	}
	dead := time.Now()
	w.screen.say("the controller is dead (kill -9), the queue still stands")
	limit := raiseLifetime + time.Second
	_, err = until(ctx, 2*raiseLifetime, "raise expires", func(ctx context.Context) (bool, error) {
		n, err := w.holding(ctx, raisePolicy)
		w.screen.now("the raise is in force on %d agents", n)
		return n == 0 && err == nil, err
	})
	took := time.Since(dead)
	w.check("raises expire without a controller", fmt.Sprintf("within %v", limit), fmt.Sprintf("%.1f s", took.Seconds()), err == nil && took <= limit)
	if err != nil {
		return err
	}
	f, err := w.inForce(ctx)
	w.check("baseline policies still in force", allInForce.String(), f.String(), f == allInForce)
	return err
}
